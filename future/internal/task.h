#ifndef ASYNCPAL_FUTURE_INTERNAL_TASK_H_
#define ASYNCPAL_FUTURE_INTERNAL_TASK_H_

#include <cxxabi.h>

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/shared_state.h"

namespace asyncpal::internal {

// A result of type void is kept as a monostate, so that the code below has one
// case.
template <typename T>
using Stored = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

// Calls `f` and turns "returns nothing" into a monostate.
template <typename F, typename... Args>
auto InvokeStored(F&& f, Args&&... args) {
  using R = std::invoke_result_t<F, Args...>;
  if constexpr (std::is_void_v<R>) {
    std::invoke(std::forward<F>(f), std::forward<Args>(args)...);
    return std::monostate{};
  } else {
    return static_cast<std::remove_cvref_t<R>>(
        std::invoke(std::forward<F>(f), std::forward<Args>(args)...));
  }
}

// The state behind a Future<T>: room for the result or the error.
template <typename T>
class ResultState : public StateBase {
 public:
  ResultState(TaskOwner* owner, uint32_t flags) : StateBase(owner, flags) {}
  ~ResultState() override {
    switch (state()) {
      case FutureState::kCompleted:
        std::destroy_at(&value_);
        break;
      case FutureState::kFailed:
        std::destroy_at(&error_);
        break;
      default:
        break;
    }
  }

  // The result of a done state, or its error thrown.
  const Stored<T>& Get() const {
    ThrowUnlessCompleted();
    if (is_taken()) ThrowTaken();
    return value_;
  }
  // The same; the caller may move out of what it gets, and is the only one.
  Stored<T>& GetForMove() {
    ThrowUnlessCompleted();
    if (!Take()) ThrowTaken();
    return value_;
  }
  const Stored<T>* result() const {
    return state() == FutureState::kCompleted && !is_taken() ? &value_
                                                             : nullptr;
  }
  std::exception_ptr error() const {
    return state() == FutureState::kFailed ? error_ : nullptr;
  }

  // Settles a pending or started state that has no callable of its own. False:
  // it was cancelled before. Takes no reference.
  bool Complete(Stored<T> value) {
    if (ClaimPending()) {
      new (&value_) Stored<T>(std::move(value));
      SettleClaimed(FutureState::kCompleted, nullptr);
      return true;
    }
    if (!ClaimRunning()) return false;
    AddReference();
    new (&value_) Stored<T>(std::move(value));
    Finish(FutureState::kCompleted, nullptr);
    return true;
  }

  // Settles a started state with what `produce` returns or throws, and gives up
  // the caller's reference. `drop` destroys the callable first, so that what
  // it captured is gone when a waiter sees the result.
  template <typename Produce, typename Drop>
  void SettleWith(Produce&& produce, Drop&& drop) {
    std::optional<Stored<T>> value;
    std::exception_ptr error;
    try {
      value.emplace(InvokeStored(produce));
    } catch (const abi::__forced_unwind&) {
      // pthread_exit() or a cancelled thread: this unwinding must go on.
      drop();
      SettleError(std::make_exception_ptr(InvalidStateError(
          absl::StrCat(Describe(), " ended its thread by pthread_exit"))));
      throw;
    } catch (...) {
      error = std::current_exception();
    }
    drop();
    if (value.has_value() && ClaimRunning()) {
      try {
        new (&value_) Stored<T>(std::move(*value));
      } catch (...) {
        error = std::current_exception();
        new (&error_) std::exception_ptr(error);
      }
      value.reset();
      Finish(error == nullptr ? FutureState::kCompleted : FutureState::kFailed,
             error);
    } else {
      SettleError(std::move(error));
    }
  }

 protected:
  void StoreError(std::exception_ptr error) noexcept override {
    new (&error_) std::exception_ptr(std::move(error));
  }

 private:
  // Gives up the caller's reference.
  void SettleError(std::exception_ptr error) {
    if (error == nullptr || !ClaimRunning()) {
      Release();
      return;
    }
    StoreError(error);
    Finish(FutureState::kFailed, error);
  }

  void ThrowUnlessCompleted() const {
    switch (state()) {
      case FutureState::kCompleted:
        return;
      case FutureState::kFailed:
        std::rethrow_exception(CopyException(error_));
      default:
        throw CancelledError(absl::StrCat(Describe(), " was cancelled"));
    }
  }
  [[noreturn]] void ThrowTaken() const {
    throw InvalidStateError(
        absl::StrCat("the result of ", Describe(), " was already moved out"));
  }

  union {
    Stored<T> value_;
    std::exception_ptr error_;
  };
};

// A callable with its arguments, both decayed as std::thread does it.
template <typename F, typename... Args>
struct BoundCall {
  F f;
  std::tuple<Args...> args;

  template <typename... Front>
  decltype(auto) operator()(Front&&... front) && {
    return std::apply(
        [&](Args&... rest) -> decltype(auto) {
          return std::invoke(std::move(f), std::forward<Front>(front)...,
                             std::move(rest)...);
        },
        args);
  }
};

template <typename F, typename... Args>
auto Bind(F&& f, Args&&... args) {
  if constexpr (sizeof...(Args) == 0) {
    return std::decay_t<F>(std::forward<F>(f));
  } else {
    return BoundCall<std::decay_t<F>, std::decay_t<Args>...>{
        std::forward<F>(f), {std::forward<Args>(args)...}};
  }
}

// A callable whose first parameter is a std::stop_token gets one, as with
// std::jthread.
template <typename F, typename... Args>
inline constexpr bool kWantsStopToken =
    std::is_invocable_v<std::decay_t<F>, std::stop_token,
                        std::decay_t<Args>...>;

template <typename F, typename... Args>
struct TaskResultOf
    : std::conditional_t<
          kWantsStopToken<F, Args...>,
          std::invoke_result<std::decay_t<F>, std::stop_token,
                             std::decay_t<Args>...>,
          std::invoke_result<std::decay_t<F>, std::decay_t<Args>...>> {};

// What a task made from `f` and `args` returns; references decay.
template <typename F, typename... Args>
using TaskResult =
    std::remove_cvref_t<typename TaskResultOf<F, Args...>::type>;

// Whether `f` is a null function pointer, an empty std::function or the like.
template <typename F>
bool IsEmptyCallable(const F& f) {
  if constexpr (std::is_function_v<F>) {
    return false;
  } else if constexpr (requires { f == nullptr; }) {
    return f == nullptr;
  } else {
    return false;
  }
}

struct NoStopSource {};

// A task: the state of its future and its callable, in one allocation.
template <typename T, typename Call, bool kStoppable>
class Task final : public ResultState<T> {
 public:
  template <typename MakeCall>
  Task(TaskOwner* owner, uint32_t flags, MakeCall&& make_call)
      : ResultState<T>(owner, StateBase::kPoolTask | flags),
        call_(std::forward<MakeCall>(make_call)()) {}
  ~Task() override { DropCallable(); }

  void DropCallable() noexcept override {
    if (!std::exchange(has_call_, false)) return;
    try {
      std::destroy_at(&call_);
    } catch (...) {
      LogFailure("the destructor of a task's callable threw",
                 std::current_exception());
    }
  }
  void RequestStop() noexcept override {
    if constexpr (kStoppable) stop_.request_stop();
  }
  void InvokeDetached() override {
    // Dropped on every way out, as after an ordinary run.
    struct Dropper {
      Task& task;
      ~Dropper() { task.DropCallable(); }
    } dropper{*this};
    Invoke();
  }

 protected:
  void Execute() override {
    this->SettleWith([this]() -> decltype(auto) { return Invoke(); },
                     [this] { DropCallable(); });
  }

 private:
  decltype(auto) Invoke() {
    if constexpr (kStoppable) {
      return std::move(call_)(stop_.get_token());
    } else {
      return std::move(call_)();
    }
  }

  union {
    Call call_;
  };
  bool has_call_ = true;
  [[no_unique_address]] std::conditional_t<kStoppable, std::stop_source,
                                           NoStopSource>
      stop_;
};

// Makes the task for `f(args...)`; the reference that it is born with belongs
// to the caller.
template <typename F, typename... Args>
auto* NewTask(TaskOwner* owner, uint32_t flags, F&& f, Args&&... args) {
  using Call = decltype(Bind(std::forward<F>(f), std::forward<Args>(args)...));
  using T = TaskResult<F, Args...>;
  return new Task<T, Call, kWantsStopToken<F, Args...>>(owner, flags, [&] {
    return Bind(std::forward<F>(f), std::forward<Args>(args)...);
  });
}

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_FUTURE_INTERNAL_TASK_H_
