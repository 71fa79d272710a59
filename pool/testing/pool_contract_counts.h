#ifndef ASYNCPAL_POOL_TESTING_POOL_CONTRACT_COUNTS_H_
#define ASYNCPAL_POOL_TESTING_POOL_CONTRACT_COUNTS_H_

#include "absl/time/time.h"
#include "asyncpal/future/future.h"
#include "asyncpal/pool/options.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/testing/gate.h"
#include "asyncpal/pool/testing/pool_contract_tools.h"
#include "gtest/gtest.h"

// What every pool counts beyond how its tasks end: part of pool_contract.h.

namespace asyncpal::testing {

template <typename Traits>
class PoolCountsContract : public ::testing::Test {};
TYPED_TEST_SUITE_P(PoolCountsContract);

TYPED_TEST_P(PoolCountsContract, MissedQueueDeadlineIsCountedAsExpired) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  pool.Submit(TaskOptions{.queue_deadline = absl::Milliseconds(1)}, DoNothing)
      .Wait(kLong);
  const PoolStats stats = pool.Stats();
  EXPECT_EQ(stats.expired, 1);
  EXPECT_EQ(stats.timed_out, 0);
}

TYPED_TEST_P(PoolCountsContract, MissedTimeoutIsCountedAsTimedOut) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  pool.Submit(TaskOptions{.timeout = absl::Milliseconds(1)}, PassGate,
              gate.path(), 0)
      .Wait(kLong);
  const PoolStats stats = pool.Stats();
  EXPECT_EQ(stats.timed_out, 1);
  EXPECT_EQ(stats.failed, 1);
  EXPECT_EQ(stats.expired, 0);
}

TYPED_TEST_P(PoolCountsContract, WorkersAreCountedAsTheyStart) {
  typename TypeParam::Pool pool({.max_workers = 2, .max_tasks_per_worker = 1});
  for (int i = 0; i < 3; ++i) pool.Run(DoNothing);
  pool.Shutdown();
  const PoolStats stats = pool.Stats();
  EXPECT_GE(stats.workers_started, 3);
  EXPECT_EQ(stats.workers_lost, 0);
}

TYPED_TEST_P(PoolCountsContract, OldestPendingGrowsWhileNobodyTakesIt) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  EXPECT_EQ(pool.Stats().oldest_pending, absl::ZeroDuration());
  const auto oldest = pool.Submit(DoNothing);
  EXPECT_TRUE(Eventually(
      [&] { return pool.Stats().oldest_pending > absl::Milliseconds(2); }));
  pool.Submit(DoNothing);
  const absl::Duration before = oldest.duration().pending;
  const absl::Duration seen = pool.Stats().oldest_pending;
  EXPECT_GE(seen, before);
  EXPECT_LE(seen, oldest.duration().pending);
}

TYPED_TEST_P(PoolCountsContract, OldestPendingKnowsPostedTasksToo) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  pool.Post(DoNothing);
  EXPECT_TRUE(Eventually(
      [&] { return pool.Stats().oldest_pending > absl::Milliseconds(2); }));
}

REGISTER_TYPED_TEST_SUITE_P(PoolCountsContract,
                            MissedQueueDeadlineIsCountedAsExpired,
                            MissedTimeoutIsCountedAsTimedOut,
                            WorkersAreCountedAsTheyStart,
                            OldestPendingGrowsWhileNobodyTakesIt,
                            OldestPendingKnowsPostedTasksToo);

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_POOL_TESTING_POOL_CONTRACT_COUNTS_H_
