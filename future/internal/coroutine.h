#ifndef ASYNCPAL_FUTURE_INTERNAL_COROUTINE_H_
#define ASYNCPAL_FUTURE_INTERNAL_COROUTINE_H_

#include <coroutine>
#include <exception>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "asyncpal/future/internal/future_access.h"
#include "asyncpal/future/internal/task.h"

namespace asyncpal::internal {

// What `co_await future` does: the coroutine goes on, on the thread that
// finished the future, or at once when it is done.
template <typename FutureType>
class FutureAwaiter {
 public:
  explicit FutureAwaiter(FutureType future) : future_(std::move(future)) {}

  bool await_ready() const { return future_.is_done(); }
  bool await_suspend(std::coroutine_handle<> coroutine) {
    absl::AnyInvocable<void(StateBase&)> resume = [coroutine](StateBase&) {
      coroutine.resume();
    };
    return FutureAccess::State(future_).TryAddCallback(resume) != 0;
  }
  auto await_resume() { return std::move(future_).Collect(); }

 private:
  FutureType future_;
};

// The promise of a coroutine that returns Future<T>. It starts at once, on the
// caller's thread; its future is settled when it returns or throws.
template <typename T>
class CoroutinePromiseBase {
 public:
  auto get_return_object() { return FutureAccess::Make<T>(state_); }
  std::suspend_never initial_suspend() noexcept { return {}; }
  std::suspend_never final_suspend() noexcept { return {}; }
  void unhandled_exception() { state_->Fail(std::current_exception()); }

 protected:
  StateRef<PromiseState<T>> state_ = PromiseState<T>::Make();
};

template <typename T>
class CoroutinePromise : public CoroutinePromiseBase<T> {
 public:
  template <typename U>
  void return_value(U&& value) {
    this->state_->Complete(std::forward<U>(value));
  }
};

template <>
class CoroutinePromise<void> : public CoroutinePromiseBase<void> {
 public:
  void return_void() { state_->Complete({}); }
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_FUTURE_INTERNAL_COROUTINE_H_
