#ifndef ASYNCPAL_POOL_TESTING_POOL_CONTRACT_LIMITS_H_
#define ASYNCPAL_POOL_TESTING_POOL_CONTRACT_LIMITS_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/future.h"
#include "asyncpal/pool/options.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/testing/gate.h"
#include "asyncpal/pool/testing/pool_contract_tools.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// What every pool does when it is full: part of pool_contract.h.

namespace asyncpal::testing {

template <typename Traits>
class PoolLimitsContract : public ::testing::Test {
 protected:
  using Options = typename Traits::Options;

  // One worker, and room for two tasks behind it.
  static Options Small(WhenFull when_full) {
    return {.max_workers = 1, .max_pending = 2, .when_full = when_full};
  }

  template <typename Pool>
  static std::vector<Future<int>> Fill(Pool& pool) {
    return {pool.Submit(Square, 2), pool.Submit(Square, 3)};
  }
};
TYPED_TEST_SUITE_P(PoolLimitsContract);

TYPED_TEST_P(PoolLimitsContract, NegativeLimitIsRefused) {
  EXPECT_THROW(typename TypeParam::Pool({.max_pending = -1}),
               std::invalid_argument);
}

TYPED_TEST_P(PoolLimitsContract, FreeWorkersTakeTasksBeyondTheLimit) {
  typename TypeParam::Pool pool(
      {.max_workers = 3, .max_pending = 1, .when_full = WhenFull::kReject});
  Gate gate;
  EXPECT_TRUE(Occupy(pool, gate, 3));
}

TYPED_TEST_P(PoolLimitsContract, FullPoolRejectsWhereItIsToldTo) {
  typename TypeParam::Pool pool(this->Small(WhenFull::kReject));
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  const auto pending = this->Fill(pool);
  EXPECT_THROW(pool.Submit(Square, 4), RejectedError);
  const PoolStats stats = pool.Stats();
  EXPECT_EQ(stats.rejected, 1);
  EXPECT_EQ(stats.submitted, 3);
  gate.Open();
  EXPECT_EQ(pending[1].Collect(kLong), 9);
  EXPECT_EQ(pool.Submit(Square, 4).Collect(kLong), 16);
}

TYPED_TEST_P(PoolLimitsContract, RefusalSaysWhichLimitAndOfWhichPool) {
  auto options = this->Small(WhenFull::kReject);
  options.name = "small";
  typename TypeParam::Pool pool(std::move(options));
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  this->Fill(pool);
  EXPECT_EQ(ThrownChain([&] { pool.Submit(Square, 4); }),
            "pool 'small' is full: max_pending is 2");
}

TYPED_TEST_P(PoolLimitsContract, FullPoolBlocksUntilThereIsRoom) {
  typename TypeParam::Pool pool(this->Small(WhenFull::kBlock));
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  const auto pending = this->Fill(pool);
  std::atomic<bool> submitted = false;
  Future<int> last;
  JoiningThread submitter([&] {
    last = pool.Submit(Square, 4);
    submitted = true;
  });
  EXPECT_FALSE(
      Eventually([&] { return submitted.load(); }, absl::Milliseconds(20)));
  EXPECT_LE(pool.CountPendingTasks(), 2);
  gate.Open();
  submitter.Join();
  EXPECT_EQ(last.Collect(kLong), 16);
  EXPECT_EQ(pool.Stats().rejected, 0);
}

TYPED_TEST_P(PoolLimitsContract, CancellationMakesRoom) {
  typename TypeParam::Pool pool(this->Small(WhenFull::kBlock));
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  auto pending = this->Fill(pool);
  Future<int> last;
  JoiningThread submitter([&] { last = pool.Submit(Square, 4); });
  ASSERT_TRUE(pending[0].Cancel());
  submitter.Join();
  EXPECT_TRUE(last.is_pending());
}

TYPED_TEST_P(PoolLimitsContract, ShutdownEndsTheWaitForRoom) {
  typename TypeParam::Pool pool(this->Small(WhenFull::kBlock));
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  this->Fill(pool);
  JoiningThread submitter(
      [&] { EXPECT_THROW(pool.Submit(Square, 4), ClosedPoolError); });
  pool.Shutdown({.deadline = absl::ZeroDuration()});
  submitter.Join();
}

TYPED_TEST_P(PoolLimitsContract, QueueDeadlineEndsTheWaitForRoom) {
  typename TypeParam::Pool pool(this->Small(WhenFull::kBlock));
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  this->Fill(pool);
  EXPECT_THROW(pool.Submit(TaskOptions{.queue_deadline = absl::Milliseconds(5)},
                           Square, 4),
               TimeoutError);
  EXPECT_EQ(pool.Stats().submitted, 3);
}

TYPED_TEST_P(PoolLimitsContract, OldestTaskMakesRoomWhereItIsToldTo) {
  typename TypeParam::Pool pool(this->Small(WhenFull::kDropOldest));
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  const auto pending = this->Fill(pool);
  const Future<int> newest = pool.Submit(Square, 4);
  EXPECT_THROW(pending[0].Collect(kLong), RejectedError);
  gate.Open();
  EXPECT_EQ(pending[1].Collect(kLong), 9);
  EXPECT_EQ(newest.Collect(kLong), 16);
  const PoolStats stats = pool.Stats();
  EXPECT_EQ(stats.rejected, 1);
  EXPECT_EQ(stats.failed, 1);
  EXPECT_EQ(stats.submitted, 4);
}

TYPED_TEST_P(PoolLimitsContract, DroppedTaskIsNotAmongTheCancelledOnes) {
  typename TypeParam::Pool pool(this->Small(WhenFull::kDropOldest));
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  this->Fill(pool);
  pool.Submit(Square, 4);
  pool.Shutdown({.deadline = absl::ZeroDuration()});
  EXPECT_EQ(pool.TakeCancelledTasks().size(), 2u);
}

TYPED_TEST_P(PoolLimitsContract, MapsWaitForRoomInEveryMode) {
  for (const WhenFull when_full :
       {WhenFull::kBlock, WhenFull::kReject, WhenFull::kDropOldest}) {
    typename TypeParam::Pool pool(this->Small(when_full));
    const std::vector<int> numbers = Numbers(50);
    const auto squares = pool.MapAll(Square, numbers);
    ASSERT_EQ(squares.size(), 50u);
    EXPECT_EQ(squares[49], 49 * 49);
    EXPECT_EQ(ToVector(pool.Map(MapOptions{.buffer_size = 20}, Square, numbers))
                  .size(),
              50u);
    EXPECT_EQ(pool.Stats().rejected, 0);
  }
}

TYPED_TEST_P(PoolLimitsContract, CallbackOfThePoolsOwnIsNeverBlocked) {
  typename TypeParam::Pool pool(this->Small(WhenFull::kBlock));
  Gate gate;
  const auto first = pool.Submit(PassGate, gate.path(), 0);
  std::vector<Future<int>> later;
  Gate called;
  first.AddCallback([&](const Future<int>&) {
    for (int i = 0; i < 5; ++i) later.push_back(pool.Submit(Square, i));
    TouchGate(called.path(), 0);
  });
  gate.Open();
  ASSERT_TRUE(called.WaitForArrivals(1));
  EXPECT_EQ(later[4].Collect(kLong), 16);
}

TYPED_TEST_P(PoolLimitsContract, ManySubmittersNeverGetPastTheLimit) {
  typename TypeParam::Pool pool(
      {.max_workers = 2, .max_pending = 3, .when_full = WhenFull::kBlock});
  constexpr int kTasksEach = 100;
  std::atomic<int> sum = 0;
  std::atomic<int64_t> most = 0;
  {
    std::vector<std::unique_ptr<JoiningThread>> submitters;
    for (int i = 0; i < 4; ++i) {
      submitters.push_back(std::make_unique<JoiningThread>([&] {
        std::vector<Future<int>> futures;
        for (int j = 0; j < kTasksEach; ++j) {
          futures.push_back(pool.Submit(Square, 1));
          const int64_t pending = pool.Stats().pending;
          if (pending > most) most = pending;
        }
        for (const auto& future : futures) sum += future.Collect(kLong);
      }));
    }
  }
  EXPECT_EQ(sum, 4 * kTasksEach);
  EXPECT_LE(most, 3 + 2);  // those for which a worker is free do not count
}

REGISTER_TYPED_TEST_SUITE_P(
    PoolLimitsContract, NegativeLimitIsRefused,
    FreeWorkersTakeTasksBeyondTheLimit, FullPoolRejectsWhereItIsToldTo,
    RefusalSaysWhichLimitAndOfWhichPool, FullPoolBlocksUntilThereIsRoom,
    CancellationMakesRoom, ShutdownEndsTheWaitForRoom,
    QueueDeadlineEndsTheWaitForRoom, OldestTaskMakesRoomWhereItIsToldTo,
    DroppedTaskIsNotAmongTheCancelledOnes, MapsWaitForRoomInEveryMode,
    CallbackOfThePoolsOwnIsNeverBlocked, ManySubmittersNeverGetPastTheLimit);

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_POOL_TESTING_POOL_CONTRACT_LIMITS_H_
