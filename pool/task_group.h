#ifndef ASYNCPAL_POOL_TASK_GROUP_H_
#define ASYNCPAL_POOL_TASK_GROUP_H_

#include <stdexcept>
#include <type_traits>
#include <utility>

#include "asyncpal/future/internal/task.h"
#include "asyncpal/pool/internal/group_core.h"
#include "asyncpal/pool/internal/pool_core.h"

namespace asyncpal {

class ThreadPool;

// Tasks that end together: everything that was passed to Run() is over when
// Wait() returns, so it may use variables on the caller's stack.
//
//   TaskGroup group(pool);
//   for (Page& page : pages) group.Run([&page] { Render(page); });
//   group.Wait();
//
// A task whose group is over never runs any more, not even by what
// Pool::TakeCancelledTasks() returns. For two tasks with results there is
// ThreadPool::Both().
//
// Threads: any may call Run(), also a task of the group. One thread at a time
// calls Wait(). Inside a task of the same pool it runs what has not begun.
// Lifetime: the pool outlives the group. The destructor drops what has not
// begun and waits for the rest.
// Ordering: as with ThreadPool::Submit().
// Errors: Run() throws what Submit() throws. If tasks throw, what has not begun
// is dropped, and the first exception comes out of Wait() when all are over.
// Shutdown: a task that the pool has cancelled, or failed as it broke, is over.
// Wait() throws CancelledError, or the pool's error, if no task has thrown.
class TaskGroup {
 public:
  explicit TaskGroup(ThreadPool& pool);
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // Adds a task: `f` is called once, unless it is dropped before.
  template <typename F>
  void Run(F&& f) {
    if (internal::IsEmptyCallable(f)) {
      throw std::invalid_argument("TaskGroup::Run: the callable is empty");
    }
    // Before the callable is moved.
    if (!core_.accepting()) core_.Check();
    using F1 = std::decay_t<F>;
    internal::GroupCall<F1> call(group_, std::forward<F>(f));
    group_.Add();
    try {
      core_.Post(internal::kGroupCall<F1>, &call, sizeof(call));
    } catch (...) {
      group_.Remove();
      throw;
    }
  }

  // Waits until all are over, also those that tasks of the group run meanwhile.
  // Afterwards the group is empty, and can be used again. Called by one of its
  // own tasks: InvalidStateError.
  void Wait();

 private:
  friend class ThreadPool;

  // Whether the calling thread is a worker of this pool.
  bool IsInside() const;

  internal::PoolCore& core_;
  internal::GroupCore group_;
};

}  // namespace asyncpal

#endif  // ASYNCPAL_POOL_TASK_GROUP_H_
