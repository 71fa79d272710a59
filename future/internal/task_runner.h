#ifndef ASYNCPAL_FUTURE_INTERNAL_TASK_RUNNER_H_
#define ASYNCPAL_FUTURE_INTERNAL_TASK_RUNNER_H_

#include <optional>

#include "asyncpal/future/state.h"

namespace asyncpal::internal {

class TaskState;

// Runs a task that does not run on its pool's own threads: what a future asks
// of such a task has to be passed on.
//
// Threads: any may call, with no lock held.
// Lifetime: as long as the task that names it.
// Ordering: none. Errors: none.
// Shutdown: each call finds out for itself that the task is over, or the pool.
class TaskRunner {
 public:
  // The caller is about to wait for `task` without a limit: receives its result
  // on this thread, if nobody else is to. True: the task is done.
  virtual bool ReceiveOnWaiter(TaskState& task) = 0;

  // `task` is prefetched, so whoever has it may start it by itself. Takes it
  // back, which makes it pending, or else starts it. False: neither can be done
  // from this process.
  virtual bool Revoke(TaskState& task) = 0;

  // Ends what runs `task`, if that has not finished it; the caller settles the
  // task then. False: it was faster, or can't be ended.
  virtual bool KillRunning(TaskState& task) = 0;

  // Asks the running task to stop.
  virtual void AskToStop(TaskState& task) = 0;

  // What the running task has reported of its progress.
  virtual std::optional<TaskProgress> ProgressOf(TaskState& task) = 0;

 protected:
  ~TaskRunner() = default;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_FUTURE_INTERNAL_TASK_RUNNER_H_
