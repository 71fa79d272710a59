#ifndef ASYNCPAL_FUTURE_TESTING_NO_OWNER_H_
#define ASYNCPAL_FUTURE_TESTING_NO_OWNER_H_

#include <exception>

#include "asyncpal/future/internal/task_state.h"

namespace asyncpal::testing {

// The owner of tasks that no pool has: it is told of them and does nothing.
class NoOwner final : public internal::TaskOwner {
 public:
  void OnPendingClaimed(internal::TaskState&, FutureState) override {}
  void OnFinished(internal::TaskState&, FutureState) override {}
  void OnUnobservedFailure(const internal::TaskState&,
                           std::exception_ptr) noexcept override {}
};

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_FUTURE_TESTING_NO_OWNER_H_
