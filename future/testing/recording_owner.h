#ifndef ASYNCPAL_FUTURE_TESTING_RECORDING_OWNER_H_
#define ASYNCPAL_FUTURE_TESTING_RECORDING_OWNER_H_

#include <exception>
#include <functional>
#include <string>
#include <vector>

#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/task_state.h"

namespace asyncpal::testing {

// The owner of tasks that no pool has: it notes what it is told, and may act on
// it.
class RecordingOwner final : public internal::TaskOwner {
 public:
  void OnPendingClaimed(internal::TaskState& task,
                        FutureState outcome) override {
    claimed.push_back(outcome);
    if (when_claimed != nullptr) when_claimed(task);
  }
  void OnFinished(internal::TaskState& task, FutureState outcome) override {
    finished.push_back(outcome);
    if (when_finished != nullptr) when_finished(task);
  }
  void OnUnobservedFailure(const internal::TaskState&,
                           std::exception_ptr error) noexcept override {
    unobserved.push_back(internal::DescribeException(error));
  }

  std::vector<FutureState> claimed;
  std::vector<FutureState> finished;
  std::vector<std::string> unobserved;
  std::function<void(internal::TaskState&)> when_claimed;
  std::function<void(internal::TaskState&)> when_finished;
};

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_FUTURE_TESTING_RECORDING_OWNER_H_
