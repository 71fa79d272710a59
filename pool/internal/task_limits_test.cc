#include "asyncpal/pool/internal/task_limits.h"

#include <exception>
#include <memory>
#include <utility>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/task.h"
#include "asyncpal/future/testing/notification.h"
#include "asyncpal/pool/internal/pool_core.h"
#include "asyncpal/pool/options.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::testing::HasSubstr;
using testing::kDeadline;
using testing::Notification;
using ::testing::ThrowsMessage;

constexpr absl::Duration kNow = absl::ZeroDuration();
constexpr absl::Duration kNever = absl::Hours(1);

// The task of a pool that counts nothing.
class Owner final : public TaskOwner {
 public:
  void OnPendingClaimed(TaskState&, FutureState) override {}
  void OnFinished(TaskState&, FutureState) override {}
  void OnUnobservedFailure(const TaskState&,
                           std::exception_ptr) noexcept override {}
};

class TaskLimitsTest : public ::testing::Test {
 protected:
  using State = ResultState<void>;

  StateRef<State> Make(TaskOptions options) {
    return StateRef<State>::Adopt(AttachOptions(
        std::move(options), NewTask(&owner_, TaskState::kTracked, [] {})));
  }

  Owner owner_;
  Notification missed_;
  TaskLimits limits_{[this](TaskState&) { missed_.Notify(); }};
};

TEST_F(TaskLimitsTest, TaskFailsThatHasNotStartedByItsDeadline) {
  const auto task = Make({.queue_deadline = kNow});
  limits_.StartQueueTimer(task.get());
  ASSERT_TRUE(task->Wait(kDeadline));
  EXPECT_THAT([&] { task->Get(); },
              ThrowsMessage<TimeoutError>(HasSubstr("queue_deadline")));
}

TEST_F(TaskLimitsTest, TaskThatStartsInTimeDoesNotFail) {
  const auto task = Make({.queue_deadline = kNever});
  limits_.StartQueueTimer(task.get());
  ASSERT_TRUE(task->Start());
  EXPECT_TRUE(limits_.StartRunningTimer(task.get()));
  // The timer has given up its hold on the task.
  EXPECT_TRUE(task->is_unique());
}

TEST_F(TaskLimitsTest, CancelledDeadlineHoldsNoTask) {
  const auto task = Make({.queue_deadline = kNever});
  limits_.StartQueueTimer(task.get());
  EXPECT_FALSE(task->is_unique());
  limits_.CancelQueueTimer(*task);
  EXPECT_TRUE(task->is_unique());
}

TEST_F(TaskLimitsTest, RunningTaskFailsAtItsTimeoutBeforeThePoolHears) {
  const auto task = Make({.timeout = kNow});
  ASSERT_TRUE(task->Start());
  ASSERT_TRUE(limits_.StartRunningTimer(task.get()));
  ASSERT_TRUE(missed_.Wait());
  EXPECT_TRUE(task->cancel_requested());
  EXPECT_THAT([&] { task->Get(); }, ThrowsMessage<TimeoutError>(
                                        HasSubstr("longer than its timeout")));
}

TEST_F(TaskLimitsTest, TaskThatEndsInTimeIsForgotten) {
  const auto task = Make({.timeout = kNever});
  ASSERT_TRUE(task->Start());
  ASSERT_TRUE(limits_.StartRunningTimer(task.get()));
  EXPECT_FALSE(task->is_unique());
  limits_.CancelRunningTimer(*task);
  EXPECT_TRUE(task->is_unique());
  limits_.CancelRunningTimer(*task);
}

TEST_F(TaskLimitsTest, TaskWithoutLimitsNeedsNoTimer) {
  const auto task = Make({.name = "free"});
  limits_.StartQueueTimer(task.get());
  EXPECT_TRUE(limits_.StartRunningTimer(task.get()));
  EXPECT_TRUE(task->is_unique());
  limits_.CancelRunningTimer(*task);
  limits_.CancelQueueTimer(*task);
}

}  // namespace
}  // namespace asyncpal::internal
