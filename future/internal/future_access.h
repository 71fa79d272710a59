#ifndef ASYNCPAL_FUTURE_INTERNAL_FUTURE_ACCESS_H_
#define ASYNCPAL_FUTURE_INTERNAL_FUTURE_ACCESS_H_

#include <utility>

#include "asyncpal/future/internal/result_state.h"

namespace asyncpal {

template <typename T>
class Future;

namespace internal {

// The library's own door into a Future: to make one, and to reach its state.
class FutureAccess {
 public:
  // `state` is a StateRef to any kind of ResultState<T>.
  template <typename T, typename State>
  static Future<T> Make(StateRef<State> state) {
    return Future<T>(StateRef<ResultState<T>>::Adopt(state.Detach()));
  }
  template <typename T>
  static ResultState<T>& State(const Future<T>& future) {
    return *future.state_;
  }
};

// A state without a callable: somebody settles it by Complete() or Fail().
template <typename T>
class PromiseState final : public ResultState<T> {
 public:
  explicit PromiseState(TaskOwner* owner) : ResultState<T>(owner, 0) {}

  // A reference for the future and one for the producer to share.
  static StateRef<PromiseState> Make(TaskOwner* owner = nullptr) {
    return StateRef<PromiseState>::Adopt(new PromiseState(owner));
  }
};

}  // namespace internal
}  // namespace asyncpal

#endif  // ASYNCPAL_FUTURE_INTERNAL_FUTURE_ACCESS_H_
