#ifndef ASYNCPAL_FUTURE_FUTURE_H_
#define ASYNCPAL_FUTURE_FUTURE_H_

#include <cstdint>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/continuation.h"
#include "asyncpal/future/internal/coroutine.h"
#include "asyncpal/future/internal/future_access.h"
#include "asyncpal/future/internal/task.h"
#include "asyncpal/future/state.h"

namespace asyncpal {

// The result, to come, of a task that a pool has accepted.
//
//   Future<int> future = pool.Submit(Add, 10, 2);
//   future.AddCallback([](const Future<int>& done) { Log(done.state()); });
//   int sum = future.Collect(absl::Seconds(42));
//
// T is any movable type, or void. Time limits are on the steady clock:
// absl::InfiniteDuration() means no limit, zero polls, negative counts as zero.
//
// Threads: any thread may call any method; only assigning to one Future object
// while another thread uses that same object needs the caller's lock. Inside a
// worker, waiting without a limit for a pending task of the worker's own pool
// runs that task itself, at once.
// Lifetime: a cheap handle; copies share one result, which outlives the pool.
// Ordering: what the task did happens before a wait returns or a callback runs.
// Errors: every method but valid() throws InvalidStateError on an empty future.
// Shutdown: closing the pool cancels its pending futures; every one gets done.
template <typename T>
class Future {
 public:
  // The promise of a coroutine that returns Future<T>: it starts at once on
  // the caller's thread.
  using promise_type = internal::CoroutinePromise<T>;

  // An empty future; pools make the others.
  Future() = default;

  bool valid() const { return static_cast<bool>(state_); }

  // Blocks until the future is done, but for `timeout` at most; false: it
  // passed.
  // Throws InvalidStateError in the task that would produce the result.
  bool Wait(absl::Duration timeout = absl::InfiniteDuration()) const {
    return state_ref().Wait(timeout);
  }

  // Waits, then returns a copy of the result, or throws: what the task threw,
  // CancelledError, or TimeoutError when `timeout` passed. Each call throws an
  // exception object of its own where the type can be copied (the standard
  // hierarchy and error.h), else the shared one: catch by const reference.
  T Collect(absl::Duration timeout = absl::InfiniteDuration()) const& requires(
      internal::kCopyable<T>) {
    WaitOrThrow(timeout);
    return static_cast<T>(state_->Get());
  }

  // The same, but moves the result out. While copies of this future exist, it
  // copies instead where T can be; where it can't, later collectors get an
  // InvalidStateError. No other thread may use this future object meanwhile. If
  // this call runs the task itself, duration() may not have its times.
  T Collect(absl::Duration timeout = absl::InfiniteDuration()) && {
    WaitOrThrow(timeout, /*alone=*/true);
    if constexpr (std::is_void_v<T>) {
      state_->Get();
    } else {
      if constexpr (internal::kCopyable<T>) {
        if (!state_->is_unique()) return state_->Get();
      }
      return std::move(state_->GetForMove());
    }
  }

  // Collect() that never throws: errors come as ToStatus() maps them. For a
  // Future<void> it returns an absl::Status.
  auto TryCollect(absl::Duration timeout = absl::InfiniteDuration())
      const& requires(internal::kCopyable<T>) {
    return TryCollectFrom(*this, timeout);
  }
  auto TryCollect(absl::Duration timeout = absl::InfiniteDuration()) && {
    return TryCollectFrom(std::move(*this), timeout);
  }

  FutureState state() const { return state_ref().state(); }
  bool is_pending() const { return state() == FutureState::kPending; }
  bool is_running() const { return state() == FutureState::kRunning; }
  bool is_completed() const { return state() == FutureState::kCompleted; }
  bool is_failed() const { return state() == FutureState::kFailed; }
  bool is_cancelled() const { return state() == FutureState::kCancelled; }
  bool is_done() const { return state_ref().is_done(); }
  // Whether Cancel() was called, or a timeout or shutdown asked the task to
  // stop.
  bool cancel_requested() const { return state_ref().cancel_requested(); }

  // The result in place, null unless completed. Valid as long as a future of
  // this task exists and none has moved the result out.
  const T* result() const requires(!std::is_void_v<T>) {
    return state_ref().result();
  }
  // What the task threw, null unless failed.
  std::exception_ptr exception() const { return state_ref().error(); }

  TaskTimes duration() const { return state_ref().duration(); }
  // What the task has reported last, by TaskContext::ReportProgress(). None if
  // it has reported nothing, or does not run.
  std::optional<TaskProgress> progress() const {
    return state_ref().progress();
  }
  // Unique in one pool, and increasing on each thread that submits; 0 for a
  // future that no pool made (Then, WhenAll, a coroutine).
  uint64_t task_id() const { return state_ref().task_id(); }

  // Cancels a pending future: its task never runs; returns true. Asks a running
  // task to stop through its std::stop_token, if it takes one, and returns
  // false. Does nothing to a future that is done, and returns false. Callbacks
  // run on this thread.
  bool Cancel() { return state_ref().Cancel(); }
  // In a process pool, kills the worker that runs the task, which cancels the
  // future, and returns true. Otherwise the same as Cancel().
  bool Kill() { return state_ref().Kill(); }

  // `callback` runs once when the future is done: on the thread that finished
  // it, after waiters were woken, with no lock held; or on this thread before
  // AddCallback() returns if it is done already, perhaps while an earlier one
  // still runs there. Callbacks run in the order of registration. One that
  // throws is reported (SetLogSink()), and the others still run.
  // Callbacks never run inside each other: when a callback completes or cancels
  // another future, the callbacks of that one run after it has returned, or
  // when it waits for a future. So a chain may have any length, and a callback
  // may wait for a future further down its own chain.
  CallbackId AddCallback(
      absl::AnyInvocable<void(const Future&)> callback) const {
    if (callback == nullptr) {
      throw std::invalid_argument("AddCallback: the callback is empty");
    }
    return state_ref().AddCallback(
        [callback = std::move(callback)](internal::TaskState& state) mutable {
          callback(OfState(state));
        });
  }
  // True: the callback will not run. False: it has run, is running, or was
  // never there.
  bool RemoveCallback(CallbackId id) const {
    return state_ref().RemoveCallback(id);
  }

  // The future of f(result), or f() for void; f runs like a callback. Where
  // this one fails or is cancelled, so does the new one, without f. An f that
  // takes a const Future<T>& instead is called with every outcome. A future
  // that f returns is waited for, not wrapped. Cancelling the new future keeps
  // f from running and leaves this one alone. On a future that is done, f has
  // run when Then() returns; inside a callback, it runs after that callback.
  template <typename F>
  auto Then(F&& f) const {
    using Fn = std::decay_t<F>;
    using Returned = typename internal::ContinuationTraits<Fn, T>::Returned;
    using R = typename internal::Unwrapped<Returned>::type;
    if (internal::IsEmptyCallable(f)) {
      throw std::invalid_argument("Then: the callable is empty");
    }
    auto next = internal::PromiseState<R>::Make(state_ref().owner());
    state_ref().AddContinuation(
        [next, f = Fn(std::forward<F>(f))](internal::TaskState& state) mutable {
          internal::Continue(*next, OfState(state), f);
        });
    return internal::FutureAccess::Make<R>(std::move(next));
  }

  // In a C++20 coroutine: returns the result or throws, as Collect() does. The
  // coroutine continues where a callback would run.
  auto operator co_await() const {
    state_ref();
    return internal::FutureAwaiter<Future>(*this);
  }

  // Whether both are futures of the same task.
  friend bool operator==(const Future& a, const Future& b) {
    return a.state_.get() == b.state_.get();
  }

 private:
  friend class internal::FutureAccess;
  using State = internal::ResultState<T>;

  explicit Future(internal::StateRef<State> state) : state_(std::move(state)) {}

  static Future OfState(internal::TaskState& state) {
    return Future(
        internal::StateRef<State>::Share(static_cast<State*>(&state)));
  }

  State& state_ref() const {
    if (!state_) {
      throw InvalidStateError(
          "the future is empty: it was default-constructed or moved from");
    }
    return *state_;
  }

  void WaitOrThrow(absl::Duration timeout, bool alone = false) const {
    if (!state_ref().Wait(timeout, alone)) {
      throw TimeoutError(absl::StrCat(state_->Describe(), " was not done in ",
                                      absl::FormatDuration(timeout)));
    }
  }

  template <typename Self>
  static auto TryCollectFrom(Self&& self, absl::Duration timeout) {
    using Result = std::conditional_t<std::is_void_v<T>, absl::Status,
                                      absl::StatusOr<internal::Stored<T>>>;
    try {
      if constexpr (std::is_void_v<T>) {
        self.Collect(timeout);
        return Result(absl::OkStatus());
      } else {
        return Result(std::forward<Self>(self).Collect(timeout));
      }
    } catch (...) {
      return Result(ToStatus(std::current_exception()));
    }
  }

  internal::StateRef<State> state_;
};

}  // namespace asyncpal

#endif  // ASYNCPAL_FUTURE_FUTURE_H_
