#ifndef ASYNCPAL_FUTURE_INTERNAL_RESULT_STATE_H_
#define ASYNCPAL_FUTURE_INTERNAL_RESULT_STATE_H_

#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/task_state.h"

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
class ResultState : public TaskState {
 public:
  ResultState(TaskOwner* owner, uint32_t flags) : TaskState(owner, flags) {}
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
  // Called at the end of DropCallable(). A class in between may hide it.
  void OnCallableGone() noexcept {}

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

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_FUTURE_INTERNAL_RESULT_STATE_H_
