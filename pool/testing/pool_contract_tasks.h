#ifndef ASYNCPAL_POOL_TESTING_POOL_CONTRACT_TASKS_H_
#define ASYNCPAL_POOL_TESTING_POOL_CONTRACT_TASKS_H_

#include <algorithm>
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "asyncpal/future/error.h"
#include "asyncpal/future/future.h"
#include "asyncpal/future/future_filter.h"
#include "asyncpal/future/wait.h"
#include "asyncpal/pool/options.h"
#include "asyncpal/pool/testing/gate.h"
#include "asyncpal/pool/testing/pool_contract_tools.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// What every pool does with one task: part of pool_contract.h.

namespace asyncpal::testing {

template <typename Traits>
class PoolTaskContract : public ::testing::Test {};
TYPED_TEST_SUITE_P(PoolTaskContract);

// --- Results and errors ---

TYPED_TEST_P(PoolTaskContract, SubmitGivesTheResult) {
  typename TypeParam::Pool pool(2);
  EXPECT_EQ(pool.Submit([] { return 42; }).Collect(kLong), 42);
}

TYPED_TEST_P(PoolTaskContract, SubmitPassesTheArguments) {
  typename TypeParam::Pool pool(2);
  EXPECT_EQ(pool.Submit(Add, 10, 2).Collect(kLong), 12);
}

TYPED_TEST_P(PoolTaskContract, SubmitPassesContainers) {
  typename TypeParam::Pool pool(2);
  const auto future = pool.Submit(
      [](std::vector<std::string> words) {
        words.push_back("end");
        return words;
      },
      std::vector<std::string>{"a", "b"});
  EXPECT_THAT(future.Collect(kLong), ::testing::ElementsAre("a", "b", "end"));
}

TYPED_TEST_P(PoolTaskContract, TaskWithoutResultCompletes) {
  typename TypeParam::Pool pool(2);
  const Future<void> future = pool.Submit(DoNothing);
  ASSERT_TRUE(future.Wait(kLong));
  EXPECT_TRUE(future.is_completed());
}

TYPED_TEST_P(PoolTaskContract, RunReturnsTheResult) {
  typename TypeParam::Pool pool(2);
  EXPECT_EQ(pool.Run(Add, 10, 2), 12);
}

TYPED_TEST_P(PoolTaskContract, RunThrowsWhatTheTaskThrew) {
  typename TypeParam::Pool pool(2);
  EXPECT_THAT([&] { pool.Run(ThrowOutOfRange); },
              ::testing::ThrowsMessage<std::out_of_range>("no such thing"));
}

TYPED_TEST_P(PoolTaskContract, FutureKeepsWhatTheTaskThrew) {
  typename TypeParam::Pool pool(2);
  const auto future = pool.Submit(ThrowOutOfRange);
  ASSERT_TRUE(future.Wait(kLong));
  ASSERT_NE(future.exception(), nullptr);
  EXPECT_THROW(std::rethrow_exception(future.exception()), std::out_of_range);
}

TYPED_TEST_P(PoolTaskContract, TaskThatThrowsNoExceptionTypeFails) {
  typename TypeParam::Pool pool(2);
  const auto future = pool.Submit([] { throw 42; });
  ASSERT_TRUE(future.Wait(kLong));
  EXPECT_TRUE(future.is_failed());
}

TYPED_TEST_P(PoolTaskContract, FailedTaskHurtsNoOther) {
  typename TypeParam::Pool pool(1);
  pool.Submit(ThrowOutOfRange).Wait(kLong);
  EXPECT_EQ(pool.Run(Add, 1, 2), 3);
}

TYPED_TEST_P(PoolTaskContract, PostedTaskRuns) {
  typename TypeParam::Pool pool(1);
  pool.Post(DoNothing);
  ASSERT_TRUE(pool.Join(kLong));
  EXPECT_EQ(pool.Stats().completed, 1);
}

TYPED_TEST_P(PoolTaskContract, PostedTaskThatThrowsIsCountedAsFailed) {
  typename TypeParam::Pool pool(1);
  pool.Post([] { throw std::runtime_error("thrown by a posted task"); });
  ASSERT_TRUE(pool.Join(kLong));
  EXPECT_EQ(pool.Stats().failed, 1);
}

TYPED_TEST_P(PoolTaskContract, ManyTasksEachGiveTheirOwnResult) {
  typename TypeParam::Pool pool(4);
  std::vector<Future<int>> futures;
  std::vector<int> expected;
  for (int i = 0; i < 200; ++i) {
    futures.push_back(pool.Submit(Square, i));
    expected.push_back(i * i);
  }
  EXPECT_EQ(Collect(futures, kLong), expected);
}

TYPED_TEST_P(PoolTaskContract, OneWorkerRunsTasksInTheOrderOfSubmission) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  FutureFilter<int> done;
  for (int i = 0; i < 20; ++i) done.Put(pool.Submit(Square, i));
  gate.Open();
  std::vector<uint64_t> order;
  while (auto future = done.Get(kLong)) order.push_back(future->task_id());
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

// --- States ---

TYPED_TEST_P(PoolTaskContract, TaskBehindBusyWorkersIsPending) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  EXPECT_TRUE(pool.Submit(DoNothing).is_pending());
}

TYPED_TEST_P(PoolTaskContract, TaskThatWorksIsRunning) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  const auto future = pool.Submit(PassGate, gate.path(), 7);
  ASSERT_TRUE(gate.WaitForArrivals(1));
  EXPECT_TRUE(future.is_running());
}

TYPED_TEST_P(PoolTaskContract, TaskThatReturnedIsCompleted) {
  typename TypeParam::Pool pool(1);
  const auto future = pool.Submit(Square, 3);
  ASSERT_TRUE(future.Wait(kLong));
  EXPECT_TRUE(future.is_completed());
}

TYPED_TEST_P(PoolTaskContract, TaskThatThrewIsFailed) {
  typename TypeParam::Pool pool(1);
  const auto future = pool.Submit(ThrowOutOfRange);
  ASSERT_TRUE(future.Wait(kLong));
  EXPECT_TRUE(future.is_failed());
}

TYPED_TEST_P(PoolTaskContract, CollectTimesOutWhileTheTaskRuns) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  const auto future = pool.Submit(PassGate, gate.path(), 7);
  EXPECT_THROW(future.Collect(absl::Milliseconds(1)), TimeoutError);
}

TYPED_TEST_P(PoolTaskContract, TaskGoesOnAfterATimedOutCollect) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  const auto future = pool.Submit(PassGate, gate.path(), 7);
  EXPECT_FALSE(future.Wait(absl::Milliseconds(1)));
  gate.Open();
  EXPECT_EQ(future.Collect(kLong), 7);
}

TYPED_TEST_P(PoolTaskContract, TaskIdsCountFromOne) {
  typename TypeParam::Pool pool(2);
  std::vector<uint64_t> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(pool.Submit(DoNothing).task_id());
  EXPECT_THAT(ids, ::testing::ElementsAre(1, 2, 3));
}

TYPED_TEST_P(PoolTaskContract, EachPoolHasItsOwnTaskIds) {
  typename TypeParam::Pool first(1);
  typename TypeParam::Pool second(1);
  first.Run(DoNothing);
  EXPECT_EQ(second.Submit(DoNothing).task_id(), 1u);
}

TYPED_TEST_P(PoolTaskContract, CallbackRunsWhenTheTaskIsDone) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  const auto future = pool.Submit(PassGate, gate.path(), 7);
  Gate called;
  future.AddCallback([&](const Future<int>& done) {
    TouchGate(called.path(), done.Collect(absl::ZeroDuration()));
  });
  EXPECT_EQ(called.CountArrivals(), 0);
  gate.Open();
  EXPECT_TRUE(called.WaitForArrivals(1));
}

TYPED_TEST_P(PoolTaskContract, ResultOutlivesThePool) {
  Future<int> future;
  {
    typename TypeParam::Pool pool(1);
    future = pool.Submit(Square, 3);
    ASSERT_TRUE(future.Wait(kLong));
  }
  EXPECT_EQ(future.Collect(), 9);
}

// --- Cancelling ---

TYPED_TEST_P(PoolTaskContract, CancelOfAPendingTaskReturnsTrue) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  EXPECT_TRUE(pool.Submit(DoNothing).Cancel());
}

TYPED_TEST_P(PoolTaskContract, CancelledPendingTaskNeverRuns) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  pool.Submit(TouchGate, gate.path(), 1).Cancel();
  gate.Open();
  ASSERT_TRUE(pool.Join(kLong));
  EXPECT_EQ(gate.CountArrivals(), 0);
}

TYPED_TEST_P(PoolTaskContract, CancelledTaskCollectsACancelledError) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  auto future = pool.Submit(Square, 3);
  future.Cancel();
  EXPECT_THROW(future.Collect(), CancelledError);
}

TYPED_TEST_P(PoolTaskContract, CancelOfARunningTaskReturnsFalse) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  auto future = pool.Submit(PassGate, gate.path(), 7);
  ASSERT_TRUE(gate.WaitForArrivals(1));
  EXPECT_FALSE(future.Cancel());
}

TYPED_TEST_P(PoolTaskContract, CancelOfARunningTaskIsRemembered) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  auto future = pool.Submit(PassGate, gate.path(), 7);
  ASSERT_TRUE(gate.WaitForArrivals(1));
  future.Cancel();
  EXPECT_TRUE(future.cancel_requested());
}

TYPED_TEST_P(PoolTaskContract, CancelOfADoneTaskReturnsFalse) {
  typename TypeParam::Pool pool(1);
  auto future = pool.Submit(Square, 3);
  ASSERT_TRUE(future.Wait(kLong));
  EXPECT_FALSE(future.Cancel());
}

TYPED_TEST_P(PoolTaskContract, KillOfAPendingTaskCancelsIt) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  auto future = pool.Submit(DoNothing);
  future.Kill();
  EXPECT_TRUE(future.is_cancelled());
}

// --- TaskOptions ---

TYPED_TEST_P(PoolTaskContract, TaskWithinItsLimitsCompletes) {
  typename TypeParam::Pool pool(1);
  EXPECT_EQ(pool.Run(TaskOptions{.timeout = kLong, .queue_deadline = kLong},
                     Add, 1, 2),
            3);
}

TYPED_TEST_P(PoolTaskContract, TaskThatMissesItsQueueDeadlineFails) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  const auto future = pool.Submit(
      TaskOptions{.queue_deadline = absl::Milliseconds(1)}, Square, 3);
  EXPECT_THAT([&] { future.Collect(kLong); },
              ::testing::ThrowsMessage<TimeoutError>(
                  ::testing::HasSubstr("queue_deadline")));
}

TYPED_TEST_P(PoolTaskContract, TaskThatMissesItsQueueDeadlineNeverRuns) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  pool.Submit(TaskOptions{.queue_deadline = absl::Milliseconds(1)}, TouchGate,
              gate.path(), 1)
      .Wait(kLong);
  gate.Open();
  ASSERT_TRUE(pool.Join(kLong));
  EXPECT_EQ(gate.CountArrivals(), 0);
}

TYPED_TEST_P(PoolTaskContract, TaskThatOutrunsItsTimeoutFails) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  const auto future = pool.Submit(TaskOptions{.timeout = absl::Milliseconds(1)},
                                  PassGate, gate.path(), 7);
  EXPECT_THAT(
      [&] { future.Collect(kLong); },
      ::testing::ThrowsMessage<TimeoutError>(::testing::HasSubstr("timeout")));
}

TYPED_TEST_P(PoolTaskContract, PoolGoesOnAfterATimeout) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  pool.Submit(TaskOptions{.timeout = absl::Milliseconds(1)}, PassGate,
              gate.path(), 7)
      .Wait(kLong);
  gate.Open();
  EXPECT_EQ(pool.Submit(Square, 3).Collect(kLong), 9);
}

TYPED_TEST_P(PoolTaskContract, TimeoutErrorNamesTheTask) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  const auto future = pool.Submit(
      TaskOptions{.name = "slow one", .timeout = absl::Milliseconds(1)},
      PassGate, gate.path(), 7);
  EXPECT_THAT(
      [&] { future.Collect(kLong); },
      ::testing::ThrowsMessage<TimeoutError>(::testing::HasSubstr("slow one")));
}

TYPED_TEST_P(PoolTaskContract, PostTakesTaskOptions) {
  typename TypeParam::Pool pool(1);
  pool.Post(TaskOptions{.name = "posted"}, DoNothing);
  ASSERT_TRUE(pool.Join(kLong));
  EXPECT_EQ(pool.Stats().completed, 1);
}

TYPED_TEST_P(PoolTaskContract, BadTaskOptionIsNamedWithItsValue) {
  typename TypeParam::Pool pool(1);
  const struct {
    TaskOptions options;
    const char* name;
    const char* value;
  } cases[] = {
      {{.timeout = -absl::Seconds(1)}, "timeout", "-1s"},
      {{.timeout = -absl::InfiniteDuration()}, "timeout", "-inf"},
      {{.queue_deadline = -absl::Seconds(2)}, "queue_deadline", "-2s"},
      {{.max_attempts = 0}, "max_attempts", "0"},
      {{.max_attempts = -3}, "max_attempts", "-3"},
  };
  for (const auto& bad : cases) {
    EXPECT_THAT(
        [&] { pool.Submit(bad.options, DoNothing); },
        ::testing::ThrowsMessage<std::invalid_argument>(::testing::AllOf(
            ::testing::HasSubstr(bad.name), ::testing::HasSubstr(bad.value))));
  }
}

TYPED_TEST_P(PoolTaskContract, TaskWithABadOptionWasNotSubmitted) {
  typename TypeParam::Pool pool(1);
  EXPECT_THROW(pool.Submit(TaskOptions{.max_attempts = 0}, DoNothing),
               std::invalid_argument);
  EXPECT_EQ(pool.Submit(DoNothing).task_id(), 1u);
}

TYPED_TEST_P(PoolTaskContract, EmptyFunctionPointerIsRefused) {
  typename TypeParam::Pool pool(1);
  int (*empty)() = nullptr;
  EXPECT_THAT([&] { pool.Submit(empty); },
              ::testing::ThrowsMessage<std::invalid_argument>(
                  ::testing::HasSubstr("empty")));
}

REGISTER_TYPED_TEST_SUITE_P(
    PoolTaskContract, SubmitGivesTheResult, SubmitPassesTheArguments,
    SubmitPassesContainers, TaskWithoutResultCompletes, RunReturnsTheResult,
    RunThrowsWhatTheTaskThrew, FutureKeepsWhatTheTaskThrew,
    TaskThatThrowsNoExceptionTypeFails, FailedTaskHurtsNoOther, PostedTaskRuns,
    PostedTaskThatThrowsIsCountedAsFailed, ManyTasksEachGiveTheirOwnResult,
    OneWorkerRunsTasksInTheOrderOfSubmission, TaskBehindBusyWorkersIsPending,
    TaskThatWorksIsRunning, TaskThatReturnedIsCompleted, TaskThatThrewIsFailed,
    CollectTimesOutWhileTheTaskRuns, TaskGoesOnAfterATimedOutCollect,
    TaskIdsCountFromOne, EachPoolHasItsOwnTaskIds,
    CallbackRunsWhenTheTaskIsDone, ResultOutlivesThePool,
    CancelOfAPendingTaskReturnsTrue, CancelledPendingTaskNeverRuns,
    CancelledTaskCollectsACancelledError, CancelOfARunningTaskReturnsFalse,
    CancelOfARunningTaskIsRemembered, CancelOfADoneTaskReturnsFalse,
    KillOfAPendingTaskCancelsIt, TaskWithinItsLimitsCompletes,
    TaskThatMissesItsQueueDeadlineFails,
    TaskThatMissesItsQueueDeadlineNeverRuns, TaskThatOutrunsItsTimeoutFails,
    PoolGoesOnAfterATimeout, TimeoutErrorNamesTheTask, PostTakesTaskOptions,
    BadTaskOptionIsNamedWithItsValue, TaskWithABadOptionWasNotSubmitted,
    EmptyFunctionPointerIsRefused);

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_POOL_TESTING_POOL_CONTRACT_TASKS_H_
