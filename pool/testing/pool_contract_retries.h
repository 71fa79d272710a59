#ifndef ASYNCPAL_POOL_TESTING_POOL_CONTRACT_RETRIES_H_
#define ASYNCPAL_POOL_TESTING_POOL_CONTRACT_RETRIES_H_

#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/future.h"
#include "asyncpal/pool/manual_clock.h"
#include "asyncpal/pool/options.h"
#include "asyncpal/pool/retry_policy.h"
#include "asyncpal/pool/task_context.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/testing/gate.h"
#include "asyncpal/pool/testing/pool_contract_tools.h"
#include "asyncpal/pool/testing/run_counter.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// What tasks that are retried do in every pool.

namespace asyncpal::testing {

// Throws in all but the attempt that it takes for the n-th.
inline int SucceedAtAttempt(int n) {
  const int attempt = TaskContext::Current()->attempt();
  if (attempt < n) throw std::runtime_error("again");
  return attempt;
}

// Throws in all but the n-th run.
inline int SucceedAt(std::string file, int n) {
  const int run = RunCounter::Add(file);
  if (run != n) throw std::out_of_range("run " + std::to_string(run));
  return run;
}

inline int FailAs(std::string file, int kind) {
  RunCounter::Add(file);
  switch (kind) {
    case 0:
      throw CancelledError("c");
    case 1:
      throw RejectedError("r");
    case 2:
      throw SerializationError("s");
    default:
      throw ClosedPoolError("p");
  }
}

// The first run waits at the gate for good.
inline int HangFirst(std::string file, std::string gate) {
  const int run = RunCounter::Add(file);
  if (run == 1) PassGate(std::move(gate), run);
  return run;
}

template <typename Traits>
class PoolRetriesContract : public ::testing::Test {
 protected:
  static RetryPolicy AtOnce(int max_attempts) {
    return {.max_attempts = max_attempts,
            .backoff = absl::Milliseconds(1),
            .multiplier = 1};
  }
  const RunCounter counter_;
};
TYPED_TEST_SUITE_P(PoolRetriesContract);

TYPED_TEST_P(PoolRetriesContract, RetriesUntilItSucceeds) {
  typename TypeParam::Pool pool(1);
  const auto future =
      pool.SubmitRetrying(this->AtOnce(5), SucceedAt, this->counter_.file(), 3);
  EXPECT_EQ(future.Collect(kLong), 3);
  EXPECT_TRUE(pool.Join(kLong));
  const PoolStats stats = pool.Stats();
  EXPECT_EQ(stats.retried, 2);
  EXPECT_EQ(stats.submitted, 3);
  EXPECT_EQ(stats.failed, 2);
  EXPECT_EQ(stats.completed, 1);
}

TYPED_TEST_P(PoolRetriesContract, LastFailureIsTheFutures) {
  typename TypeParam::Pool pool(1);
  const auto future =
      pool.SubmitRetrying(this->AtOnce(3), SucceedAt, this->counter_.file(), 9);
  EXPECT_EQ(ThrownChain([&] { future.Collect(kLong); }), "run 3");
}

TYPED_TEST_P(PoolRetriesContract, DoesNotRetryWhatCanNotBeMended) {
  typename TypeParam::Pool pool(1);
  for (int kind = 0; kind < 4; ++kind) {
    const RunCounter counter;
    const auto future =
        pool.SubmitRetrying(this->AtOnce(3), FailAs, counter.file(), kind);
    EXPECT_TRUE(future.Wait(kLong));
    EXPECT_TRUE(future.is_failed());
    EXPECT_EQ(counter.runs(), 1) << kind;
  }
}

TYPED_TEST_P(PoolRetriesContract, RetryIfDecides) {
  typename TypeParam::Pool pool(1);
  RetryPolicy policy = this->AtOnce(5);
  policy.retry_if = [](const std::exception_ptr& error) {
    try {
      std::rethrow_exception(error);
    } catch (const std::out_of_range& thrown) {
      return thrown.what() != std::string("run 2");
    }
  };
  const auto future =
      pool.SubmitRetrying(policy, SucceedAt, this->counter_.file(), 9);
  EXPECT_EQ(ThrownChain([&] { future.Collect(kLong); }), "run 2");
}

TYPED_TEST_P(PoolRetriesContract, TimeoutIsThatOfOneAttempt) {
  typename TypeParam::Pool pool(2);
  Gate gate;
  const auto future = pool.SubmitRetrying(
      this->AtOnce(2), TaskOptions{.timeout = absl::Seconds(2)}, HangFirst,
      this->counter_.file(), gate.path());
  EXPECT_EQ(future.Collect(kLong), 2);
  EXPECT_EQ(pool.Stats().timed_out, 1);
  gate.Open();
}

TYPED_TEST_P(PoolRetriesContract, WaitHoldsNoWorker) {
  typename TypeParam::Pool pool(1);
  auto future = pool.SubmitRetrying(
      {.backoff = absl::Hours(1), .max_backoff = absl::Hours(1)}, SucceedAt,
      this->counter_.file(), 9);
  ASSERT_TRUE(Eventually([&] { return pool.Stats().retried == 1; }));
  EXPECT_EQ(pool.Run(Square, 3), 9);
  EXPECT_TRUE(future.is_pending());
  EXPECT_TRUE(future.Cancel());
  EXPECT_TRUE(Eventually([&] { return pool.CountPendingTasks() == 0; }));
}

TYPED_TEST_P(PoolRetriesContract, TotalIsMeasuredByThePoolsClock) {
  const auto clock = std::make_shared<ManualClock>();
  typename TypeParam::Options options;
  options.max_workers = 1;
  options.clock = clock;
  typename TypeParam::Pool pool(std::move(options));
  const auto future = pool.SubmitRetrying({.max_attempts = 9,
                                           .backoff = absl::Hours(1),
                                           .multiplier = 1,
                                           .max_backoff = absl::Hours(1),
                                           .jitter = 0,
                                           .total = absl::Minutes(150)},
                                          SucceedAt, this->counter_.file(), 9);
  for (int wait = 1; wait <= 2; ++wait) {
    ASSERT_TRUE(Eventually([&] { return pool.Stats().delayed == 1; }));
    clock->Advance(absl::Hours(1));
  }
  // A fourth one would be due after three hours.
  EXPECT_EQ(ThrownChain([&] { future.Collect(kLong); }), "run 3");
}

TYPED_TEST_P(PoolRetriesContract, ShutdownEndsAWaitWithTheLastFailure) {
  typename TypeParam::Pool pool(1);
  const auto future = pool.SubmitRetrying(
      {.backoff = absl::Hours(1), .max_backoff = absl::Hours(1)}, SucceedAt,
      this->counter_.file(), 9);
  ASSERT_TRUE(Eventually([&] { return pool.Stats().retried == 1; }));
  pool.Shutdown();
  EXPECT_EQ(ThrownChain([&] { future.Collect(kLong); }), "run 1");
}

TYPED_TEST_P(PoolRetriesContract, CancellingEndsTheRetries) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  auto future =
      pool.SubmitRetrying(this->AtOnce(3), SucceedAt, this->counter_.file(), 9);
  EXPECT_TRUE(future.Cancel());
  EXPECT_EQ(pool.CountPendingTasks(), 0);
  gate.Open();
  EXPECT_TRUE(pool.Join(kLong));
  EXPECT_EQ(this->counter_.runs(), 0);
}

TYPED_TEST_P(PoolRetriesContract, BadPolicyIsRefusedBeforeAnythingStarts) {
  typename TypeParam::Pool pool(1);
  EXPECT_EQ(
      ThrownChain([&] { pool.SubmitRetrying({.max_attempts = 0}, Square, 2); }),
      "max_attempts is 0; it must be at least 1");
  EXPECT_EQ(pool.Stats().submitted, 0);
}

TYPED_TEST_P(PoolRetriesContract, TaskKnowsWhichAttemptItIs) {
  typename TypeParam::Pool pool(1);
  EXPECT_EQ(
      pool.SubmitRetrying({.max_attempts = 5, .backoff = absl::Milliseconds(1)},
                          SucceedAtAttempt, 3)
          .Collect(kLong),
      3);
  EXPECT_EQ(pool.Stats().retried, 2);
}

TYPED_TEST_P(PoolRetriesContract, ClosedPoolRefuses) {
  typename TypeParam::Pool pool(1);
  pool.Shutdown();
  EXPECT_THROW(pool.SubmitRetrying({}, Square, 2), ClosedPoolError);
}

REGISTER_TYPED_TEST_SUITE_P(PoolRetriesContract, RetriesUntilItSucceeds,
                            LastFailureIsTheFutures,
                            DoesNotRetryWhatCanNotBeMended, RetryIfDecides,
                            TimeoutIsThatOfOneAttempt, WaitHoldsNoWorker,
                            TotalIsMeasuredByThePoolsClock,
                            ShutdownEndsAWaitWithTheLastFailure,
                            CancellingEndsTheRetries,
                            BadPolicyIsRefusedBeforeAnythingStarts,
                            TaskKnowsWhichAttemptItIs, ClosedPoolRefuses);

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_POOL_TESTING_POOL_CONTRACT_RETRIES_H_
