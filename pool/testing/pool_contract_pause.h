#ifndef ASYNCPAL_POOL_TESTING_POOL_CONTRACT_PAUSE_H_
#define ASYNCPAL_POOL_TESTING_POOL_CONTRACT_PAUSE_H_

#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/future.h"
#include "asyncpal/pool/options.h"
#include "asyncpal/pool/pool.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/testing/gate.h"
#include "asyncpal/pool/testing/pool_contract_tools.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// Pauses, and pools that change their size: part of pool_contract.h.

namespace asyncpal::testing {

template <typename Traits>
class PoolPauseContract : public ::testing::Test {};
TYPED_TEST_SUITE_P(PoolPauseContract);

TYPED_TEST_P(PoolPauseContract, NothingBeginsInAPausedPool) {
  typename TypeParam::Pool pool(2);
  pool.Run(DoNothing);
  EXPECT_TRUE(pool.Pause(kLong));
  EXPECT_TRUE(pool.is_paused());
  std::vector<Future<int>> futures;
  for (int i = 0; i < 10; ++i) futures.push_back(pool.Submit(Square, i));
  EXPECT_FALSE(futures.front().Wait(absl::Milliseconds(20)));
  EXPECT_EQ(pool.Stats().pending, 10);
  EXPECT_EQ(pool.Stats().running, 0);
  pool.Resume();
  EXPECT_FALSE(pool.is_paused());
  for (int i = 0; i < 10; ++i) EXPECT_EQ(futures[i].Collect(kLong), i * i);
}

TYPED_TEST_P(PoolPauseContract, ResumeFindsAWorkerForEachTask) {
  typename TypeParam::Pool pool(3);
  pool.SpawnMaxWorkers();
  ASSERT_TRUE(pool.Pause(kLong));
  Gate gate;
  for (int i = 0; i < 3; ++i) pool.Submit(PassGate, gate.path(), i);
  pool.Resume();
  EXPECT_TRUE(gate.WaitForArrivals(3));
}

TYPED_TEST_P(PoolPauseContract, PauseTellsWhetherATaskIsRunning) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  EXPECT_FALSE(pool.Pause());
  EXPECT_FALSE(pool.Pause(absl::Milliseconds(2)));
  gate.Open();
  EXPECT_TRUE(pool.Pause(kLong));
  for (int i = 0; i < 3; ++i) pool.Resume();
  EXPECT_EQ(pool.Submit(Add, 1, 2).Collect(kLong), 3);
}

TYPED_TEST_P(PoolPauseContract, PausesNest) {
  typename TypeParam::Pool pool(1);
  pool.Pause();
  std::optional<ExecutionFence> fence(std::in_place, pool, kLong);
  EXPECT_TRUE(fence->is_quiet());
  const auto future = pool.Submit(Add, 1, 2);
  pool.Resume();
  EXPECT_FALSE(future.Wait(absl::Milliseconds(10)));
  fence.reset();
  EXPECT_EQ(future.Collect(kLong), 3);
}

TYPED_TEST_P(PoolPauseContract, ResumeNeedsAPause) {
  typename TypeParam::Pool pool(1);
  EXPECT_THROW(pool.Resume(), InvalidStateError);
}

TYPED_TEST_P(PoolPauseContract, ShutdownEndsAPause) {
  typename TypeParam::Pool pool(1);
  ExecutionFence fence(pool);
  const auto future = pool.Submit(Add, 1, 2);
  EXPECT_TRUE(pool.Shutdown({.mode = ShutdownMode::kDrain}));
  EXPECT_EQ(future.Collect(kLong), 3);
  EXPECT_FALSE(pool.is_paused());
  EXPECT_NO_THROW(pool.Resume());
  EXPECT_TRUE(pool.Pause());
}

TYPED_TEST_P(PoolPauseContract, DeadlinesGoOnInAPause) {
  typename TypeParam::Pool pool(1);
  ExecutionFence fence(pool);
  const auto future = pool.Submit(
      TaskOptions{.queue_deadline = absl::Milliseconds(5)}, DoNothing);
  ASSERT_TRUE(future.Wait(kLong));
  EXPECT_THROW(future.Collect(), TimeoutError);
}

TYPED_TEST_P(PoolPauseContract, TasksOfAPauseCanBeCancelled) {
  typename TypeParam::Pool pool(1);
  ExecutionFence fence(pool);
  auto future = pool.Submit(DoNothing);
  EXPECT_TRUE(future.Cancel());
  EXPECT_EQ(pool.Stats().pending, 0);
}

// --- Size ---

TYPED_TEST_P(PoolPauseContract, GrowthServesWhatWaits) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  for (int i = 0; i < 2; ++i) pool.Submit(PassGate, gate.path(), i);
  pool.set_max_workers(3);
  EXPECT_EQ(pool.max_workers(), 3);
  EXPECT_TRUE(gate.WaitForArrivals(2));
}

TYPED_TEST_P(PoolPauseContract, IdleWorkersGoWhenThereAreTooMany) {
  typename TypeParam::Pool pool(
      {.max_workers = 3, .idle_timeout = absl::InfiniteDuration()});
  pool.SpawnMaxWorkers();
  ASSERT_TRUE(Eventually([&] { return pool.CountFreeWorkers() == 3; }));
  pool.set_max_workers(1);
  EXPECT_TRUE(Eventually([&] { return pool.CountWorkers() == 1; }));
  EXPECT_EQ(pool.Submit(Add, 1, 2).Collect(kLong), 3);
}

TYPED_TEST_P(PoolPauseContract, BusyWorkersGoAfterTheirTask) {
  typename TypeParam::Pool pool(
      {.max_workers = 2, .idle_timeout = absl::InfiniteDuration()});
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate, 2));
  const auto next = pool.Submit(Add, 1, 2);
  pool.set_max_workers(1);
  EXPECT_EQ(pool.CountWorkers(), 2);
  gate.Open();
  EXPECT_EQ(next.Collect(kLong), 3);
  EXPECT_TRUE(Eventually([&] { return pool.CountWorkers() == 1; }));
}

TYPED_TEST_P(PoolPauseContract, BadSizesAreRefusedByName) {
  using Pool = typename TypeParam::Pool;
  Pool pool({.max_workers = 2, .min_workers = 1});
  EXPECT_THROW(pool.set_max_workers(0), std::invalid_argument);
  EXPECT_THROW(pool.set_min_workers(-1), std::invalid_argument);
  EXPECT_EQ(ThrownChain([&] { pool.set_min_workers(3); }),
            "min_workers is 3, more than max_workers, 2");
  pool.set_min_workers(2);
  EXPECT_EQ(ThrownChain([&] { pool.set_max_workers(1); }),
            "max_workers is 1, less than min_workers, 2");
  EXPECT_EQ(ThrownChain([] { Pool({.max_workers = 1, .min_workers = 2}); }),
            "min_workers is 2, more than max_workers, 1");
}

TYPED_TEST_P(PoolPauseContract, PoolsOfAFixedSizeKeepIt) {
  typename TypeParam::Dual pool;
  EXPECT_THROW(pool.set_max_workers(3), std::invalid_argument);
  EXPECT_NO_THROW(pool.set_max_workers(2));
  EXPECT_EQ(pool.max_workers(), 2);
}

TYPED_TEST_P(PoolPauseContract, MinimumStartsWithThePoolAndStays) {
  typename TypeParam::Pool pool({.max_workers = 3,
                                 .idle_timeout = absl::Milliseconds(1),
                                 .min_workers = 2});
  EXPECT_EQ(pool.min_workers(), 2);
  EXPECT_TRUE(Eventually([&] { return pool.CountFreeWorkers() == 2; }));
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate, 3));
  gate.Open();
  EXPECT_TRUE(Eventually([&] { return pool.CountWorkers() == 2; }));
  EXPECT_FALSE(Eventually([&] { return pool.CountWorkers() < 2; },
                          absl::Milliseconds(20)));
}

TYPED_TEST_P(PoolPauseContract, MinimumIsRestored) {
  typename TypeParam::Pool pool(
      {.max_workers = 2, .max_tasks_per_worker = 1, .min_workers = 2});
  for (int i = 0; i < 4; ++i) pool.Run(DoNothing);
  EXPECT_TRUE(Eventually([&] { return pool.CountWorkers() == 2; }));
  ASSERT_TRUE(pool.Join(kLong));
  EXPECT_TRUE(Eventually([&] { return pool.CountWorkers() == 2; }));
}

TYPED_TEST_P(PoolPauseContract, LowerMinimumLetsIdleWorkersGo) {
  typename TypeParam::Pool pool({.max_workers = 2,
                                 .idle_timeout = absl::Milliseconds(1),
                                 .min_workers = 2});
  ASSERT_TRUE(Eventually([&] { return pool.CountWorkers() == 2; }));
  pool.set_min_workers(0);
  EXPECT_TRUE(Eventually([&] { return pool.CountWorkers() == 0; }));
}

REGISTER_TYPED_TEST_SUITE_P(PoolPauseContract, NothingBeginsInAPausedPool,
                            ResumeFindsAWorkerForEachTask,
                            PauseTellsWhetherATaskIsRunning, PausesNest,
                            ResumeNeedsAPause, ShutdownEndsAPause,
                            DeadlinesGoOnInAPause, TasksOfAPauseCanBeCancelled,
                            GrowthServesWhatWaits,
                            IdleWorkersGoWhenThereAreTooMany,
                            BusyWorkersGoAfterTheirTask,
                            BadSizesAreRefusedByName, PoolsOfAFixedSizeKeepIt,
                            MinimumStartsWithThePoolAndStays, MinimumIsRestored,
                            LowerMinimumLetsIdleWorkersGo);

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_POOL_TESTING_POOL_CONTRACT_PAUSE_H_
