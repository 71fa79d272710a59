#ifndef ASYNCPAL_POOL_INTERNAL_VIEW_STATE_H_
#define ASYNCPAL_POOL_INTERNAL_VIEW_STATE_H_

#include <cstdint>
#include <exception>
#include <utility>

#include "asyncpal/future/internal/result_state.h"
#include "asyncpal/pool/internal/view_core.h"

namespace asyncpal::internal {

// The state of a task that was submitted to a view, where others have a
// ResultState: it lets go of its place when its callable is gone, which is
// before its future is done.
template <typename T>
class ViewState : public ResultState<T> {
 public:
  ViewState(TaskOwner* owner, uint32_t flags)
      : ResultState<T>(owner, flags),
        has_future_((flags & TaskState::kDetached) == 0) {}

  ViewPlace* view_place() override { return &place_; }
  void CheckWaitForHeld(TaskState& awaited) override {
    place_.CheckWait(*this, awaited);
  }
  void OnGivenBack(FutureState outcome,
                   const std::exception_ptr& error) noexcept override {
    ResultState<T>::OnGivenBack(outcome, error);
    place_.End();
  }

  // Hides that of ResultState. Nothing of the user's follows the end of a task
  // without a future: the worker itself goes on with what comes next.
  template <typename Produce, typename Drop>
  void SettleWith(Produce&& produce, Drop&& drop) {
    if (has_future_) {
      ResultState<T>::SettleWith(produce, drop);
      return;
    }
    DetachedRun run(place_);
    ResultState<T>::SettleWith(produce, drop);
    run.has_returned = true;
  }

 protected:
  void OnCallableGone() noexcept { place_.End(); }

 private:
  struct DetachedRun {
    explicit DetachedRun(ViewPlace& place)
        : view(&place.view()), lane(place.Detach()) {}
    ~DetachedRun() {
      view->PassOn(lane, has_returned && view->host().will_look());
    }
    const ViewRef view;
    TaskLane& lane;
    bool has_returned = false;
  };

  ViewPlace place_;
  const bool has_future_;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_VIEW_STATE_H_
