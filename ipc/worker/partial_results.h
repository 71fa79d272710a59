#ifndef ASYNCPAL_IPC_WORKER_PARTIAL_RESULTS_H_
#define ASYNCPAL_IPC_WORKER_PARTIAL_RESULTS_H_

#include <atomic>
#include <cstdint>
#include <optional>

#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/ipc/payload.h"

namespace asyncpal::internal {

class Channel;
class ClaimPage;

// What a worker process tells its parent of a task that is several calls, while
// it runs: how many it has begun, and their results, so that a worker which is
// lost costs the call that ran and what had ended just before.
//
//   partial.Begin(attempt);
//   for (...) {
//     partial.BeginCall();
//     partial.EndCall([&](Encoder& out) { out.Write(Call(...)); });
//   }
//   const auto rest = partial.TakeRest();  // goes with the task's result
//
// How it works: the number of calls begun is on the claim page, which outlives
// the worker. Results wait here; where some have waited from one tick of the
// watcher's clock to the next, it sends all that wait. So a task that is over
// by then sends nothing.
//
// Threads: one runs the task; another calls OnTick().
// Lifetime: the channel and the page must outlive it.
// Ordering: what is sent comes before the task's result.
// Errors: OnTick() and EndTask() throw what keeps results from being sent.
// Shutdown: none. In a child that a task has forked, nothing does anything.
class PartialResults {
 public:
  // What waits is sent after two of them at most.
  static constexpr int kTickMs = 5;

  // `page`: null where there is none. All results of one task together take at
  // most `max_bytes`.
  PartialResults(Channel& channel, ClaimPage* page, int64_t max_bytes)
      : channel_(channel), page_(page), max_bytes_(max_bytes) {}

  // --- The task ---
  void Begin(uint64_t attempt);
  void BeginCall();
  // The call has a result, which `write` writes. What that throws comes out,
  // and the call has not ended.
  template <typename Write>
  void EndCall(Write&& write) {
    Encoder* const out = BeginWrite();
    if (out == nullptr) return;
    const uint64_t before = out->size();
    try {
      write(*out);
    } catch (...) {
      out->Rewind(before);
      EndWrite(/*written=*/false);
      throw;
    }
    EndWrite(/*written=*/true);
  }
  // It has none.
  void EndCall();
  // No call begins any more. What has not been sent:
  struct Rest {
    uint64_t count = 0;
    Payload results = {};
  };
  Rest TakeRest();
  // Whether something waits to be sent.
  bool HasUnsent();

  // --- The worker, after each task ---
  // Whether something was sent of it. With `failed`, what still waits is sent.
  bool EndTask(bool failed);
  // This process is a fork of the worker.
  void OnFork() { is_forked_ = true; }

  // --- The watcher ---
  // Whether there has been such a task, so that ticks matter.
  bool is_used() const { return is_used_.load(std::memory_order_relaxed); }
  void OnTick();

 private:
  Encoder* BeginWrite();
  void EndWrite(bool written);
  void StartBatch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CountEnded(uint64_t results) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Send() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  Channel& channel_;
  ClaimPage* const page_;
  const int64_t max_bytes_;
  std::atomic<bool> is_used_{false};

  // The thread that runs tasks only.
  bool is_forked_ = false;
  bool is_task_ = false;  // from Begin() to EndTask()
  uint64_t task_attempt_ = 0;
  uint64_t begun_ = 0;

  Mutex mu_;
  uint64_t attempt_ ABSL_GUARDED_BY(mu_) = 0;  // 0: nothing is to be sent
  uint64_t done_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t done_sent_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t bytes_sent_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t batch_ ABSL_GUARDED_BY(mu_) = 0;  // new with the first that waits
  uint64_t batch_seen_ ABSL_GUARDED_BY(mu_) = 0;  // by the tick before
  bool was_sent_ ABSL_GUARDED_BY(mu_) = false;
  // While the task writes into `pending_`, with no lock held, nobody sends.
  bool is_writing_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<Encoder> pending_;           // as mu_ and is_writing_ say
  uint64_t count_ ABSL_GUARDED_BY(mu_) = 0;  // of the results in it
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_IPC_WORKER_PARTIAL_RESULTS_H_
