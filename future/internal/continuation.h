#ifndef ASYNCPAL_FUTURE_INTERNAL_CONTINUATION_H_
#define ASYNCPAL_FUTURE_INTERNAL_CONTINUATION_H_

#include <exception>
#include <type_traits>
#include <utility>

#include "asyncpal/future/internal/execution_context.h"
#include "asyncpal/future/internal/future_access.h"
#include "asyncpal/future/internal/result_state.h"

namespace asyncpal::internal {

template <typename T>
struct IsFuture : std::false_type {};
template <typename T>
struct IsFuture<Future<T>> : std::true_type {};

// How Then() calls `f` with the outcome of a Future<T>.
template <typename F, typename T>
struct ContinuationTraits {
  // f(T), or f() for void: called only with a result.
  static constexpr bool kTakesResult = [] {
    if constexpr (std::is_void_v<T>) {
      return std::is_invocable_v<F&>;
    } else {
      return std::is_invocable_v<F&, const T&> || std::is_invocable_v<F&, T>;
    }
  }();
  // The result is shown to f in place, or else moved out for it. A container of
  // what can't be copied has to be moved: whether f takes it by value can't be
  // told.
  static constexpr bool kSeesResult =
      std::is_invocable_v<F&, const T&> &&
      (kCopyable<T> || !std::is_copy_constructible_v<T>);
  // f(const Future<T>&): called with every outcome. Not even asked of an f that
  // takes the result: the body of a generic one may not compile with a future.
  static constexpr bool kTakesFuture = [] {
    if constexpr (kTakesResult) {
      return false;
    } else {
      return std::is_invocable_v<F&, const Future<T>&>;
    }
  }();
  static_assert(kTakesResult || kTakesFuture,
                "Then(f): f must take the future's result, or the future as "
                "const Future<T>&");

  static decltype(auto) Call(F& f, const Future<T>& source) {
    if constexpr (kTakesFuture) {
      return f(source);
    } else if constexpr (std::is_void_v<T>) {
      return f();
    } else if constexpr (kSeesResult) {
      return f(FutureAccess::State(source).Get());
    } else {
      return f(std::move(FutureAccess::State(source).GetForMove()));
    }
  }
  using Returned = std::remove_cvref_t<decltype(Call(
      std::declval<F&>(), std::declval<const Future<T>&>()))>;
};

// The result type of Then(): a returned future is awaited, not wrapped.
template <typename R>
struct Unwrapped {
  using type = R;
};
template <typename R>
struct Unwrapped<Future<R>> {
  using type = R;
};

// Settles `target` as `source` was settled, whatever that was.
template <typename T>
void Forward(ResultState<T>& target, const Future<T>& source) {
  ResultState<T>& from = FutureAccess::State(source);
  switch (from.state()) {
    case FutureState::kCancelled:
      target.Settle(FutureState::kCancelled, nullptr);
      break;
    case FutureState::kFailed:
      target.Fail(from.error());
      break;
    default:
      try {
        if constexpr (kCopyable<T>) {
          target.Complete(from.Get());
        } else {
          target.Complete(std::move(from.GetForMove()));
        }
      } catch (...) {
        target.Fail(std::current_exception());
      }
  }
}

// Runs one continuation on the thread that finished `source`.
template <typename R, typename T, typename F>
void Continue(ResultState<R>& target, const Future<T>& source, F& f) {
  using Traits = ContinuationTraits<F, T>;
  if constexpr (Traits::kTakesResult) {
    if (!source.is_completed()) {
      target.Settle(source.state(), source.exception());
      return;
    }
  }
  if (!target.Start()) return;  // cancelled: f must not run
  target.MarkStarted(NowTicks());
  const auto call = [&]() -> decltype(auto) {
    RunningTask link(target);  // a wait for oneself is found out
    return Traits::Call(f, source);
  };
  if constexpr (IsFuture<typename Traits::Returned>::value) {
    try {
      typename Traits::Returned inner = call();
      if (inner.is_done()) {
        Forward(target, inner);
      } else {
        inner.AddCallback([ref = StateRef<ResultState<R>>::Share(&target)](
                              const Future<R>& done) { Forward(*ref, done); });
      }
    } catch (...) {
      target.Fail(std::current_exception());
    }
  } else {
    target.AddReference();
    target.SettleWith(call, [] {});
  }
}

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_FUTURE_INTERNAL_CONTINUATION_H_
