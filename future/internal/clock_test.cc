#include "asyncpal/future/internal/clock.h"

#include <time.h>

#include <chrono>
#include <thread>

#include "absl/time/time.h"
#include "asyncpal/future/internal/tick_rate.h"
#include "asyncpal/future/testing/fake_clock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

int64_t RealNanos() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// Reads for long enough that the counter takes over and anchors are renewed.
constexpr int64_t kTestNanos = 30'000'000;
// The counter's error, and some for a machine that slows it down.
constexpr int64_t kToleranceNanos = 20'000;

TEST(ClockTest, StaysBetweenTwoReadingsOfTheRealClock) {
  const int64_t end = RealNanos() + kTestNanos;
  int64_t before = RealNanos();
  while (before < end) {
    const int64_t now = NowNanos();
    const int64_t after = RealNanos();
    ASSERT_GE(now, before - kToleranceNanos);
    ASSERT_LE(now, after + kToleranceNanos);
    before = after;
  }
}

TEST(ClockTest, ReadingsOnOneThreadNeverGoFarBack) {
  const int64_t end = RealNanos() + kTestNanos;
  int64_t last = NowNanos();
  while (last < end) {
    const int64_t now = NowNanos();
    ASSERT_GE(now, last - kToleranceNanos);
    last = now;
  }
}

TEST(ClockTest, AThreadThatSleptReadsTheTrueTime) {
  for (int i = 0; i < 1000; ++i) NowNanos();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const int64_t before = RealNanos();
  const int64_t now = NowNanos();
  const int64_t after = RealNanos();
  EXPECT_GE(now, before - kToleranceNanos);
  EXPECT_LE(now, after + kToleranceNanos);
}

TEST(TicksTest, DistancesAreThoseOfTheRealClock) {
  const int64_t outer_before = RealNanos();
  const int64_t first = NowTicks();
  const int64_t inner_before = RealNanos();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const int64_t inner_after = RealNanos();
  const int64_t last = NowTicks();
  const int64_t outer_after = RealNanos();
  const int64_t nanos = TicksToNanos(last - first);
  EXPECT_GE(nanos, inner_after - inner_before - kToleranceNanos);
  EXPECT_LE(nanos, outer_after - outer_before + kToleranceNanos);
}

TEST(TicksTest, ShortDistancesAreTrueAsSoonAsTheProgramRuns) {
  const int64_t before = RealNanos();
  const int64_t first = NowTicks();
  const int64_t last = NowTicks();
  const int64_t nanos = TicksToNanos(last - first);
  const int64_t after = RealNanos();
  EXPECT_GE(nanos, 0);
  EXPECT_LE(nanos, after - before + kToleranceNanos);
}

TEST(TicksTest, AreNeverZeroAndTheirNoDistanceIs) {
  EXPECT_NE(NowTicks(), 0);
  EXPECT_EQ(TicksToNanos(0), 0);
}

TEST(TicksTest, DistancesDoNotDependOnWhoReadsTheCounter) {
  const int64_t first = NowTicks();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const int64_t last = NowTicks();
  const int64_t nanos = TicksToNanos(last - first);
  EXPECT_NEAR(TicksToNanosAt(last - first, last), nanos, kToleranceNanos);
  // Nor on whether the moment is one of long ago, or of before any rate.
  EXPECT_NEAR(TicksToNanosAt(last - first, first), nanos, kToleranceNanos);
  EXPECT_NEAR(TicksToNanosAt(last - first, 1), nanos, kToleranceNanos);
  EXPECT_EQ(TicksToNanosAt(0, last), 0);
}

TEST(TicksTest, FollowTheFakeClock) {
  testing::FakeClock clock;
  const int64_t before = NowTicks();
  clock.Advance(absl::Nanoseconds(1234));
  EXPECT_EQ(TicksToNanos(NowTicks() - before), 1234);
  EXPECT_EQ(TicksToNanosAt(NowTicks() - before, NowTicks()), 1234);
}

}  // namespace
}  // namespace asyncpal::internal
