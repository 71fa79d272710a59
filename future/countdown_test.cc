#include "asyncpal/future/countdown.h"

#include <cstdint>
#include <limits>

#include "absl/time/time.h"
#include "asyncpal/future/testing/fake_clock.h"
#include "gtest/gtest.h"

namespace asyncpal {
namespace {

using testing::FakeClock;

constexpr int64_t kMaxInt64 = std::numeric_limits<int64_t>::max();

TEST(Countdown, StartsWithItsTimeout) {
  FakeClock clock;
  EXPECT_EQ(Countdown(absl::Seconds(10)).Remaining(), absl::Seconds(10));
}

TEST(Countdown, KeepsTheTimeoutThatItWasMadeWith) {
  FakeClock clock;
  const Countdown countdown(absl::Seconds(10));
  clock.Advance(absl::Seconds(3));
  EXPECT_EQ(countdown.timeout(), absl::Seconds(10));
}

TEST(Countdown, GoesDownWithTheClock) {
  FakeClock clock;
  const Countdown countdown(absl::Seconds(10));
  clock.Advance(absl::Milliseconds(2500));
  EXPECT_EQ(countdown.Remaining(), absl::Milliseconds(7500));
}

TEST(Countdown, IsZeroWhenItsTimeoutHasPassed) {
  FakeClock clock;
  const Countdown countdown(absl::Seconds(10));
  clock.Advance(absl::Seconds(10));
  EXPECT_EQ(countdown.Remaining(), absl::ZeroDuration());
}

TEST(Countdown, IsNeverNegative) {
  FakeClock clock;
  const Countdown countdown(absl::Seconds(10));
  clock.Advance(absl::Hours(1));
  EXPECT_EQ(countdown.Remaining(), absl::ZeroDuration());
}

TEST(Countdown, IsZeroForANegativeTimeout) {
  EXPECT_EQ(Countdown(absl::Seconds(-1)).Remaining(), absl::ZeroDuration());
}

TEST(Countdown, IsZeroForANegativeInfiniteTimeout) {
  EXPECT_EQ(Countdown(-absl::InfiniteDuration()).Remaining(),
            absl::ZeroDuration());
}

TEST(Countdown, NeverRunsOutForAnInfiniteTimeout) {
  FakeClock clock;
  const Countdown countdown(absl::InfiniteDuration());
  clock.Advance(absl::Hours(24 * 365 * 100));
  EXPECT_EQ(countdown.Remaining(), absl::InfiniteDuration());
}

TEST(Countdown, GoesDownFromTheLargestNumberOfNanoseconds) {
  FakeClock clock;
  const Countdown countdown{absl::Nanoseconds(kMaxInt64)};
  clock.Advance(absl::Seconds(1));
  EXPECT_EQ(countdown.Remaining(),
            absl::Nanoseconds(kMaxInt64) - absl::Seconds(1));
}

TEST(Countdown, GoesDownFromTheLargestNumberOfSeconds) {
  FakeClock clock;
  const Countdown countdown{absl::Seconds(kMaxInt64)};
  clock.Advance(absl::Seconds(1));
  EXPECT_EQ(countdown.Remaining(), absl::Seconds(kMaxInt64 - 1));
}

TEST(Countdown, KeepsFractionsOfANanosecond) {
  FakeClock clock;
  EXPECT_GT(Countdown(absl::Nanoseconds(0.25)).Remaining(),
            absl::ZeroDuration());
}

TEST(Countdown, IsInfiniteForATimeoutThatIsNotANumber) {
  // What Abseil makes of a NaN.
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(Countdown(absl::Seconds(nan)).Remaining(),
            absl::InfiniteDuration());
}

TEST(Countdown, ReadsTheSteadyClockOutsideTests) {
  const Countdown countdown(absl::Hours(1));
  EXPECT_GT(countdown.Remaining(), absl::Minutes(59));
}

}  // namespace
}  // namespace asyncpal
