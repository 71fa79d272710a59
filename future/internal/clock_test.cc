#include "asyncpal/future/internal/clock.h"

#include <time.h>

#include <chrono>
#include <thread>

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

}  // namespace
}  // namespace asyncpal::internal
