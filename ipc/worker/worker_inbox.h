#ifndef ASYNCPAL_IPC_WORKER_WORKER_INBOX_H_
#define ASYNCPAL_IPC_WORKER_WORKER_INBOX_H_

#include <poll.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/time/time.h"
#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/ipc/call.h"
#include "asyncpal/ipc/worker/channel.h"

namespace asyncpal::internal {

class PartialResults;

// What a worker process reads from its parent: the next task for the thread
// that runs them, and meanwhile, for a task that is running, the request to
// stop and the end of the parent.
//
// How it works: while the worker is idle, the thread that runs tasks reads the
// socket itself, so that a call costs no hand-over between threads. A second
// thread, the watcher, waits for the socket's end while a task runs, and when
// the same task has run for a while it reads the socket in the other's place.
class WorkerInbox {
 public:
  struct Order {
    bool stop = false;  // the worker is to end; else a task:
    uint64_t attempt = 0;
    int slot = 0;
    EncodedCall call = {};
    uint64_t id = 0;
    uint32_t run = 1;
    std::string name = {};
    std::string traceparent = {};  // empty: none
  };

  // `channel` must live for ever, and so must `partial_results`, which the
  // watcher ticks for; null: there are none.
  WorkerInbox(Channel& channel, uint64_t max_payload_bytes,
              PartialResults* partial_results = nullptr);

  // Starts the watcher.
  void Start();

  // Blocks until there is something to do. Ends the process when the parent is
  // gone.
  Order Next();

  // Blocks until Next() may have something to do, but no longer than that; then
  // false. The caller is the one that calls Next(), and runs no task.
  bool WaitForInput(absl::Duration limit);

  // Around the run of a task. The token is stopped if the parent asks for it.
  std::stop_token BeginTask(uint64_t attempt, bool stoppable);
  void EndTask();

 private:
  void Watch();
  // What poll() says of the socket, with a tick for the partial results.
  int Poll(pollfd& events);
  // Reads what has come for a task that takes long.
  void ReadAhead() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The order in the channel's frame, if it is one.
  std::optional<Order> ParseFrame();
  uint64_t ParseCancel();

  Channel& channel_;
  const uint64_t max_payload_bytes_;
  PartialResults* const partial_results_;

  Mutex mu_;
  CondVar busy_;  // the watcher sleeps until then
  bool watcher_sleeps_ ABSL_GUARDED_BY(mu_) = false;
  bool running_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t runs_ ABSL_GUARDED_BY(mu_) = 0;  // tasks begun, ever
  uint64_t attempt_ ABSL_GUARDED_BY(mu_) = 0;
  std::stop_source stop_ ABSL_GUARDED_BY(mu_){std::nostopstate};
  std::deque<Order> read_ahead_ ABSL_GUARDED_BY(mu_);
};

// Ends a worker process at once, with no user code: its parent is gone, or does
// not understand it.
[[noreturn]] void AbandonWorker(const char* reason);

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_IPC_WORKER_WORKER_INBOX_H_
