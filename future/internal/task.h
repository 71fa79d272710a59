#ifndef ASYNCPAL_FUTURE_INTERNAL_TASK_H_
#define ASYNCPAL_FUTURE_INTERNAL_TASK_H_

#include <exception>
#include <functional>
#include <memory>
#include <new>
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

// Whether a T can be copied, for void too. Containers claim it of themselves
// even where their elements can't be, and fail to compile when it is tried.
template <typename T>
struct IsCopyable : std::is_copy_constructible<Stored<T>> {};
template <typename T>
requires requires {
  typename T::allocator_type;
  typename T::value_type;
}
struct IsCopyable<T> : std::conjunction<std::is_copy_constructible<T>,
                                        IsCopyable<typename T::value_type>> {};
template <typename... T>
struct IsCopyable<std::tuple<T...>> : std::conjunction<IsCopyable<T>...> {};
template <typename T, typename U>
struct IsCopyable<std::pair<T, U>>
    : std::conjunction<IsCopyable<T>, IsCopyable<U>> {};
template <typename T>
inline constexpr bool kCopyable = IsCopyable<T>::value;

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

// Ends the life of a user's object, whose destructor may throw.
template <typename T>
void DestroyContained(T& object, const char* description) noexcept {
  try {
    std::destroy_at(&object);
  } catch (...) {
    LogFailure(
        absl::StrCat("the destructor of a task's ", description, " threw"),
        std::current_exception());
  }
}

// Room for a result that is not yet anyone's. Unlike a std::optional, it is
// filled without a move and bears a destructor that throws.
template <typename T>
class ResultSlot {
 public:
  ResultSlot() {}
  ~ResultSlot() noexcept { Reset(); }
  ResultSlot(const ResultSlot&) = delete;
  ResultSlot& operator=(const ResultSlot&) = delete;

  template <typename Produce>
  void FillFrom(Produce& produce) {
    new (&value_) T(InvokeStored(produce));
    filled_ = true;
  }
  void Reset() noexcept {
    if (std::exchange(filled_, false)) DestroyContained(value_, "result");
  }
  bool filled() const { return filled_; }
  T& value() { return value_; }

 private:
  union {
    T value_;
  };
  bool filled_ = false;
};

// The state behind a Future<T>: room for the result or the error.
template <typename T>
class ResultState : public StateBase {
 public:
  ResultState(TaskOwner* owner, uint32_t flags) : StateBase(owner, flags) {}
  ~ResultState() noexcept override {
    switch (state()) {
      case FutureState::kCompleted:
        DestroyContained(room_.value, "result");
        break;
      case FutureState::kFailed:
        if (!has_error_apart()) std::destroy_at(&room_.error);
        break;
      default:
        break;
    }
  }

  // The result of a done state, or its error thrown.
  const Stored<T>& Get() const {
    ThrowUnlessCompleted();
    if (is_taken()) ThrowTaken();
    return room_.value;
  }
  // The same; the caller may move out of what it gets, and is the only one.
  Stored<T>& GetForMove() {
    ThrowUnlessCompleted();
    if (!Take()) ThrowTaken();
    return room_.value;
  }
  const Stored<T>* result() const {
    return state() == FutureState::kCompleted && !is_taken() ? &room_.value
                                                             : nullptr;
  }
  std::exception_ptr error() const {
    if (state() != FutureState::kFailed) return nullptr;
    return has_error_apart() ? ErrorApart() : room_.error;
  }

  // Settles a pending or started state that has no callable of its own. False:
  // it was cancelled before. Takes no reference.
  bool Complete(Stored<T> value) {
    const bool was_pending = ClaimPending();
    if (!was_pending && !ClaimRunning()) return false;
    // Once claimed, the state must be settled, if only with what the move
    // throws.
    std::exception_ptr error = TryStore(std::move(value));
    const FutureState outcome =
        error == nullptr ? FutureState::kCompleted : FutureState::kFailed;
    if (was_pending) {
      SettleClaimed(outcome, std::move(error));
    } else {
      AddReference();
      if (error != nullptr) StoreError(error);
      Finish(outcome, std::move(error));
    }
    return true;
  }

  // Settles a started state with what `produce` returns or throws, and gives up
  // the caller's reference. `drop` destroys the callable first, so that what
  // it captured is gone when a waiter sees the result.
  template <typename Produce, typename Drop>
  void SettleWith(Produce&& produce, Drop&& drop) {
    ResultSlot<Stored<T>> result;
    std::exception_ptr error;
    try {
      result.FillFrom(produce);
    } catch (...) {
      error = std::current_exception();
      if (error == nullptr) {
        // pthread_exit() or a cancelled thread: this unwinding must go on.
        // (To catch it as an abi::__forced_unwind is to bind a null reference.)
        drop();
        SettleError(std::make_exception_ptr(InvalidStateError(
            absl::StrCat(Describe(), " ended its thread by pthread_exit"))));
        throw;
      }
    }
    drop();
    if (result.filled() && ClaimRunning()) {
      error = TryStore(std::move(result.value()));
      if (error != nullptr) StoreError(error);
      result.Reset();
      const FutureState outcome =
          error == nullptr ? FutureState::kCompleted : FutureState::kFailed;
      Finish(outcome, std::move(error));
    } else {
      SettleError(std::move(error));
    }
  }

 protected:
  // What is there depends on how far the state is; a callable that is small
  // enough may lie there before the outcome.
  union Room {
    Room() {}
    ~Room() {}
    Stored<T> value;
    std::exception_ptr error;
  };
  void* room() { return &room_; }

  void StoreError(std::exception_ptr error) noexcept override {
    new (&room_.error) std::exception_ptr(std::move(error));
  }

 private:
  // Null, or what the move threw: there is no value then.
  std::exception_ptr TryStore(Stored<T>&& value) noexcept {
    try {
      new (&room_.value) Stored<T>(std::move(value));
      return nullptr;
    } catch (...) {
      return std::current_exception();
    }
  }

  // Gives up the caller's reference.
  void SettleError(std::exception_ptr error) {
    if (error == nullptr || !ClaimRunning()) {
      NoteCallableGone();
      Release();
      return;
    }
    StoreError(error);
    Finish(FutureState::kFailed, std::move(error));
  }

  void ThrowUnlessCompleted() const {
    switch (state()) {
      case FutureState::kCompleted:
        return;
      case FutureState::kFailed:
        std::rethrow_exception(CopyException(error()));
      default:
        throw CancelledError(absl::StrCat(Describe(), " was cancelled"));
    }
  }
  [[noreturn]] void ThrowTaken() const {
    throw InvalidStateError(
        absl::StrCat("the result of ", Describe(), " was already moved out"));
  }

  Room room_;
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
using TaskResult = std::remove_cvref_t<typename TaskResultOf<F, Args...>::type>;

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

// A task: the state of its future and its callable, in one allocation. A small
// callable lies where the outcome will be.
template <typename T, typename Call, bool kStoppable>
class Task final : public ResultState<T> {
 public:
  template <typename MakeCall>
  Task(TaskOwner* owner, uint32_t flags, MakeCall&& make_call)
      : ResultState<T>(owner, StateBase::kPoolTask | flags | kFlags) {
    new (place()) Call(std::forward<MakeCall>(make_call)());
  }
  ~Task() noexcept override {
    if (this->HasCallable()) DropCallable();
  }

  void DropCallable() noexcept override {
    DestroyContained(call(), "callable");
  }
  void RequestStop() noexcept override {
    if constexpr (kStoppable) stop_.request_stop();
  }
  void InvokeDetached() override {
    // Dropped on every way out, as after an ordinary run.
    struct Dropper {
      Task& task;
      ~Dropper() {
        task.DropCallable();
        task.NoteCallableGone();
      }
    } dropper{*this};
    static_cast<void>(Invoke());
  }

 protected:
  void Execute() override {
    this->SettleWith([this]() -> decltype(auto) { return Invoke(); },
                     [this] { DropCallable(); });
  }

 private:
  using Room = typename ResultState<T>::Room;
  static constexpr bool kInRoom =
      sizeof(Call) <= sizeof(Room) && alignof(Call) <= alignof(Room);
  static constexpr uint32_t kFlags =
      StateBase::kHasCallable | (kInRoom ? StateBase::kCallableInRoom : 0) |
      (kStoppable ? StateBase::kTracked : 0);

  struct Nothing {};
  union OwnPlace {
    OwnPlace() {}
    ~OwnPlace() {}
    Call call;
  };

  void* place() {
    if constexpr (kInRoom) {
      return this->room();
    } else {
      return &own_place_;
    }
  }
  Call& call() { return *std::launder(static_cast<Call*>(place())); }

  decltype(auto) Invoke() {
    if constexpr (kStoppable) {
      return std::move(call())(stop_.get_token());
    } else {
      return std::move(call())();
    }
  }

  [[no_unique_address]] std::conditional_t<kInRoom, Nothing, OwnPlace>
      own_place_;
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
