#ifndef ASYNCPAL_FUTURE_INTERNAL_TASK_H_
#define ASYNCPAL_FUTURE_INTERNAL_TASK_H_

#include <functional>
#include <new>
#include <stop_token>
#include <tuple>
#include <type_traits>
#include <utility>

#include "asyncpal/future/internal/result_state.h"
#include "asyncpal/future/internal/task_state.h"

namespace asyncpal::internal {

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
// callable lies where the outcome will be. Base is a ResultState<T>, or derives
// from it.
template <typename T, typename Call, bool kStoppable,
          typename Base = ResultState<T>>
class Task final : public Base {
 public:
  template <typename MakeCall>
  Task(TaskOwner* owner, uint32_t flags, MakeCall&& make_call)
      : Base(owner, TaskState::kPoolTask | flags | kFlags) {
    new (place()) Call(std::forward<MakeCall>(make_call)());
  }
  ~Task() noexcept override {
    if (this->HasCallable()) DropCallable();
  }

  void DropCallable() noexcept override {
    DestroyContained(call(), "callable");
    this->OnCallableGone();
  }
  void RequestStop() noexcept override {
    if constexpr (kStoppable) stop_.request_stop();
  }
  std::stop_token stop_token() const override {
    if constexpr (kStoppable) {
      return stop_.get_token();
    } else {
      return {};
    }
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
  using Room = typename Base::Room;
  static constexpr bool kInRoom =
      sizeof(Call) <= sizeof(Room) && alignof(Call) <= alignof(Room);
  static constexpr uint32_t kFlags =
      TaskState::kHasCallable | (kInRoom ? TaskState::kCallableInRoom : 0) |
      (kStoppable ? TaskState::kTracked : 0);

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

// Makes the task for `f(args...)`, which is a State<T>; the reference that it
// is born with belongs to the caller.
template <template <typename> typename State, typename F, typename... Args>
auto* NewTaskOf(TaskOwner* owner, uint32_t flags, F&& f, Args&&... args) {
  using Call = decltype(Bind(std::forward<F>(f), std::forward<Args>(args)...));
  using T = TaskResult<F, Args...>;
  return new Task<T, Call, kWantsStopToken<F, Args...>, State<T>>(
      owner, flags,
      [&] { return Bind(std::forward<F>(f), std::forward<Args>(args)...); });
}
template <typename F, typename... Args>
auto* NewTask(TaskOwner* owner, uint32_t flags, F&& f, Args&&... args) {
  return NewTaskOf<ResultState>(owner, flags, std::forward<F>(f),
                                std::forward<Args>(args)...);
}

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_FUTURE_INTERNAL_TASK_H_
