#ifndef ASYNCPAL_POOL_TESTING_POOL_CONTRACT_LATER_H_
#define ASYNCPAL_POOL_TESTING_POOL_CONTRACT_LATER_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/future.h"
#include "asyncpal/future/wait.h"
#include "asyncpal/pool/cancelled_task.h"
#include "asyncpal/pool/manual_clock.h"
#include "asyncpal/pool/options.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/testing/gate.h"
#include "asyncpal/pool/testing/pool_contract_tools.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// Tasks that are submitted for later: part of pool_contract.h.

namespace asyncpal::testing {

template <typename Traits>
class PoolLaterContract : public ::testing::Test {
 protected:
  using Options = typename Traits::Options;

  Options WithClock(int max_workers = 1) {
    Options options;
    options.max_workers = max_workers;
    options.clock = clock_;
    return options;
  }

  const std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>();
};
TYPED_TEST_SUITE_P(PoolLaterContract);

TYPED_TEST_P(PoolLaterContract, TaskRunsAfterItsDelay) {
  typename TypeParam::Pool pool(1);
  const absl::Time start = absl::Now();
  EXPECT_EQ(pool.SubmitAfter(absl::Milliseconds(20), Add, 1, 2).Collect(kLong),
            3);
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(19));
}

TYPED_TEST_P(PoolLaterContract, TaskIsPendingUntilItsTimeHasCome) {
  typename TypeParam::Pool pool(this->WithClock());
  const auto future = pool.SubmitAfter(absl::Seconds(10), Add, 1, 2);
  this->clock_->Advance(absl::Seconds(9));
  EXPECT_TRUE(future.is_pending());
  const PoolStats stats = pool.Stats();
  EXPECT_EQ(stats.pending, 1);
  EXPECT_EQ(stats.delayed, 1);
  EXPECT_EQ(stats.submitted, 1);
  EXPECT_EQ(stats.workers, 0);
  this->clock_->Advance(absl::Seconds(1));
  EXPECT_EQ(future.Collect(kLong), 3);
  EXPECT_EQ(pool.Stats().delayed, 0);
  EXPECT_EQ(pool.Stats().completed, 1);
  EXPECT_EQ(pool.Stats().submitted, 1);
}

TYPED_TEST_P(PoolLaterContract, NoDelayIsNoDelay) {
  typename TypeParam::Pool pool(this->WithClock());
  EXPECT_EQ(pool.SubmitAfter(absl::ZeroDuration(), Add, 1, 2).Collect(kLong),
            3);
  EXPECT_EQ(pool.SubmitAfter(absl::Seconds(-1), Add, 2, 2).Collect(kLong), 4);
}

TYPED_TEST_P(PoolLaterContract, InfiniteDelayWaitsToBeCancelled) {
  typename TypeParam::Pool pool(this->WithClock());
  auto future = pool.SubmitAfter(absl::InfiniteDuration(), DoNothing);
  this->clock_->Advance(absl::Hours(24 * 365 * 50));
  EXPECT_TRUE(future.is_pending());
  EXPECT_TRUE(future.Cancel());
  EXPECT_TRUE(pool.Join(kLong));
}

TYPED_TEST_P(PoolLaterContract, TasksComeInTheOrderOfTheirTimes) {
  typename TypeParam::Pool pool(this->WithClock());
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  const auto last = pool.SubmitAfter(absl::Seconds(3), Add, 0, 3);
  const auto second = pool.SubmitAfter(absl::Seconds(1), Add, 0, 2);
  const auto third = pool.SubmitAfter(absl::Seconds(1), Add, 0, 2);
  std::vector<Future<int>> done;
  this->clock_->Advance(absl::Seconds(5));
  EXPECT_EQ(pool.Stats().delayed, 0);
  EXPECT_EQ(pool.Stats().pending, 3);
  gate.Open();
  EXPECT_EQ(last.Collect(kLong), 3);
  // A pool of one runs them one after the other.
  EXPECT_TRUE(second.is_done());
  EXPECT_TRUE(third.is_done());
}

TYPED_TEST_P(PoolLaterContract, CancelledTaskIsGoneAtOnce) {
  typename TypeParam::Pool pool(this->WithClock());
  auto first = pool.SubmitAfter(absl::Seconds(1), Add, 1, 2);
  auto second = pool.SubmitAfter(absl::Seconds(2), Add, 1, 2);
  EXPECT_TRUE(first.Cancel());
  EXPECT_TRUE(first.is_cancelled());
  EXPECT_EQ(pool.Stats().delayed, 1);
  EXPECT_EQ(pool.Stats().cancelled, 1);
  EXPECT_EQ(pool.Stats().submitted, 2);
  this->clock_->Advance(absl::Seconds(2));
  EXPECT_EQ(second.Collect(kLong), 3);
  EXPECT_FALSE(first.Cancel());
}

TYPED_TEST_P(PoolLaterContract, ShutdownCancelsWhatIsDelayed) {
  typename TypeParam::Pool pool(this->WithClock());
  const auto future = pool.SubmitAfter(absl::Seconds(1), Add, 1, 2);
  EXPECT_TRUE(pool.Shutdown());
  EXPECT_TRUE(future.is_cancelled());
  EXPECT_TRUE(pool.is_terminated());
  EXPECT_EQ(pool.Stats().cancelled, 1);
  this->clock_->Advance(absl::Seconds(2));
}

TYPED_TEST_P(PoolLaterContract, CancelledTasksAreHandedBackInOrder) {
  typename TypeParam::Pool pool(this->WithClock());
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  pool.SubmitAfter(absl::Seconds(2), TaskOptions{.name = "c"}, DoNothing);
  pool.SubmitAfter(absl::Seconds(1), TaskOptions{.name = "b"}, DoNothing);
  pool.Submit(TaskOptions{.name = "a"}, DoNothing);
  pool.Shutdown({.deadline = absl::ZeroDuration()});
  std::string names;
  for (CancelledTask& task : pool.TakeCancelledTasks()) {
    names += task.name();
    task();
  }
  EXPECT_EQ(names, "abc");
}

TYPED_TEST_P(PoolLaterContract, DrainRunsWhatIsDueAndCancelsTheRest) {
  typename TypeParam::Pool pool(this->WithClock());
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  const auto due = pool.SubmitAfter(absl::Seconds(1), Add, 1, 2);
  const auto later = pool.SubmitAfter(absl::Seconds(2), Add, 1, 2);
  this->clock_->Advance(absl::Seconds(1));
  gate.Open();
  EXPECT_TRUE(pool.Shutdown({.mode = ShutdownMode::kDrain}));
  EXPECT_EQ(due.Collect(kLong), 3);
  EXPECT_TRUE(later.is_cancelled());
}

TYPED_TEST_P(PoolLaterContract, JoinWaitsForWhatIsDelayed) {
  typename TypeParam::Pool pool(1);
  const auto future = pool.SubmitAfter(absl::Milliseconds(30), Add, 1, 2);
  EXPECT_TRUE(pool.Join(kLong));
  EXPECT_TRUE(future.is_completed());
}

TYPED_TEST_P(PoolLaterContract, ClosedPoolTakesNothingForLater) {
  typename TypeParam::Pool pool(1);
  pool.Shutdown();
  EXPECT_THROW(pool.SubmitAfter(absl::Seconds(1), DoNothing), ClosedPoolError);
}

TYPED_TEST_P(PoolLaterContract, QueueDeadlineCountsFromItsTime) {
  typename TypeParam::Pool pool(this->WithClock());
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  const auto future = pool.SubmitAfter(
      absl::Seconds(10), TaskOptions{.queue_deadline = absl::Seconds(2)},
      DoNothing);
  this->clock_->Advance(absl::Seconds(11));
  EXPECT_TRUE(future.is_pending());
  this->clock_->Advance(absl::Seconds(1));
  ASSERT_TRUE(future.Wait(kLong));
  EXPECT_THROW(future.Collect(), TimeoutError);
  EXPECT_EQ(pool.Stats().expired, 1);
}

TYPED_TEST_P(PoolLaterContract, DelayedTaskCountsAsPendingFromSubmission) {
  auto options = this->WithClock();
  options.max_pending = 2;
  options.when_full = WhenFull::kReject;
  typename TypeParam::Pool pool(std::move(options));
  pool.SubmitAfter(absl::Seconds(1), DoNothing);
  pool.SubmitAfter(absl::Seconds(1), DoNothing);
  EXPECT_THROW(pool.SubmitAfter(absl::Seconds(1), DoNothing), RejectedError);
  // A worker is free for this one.
  EXPECT_EQ(pool.Submit(Add, 1, 2).Collect(kLong), 3);
  EXPECT_EQ(pool.Stats().rejected, 1);
}

TYPED_TEST_P(PoolLaterContract, FullPoolTakesWhatIsDue) {
  auto options = this->WithClock();
  options.max_pending = 2;
  options.when_full = WhenFull::kReject;
  typename TypeParam::Pool pool(std::move(options));
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  const auto delayed = pool.SubmitAfter(absl::Seconds(1), Add, 1, 2);
  const auto pending = pool.Submit(Add, 2, 2);
  EXPECT_THROW(pool.Submit(DoNothing), RejectedError);
  this->clock_->Advance(absl::Seconds(1));
  gate.Open();
  EXPECT_EQ(delayed.Collect(kLong), 3);
  EXPECT_EQ(pending.Collect(kLong), 4);
}

TYPED_TEST_P(PoolLaterContract, TaskRunsOnceHoweverItsTimeAndItsEndMeet) {
  typename TypeParam::Pool pool(this->WithClock(2));
  for (int round = 0; round < 200; ++round) {
    auto future = pool.SubmitAfter(absl::Seconds(1), Add, 1, 2);
    JoiningThread mover([&] { this->clock_->Advance(absl::Seconds(1)); });
    future.Cancel();
    mover.Join();
    ASSERT_TRUE(future.Wait(kLong));
  }
  ASSERT_TRUE(pool.Join(kLong));
  const PoolStats stats = pool.Stats();
  EXPECT_EQ(stats.submitted, 200);
  EXPECT_EQ(stats.completed + stats.cancelled, 200);
  EXPECT_EQ(stats.pending, 0);
  EXPECT_EQ(stats.delayed, 0);
}

REGISTER_TYPED_TEST_SUITE_P(
    PoolLaterContract, TaskRunsAfterItsDelay, TaskIsPendingUntilItsTimeHasCome,
    NoDelayIsNoDelay, InfiniteDelayWaitsToBeCancelled,
    TasksComeInTheOrderOfTheirTimes, CancelledTaskIsGoneAtOnce,
    ShutdownCancelsWhatIsDelayed, CancelledTasksAreHandedBackInOrder,
    DrainRunsWhatIsDueAndCancelsTheRest, JoinWaitsForWhatIsDelayed,
    ClosedPoolTakesNothingForLater, QueueDeadlineCountsFromItsTime,
    DelayedTaskCountsAsPendingFromSubmission, FullPoolTakesWhatIsDue,
    TaskRunsOnceHoweverItsTimeAndItsEndMeet);

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_POOL_TESTING_POOL_CONTRACT_LATER_H_
