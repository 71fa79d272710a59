#include "asyncpal/pool/retry_policy.h"

#include <cmath>
#include <cstdint>
#include <exception>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::testing::ElementsAre;

// The waits of a task that fails each time, at once.
std::vector<absl::Duration> WaitsOf(const RetryPolicy& policy,
                                    uint64_t seed = 1) {
  RetryWaits waits(policy, seed);
  std::vector<absl::Duration> all;
  absl::Duration elapsed;
  while (const auto wait = waits.Next(elapsed)) {
    all.push_back(*wait);
    elapsed += *wait;
  }
  return all;
}

std::string RefusalOf(const RetryPolicy& policy) {
  try {
    CheckRetryPolicy(policy);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "none";
}

TEST(RetryPolicyTest, WaitsGrowByTheMultiplier) {
  EXPECT_THAT(WaitsOf({.max_attempts = 5, .jitter = 0}),
              ElementsAre(absl::Milliseconds(100), absl::Milliseconds(200),
                          absl::Milliseconds(400), absl::Milliseconds(800)));
}

TEST(RetryPolicyTest, WaitsGrowNoLongerThanTheLongest) {
  EXPECT_THAT(WaitsOf({.max_attempts = 5,
                       .backoff = absl::Seconds(10),
                       .multiplier = 2.5,
                       .max_backoff = absl::Seconds(30),
                       .jitter = 0}),
              ElementsAre(absl::Seconds(10), absl::Seconds(25),
                          absl::Seconds(30), absl::Seconds(30)));
}

TEST(RetryPolicyTest, FirstWaitIsNoLongerThanTheLongest) {
  EXPECT_THAT(WaitsOf({.max_attempts = 2,
                       .backoff = absl::Minutes(1),
                       .max_backoff = absl::Seconds(3),
                       .jitter = 0}),
              ElementsAre(absl::Seconds(3)));
}

TEST(RetryPolicyTest, OneAttemptHasNoWait) {
  EXPECT_THAT(WaitsOf({.max_attempts = 1}), ElementsAre());
}

TEST(RetryPolicyTest, JitterTakesOffUpToItsPart) {
  const RetryPolicy policy = {.max_attempts = 1000,
                              .backoff = absl::Seconds(1),
                              .multiplier = 1,
                              .jitter = 0.25};
  absl::Duration least = absl::InfiniteDuration();
  absl::Duration most = absl::ZeroDuration();
  for (const absl::Duration wait : WaitsOf(policy)) {
    least = std::min(least, wait);
    most = std::max(most, wait);
  }
  EXPECT_GE(least, absl::Milliseconds(750));
  EXPECT_LT(least, absl::Milliseconds(760));
  EXPECT_LE(most, absl::Milliseconds(1000));
  EXPECT_GT(most, absl::Milliseconds(990));
}

TEST(RetryPolicyTest, JitterComesFromTheSeed) {
  const RetryPolicy policy = {.max_attempts = 10};
  EXPECT_EQ(WaitsOf(policy, 7), WaitsOf(policy, 7));
  EXPECT_NE(WaitsOf(policy, 7), WaitsOf(policy, 8));
}

TEST(RetryPolicyTest, NoAttemptBeginsAfterTheTotal) {
  EXPECT_THAT(
      WaitsOf(
          {.max_attempts = 100, .jitter = 0, .total = absl::Milliseconds(750)}),
      ElementsAre(absl::Milliseconds(100), absl::Milliseconds(200),
                  absl::Milliseconds(400)));
}

TEST(RetryPolicyTest, TotalCountsWhatAttemptsTake) {
  RetryWaits waits({.jitter = 0, .total = absl::Seconds(1)}, 1);
  EXPECT_EQ(waits.Next(absl::Milliseconds(900)), absl::Milliseconds(100));
  EXPECT_EQ(waits.Next(absl::Milliseconds(1100)), std::nullopt);
}

TEST(RetryPolicyTest, CountsAttempts) {
  RetryWaits waits({}, 1);
  EXPECT_EQ(waits.attempts(), 1);
  waits.Next(absl::ZeroDuration());
  EXPECT_EQ(waits.attempts(), 2);
}

TEST(RetryPolicyTest, InfiniteWaitBearsJitter) {
  EXPECT_THAT(WaitsOf({.max_attempts = 2,
                       .backoff = absl::InfiniteDuration(),
                       .max_backoff = absl::InfiniteDuration()}),
              ElementsAre(absl::InfiniteDuration()));
}

TEST(RetryPolicyTest, BadInputIsNamedWithItsValue) {
  EXPECT_EQ(RefusalOf({}), "none");
  EXPECT_EQ(RefusalOf({.max_attempts = 0}),
            "max_attempts is 0; it must be at least 1");
  EXPECT_EQ(RefusalOf({.backoff = absl::Seconds(-1)}),
            "backoff is -1s; it must not be negative");
  EXPECT_EQ(RefusalOf({.multiplier = 0.5}),
            "multiplier is 0.5; it must be at least 1");
  EXPECT_EQ(RefusalOf({.multiplier = std::nan("")}),
            "multiplier is nan; it must be at least 1");
  EXPECT_EQ(RefusalOf({.max_backoff = absl::Seconds(-1)}),
            "max_backoff is -1s; it must not be negative");
  EXPECT_EQ(RefusalOf({.jitter = 1}), "jitter is 1; it must be in [0, 1)");
  EXPECT_EQ(RefusalOf({.jitter = -0.1}),
            "jitter is -0.1; it must be in [0, 1)");
  EXPECT_EQ(RefusalOf({.total = absl::Seconds(-1)}),
            "total is -1s; it must not be negative");
}

TEST(RetryPolicyTest, RetriesWhatAnotherAttemptMayMend) {
  EXPECT_TRUE(IsRetriable(std::make_exception_ptr(std::runtime_error("x"))));
  EXPECT_TRUE(IsRetriable(std::make_exception_ptr(7)));
  EXPECT_TRUE(IsRetriable(std::make_exception_ptr(TimeoutError("x"))));
}

TEST(RetryPolicyTest, DoesNotRetryWhatItCannotMend) {
  EXPECT_FALSE(IsRetriable(std::make_exception_ptr(CancelledError("x"))));
  EXPECT_FALSE(IsRetriable(std::make_exception_ptr(RejectedError("x"))));
  EXPECT_FALSE(IsRetriable(std::make_exception_ptr(SerializationError("x"))));
  EXPECT_FALSE(IsRetriable(std::make_exception_ptr(ClosedPoolError("x"))));
  EXPECT_FALSE(IsRetriable(std::make_exception_ptr(BrokenPoolError("x"))));
}

}  // namespace
}  // namespace asyncpal::internal
