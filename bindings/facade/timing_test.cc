#include "asyncpal/bindings/facade/timing.h"

#include <stdexcept>

#include "asyncpal/pool/periodic.h"
#include "asyncpal/pool/retry_policy.h"
#include "gtest/gtest.h"

namespace asyncpal::facade {
namespace {

TEST(PeriodicScheduleTest, RunsAtAFixedRateDoNotDrift) {
  PeriodicSchedule schedule({.period = 10, .initial_delay = 5}, 100);
  EXPECT_EQ(schedule.due(), 105);
  EXPECT_TRUE(schedule.OnEnd(112, /*has_failed=*/true));
  EXPECT_EQ(schedule.due(), 115);
  EXPECT_TRUE(schedule.OnEnd(138, /*has_failed=*/false));
  EXPECT_EQ(schedule.due(), 145);
  EXPECT_EQ(schedule.runs(), 2);
  EXPECT_EQ(schedule.failed(), 1);
  EXPECT_EQ(schedule.skipped(), 2);
}

TEST(PeriodicScheduleTest, CountsAFixedDelayFromTheEnd) {
  PeriodicSchedule schedule({.period = 10, .cadence = 1, .max_runs = 2}, 0);
  EXPECT_TRUE(schedule.OnEnd(7, false));
  EXPECT_EQ(schedule.due(), 17);
  EXPECT_FALSE(schedule.OnEnd(20, false));
}

TEST(PeriodicScheduleTest, IsTriggeredAndChangesItsPeriod) {
  PeriodicSchedule schedule({.period = 10, .initial_delay = kForever}, 0);
  EXPECT_EQ(schedule.due(), kForever);
  EXPECT_TRUE(schedule.Trigger(3));
  EXPECT_FALSE(schedule.Trigger(4));
  EXPECT_EQ(schedule.due(), 3);
  PeriodicSchedule other({.period = 10}, 0);
  EXPECT_TRUE(other.OnEnd(1, false));
  other.SetPeriod(50, 2, /*is_running=*/false);
  EXPECT_EQ(other.due(), 50);
  EXPECT_THROW(other.SetPeriod(0, 2, false), std::invalid_argument);
}

TEST(PeriodicScheduleTest, RefusesOptionsThatAreOutOfRange) {
  EXPECT_THROW(PeriodicSchedule({.period = 0}, 0), std::invalid_argument);
  EXPECT_THROW(PeriodicSchedule({.period = 1, .cadence = 2}, 0),
               std::invalid_argument);
  EXPECT_THROW(PeriodicSchedule({.period = 1, .jitter = 1}, 0),
               std::invalid_argument);
}

TEST(RetryWaitsTest, WaitLongerEachTimeUntilThereIsNone) {
  RetryWaits waits({.max_attempts = 4,
                    .backoff = 10,
                    .multiplier = 3,
                    .max_backoff = 50,
                    .jitter = 0});
  EXPECT_EQ(waits.Next(0), 10);
  EXPECT_EQ(waits.Next(0), 30);
  EXPECT_EQ(waits.attempts(), 3);
  EXPECT_EQ(waits.Next(0), 50);
  EXPECT_EQ(waits.Next(0), -1);
}

TEST(RetryWaitsTest, EndAfterTheTotal) {
  RetryWaits waits({.backoff = 10, .jitter = 0, .total = 15});
  EXPECT_EQ(waits.Next(10), -1);
}

TEST(RetryWaitsTest, RefuseAPolicyThatIsOutOfRange) {
  EXPECT_THROW(RetryWaits({.max_attempts = 0}), std::invalid_argument);
  EXPECT_THROW(RetryWaits({.multiplier = 0.5}), std::invalid_argument);
}

// A host's options have their defaults from here.
TEST(TimingTest, DefaultsAreThoseOfTheOptions) {
  const NativeRetryPolicy policy;
  const asyncpal::RetryPolicy cpp;
  EXPECT_EQ(policy.max_attempts, cpp.max_attempts);
  EXPECT_EQ(policy.backoff, ToNanos(cpp.backoff));
  EXPECT_EQ(policy.multiplier, cpp.multiplier);
  EXPECT_EQ(policy.max_backoff, ToNanos(cpp.max_backoff));
  EXPECT_EQ(policy.jitter, cpp.jitter);
  EXPECT_EQ(policy.total, ToNanos(cpp.total));
  const NativePeriodicOptions options;
  const asyncpal::PeriodicOptions periodic;
  EXPECT_EQ(options.initial_delay, ToNanos(periodic.initial_delay));
  EXPECT_EQ(options.cadence, static_cast<int>(periodic.cadence));
  EXPECT_EQ(options.when_late, static_cast<int>(periodic.when_late));
  EXPECT_EQ(options.max_runs, periodic.max_runs);
  EXPECT_EQ(options.jitter, periodic.jitter);
}

}  // namespace
}  // namespace asyncpal::facade
