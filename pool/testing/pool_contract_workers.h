#ifndef ASYNCPAL_POOL_TESTING_POOL_CONTRACT_WORKERS_H_
#define ASYNCPAL_POOL_TESTING_POOL_CONTRACT_WORKERS_H_

#include <cstdint>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "asyncpal/future/future.h"
#include "asyncpal/future/wait.h"
#include "asyncpal/pool/options.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/testing/gate.h"
#include "asyncpal/pool/testing/pool_contract_tools.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// Workers, counts and options of a pool: part of pool_contract.h.

namespace asyncpal::testing {

// How often this worker was initialized.
inline thread_local int initializations = 0;

template <typename Traits>
class PoolWorkerContract : public ::testing::Test {};
TYPED_TEST_SUITE_P(PoolWorkerContract);

// --- Growing and shrinking ---

TYPED_TEST_P(PoolWorkerContract, FreshPoolHasNoWorkers) {
  typename TypeParam::Pool pool(4);
  EXPECT_EQ(pool.CountWorkers(), 0);
}

TYPED_TEST_P(PoolWorkerContract, SpawnWorkersStartsAsManyAsAsked) {
  typename TypeParam::Pool pool(4);
  EXPECT_EQ(pool.SpawnWorkers(3), 3);
  EXPECT_EQ(pool.CountWorkers(), 3);
}

TYPED_TEST_P(PoolWorkerContract, SpawnWorkersStopsAtTheMaximum) {
  typename TypeParam::Pool pool(4);
  EXPECT_EQ(pool.SpawnWorkers(100), 4);
  EXPECT_EQ(pool.CountWorkers(), 4);
}

TYPED_TEST_P(PoolWorkerContract, SpawnWorkersFillsUpToTheMaximum) {
  typename TypeParam::Pool pool(4);
  pool.SpawnWorkers(3);
  EXPECT_EQ(pool.SpawnWorkers(100), 1);
}

TYPED_TEST_P(PoolWorkerContract, SpawnMaxWorkersStartsThemAll) {
  typename TypeParam::Pool pool(4);
  EXPECT_EQ(pool.SpawnMaxWorkers(), 4);
}

TYPED_TEST_P(PoolWorkerContract, FullPoolSpawnsNoWorker) {
  typename TypeParam::Pool pool(4);
  pool.SpawnMaxWorkers();
  EXPECT_EQ(pool.SpawnMaxWorkers(), 0);
}

TYPED_TEST_P(PoolWorkerContract, SpawnOfZeroWorkersStartsNone) {
  typename TypeParam::Pool pool(4);
  EXPECT_EQ(pool.SpawnWorkers(0), 0);
  EXPECT_EQ(pool.CountWorkers(), 0);
}

TYPED_TEST_P(PoolWorkerContract, SpawnOfNegativeWorkersIsRefused) {
  typename TypeParam::Pool pool(4);
  for (const int n : {-1, std::numeric_limits<int>::min()}) {
    EXPECT_THAT([&] { pool.SpawnWorkers(n); },
                ::testing::ThrowsMessage<std::invalid_argument>(
                    ::testing::HasSubstr("n is " + std::to_string(n))));
  }
}

TYPED_TEST_P(PoolWorkerContract, PoolGrowsBeforeItQueues) {
  typename TypeParam::Pool pool(3);
  Gate gate;
  EXPECT_TRUE(Occupy(pool, gate, 3));
}

TYPED_TEST_P(PoolWorkerContract, PoolDoesNotGrowPastTheMaximum) {
  typename TypeParam::Pool pool(3);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate, 3));
  for (int i = 0; i < 5; ++i) pool.Submit(DoNothing);
  EXPECT_EQ(pool.CountWorkers(), 3);
  EXPECT_EQ(pool.CountPendingTasks(), 5);
}

TYPED_TEST_P(PoolWorkerContract, IdleWorkersRetireAfterTheTimeout) {
  typename TypeParam::Pool pool(
      {.max_workers = 4, .idle_timeout = absl::Milliseconds(5)});
  pool.SpawnMaxWorkers();
  EXPECT_TRUE(Eventually([&] { return pool.CountWorkers() == 0; }));
}

TYPED_TEST_P(PoolWorkerContract, WorkersRetireWithAnIdleTimeoutOfZero) {
  typename TypeParam::Pool pool(
      {.max_workers = 4, .idle_timeout = absl::ZeroDuration()});
  pool.MapAll(Square, Numbers(20));
  EXPECT_TRUE(Eventually([&] { return pool.CountWorkers() == 0; }));
}

TYPED_TEST_P(PoolWorkerContract, ShrunkenPoolGrowsAgain) {
  typename TypeParam::Pool pool(
      {.max_workers = 4, .idle_timeout = absl::ZeroDuration()});
  pool.Run(DoNothing);
  ASSERT_TRUE(Eventually([&] { return pool.CountWorkers() == 0; }));
  EXPECT_EQ(pool.Submit(Add, 1, 2).Collect(kLong), 3);
}

TYPED_TEST_P(PoolWorkerContract, BusyWorkerDoesNotRetire) {
  typename TypeParam::Pool pool(
      {.max_workers = 4, .idle_timeout = absl::ZeroDuration()});
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate, 1));
  pool.Run(DoNothing);
  EXPECT_TRUE(Eventually([&] { return pool.CountWorkers() == 1; }));
  EXPECT_EQ(pool.CountBusyWorkers(), 1);
}

TYPED_TEST_P(PoolWorkerContract, NewIdleTimeoutReachesIdleWorkers) {
  typename TypeParam::Pool pool(
      {.max_workers = 4, .idle_timeout = absl::InfiniteDuration()});
  pool.SpawnMaxWorkers();
  ASSERT_EQ(pool.CountFreeWorkers(), 4);
  pool.set_idle_timeout(absl::Milliseconds(1));
  EXPECT_TRUE(Eventually([&] { return pool.CountWorkers() == 0; }));
}

TYPED_TEST_P(PoolWorkerContract, IdleTimeoutIsWhatWasSet) {
  typename TypeParam::Pool pool(
      {.max_workers = 4, .idle_timeout = absl::InfiniteDuration()});
  EXPECT_EQ(pool.idle_timeout(), absl::InfiniteDuration());
  pool.set_idle_timeout(absl::Seconds(7));
  EXPECT_EQ(pool.idle_timeout(), absl::Seconds(7));
}

TYPED_TEST_P(PoolWorkerContract, NegativeIdleTimeoutIsRefused) {
  typename TypeParam::Pool pool(1);
  EXPECT_THAT([&] { pool.set_idle_timeout(-absl::Seconds(1)); },
              ::testing::ThrowsMessage<std::invalid_argument>(
                  ::testing::HasSubstr("idle_timeout is -1s")));
  EXPECT_EQ(pool.idle_timeout(), absl::Seconds(60));
}

TYPED_TEST_P(PoolWorkerContract, WorkerRetiresAfterItsMaximumOfTasks) {
  typename TypeParam::Pool pool({.max_workers = 1, .max_tasks_per_worker = 2});
  std::map<int64_t, int> tasks_of;
  for (int i = 0; i < 6; ++i) ++tasks_of[pool.Run(TypeParam::WorkerId)];
  for (const auto& [worker, tasks] : tasks_of) EXPECT_LE(tasks, 2) << worker;
}

TYPED_TEST_P(PoolWorkerContract, PoolOfShortLivedWorkersLosesNoTask) {
  typename TypeParam::Pool pool({.max_workers = 2, .max_tasks_per_worker = 1});
  EXPECT_EQ(pool.MapAll(Square, Numbers(40)).size(), 40u);
}

TYPED_TEST_P(PoolWorkerContract, EachWorkerIsInitializedOnceBeforeItsTasks) {
  typename TypeParam::Pool pool(
      {.max_workers = 2, .initializer = [] { ++initializations; }});
  const auto seen =
      pool.MapAll([](int) { return initializations; }, Numbers(9));
  EXPECT_THAT(seen, ::testing::Each(1));
}

// --- Counts ---

TYPED_TEST_P(PoolWorkerContract, CountsOfAFreshPoolAreZero) {
  typename TypeParam::Pool pool(2);
  const PoolStats stats = pool.Stats();
  for (const int64_t count :
       {stats.workers, stats.busy, stats.idle, stats.submitted, stats.pending,
        stats.running, stats.completed, stats.failed, stats.cancelled,
        stats.lost, stats.rejected, stats.expired, stats.timed_out,
        stats.workers_started, stats.workers_lost}) {
    EXPECT_EQ(count, 0);
  }
  EXPECT_EQ(stats.oldest_pending, absl::ZeroDuration());
}

TYPED_TEST_P(PoolWorkerContract, StatsCountEachTaskWhereItIs) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  pool.Submit(DoNothing).Wait(kLong);
  pool.Submit(ThrowOutOfRange).Wait(kLong);
  pool.Submit(ThrowOutOfRange).Wait(kLong);
  ASSERT_TRUE(Occupy(pool, gate));
  pool.Submit(DoNothing).Cancel();
  for (int i = 0; i < 3; ++i) pool.Submit(DoNothing);
  const PoolStats stats = pool.Stats();
  EXPECT_EQ(stats.submitted, 8);
  EXPECT_EQ(stats.completed, 1);
  EXPECT_EQ(stats.failed, 2);
  EXPECT_EQ(stats.running, 1);
  EXPECT_EQ(stats.cancelled, 1);
  EXPECT_EQ(stats.pending, 3);
  EXPECT_EQ(stats.lost, 0);
}

TYPED_TEST_P(PoolWorkerContract, FinishedTaskIsCountedWhenItsFutureIsDone) {
  typename TypeParam::Pool pool(2);
  for (int i = 1; i <= 50; ++i) {
    ASSERT_TRUE(pool.Submit(DoNothing).Wait(kLong));
    ASSERT_EQ(pool.Stats().completed, i);
  }
}

TYPED_TEST_P(PoolWorkerContract, MissedQueueDeadlineIsCountedAsFailed) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  pool.Submit(TaskOptions{.queue_deadline = absl::Milliseconds(1)}, DoNothing)
      .Wait(kLong);
  EXPECT_EQ(pool.Stats().failed, 1);
  EXPECT_EQ(pool.Stats().pending, 0);
}

TYPED_TEST_P(PoolWorkerContract, CountsTellBusyFromFreeWorkers) {
  typename TypeParam::Pool pool(3);
  Gate gate;
  pool.SpawnMaxWorkers();
  ASSERT_TRUE(Occupy(pool, gate));
  EXPECT_EQ(pool.CountWorkers(), 3);
  EXPECT_EQ(pool.CountBusyWorkers(), 1);
  EXPECT_EQ(pool.CountFreeWorkers(), 2);
}

TYPED_TEST_P(PoolWorkerContract, CountPendingTasksLeavesOutRunningOnes) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  EXPECT_EQ(pool.CountPendingTasks(), 0);
  pool.Submit(DoNothing);
  EXPECT_EQ(pool.CountPendingTasks(), 1);
}

TYPED_TEST_P(PoolWorkerContract, CountsOfTerminatedPoolStay) {
  typename TypeParam::Pool pool(2);
  pool.Run(DoNothing);
  pool.Shutdown();
  EXPECT_EQ(pool.Stats().completed, 1);
}

// --- Workers() ---

TYPED_TEST_P(PoolWorkerContract, WorkersAreNumberedAndNamedAfterThePool) {
  typename TypeParam::Pool pool({.max_workers = 2, .name = "loader"});
  pool.SpawnMaxWorkers();
  const auto workers = pool.Workers();
  ASSERT_EQ(workers.size(), 2u);
  EXPECT_EQ(workers[0].id, 1);
  EXPECT_EQ(workers[0].name, "loader-worker-1");
  EXPECT_EQ(workers[1].id, 2);
  EXPECT_EQ(workers[1].name, "loader-worker-2");
}

TYPED_TEST_P(PoolWorkerContract, FreshPoolListsNoWorkers) {
  typename TypeParam::Pool pool(2);
  EXPECT_THAT(pool.Workers(), ::testing::IsEmpty());
}

TYPED_TEST_P(PoolWorkerContract, WorkerIsListedWithItsId) {
  typename TypeParam::Pool pool(1);
  const int64_t id = pool.Run(TypeParam::WorkerId);
  ASSERT_EQ(pool.Workers().size(), 1u);
  EXPECT_EQ(pool.Workers()[0].pid, id);
}

TYPED_TEST_P(PoolWorkerContract, BusyWorkerIsListedWithItsTasksName) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  pool.Submit(TaskOptions{.name = "load"}, PassGate, gate.path(), 1);
  ASSERT_TRUE(gate.WaitForArrivals(1));
  const auto workers = pool.Workers();
  ASSERT_EQ(workers.size(), 1u);
  EXPECT_TRUE(workers[0].busy);
  EXPECT_EQ(workers[0].current_task, "load");
}

TYPED_TEST_P(PoolWorkerContract, TaskWithoutANameIsListedByItsNumber) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  pool.Run(DoNothing);
  ASSERT_TRUE(Occupy(pool, gate));
  ASSERT_EQ(pool.Workers().size(), 1u);
  EXPECT_EQ(pool.Workers()[0].current_task, "task 2");
}

TYPED_TEST_P(PoolWorkerContract, RunningTimeOfAListedTaskGrows) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  const auto running_for = [&] { return pool.Workers().at(0).running_for; };
  const absl::Duration before = running_for();
  EXPECT_TRUE(Eventually([&] { return running_for() > before; }));
}

TYPED_TEST_P(PoolWorkerContract, IdleWorkerIsListedWithoutATask) {
  typename TypeParam::Pool pool(1);
  pool.Run(DoNothing);
  const auto workers = pool.Workers();
  ASSERT_EQ(workers.size(), 1u);
  EXPECT_FALSE(workers[0].busy);
  EXPECT_EQ(workers[0].current_task, "");
  EXPECT_EQ(workers[0].running_for, absl::ZeroDuration());
}

TYPED_TEST_P(PoolWorkerContract, WorkerCountsItsTasks) {
  typename TypeParam::Pool pool(1);
  for (int i = 0; i < 3; ++i) pool.Run(DoNothing);
  EXPECT_TRUE(Eventually([&] { return pool.Workers().at(0).tasks_done == 3; }));
}

// --- Options ---

TYPED_TEST_P(PoolWorkerContract, PoolIsNamedAfterItsClassByDefault) {
  typename TypeParam::Pool pool(1);
  EXPECT_EQ(pool.name(), TypeParam::kClassName);
}

TYPED_TEST_P(PoolWorkerContract, PoolKeepsItsName) {
  typename TypeParam::Pool pool({.name = "loader"});
  EXPECT_EQ(pool.name(), "loader");
}

TYPED_TEST_P(PoolWorkerContract, MaximumOfWorkersIsWhatWasAsked) {
  typename TypeParam::Pool pool(7);
  EXPECT_EQ(pool.max_workers(), 7);
}

TYPED_TEST_P(PoolWorkerContract, MaximumOfWorkersFollowsTheCpusByDefault) {
  typename TypeParam::Pool pool;
  EXPECT_EQ(pool.max_workers(), TypeParam::DefaultMaxWorkers());
}

TYPED_TEST_P(PoolWorkerContract, IdleTimeoutIsAMinuteByDefault) {
  typename TypeParam::Pool pool;
  EXPECT_EQ(pool.idle_timeout(), absl::Seconds(60));
}

TYPED_TEST_P(PoolWorkerContract, BadOptionIsNamedWithItsValue) {
  constexpr int kMin = std::numeric_limits<int>::min();
  constexpr int kMax = std::numeric_limits<int>::max();
  const auto refuses = [](typename TypeParam::Options options,
                          const std::string& message) {
    EXPECT_THAT([&] { typename TypeParam::Pool pool(std::move(options)); },
                ::testing::ThrowsMessage<std::invalid_argument>(
                    ::testing::HasSubstr(message)));
  };
  refuses({.max_workers = -1}, "max_workers is -1");
  refuses({.max_workers = kMin}, "max_workers is " + std::to_string(kMin));
  refuses({.max_workers = kMax}, "max_workers is " + std::to_string(kMax));
  refuses({.idle_timeout = -absl::Nanoseconds(1)}, "idle_timeout is -1ns");
  refuses({.idle_timeout = -absl::InfiniteDuration()}, "idle_timeout is -inf");
  refuses({.max_tasks_per_worker = -1}, "max_tasks_per_worker is -1");
  refuses({.max_tasks_per_worker = kMin},
          "max_tasks_per_worker is " + std::to_string(kMin));
}

TYPED_TEST_P(PoolWorkerContract, FixedPoolsHaveTheirSize) {
  EXPECT_EQ(typename TypeParam::Single().max_workers(), 1);
  EXPECT_EQ(typename TypeParam::Dual().max_workers(), 2);
  EXPECT_EQ(typename TypeParam::Triple().max_workers(), 3);
  EXPECT_EQ(typename TypeParam::Quad().max_workers(), 4);
}

TYPED_TEST_P(PoolWorkerContract, FixedPoolsAreNamedAfterTheirClass) {
  const std::string name = TypeParam::kClassName;
  EXPECT_EQ(typename TypeParam::Single().name(), "Single" + name);
  EXPECT_EQ(typename TypeParam::Dual().name(), "Dual" + name);
  EXPECT_EQ(typename TypeParam::Triple().name(), "Triple" + name);
  EXPECT_EQ(typename TypeParam::Quad().name(), "Quad" + name);
}

TYPED_TEST_P(PoolWorkerContract, FixedPoolRefusesAnotherSize) {
  EXPECT_THAT([] { typename TypeParam::Dual pool({.max_workers = 3}); },
              ::testing::ThrowsMessage<std::invalid_argument>(
                  ::testing::HasSubstr("max_workers is 3")));
}

TYPED_TEST_P(PoolWorkerContract, FixedPoolTakesItsOwnSize) {
  EXPECT_NO_THROW(typename TypeParam::Dual({.max_workers = 2}));
}

TYPED_TEST_P(PoolWorkerContract, FixedPoolTakesOptions) {
  typename TypeParam::Triple pool({.name = "three"});
  EXPECT_EQ(pool.name(), "three");
  EXPECT_EQ(pool.SpawnWorkers(100), 3);
}

REGISTER_TYPED_TEST_SUITE_P(
    PoolWorkerContract, FreshPoolHasNoWorkers, SpawnWorkersStartsAsManyAsAsked,
    SpawnWorkersStopsAtTheMaximum, SpawnWorkersFillsUpToTheMaximum,
    SpawnMaxWorkersStartsThemAll, FullPoolSpawnsNoWorker,
    SpawnOfZeroWorkersStartsNone, SpawnOfNegativeWorkersIsRefused,
    PoolGrowsBeforeItQueues, PoolDoesNotGrowPastTheMaximum,
    IdleWorkersRetireAfterTheTimeout, WorkersRetireWithAnIdleTimeoutOfZero,
    ShrunkenPoolGrowsAgain, BusyWorkerDoesNotRetire,
    NewIdleTimeoutReachesIdleWorkers, IdleTimeoutIsWhatWasSet,
    NegativeIdleTimeoutIsRefused, WorkerRetiresAfterItsMaximumOfTasks,
    PoolOfShortLivedWorkersLosesNoTask,
    EachWorkerIsInitializedOnceBeforeItsTasks, CountsOfAFreshPoolAreZero,
    StatsCountEachTaskWhereItIs, FinishedTaskIsCountedWhenItsFutureIsDone,
    MissedQueueDeadlineIsCountedAsFailed, CountsTellBusyFromFreeWorkers,
    CountPendingTasksLeavesOutRunningOnes, CountsOfTerminatedPoolStay,
    WorkersAreNumberedAndNamedAfterThePool, FreshPoolListsNoWorkers,
    WorkerIsListedWithItsId, BusyWorkerIsListedWithItsTasksName,
    TaskWithoutANameIsListedByItsNumber, RunningTimeOfAListedTaskGrows,
    IdleWorkerIsListedWithoutATask, WorkerCountsItsTasks,
    PoolIsNamedAfterItsClassByDefault, PoolKeepsItsName,
    MaximumOfWorkersIsWhatWasAsked, MaximumOfWorkersFollowsTheCpusByDefault,
    IdleTimeoutIsAMinuteByDefault, BadOptionIsNamedWithItsValue,
    FixedPoolsHaveTheirSize, FixedPoolsAreNamedAfterTheirClass,
    FixedPoolRefusesAnotherSize, FixedPoolTakesItsOwnSize,
    FixedPoolTakesOptions);

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_POOL_TESTING_POOL_CONTRACT_WORKERS_H_
