#ifndef ASYNCPAL_POOL_CANCELLED_TASK_H_
#define ASYNCPAL_POOL_CANCELLED_TASK_H_

#include <string>
#include <utility>

#include "asyncpal/future/internal/cpp20.h"
#include "asyncpal/future/internal/task_state.h"

namespace asyncpal {

namespace internal {
class PoolCore;
}  // namespace internal

// A task that a shutdown cancelled, or a broken pool could not run. Its future
// is done; calling this runs the task after all, on the calling thread, and
// throws what it throws. Post it to another pool of either kind, and nothing is
// lost:
//
//   for (CancelledTask& task : first.TakeCancelledTasks()) {
//     second.Post(std::move(task));
//   }
//
// Threads: one at a time. Lifetime: owns the task's callable; outlives pools.
// Ordering: TakeCancelledTasks() gives them in the order of their submission.
// Errors: a second call throws InvalidStateError. Shutdown: none.
class CancelledTask {
 public:
  CancelledTask(CancelledTask&&) = default;
  CancelledTask& operator=(CancelledTask&&) = default;

  void operator()();

  // The name from its TaskOptions; may be empty.
  std::string name() const;

 private:
  friend class internal::PoolCore;
  explicit CancelledTask(internal::StateRef<internal::TaskState> task)
      : task_(std::move(task)) {}

  internal::StateRef<internal::TaskState> task_;  // empty once called
};

}  // namespace asyncpal

#endif  // ASYNCPAL_POOL_CANCELLED_TASK_H_
