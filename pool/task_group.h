#ifndef ASYNCPAL_POOL_TASK_GROUP_H_
#define ASYNCPAL_POOL_TASK_GROUP_H_

#include <cstddef>
#include <exception>
#include <memory>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/future/internal/shared_state.h"
#include "asyncpal/future/internal/task.h"
#include "asyncpal/pool/internal/pool_core.h"

namespace asyncpal {

class ThreadPool;

// Tasks that end together: what was handed to Run() is over when Wait()
// returns, so that it may use what lives on the caller's stack.
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
    Submit(internal::NewTask(
        &core_, 0, Body<std::decay_t<F>>{gate(), std::forward<F>(f)}));
  }

  // Waits until all are over, also those that tasks of the group run meanwhile.
  // Afterwards the group is empty, and can be used again.
  void Wait();

 private:
  friend class ThreadPool;

  // Where each task goes through before it runs. It outlives the group with
  // tasks that were cancelled.
  class Gate {
   public:
    // False: the task is to be dropped. True: Leave() follows.
    bool Enter();
    void Leave();
    // Keeps the exception that this thread handles if it is the first, and
    // drops what has not begun.
    void Fail();
    // What has not begun is dropped from now on.
    void Close();
    // Waits for those inside, and gives out what Fail() has kept. It is closed
    // afterwards, or open again.
    std::exception_ptr WaitUntilEmpty(bool is_open);

   private:
    internal::Mutex mu_;
    internal::CondVar empty_;
    size_t inside_ ABSL_GUARDED_BY(mu_) = 0;
    bool closed_ ABSL_GUARDED_BY(mu_) = false;
    std::exception_ptr first_ ABSL_GUARDED_BY(mu_);
  };

  template <typename F>
  struct Body {
    std::shared_ptr<Gate> gate;
    F f;

    void operator()() && {
      if (!gate->Enter()) return;
      struct Scope {
        Gate& gate;
        ~Scope() { gate.Leave(); }
      } scope{*gate};
      try {
        static_cast<void>(std::move(f)());
      } catch (...) {
        // pthread_exit() goes on, and fails the task by itself.
        if (std::current_exception() == nullptr) throw;
        gate->Fail();
      }
    }
  };

  std::shared_ptr<Gate> gate();
  // Whether the calling thread is a worker of this pool.
  bool IsInside() const;
  void Submit(internal::ResultState<void>* task);
  // Waits for all tasks; the first error that is not a task's own exception.
  std::exception_ptr WaitForTasks();

  internal::PoolCore& core_;
  internal::Mutex mu_;
  std::shared_ptr<Gate> gate_ ABSL_GUARDED_BY(mu_);
  std::vector<internal::StateRef<internal::ResultState<void>>> tasks_
      ABSL_GUARDED_BY(mu_);
};

}  // namespace asyncpal

#endif  // ASYNCPAL_POOL_TASK_GROUP_H_
