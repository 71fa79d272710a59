#ifndef ASYNCPAL_FUTURE_INTERNAL_COROUTINE_H_
#define ASYNCPAL_FUTURE_INTERNAL_COROUTINE_H_

#include <coroutine>
#include <exception>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "asyncpal/future/internal/future_access.h"
#include "asyncpal/future/internal/result_state.h"

namespace asyncpal::internal {

// For an await_suspend() after whose effect the coroutine's frame may be gone:
// Clang before 18 may keep the locals of one that it inlines in that frame.
#define ASYNCPAL_OUTSIDE_FRAME [[gnu::noinline]]

// What `co_await future` does: the coroutine goes on, on the thread that
// finished the future, or at once when it is done.
template <typename FutureType>
class FutureAwaiter {
 public:
  explicit FutureAwaiter(FutureType future) : future_(std::move(future)) {}

  bool await_ready() const { return future_.is_done(); }
  ASYNCPAL_OUTSIDE_FRAME bool await_suspend(std::coroutine_handle<> coroutine) {
    absl::AnyInvocable<void(TaskState&)> resume = [coroutine](TaskState&) {
      coroutine.resume();
    };
    return FutureAccess::State(future_).TryAddCallback(resume) != 0;
  }
  auto await_resume() { return std::move(future_).Collect(); }

 private:
  FutureType future_;
};

// The promise of a coroutine that returns Future<T>. It starts at once, on the
// caller's thread. Its future is settled last of all, when the locals and the
// parameters of the coroutine are gone.
template <typename T>
class CoroutinePromiseBase {
 public:
  auto get_return_object() { return FutureAccess::Make<T>(state_); }
  std::suspend_never initial_suspend() noexcept { return {}; }
  auto final_suspend() noexcept { return Settler(); }
  // Also called for what a local's destructor throws after co_return.
  void unhandled_exception() { error_ = std::current_exception(); }

 protected:
  template <typename Produce>
  void Keep(Produce produce) {
    result_.FillFrom(produce);
  }

 private:
  // Ends the coroutine, then settles its future.
  class Settler {
   public:
    bool await_ready() noexcept { return false; }
    template <typename Promise>
    ASYNCPAL_OUTSIDE_FRAME void await_suspend(
        std::coroutine_handle<Promise> coroutine) noexcept {
      CoroutinePromiseBase& promise = coroutine.promise();
      const StateRef<PromiseState<T>> state = promise.state_;
      std::exception_ptr error = promise.error_;
      ResultSlot<Stored<T>> result;
      if (error == nullptr) {
        error = CatchFrom([&] {
          const auto take = [&] { return std::move(promise.result_.value()); };
          result.FillFrom(take);
        });
      }
      coroutine.destroy();
      if (result.filled()) {
        error = CatchFrom([&] { state->Complete(std::move(result.value())); });
      }
      if (error != nullptr) state->Fail(std::move(error));
    }
    void await_resume() noexcept {}

   private:
    template <typename Action>
    static std::exception_ptr CatchFrom(Action action) noexcept {
      try {
        action();
        return nullptr;
      } catch (...) {
        return std::current_exception();
      }
    }
  };

  StateRef<PromiseState<T>> state_ = PromiseState<T>::Make();
  std::exception_ptr error_;
  ResultSlot<Stored<T>> result_;
};

template <typename T>
class CoroutinePromise : public CoroutinePromiseBase<T> {
 public:
  template <typename U = T>
  void return_value(U&& value) {
    this->Keep([&]() -> T { return std::forward<U>(value); });
  }
};

template <>
class CoroutinePromise<void> : public CoroutinePromiseBase<void> {
 public:
  void return_void() {
    Keep([] {});
  }
};

#undef ASYNCPAL_OUTSIDE_FRAME

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_FUTURE_INTERNAL_COROUTINE_H_
