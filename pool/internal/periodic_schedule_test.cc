#include "asyncpal/pool/internal/periodic_schedule.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/pool/periodic.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

constexpr int64_t kStart = 5'000;
constexpr int64_t kPeriod = 1'000;

PeriodicSchedule Make(PeriodicOptions options = {}) {
  return {absl::Nanoseconds(kPeriod), options, kStart, /*seed=*/7};
}

TEST(PeriodicSchedule, FirstRunIsDueAfterTheInitialDelay) {
  EXPECT_EQ(Make().due(), kStart);
  EXPECT_EQ(Make({.initial_delay = absl::Nanoseconds(30)}).due(), kStart + 30);
}

TEST(PeriodicSchedule, FixedRateDoesNotDriftIn100000Runs) {
  PeriodicSchedule schedule = Make();
  for (int64_t run = 0; run < 100'000; ++run) {
    ASSERT_EQ(schedule.due(), kStart + run * kPeriod);
    // Each begins late, and takes a while.
    ASSERT_TRUE(schedule.OnEnd(schedule.due() + 17 + run % 900, false));
  }
  EXPECT_EQ(schedule.skipped(), 0);
  EXPECT_EQ(schedule.runs(), 100'000);
}

TEST(PeriodicSchedule, FixedDelayCountsFromTheEnd) {
  PeriodicSchedule schedule = Make({.cadence = Cadence::kFixedDelay});
  schedule.OnEnd(kStart + 2'345, false);
  EXPECT_EQ(schedule.due(), kStart + 2'345 + kPeriod);
  EXPECT_EQ(schedule.skipped(), 0);
}

TEST(PeriodicSchedule, MissedTicksAreLeftOutAndCounted) {
  PeriodicSchedule schedule = Make();
  schedule.OnEnd(kStart + 3'500, false);
  EXPECT_EQ(schedule.due(), kStart + 4'000);
  EXPECT_EQ(schedule.skipped(), 3);
}

TEST(PeriodicSchedule, TickAtTheEndOfARunIsNotMissed) {
  PeriodicSchedule schedule = Make();
  schedule.OnEnd(kStart + 3'000, false);
  EXPECT_EQ(schedule.due(), kStart + 3'000);
  EXPECT_EQ(schedule.skipped(), 2);
}

TEST(PeriodicSchedule, CatchUpRunsMissedTicksInARow) {
  PeriodicSchedule schedule = Make({.when_late = WhenLate::kCatchUp});
  std::vector<int64_t> due;
  for (int run = 0; run < 4; ++run) {
    schedule.OnEnd(kStart + 2'500, false);
    due.push_back(schedule.due() - kStart);
  }
  EXPECT_EQ(due, (std::vector<int64_t>{1'000, 2'000, 3'000, 4'000}));
  EXPECT_EQ(schedule.skipped(), 0);
}

TEST(PeriodicSchedule, EndsAfterMaxRuns) {
  PeriodicSchedule schedule = Make({.max_runs = 2});
  EXPECT_TRUE(schedule.OnEnd(kStart, false));
  EXPECT_FALSE(schedule.OnEnd(kStart + kPeriod, true));
  EXPECT_EQ(schedule.runs(), 2);
  EXPECT_EQ(schedule.failed(), 1);
}

TEST(PeriodicSchedule, JitterStaysWithinItsPartAndDoesNotAdd) {
  PeriodicSchedule schedule = Make({.jitter = 0.25});
  EXPECT_EQ(schedule.due(), kStart);
  int64_t most = 0;
  for (int64_t run = 1; run <= 1'000; ++run) {
    schedule.OnEnd(schedule.due(), false);
    const int64_t late = schedule.due() - (kStart + run * kPeriod);
    ASSERT_GE(late, 0);
    ASSERT_LT(late, kPeriod / 4);
    most = std::max(most, late);
  }
  EXPECT_GT(most, kPeriod / 8);
}

TEST(PeriodicSchedule, TriggeredRunLeavesTicksAsTheyAre) {
  PeriodicSchedule schedule = Make();
  schedule.OnEnd(kStart, false);
  EXPECT_TRUE(schedule.Trigger(kStart + 300));
  EXPECT_EQ(schedule.due(), kStart + 300);
  EXPECT_FALSE(schedule.Trigger(kStart + 400));  // due already
  schedule.OnEnd(kStart + 500, false);
  EXPECT_EQ(schedule.due(), kStart + kPeriod);
  EXPECT_EQ(schedule.runs(), 2);
}

TEST(PeriodicSchedule, TicksThatPassDuringATriggeredRunAreMissed) {
  PeriodicSchedule schedule = Make();
  schedule.OnEnd(kStart, false);
  schedule.Trigger(kStart + 300);
  schedule.OnEnd(kStart + 1'500, false);
  EXPECT_EQ(schedule.due(), kStart + 2'000);
  EXPECT_EQ(schedule.skipped(), 1);
}

TEST(PeriodicSchedule, FixedDelayCountsFromTheEndOfATriggeredRun) {
  PeriodicSchedule schedule = Make({.cadence = Cadence::kFixedDelay});
  schedule.OnEnd(kStart, false);
  schedule.Trigger(kStart + 300);
  schedule.OnEnd(kStart + 400, false);
  EXPECT_EQ(schedule.due(), kStart + 400 + kPeriod);
}

TEST(PeriodicSchedule, NewPeriodCountsFromTheLastTick) {
  PeriodicSchedule schedule = Make();
  schedule.OnEnd(kStart + 10, false);
  schedule.SetPeriod(absl::Nanoseconds(3'000), kStart + 500, false);
  EXPECT_EQ(schedule.due(), kStart + 3'000);
  schedule.SetPeriod(absl::Nanoseconds(200), kStart + 500, false);
  EXPECT_EQ(schedule.due(), kStart + 500);  // its time has passed
  schedule.OnEnd(kStart + 510, false);
  EXPECT_EQ(schedule.due(), kStart + 700);
}

TEST(PeriodicSchedule, NewPeriodDuringARunCountsFromItsTick) {
  PeriodicSchedule schedule = Make();
  schedule.OnEnd(kStart, false);
  schedule.SetPeriod(absl::Nanoseconds(400), kStart + kPeriod + 1, true);
  schedule.OnEnd(kStart + kPeriod + 2, false);
  EXPECT_EQ(schedule.due(), kStart + kPeriod + 400);
}

TEST(PeriodicSchedule, NewPeriodDoesNotMoveTheFirstRun) {
  PeriodicSchedule schedule = Make({.initial_delay = absl::Nanoseconds(30)});
  schedule.SetPeriod(absl::Nanoseconds(400), kStart, false);
  EXPECT_EQ(schedule.due(), kStart + 30);
  schedule.OnEnd(kStart + 31, false);
  EXPECT_EQ(schedule.due(), kStart + 430);
}

TEST(PeriodicSchedule, InfinitePeriodBringsNoSecondRun) {
  PeriodicSchedule schedule(absl::InfiniteDuration(), {}, kStart, 7);
  schedule.OnEnd(kStart + 1, false);
  EXPECT_EQ(schedule.due(), PeriodicSchedule::kNever);
  EXPECT_TRUE(schedule.Trigger(kStart + 50));
  schedule.OnEnd(kStart + 60, false);
  EXPECT_EQ(schedule.due(), PeriodicSchedule::kNever);
  schedule.SetPeriod(absl::Nanoseconds(100), kStart + 70, false);
  EXPECT_EQ(schedule.due(), kStart + 170);
}

}  // namespace
}  // namespace asyncpal::internal
