#ifndef ASYNCPAL_POOL_INTERNAL_TASK_LIMITS_H_
#define ASYNCPAL_POOL_INTERNAL_TASK_LIMITS_H_

#include <memory>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/future/internal/shared_state.h"
#include "asyncpal/pool/internal/timer_queue.h"

namespace asyncpal::internal {

// Keeps what TaskOptions say of a task's time: that it starts before its
// queue_deadline, and runs no longer than its timeout. A pool without such
// tasks has no timer, and no thread for it.
//
// Threads: any.
// Lifetime: a timer keeps its task until it is cancelled or has run. The
// destructor waits for a timer that is running.
// Ordering: a task that has missed its timeout has failed before `on_timeout`
// hears of it.
// Errors: at StartQueueTimer(). A timeout that can't be kept fails its task.
// Shutdown: timers that have not run by then never do.
class TaskLimits {
 public:
  // `on_timeout` is called with a running task that has missed its timeout, on
  // the timers' thread, with no lock held.
  explicit TaskLimits(absl::AnyInvocable<void(StateBase&)> on_timeout)
      : on_timeout_(std::move(on_timeout)) {}

  // The task is about to be submitted, and has a queue_deadline or not. Throws
  // if the timer can't be started.
  void StartQueueTimer(StateBase* task);
  void CancelQueueTimer(const StateBase& task);

  // A tracked task is about to run: ends its queue timer, and starts the one
  // for its timeout. False: that could not be started, and the task has failed.
  bool StartRunningTimer(StateBase* task);
  void CancelRunningTimer(const StateBase& task);

  // For what else of the same pool has its time.
  TimerQueue& Timers();

 private:
  absl::AnyInvocable<void(StateBase&)> on_timeout_;  // called on one thread
  Mutex mu_;
  std::unique_ptr<TimerQueue> timers_ ABSL_GUARDED_BY(mu_);
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_TASK_LIMITS_H_
