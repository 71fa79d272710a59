#ifndef ASYNCPAL_POOL_TESTING_POOL_CONTRACT_LIFECYCLE_H_
#define ASYNCPAL_POOL_TESTING_POOL_CONTRACT_LIFECYCLE_H_

#include <atomic>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/future.h"
#include "asyncpal/future/wait.h"
#include "asyncpal/pool/cancelled_task.h"
#include "asyncpal/pool/options.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/testing/gate.h"
#include "asyncpal/pool/testing/pool_contract_tools.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// Join, Shutdown, and pools that break: part of pool_contract.h.

namespace asyncpal::testing {

template <typename Traits>
class PoolLifecycleContract : public ::testing::Test {};
TYPED_TEST_SUITE_P(PoolLifecycleContract);

// --- Join ---

TYPED_TEST_P(PoolLifecycleContract, JoinOfAnUnusedPoolReturnsTrue) {
  typename TypeParam::Pool pool(2);
  EXPECT_TRUE(pool.Join(kLong));
}

TYPED_TEST_P(PoolLifecycleContract, JoinReturnsFalseWhenItsTimeoutPasses) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  EXPECT_FALSE(pool.Join(absl::Milliseconds(1)));
}

TYPED_TEST_P(PoolLifecycleContract, JoinRunsEverythingThatWasSubmitted) {
  typename TypeParam::Pool pool(2);
  for (int i = 0; i < 50; ++i) pool.Post(DoNothing);
  ASSERT_TRUE(pool.Join(kLong));
  EXPECT_EQ(pool.Stats().completed, 50);
}

TYPED_TEST_P(PoolLifecycleContract, JoinLeavesNoWorker) {
  typename TypeParam::Pool pool(
      {.max_workers = 2, .idle_timeout = absl::InfiniteDuration()});
  pool.SpawnMaxWorkers();
  ASSERT_TRUE(pool.Join(kLong));
  EXPECT_EQ(pool.CountWorkers(), 0);
}

TYPED_TEST_P(PoolLifecycleContract, JoinLeavesThePoolOpen) {
  typename TypeParam::Pool pool(2);
  pool.Run(DoNothing);
  ASSERT_TRUE(pool.Join(kLong));
  EXPECT_EQ(pool.Submit(Add, 1, 2).Collect(kLong), 3);
}

TYPED_TEST_P(PoolLifecycleContract, WorkIsTakenAfterAJoinThatTimedOut) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  EXPECT_FALSE(pool.Join(absl::ZeroDuration()));
  gate.Open();
  EXPECT_EQ(pool.Submit(Add, 1, 2).Collect(kLong), 3);
}

TYPED_TEST_P(PoolLifecycleContract, JoinOfAClosedPoolReturnsTrue) {
  typename TypeParam::Pool pool(1);
  pool.Shutdown();
  EXPECT_TRUE(pool.Join(kLong));
}

// --- Shutdown ---

TYPED_TEST_P(PoolLifecycleContract, FreshPoolIsOpen) {
  typename TypeParam::Pool pool(1);
  EXPECT_FALSE(pool.is_closed());
  EXPECT_FALSE(pool.is_terminated());
  EXPECT_FALSE(pool.is_broken());
  EXPECT_NO_THROW(pool.Check());
}

TYPED_TEST_P(PoolLifecycleContract, ShutdownReturnsTrue) {
  typename TypeParam::Pool pool(1);
  EXPECT_TRUE(pool.Shutdown());
}

TYPED_TEST_P(PoolLifecycleContract, ShutdownReturnsFalseWhenAlreadyClosed) {
  typename TypeParam::Pool pool(1);
  pool.Shutdown();
  EXPECT_FALSE(pool.Shutdown());
}

TYPED_TEST_P(PoolLifecycleContract, ShutdownTerminatesThePool) {
  typename TypeParam::Pool pool(2);
  pool.Run(DoNothing);
  pool.Shutdown();
  EXPECT_TRUE(pool.is_closed());
  EXPECT_TRUE(pool.is_terminated());
  EXPECT_EQ(pool.CountWorkers(), 0);
}

TYPED_TEST_P(PoolLifecycleContract, OnlyOneOfSeveralShutdownsReturnsTrue) {
  typename TypeParam::Pool pool(2);
  pool.Run(DoNothing);
  std::atomic<int> winners = 0;
  {
    const auto shut_down = [&] {
      if (pool.Shutdown()) ++winners;
    };
    JoiningThread first(shut_down);
    JoiningThread second(shut_down);
    JoiningThread third(shut_down);
  }
  EXPECT_EQ(winners, 1);
}

TYPED_TEST_P(PoolLifecycleContract, ShutdownCancelsPendingTasks) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  const auto future = pool.Submit(TouchGate, gate.path(), 1);
  pool.Shutdown({.deadline = absl::ZeroDuration()});
  EXPECT_TRUE(future.is_cancelled());
}

TYPED_TEST_P(PoolLifecycleContract, TaskCancelledByAShutdownNeverRuns) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  pool.Submit(TouchGate, gate.path(), 1);
  pool.Shutdown({.deadline = absl::ZeroDuration()});
  gate.Open();
  pool.Shutdown();
  EXPECT_EQ(gate.CountArrivals(), 0);
}

TYPED_TEST_P(PoolLifecycleContract, ShutdownWaitsForRunningTasks) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  const auto future = pool.Submit(PassGate, gate.path(), 7);
  ASSERT_TRUE(gate.WaitForArrivals(1));
  JoiningThread opener([&] {
    Eventually([&] { return pool.is_closed(); });
    gate.Open();
  });
  pool.Shutdown();
  EXPECT_EQ(future.Collect(absl::ZeroDuration()), 7);
}

TYPED_TEST_P(PoolLifecycleContract, DrainRunsPendingTasks) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  std::vector<Future<int>> futures;
  for (int i = 0; i < 10; ++i) futures.push_back(pool.Submit(Square, i));
  gate.Open();
  EXPECT_TRUE(pool.Shutdown({.mode = ShutdownMode::kDrain}));
  EXPECT_EQ(Collect(futures, absl::ZeroDuration()).back(), 81);
}

TYPED_TEST_P(PoolLifecycleContract, DrainCancelsWhatIsPendingAtItsDeadline) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  const auto future = pool.Submit(Square, 3);
  pool.Shutdown(
      {.mode = ShutdownMode::kDrain, .deadline = absl::Milliseconds(1)});
  EXPECT_TRUE(future.is_cancelled());
}

TYPED_TEST_P(PoolLifecycleContract, DrainLeavesPendingTasksUntilItsDeadline) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  const auto future = pool.Submit(Square, 3);
  {
    JoiningThread closer([&] {
      pool.Shutdown({.mode = ShutdownMode::kDrain, .deadline = kLong});
    });
    EXPECT_TRUE(Eventually([&] { return pool.is_closed(); }));
    EXPECT_TRUE(future.is_pending());
    gate.Open();
  }
  EXPECT_TRUE(future.is_completed());
}

TYPED_TEST_P(PoolLifecycleContract, ShutdownAfterADrainCancelsTheRest) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  const auto future = pool.Submit(Square, 3);
  JoiningThread closer([&] { pool.Shutdown({.mode = ShutdownMode::kDrain}); });
  EXPECT_TRUE(Eventually([&] { return pool.is_closed(); }));
  EXPECT_FALSE(pool.Shutdown({.deadline = absl::ZeroDuration()}));
  EXPECT_TRUE(future.is_cancelled());
  gate.Open();
}

TYPED_TEST_P(PoolLifecycleContract, KillCancelsPendingTasks) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  const auto future = pool.Submit(Square, 3);
  pool.Shutdown(
      {.mode = ShutdownMode::kKill, .deadline = absl::Milliseconds(1)});
  EXPECT_TRUE(future.is_cancelled());
}

TYPED_TEST_P(PoolLifecycleContract, NegativeDeadlineIsRefused) {
  typename TypeParam::Pool pool(1);
  EXPECT_THAT([&] { pool.Shutdown({.deadline = -absl::Seconds(1)}); },
              ::testing::ThrowsMessage<std::invalid_argument>(
                  ::testing::HasSubstr("deadline is -1s")));
  EXPECT_FALSE(pool.is_closed());
}

TYPED_TEST_P(PoolLifecycleContract, EveryUseOfAClosedPoolThrows) {
  typename TypeParam::Pool pool({.max_workers = 1, .name = "shut"});
  pool.Shutdown();
  const auto closed = ::testing::ThrowsMessage<ClosedPoolError>(
      ::testing::HasSubstr("pool 'shut'"));
  EXPECT_THAT([&] { pool.Check(); }, closed);
  EXPECT_THAT([&] { pool.Submit(DoNothing); }, closed);
  EXPECT_THAT([&] { pool.Submit(TaskOptions{.name = "x"}, DoNothing); },
              closed);
  EXPECT_THAT([&] { pool.Run(DoNothing); }, closed);
  EXPECT_THAT([&] { pool.Post(DoNothing); }, closed);
  EXPECT_THAT([&] { pool.SpawnWorkers(1); }, closed);
  EXPECT_THAT([&] { pool.SpawnMaxWorkers(); }, closed);
}

TYPED_TEST_P(PoolLifecycleContract, RefusedTaskIsNotCounted) {
  typename TypeParam::Pool pool(1);
  pool.Shutdown();
  EXPECT_THROW(pool.Submit(DoNothing), ClosedPoolError);
  EXPECT_EQ(pool.Stats().submitted, 0);
}

TYPED_TEST_P(PoolLifecycleContract, DestructorCancelsPendingTasks) {
  Future<int> future;
  {
    std::optional<Gate> gate(std::in_place);
    typename TypeParam::Pool pool(1);
    ASSERT_TRUE(Occupy(pool, *gate));
    future = pool.Submit(Square, 3);
    // The pool goes first, and with it what is pending; only then the gate.
    future.AddCallback([&](const Future<int>&) { gate->Open(); });
  }
  EXPECT_TRUE(future.is_cancelled());
}

TYPED_TEST_P(PoolLifecycleContract, DestructorWaitsForRunningTasks) {
  Future<int> future;
  Gate gate;
  std::optional<JoiningThread> opener;
  {
    typename TypeParam::Pool pool(1);
    future = pool.Submit(PassGate, gate.path(), 7);
    ASSERT_TRUE(gate.WaitForArrivals(1));
    const auto pending = pool.Submit(Square, 3);
    pending.AddCallback([&](const Future<int>&) { gate.Open(); });
  }
  EXPECT_TRUE(future.is_completed());
}

// --- What a shutdown leaves ---

TYPED_TEST_P(PoolLifecycleContract, CancelledTasksComeInTheOrderOfSubmission) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  for (const char* name : {"a", "b", "c"}) {
    pool.Submit(TaskOptions{.name = name}, DoNothing);
  }
  pool.Shutdown({.deadline = absl::ZeroDuration()});
  std::vector<std::string> names;
  for (const CancelledTask& task : pool.TakeCancelledTasks()) {
    names.push_back(task.name());
  }
  EXPECT_THAT(names, ::testing::ElementsAre("a", "b", "c"));
}

TYPED_TEST_P(PoolLifecycleContract, CancelledTasksRunInAnotherPool) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  for (int i = 0; i < 5; ++i) pool.Submit(TouchGate, gate.path(), i);
  pool.Post(DoNothing);
  pool.Shutdown({.deadline = absl::ZeroDuration()});
  typename TypeParam::Pool other(2);
  for (CancelledTask& task : pool.TakeCancelledTasks()) {
    other.Post(std::move(task));
  }
  ASSERT_TRUE(other.Join(kLong));
  EXPECT_EQ(gate.CountArrivals(), 5);
  EXPECT_EQ(other.Stats().completed, 6);
}

TYPED_TEST_P(PoolLifecycleContract, CancelledTasksAreHandedOutOnce) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  pool.Submit(DoNothing);
  pool.Shutdown({.deadline = absl::ZeroDuration()});
  EXPECT_EQ(pool.TakeCancelledTasks().size(), 1u);
  EXPECT_THAT(pool.TakeCancelledTasks(), ::testing::IsEmpty());
}

TYPED_TEST_P(PoolLifecycleContract, TaskThatItsFutureCancelledIsNotHandedOut) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  pool.Submit(DoNothing).Cancel();
  pool.Shutdown({.deadline = absl::ZeroDuration()});
  EXPECT_THAT(pool.TakeCancelledTasks(), ::testing::IsEmpty());
}

TYPED_TEST_P(PoolLifecycleContract, CancelledTaskOutlivesItsPool) {
  Gate gate;
  std::vector<CancelledTask> tasks;
  {
    typename TypeParam::Pool pool(1);
    ASSERT_TRUE(Occupy(pool, gate));
    pool.Submit(TouchGate, gate.path(), 1);
    pool.Shutdown({.deadline = absl::ZeroDuration()});
    tasks = pool.TakeCancelledTasks();
    gate.Open();
  }
  ASSERT_EQ(tasks.size(), 1u);
  tasks[0]();
  EXPECT_EQ(gate.CountArrivals(), 1);
}

TYPED_TEST_P(PoolLifecycleContract, CancelledTaskRunsOnlyOnce) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  pool.Submit(DoNothing);
  pool.Shutdown({.deadline = absl::ZeroDuration()});
  auto tasks = pool.TakeCancelledTasks();
  ASSERT_EQ(tasks.size(), 1u);
  tasks[0]();
  EXPECT_THROW(tasks[0](), InvalidStateError);
}

TYPED_TEST_P(PoolLifecycleContract, CancelledTaskLetsOutWhatItThrows) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  pool.Submit(ThrowOutOfRange);
  pool.Shutdown({.deadline = absl::ZeroDuration()});
  auto tasks = pool.TakeCancelledTasks();
  ASSERT_EQ(tasks.size(), 1u);
  EXPECT_THROW(tasks[0](), std::out_of_range);
}

// --- Pools that break ---

TYPED_TEST_P(PoolLifecycleContract, TestOfAPoolWithoutHooksReturns) {
  typename TypeParam::Pool pool(1);
  EXPECT_NO_THROW(pool.Test());
}

TYPED_TEST_P(PoolLifecycleContract, TestThrowsWhatTheInitializerThrew) {
  typename TypeParam::Pool pool({.max_workers = 1, .initializer = [] {
                                   throw std::out_of_range("bad start");
                                 }});
  EXPECT_THROW(pool.Test(), InitializerError);
  EXPECT_THAT(ThrownChain([&] { pool.Test(); }),
              ::testing::EndsWith(" <- bad start"));
}

TYPED_TEST_P(PoolLifecycleContract, TestThrowsWhatTheFinalizerThrew) {
  typename TypeParam::Pool pool({.max_workers = 1, .finalizer = [] {
                                   throw std::out_of_range("bad end");
                                 }});
  EXPECT_THROW(pool.Test(), FinalizerError);
  EXPECT_THAT(ThrownChain([&] { pool.Test(); }),
              ::testing::EndsWith(" <- bad end"));
}

TYPED_TEST_P(PoolLifecycleContract, FailedTestDoesNotBreakThePool) {
  typename TypeParam::Pool pool({.max_workers = 1, .initializer = [] {
                                   throw std::out_of_range("bad start");
                                 }});
  EXPECT_THROW(pool.Test(), InitializerError);
  EXPECT_FALSE(pool.is_broken());
}

TYPED_TEST_P(PoolLifecycleContract, TestLeavesNoWorker) {
  typename TypeParam::Pool pool(1);
  pool.Test();
  EXPECT_EQ(pool.CountWorkers(), 0);
}

TYPED_TEST_P(PoolLifecycleContract, InitializerThatThrowsBreaksThePool) {
  typename TypeParam::Pool pool({.max_workers = 1, .initializer = [] {
                                   throw std::out_of_range("bad start");
                                 }});
  pool.SpawnWorkers(1);
  EXPECT_TRUE(Eventually([&] { return pool.is_broken(); }));
}

TYPED_TEST_P(PoolLifecycleContract, BrokenPoolFailsItsPendingTasks) {
  typename TypeParam::Pool pool({.max_workers = 1, .initializer = [] {
                                   throw std::out_of_range("bad start");
                                 }});
  const auto future = pool.Submit(Square, 3);
  EXPECT_THROW(future.Collect(kLong), InitializerError);
}

TYPED_TEST_P(PoolLifecycleContract, ErrorOfABrokenPoolHasItsCauseNested) {
  typename TypeParam::Pool pool({.max_workers = 1, .initializer = [] {
                                   throw std::out_of_range("bad start");
                                 }});
  const auto future = pool.Submit(Square, 3);
  EXPECT_THAT(ThrownChain([&] { future.Collect(kLong); }),
              ::testing::EndsWith(" <- bad start"));
}

TYPED_TEST_P(PoolLifecycleContract, InitializerThatTakesTooLongBreaksThePool) {
  typename TypeParam::Pool pool(
      {.max_workers = 1,
       .initializer = [] { absl::SleepFor(absl::Seconds(5)); },
       .initializer_timeout = absl::Milliseconds(100)});
  const auto future = pool.Submit(Square, 3);
  EXPECT_THROW(future.Collect(kLong), InitializerError);
  EXPECT_TRUE(pool.is_broken());
  try {
    pool.Check();
    ADD_FAILURE() << "the pool is not broken";
  } catch (const InitializerError& error) {
    EXPECT_THROW(std::rethrow_if_nested(error), TimeoutError);
  }
}

TYPED_TEST_P(PoolLifecycleContract, InitializerInTimeBreaksNothing) {
  typename TypeParam::Pool pool(
      {.max_workers = 1, .initializer = [] {}, .initializer_timeout = kLong});
  EXPECT_EQ(pool.Submit(Square, 3).Collect(kLong), 9);
}

TYPED_TEST_P(PoolLifecycleContract, TestThrowsWhenTheInitializerTakesTooLong) {
  typename TypeParam::Pool pool(
      {.max_workers = 1,
       .initializer = [] { absl::SleepFor(absl::Seconds(5)); },
       .initializer_timeout = absl::Milliseconds(100)});
  EXPECT_THROW(pool.Test(), InitializerError);
  EXPECT_FALSE(pool.is_broken());
}

TYPED_TEST_P(PoolLifecycleContract, NegativeInitializerTimeoutIsRefused) {
  EXPECT_THROW(typename TypeParam::Pool pool(
                   {.initializer_timeout = -absl::Milliseconds(1)}),
               std::invalid_argument);
}

TYPED_TEST_P(PoolLifecycleContract, EveryUseOfABrokenPoolThrowsItsError) {
  typename TypeParam::Pool pool(
      {.max_workers = 1, .name = "ill", .initializer = [] {
         throw std::out_of_range("bad start");
       }});
  ASSERT_TRUE(pool.Submit(DoNothing).Wait(kLong));
  const auto broken = ::testing::ThrowsMessage<InitializerError>(
      ::testing::HasSubstr("pool 'ill'"));
  EXPECT_THAT([&] { pool.Check(); }, broken);
  EXPECT_THAT([&] { pool.Submit(DoNothing); }, broken);
  EXPECT_THAT([&] { pool.Run(DoNothing); }, broken);
  EXPECT_THAT([&] { pool.Post(DoNothing); }, broken);
  EXPECT_THAT([&] { pool.SpawnWorkers(1); }, broken);
  EXPECT_THAT([&] { pool.MapAll(Square, Numbers(3)); }, broken);
}

TYPED_TEST_P(PoolLifecycleContract, TasksOfABrokenPoolAreHandedOut) {
  typename TypeParam::Pool pool({.max_workers = 1, .initializer = [] {
                                   throw std::out_of_range("bad start");
                                 }});
  ASSERT_TRUE(pool.Submit(DoNothing).Wait(kLong));
  EXPECT_EQ(pool.TakeCancelledTasks().size(), 1u);
}

TYPED_TEST_P(PoolLifecycleContract, FinalizerThatThrowsBreaksThePool) {
  typename TypeParam::Pool pool({.max_workers = 1, .finalizer = [] {
                                   throw std::out_of_range("bad end");
                                 }});
  pool.Run(DoNothing);
  ASSERT_TRUE(pool.Join(kLong));
  EXPECT_THROW(pool.Check(), FinalizerError);
  EXPECT_THAT(ThrownChain([&] { pool.Check(); }),
              ::testing::EndsWith(" <- bad end"));
}

TYPED_TEST_P(PoolLifecycleContract, ShutdownClosesABrokenPool) {
  typename TypeParam::Pool pool({.max_workers = 1, .initializer = [] {
                                   throw std::out_of_range("bad start");
                                 }});
  ASSERT_TRUE(pool.Submit(DoNothing).Wait(kLong));
  EXPECT_TRUE(pool.Shutdown());
  EXPECT_TRUE(pool.is_terminated());
}

REGISTER_TYPED_TEST_SUITE_P(
    PoolLifecycleContract, JoinOfAnUnusedPoolReturnsTrue,
    JoinReturnsFalseWhenItsTimeoutPasses, JoinRunsEverythingThatWasSubmitted,
    JoinLeavesNoWorker, JoinLeavesThePoolOpen,
    WorkIsTakenAfterAJoinThatTimedOut, JoinOfAClosedPoolReturnsTrue,
    FreshPoolIsOpen, ShutdownReturnsTrue, ShutdownReturnsFalseWhenAlreadyClosed,
    ShutdownTerminatesThePool, OnlyOneOfSeveralShutdownsReturnsTrue,
    ShutdownCancelsPendingTasks, TaskCancelledByAShutdownNeverRuns,
    ShutdownWaitsForRunningTasks, DrainRunsPendingTasks,
    DrainCancelsWhatIsPendingAtItsDeadline,
    DrainLeavesPendingTasksUntilItsDeadline, ShutdownAfterADrainCancelsTheRest,
    KillCancelsPendingTasks, NegativeDeadlineIsRefused,
    EveryUseOfAClosedPoolThrows, RefusedTaskIsNotCounted,
    DestructorCancelsPendingTasks, DestructorWaitsForRunningTasks,
    CancelledTasksComeInTheOrderOfSubmission, CancelledTasksRunInAnotherPool,
    CancelledTasksAreHandedOutOnce, TaskThatItsFutureCancelledIsNotHandedOut,
    CancelledTaskOutlivesItsPool, CancelledTaskRunsOnlyOnce,
    CancelledTaskLetsOutWhatItThrows, TestOfAPoolWithoutHooksReturns,
    TestThrowsWhatTheInitializerThrew, TestThrowsWhatTheFinalizerThrew,
    FailedTestDoesNotBreakThePool, TestLeavesNoWorker,
    InitializerThatThrowsBreaksThePool, BrokenPoolFailsItsPendingTasks,
    ErrorOfABrokenPoolHasItsCauseNested,
    InitializerThatTakesTooLongBreaksThePool, InitializerInTimeBreaksNothing,
    TestThrowsWhenTheInitializerTakesTooLong,
    NegativeInitializerTimeoutIsRefused, EveryUseOfABrokenPoolThrowsItsError,
    TasksOfABrokenPoolAreHandedOut, FinalizerThatThrowsBreaksThePool,
    ShutdownClosesABrokenPool);

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_POOL_TESTING_POOL_CONTRACT_LIFECYCLE_H_
