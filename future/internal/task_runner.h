#ifndef ASYNCPAL_FUTURE_INTERNAL_TASK_RUNNER_H_
#define ASYNCPAL_FUTURE_INTERNAL_TASK_RUNNER_H_

namespace asyncpal::internal {

class StateBase;

// Who runs a task that does not run on its pool's own threads: it is somewhere
// else, and what a future wants of it must be passed on.
//
// Threads: any may call, with no lock held.
// Lifetime: as long as the task that names it.
// Ordering: none. Errors: none.
// Shutdown: each call finds out for itself that the task is over, or the pool.
class TaskRunner {
 public:
  // The caller is about to wait for `task` without a limit: receives its result
  // on this thread, if nobody else is to. True: the task is done.
  virtual bool ReceiveOnWaiter(StateBase& task) = 0;

  // `task` is prefetched, so whoever has it may start it by itself. Takes it
  // back, which makes it pending, or else starts it. False: neither can be done
  // from this process.
  virtual bool Revoke(StateBase& task) = 0;

  // Ends what runs `task`, if that has not finished it; the caller settles the
  // task then. False: it was faster, or can't be ended.
  virtual bool KillRunning(StateBase& task) = 0;

  // Asks the running task to stop.
  virtual void AskToStop(StateBase& task) = 0;

 protected:
  ~TaskRunner() = default;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_FUTURE_INTERNAL_TASK_RUNNER_H_
