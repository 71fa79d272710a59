#include "asyncpal/future/internal/task_clock.h"

#include <cstdint>

#include "absl/time/time.h"
#include "asyncpal/future/testing/fake_clock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

// While a fake clock is set, a tick is a nanosecond.
class TaskClockTest : public ::testing::Test {
 protected:
  static void Expect(const TaskTimes& times, absl::Duration waited,
                     absl::Duration ran) {
    EXPECT_EQ(times.pending, waited);
    EXPECT_EQ(times.running, ran);
  }

  testing::FakeClock fake_;
  TaskClock clock_{1000};
};

TEST_F(TaskClockTest, WaitsUntilItStarts) {
  Expect(clock_.Times(/*is_done=*/false, 1007), absl::Nanoseconds(7),
         absl::ZeroDuration());
}

TEST_F(TaskClockTest, RunsUntilItEnds) {
  clock_.MarkStarted(1010);
  Expect(clock_.Times(/*is_done=*/false, 1030), absl::Nanoseconds(10),
         absl::Nanoseconds(20));
  clock_.MarkEnded(1040);
  Expect(clock_.Times(/*is_done=*/true, 2000), absl::Nanoseconds(10),
         absl::Nanoseconds(30));
}

TEST_F(TaskClockTest, ATaskThatStartsAtOnceHasStarted) {
  clock_.MarkStarted(1000);
  Expect(clock_.Times(/*is_done=*/false, 1030), absl::ZeroDuration(),
         absl::Nanoseconds(30));
}

TEST_F(TaskClockTest, TheFirstStartCounts) {
  clock_.MarkStarted(1010);
  clock_.MarkStarted(1020);
  Expect(clock_.Times(/*is_done=*/false, 1030), absl::Nanoseconds(10),
         absl::Nanoseconds(20));
}

TEST_F(TaskClockTest, WhatNeverStartedHasOnlyWaited) {
  clock_.MarkEnded(1040);
  Expect(clock_.Times(/*is_done=*/true, 2000), absl::Nanoseconds(40),
         absl::ZeroDuration());
}

TEST_F(TaskClockTest, AStartAfterTheEndChangesNothing) {
  clock_.MarkEnded(1040);
  clock_.MarkStarted(1100);
  Expect(clock_.Times(/*is_done=*/true, 2000), absl::Nanoseconds(40),
         absl::ZeroDuration());
}

TEST_F(TaskClockTest, ClocksThatDisagreeGiveNoNegativeTimes) {
  clock_.MarkStarted(990);
  clock_.MarkEnded(980);
  Expect(clock_.Times(/*is_done=*/true, 900), absl::ZeroDuration(),
         absl::ZeroDuration());
}

TEST_F(TaskClockTest, LongTimesAreRightToAFewPartsInTenMillion) {
  const int64_t day = absl::ToInt64Nanoseconds(absl::Hours(24));
  clock_.MarkStarted(1000 + day);
  clock_.MarkEnded(1000 + day + 12345);
  const TaskTimes times = clock_.Times(/*is_done=*/true, 0);
  EXPECT_LE(times.pending, absl::Hours(24));
  EXPECT_GT(times.pending, absl::Hours(24) - absl::Milliseconds(3));
  // The end counts from the start as it was kept.
  EXPECT_GE(times.running, absl::Nanoseconds(12345));
  EXPECT_LT(times.running, absl::Milliseconds(3));
}

TEST_F(TaskClockTest, TimesWithoutEndAreVeryLong) {
  clock_.MarkEnded(INT64_MAX);
  EXPECT_GT(clock_.Times(/*is_done=*/true, 0).pending, absl::Hours(24 * 365));
}

TEST_F(TaskClockTest, TellsNanosecondsOfATaskThatHasEnded) {
  clock_.MarkStarted(1300);
  EXPECT_EQ(clock_.WaitedNanos(), 300);
  clock_.MarkEnded(1350);
  EXPECT_EQ(clock_.WaitedNanos(), 300);
  EXPECT_EQ(clock_.RanNanos(), 50);
}

TEST_F(TaskClockTest, TaskThatNeverStartedHasOnlyWaited) {
  clock_.MarkEnded(1300);
  EXPECT_EQ(clock_.WaitedNanos(), 300);
  EXPECT_EQ(clock_.RanNanos(), 0);
}

TEST_F(TaskClockTest, WaitCountsFromARestart) {
  clock_.Restart(1280);
  clock_.MarkStarted(1300);
  EXPECT_EQ(clock_.WaitedNanos(), 20);
}

}  // namespace
}  // namespace asyncpal::internal
