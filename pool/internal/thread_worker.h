#ifndef ASYNCPAL_POOL_INTERNAL_THREAD_WORKER_H_
#define ASYNCPAL_POOL_INTERNAL_THREAD_WORKER_H_

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "asyncpal/future/internal/execution_context.h"
#include "asyncpal/future/internal/spin_mutex.h"
#include "asyncpal/future/internal/task_state.h"
#include "asyncpal/pool/internal/local_queue.h"
#include "asyncpal/pool/internal/native_thread.h"
#include "asyncpal/pool/internal/observation.h"
#include "asyncpal/pool/internal/pending_tasks.h"
#include "asyncpal/pool/internal/task_histograms.h"

namespace asyncpal::internal {

// A process's or thread's id; none while it is 0.
inline std::optional<int64_t> IfKnown(int64_t id) {
  return id != 0 ? std::optional<int64_t>(id) : std::nullopt;
}

class ThreadCore;

// A counter that one thread writes and others read.
using OwnedCounter = SharedCount;

// One thread of a ThreadCore, and what it says of itself. What the core knows
// of it, and guards by its lock, is in the WorkerRoster.
class ThreadWorker : public ExecutionContext,
                     public std::enable_shared_from_this<ThreadWorker> {
 public:
  ThreadWorker(ThreadCore& core, int64_t id, std::string name);
  virtual ~ThreadWorker() = default;
  ThreadWorker(const ThreadWorker&) = delete;
  ThreadWorker& operator=(const ThreadWorker&) = delete;

  // The worker of `core` on whose thread this is called, or null.
  static ThreadWorker* CurrentOf(const ThreadCore& core) {
    return current_ != nullptr && &current_->core == &core ? current_ : nullptr;
  }
  // The worker of whatever pool, or null.
  static ThreadWorker* Current() { return current_; }
  static void SetCurrent(ThreadWorker* worker) {
    current_ = worker;
    ExecutionContext::SetCurrent(worker);
  }

  // What a worker that passes its tasks on to a process does in another way.
  // The worker's own thread calls these, with no lock held.

  // Before the first task and after the last; what comes back breaks the pool.
  virtual std::exception_ptr Begin();
  virtual std::exception_ptr End();
  // A worker that is `lost` tries to become useful again, as there are tasks.
  // False: it must retire.
  virtual bool Revive() { return false; }
  // The task that this worker had prefetched, started and counted. Null: none.
  virtual TaskState* TakePrefetched() { return nullptr; }
  // Runs a started task to its end, and gives up the caller's reference. `now`
  // is NowTicks().
  virtual void Run(TaskState* task, int64_t now) { task->Run(now); }
  // After each task, before the worker looks at its own accounts.
  virtual void AfterRun() {}
  // Sleeps until WakeUp(), for the word `wake`, or `timeout`.
  virtual void Sleep(absl::Duration timeout);

  // Any thread.
  virtual void WakeUp();
  virtual std::optional<int64_t> pid() const {
    return IfKnown(tid.load(std::memory_order_relaxed));
  }

  // What the task that it runs does at this moment, a line for each frame;
  // empty where that can't be told within `limit`.
  virtual std::string StackOfTask(absl::Duration limit) {
    static_cast<void>(limit);
    return "";
  }

  // For a task that goes on to the next by itself, on the worker's own thread,
  // once it has published its own outcome: ends its run as the pool would, and
  // takes the next task if it has prefetched one, started and counted. Null: it
  // must return, and the pool ends its run; as where another task is below it
  // on the stack, or the next one has options.
  TaskState* GoOn();

  bool RunInline(TaskState& task, bool alone) override;
  bool BeginBlocking(const TaskState* awaited) override;
  void EndBlocking() override;
  bool RecheckStandIn() override;
  void LeaveForExit() override;

  ThreadCore& core;
  const int64_t id;
  const std::string name;

  // Set by whoever starts the thread, once: a joiner waits for it.
  NativeThread thread;
  std::atomic<bool> thread_is_set{false};
  std::atomic<pid_t> tid{0};

  // What a parked worker sleeps on.
  static constexpr uint32_t kAsleep = 0;
  static constexpr uint32_t kWoken = 1;    // taken off the idle ones
  static constexpr uint32_t kRecheck = 2;  // one still: something has changed
  std::atomic<uint32_t> wake{kAsleep};

  std::atomic<bool> lost{false};  // can take no task as it is

  // Its own thread's only, or that of who works in its place.
  bool may_be_searching = false;  // false: the roster says so too
  bool gave_up = false;           // for lack of what starting it takes
  bool is_ready = false;          // its initializer is over, and all is well
  bool is_abandoned = false;      // with its task: it is no worker any more
  const char* why_retired = "";   // for people, once it is to go
  int tasks_since_start = 0;
  bool is_too_large = false;  // by max_worker_bytes
  int64_t retires_at = 0;     // on the pool's clock, by max_worker_age
  // What its tasks submit goes there; not what its initializer does, in which a
  // worker may be left.
  bool uses_local_queue = false;
  uint64_t last_id = 0;     // of those for its own queue: what was given away,
  uint64_t end_of_ids = 0;  // and what it may give away
  uint64_t last_shared =
      0;              // its last slot in the shared queue; 0: it has left
  unsigned turn = 0;  // which of the two queues comes first
  // When the observed call ended that it ran last, if it has done nothing since
  // but take the next; else 0.
  int64_t last_end = 0;

  // Guarded by the core's lock: its initializer runs, and may be left; its task
  // may be abandoned, of which its own thread also asks without the lock, as
  // nobody else changes it; its counts were added to the core's, those of
  // `added_up`.
  bool may_be_left = false;
  bool may_be_abandoned = false;
  bool is_added_up = false;
  struct {
    int64_t completed = 0, failed = 0, cancelled = 0, lost = 0;
  } added_up;

  // What it is known to wait for, here and at other pools, and the last such
  // future; null: not one alone. Guarded by the core's lock.
  int waits_here = 0;
  int waits_elsewhere = 0;
  const TaskState* awaited = nullptr;

  // Written by its own thread; `depth`, the tasks on its stack, grows with the
  // lock held, so that a snapshot agrees with the count of started tasks.
  OwnedCounter completed;
  OwnedCounter failed;
  OwnedCounter cancelled;
  OwnedCounter lost_tasks;
  OwnedCounter tasks_done;
  OwnedCounter depth;
  // What its own tasks submit, where the pool has such queues. Of the locks,
  // this is the last that a thread takes.
  mutable SpinMutex local_mu;
  LocalQueue local ABSL_GUARDED_BY(local_mu);
  std::atomic<bool> is_listed{false};  // counted as perhaps not empty; as above
  SharedCount local_submitted;  // written with local_mu held, as is this:
  SharedCount local_taken;

  std::atomic<uint64_t> current_task{0};
  std::atomic<int64_t> ready_since{0};  // a NowNanos(); 0: it is not
  std::atomic<int64_t> running_since{0};

  // Of an observed pool, else null and empty.
  const std::unique_ptr<TaskHistograms> histograms;
  ObservedRuns runs;

 private:
  static inline constinit thread_local ThreadWorker* current_ = nullptr;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_THREAD_WORKER_H_
