#ifndef ASYNCPAL_FUTURE_TESTING_MANUAL_EXECUTOR_H_
#define ASYNCPAL_FUTURE_TESTING_MANUAL_EXECUTOR_H_

#include <cstddef>
#include <deque>
#include <exception>
#include <utility>

#include "asyncpal/future/future.h"

namespace asyncpal::testing {

// Runs tasks when a test says so, on the test's own thread: the primitives can
// then be tested step by step. Not thread-safe; outlive its futures.
class ManualExecutor final : public internal::TaskOwner {
 public:
  ~ManualExecutor() {
    while (!queue_.empty()) {
      internal::TaskState* const task = Pop();
      task->Cancel();
      task->Release();
    }
  }

  template <typename F, typename... Args>
  auto Submit(F&& f, Args&&... args) {
    auto* task = internal::NewTask(this, 0, std::forward<F>(f),
                                   std::forward<Args>(args)...);
    using T = internal::TaskResult<F, Args...>;
    task->set_task_id(++submitted_);
    task->AddReference();
    queue_.push_back(task);
    return internal::FutureAccess::Make<T>(
        internal::StateRef<internal::ResultState<T>>::Adopt(task));
  }

  // Starts the oldest task and runs it to its end. False: none was pending.
  bool RunOne() {
    while (!queue_.empty()) {
      internal::TaskState* const task = Pop();
      if (task->Start()) {
        task->Run(internal::NowTicks());
        return true;
      }
      task->Release();
    }
    return false;
  }
  void RunAll() {
    while (RunOne()) {
    }
  }

  int finished() const { return finished_; }
  int cancelled() const { return cancelled_; }

  void OnPendingClaimed(internal::TaskState&, FutureState outcome) override {
    if (outcome == FutureState::kCancelled) ++cancelled_;
  }
  void OnFinished(internal::TaskState&, FutureState) override { ++finished_; }
  void OnUnobservedFailure(const internal::TaskState&,
                           std::exception_ptr) noexcept override {}

 private:
  internal::TaskState* Pop() {
    internal::TaskState* const task = queue_.front();
    queue_.pop_front();
    return task;
  }

  std::deque<internal::TaskState*> queue_;
  uint64_t submitted_ = 0;
  int finished_ = 0;
  int cancelled_ = 0;
};

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_FUTURE_TESTING_MANUAL_EXECUTOR_H_
