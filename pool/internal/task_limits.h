#ifndef ASYNCPAL_POOL_INTERNAL_TASK_LIMITS_H_
#define ASYNCPAL_POOL_INTERNAL_TASK_LIMITS_H_

#include <memory>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/future/internal/task_state.h"
#include "asyncpal/pool/clock.h"
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
  // `clock`: what limits are measured by; null: the steady clock.
  explicit TaskLimits(absl::AnyInvocable<void(TaskState&)> on_timeout,
                      std::shared_ptr<Clock> clock = nullptr)
      : clock_(std::move(clock)), on_timeout_(std::move(on_timeout)) {}

  // The task is about to be submitted, and has a queue_deadline or not. Throws
  // if the timer can't be started.
  void StartQueueTimer(TaskState* task);
  void CancelQueueTimer(const TaskState& task);

  // A tracked task is about to run: ends its queue timer, and starts the one
  // for its timeout. False: that could not be started, and the task has failed.
  bool StartRunningTimer(TaskState* task);
  void CancelRunningTimer(const TaskState& task);

  // Whether a task that is being failed by a timer's thread fails for its
  // queue_deadline, if it was pending, or for its timeout, if it was running.
  static bool IsLate(const TaskState& task);

  static absl::Duration QueueDeadline(const TaskState& task);

  // For what else of the same pool has its time.
  TimerQueue& Timers();

 private:
  const std::shared_ptr<Clock> clock_;
  absl::AnyInvocable<void(TaskState&)> on_timeout_;  // called on one thread
  Mutex mu_;
  std::unique_ptr<TimerQueue> timers_ ABSL_GUARDED_BY(mu_);
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_TASK_LIMITS_H_
