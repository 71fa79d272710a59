#include "asyncpal/pool/internal/stall_detector.h"

#include <cstdint>

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

constexpr int64_t kMs = 1'000'000;

// A pool with a pending task in which all workers wait, and nothing happens.
constexpr StallDetector::Sight kStuck = {
    .pending = 1, .events = 7, .ended = 3, .all_wait = true};

TEST(StallDetector, WantsAStandInOnlyAfterAMoment) {
  StallDetector detector;
  detector.See(kStuck, 0);
  detector.See(kStuck, 10 * kMs);
  EXPECT_FALSE(detector.WantsStandIn(10 * kMs));
  detector.See(kStuck, 50 * kMs);
  EXPECT_TRUE(detector.WantsStandIn(50 * kMs));
}

TEST(StallDetector, WantsNoStandInWhileSomebodyIsAtWork) {
  StallDetector detector;
  StallDetector::Sight sight = kStuck;
  sight.all_wait = false;
  detector.See(sight, 0);
  detector.See(sight, 5000 * kMs);
  EXPECT_FALSE(detector.WantsStandIn(5000 * kMs));
}

TEST(StallDetector, WantsNoStandInWithNothingPending) {
  StallDetector detector;
  StallDetector::Sight sight = kStuck;
  sight.pending = 0;
  detector.See(sight, 0);
  detector.See(sight, 5000 * kMs);
  EXPECT_FALSE(detector.WantsStandIn(5000 * kMs));
  EXPECT_FALSE(detector.MustExamine(5000 * kMs));
}

TEST(StallDetector, AMomentBeginsAnewWhenATaskBeginsOrEnds) {
  StallDetector detector;
  StallDetector::Sight sight = kStuck;
  detector.See(sight, 0);
  ++sight.events;
  detector.See(sight, 100 * kMs);
  EXPECT_FALSE(detector.WantsStandIn(100 * kMs));
}

TEST(StallDetector, AMomentBeginsAnewWhenTasksArePendingAgain) {
  StallDetector detector;
  StallDetector::Sight sight = kStuck;
  sight.pending = 0;
  detector.See(sight, 0);
  detector.See(kStuck, 100 * kMs);
  EXPECT_FALSE(detector.WantsStandIn(100 * kMs));
}

TEST(StallDetector, EachFurtherStandInTakesLongerUntilATaskEnds) {
  StallDetector detector;
  StallDetector::Sight sight = kStuck;
  detector.See(sight, 0);
  for (int i = 0; i < 10; ++i) detector.OnStandIn();
  ++sight.events;  // it has begun a task, which waits as well
  detector.See(sight, 100 * kMs);
  EXPECT_FALSE(detector.WantsStandIn(500 * kMs));
  EXPECT_TRUE(detector.WantsStandIn(600 * kMs));
  ++sight.events;
  ++sight.ended;
  detector.See(sight, 700 * kMs);
  EXPECT_TRUE(detector.WantsStandIn(725 * kMs));
}

TEST(StallDetector, CountsAStallOnceAfterASecond) {
  StallDetector detector;
  detector.See(kStuck, 0);
  detector.See(kStuck, 999 * kMs);
  EXPECT_TRUE(detector.MustExamine(999 * kMs));
  EXPECT_FALSE(detector.IsStall(999 * kMs));
  detector.See(kStuck, 1000 * kMs);
  EXPECT_TRUE(detector.MustExamine(1000 * kMs));
  EXPECT_TRUE(detector.IsStall(1000 * kMs));
  detector.See(kStuck, 5000 * kMs);
  EXPECT_FALSE(detector.MustExamine(5000 * kMs));
}

TEST(StallDetector, CountsAnotherStallOnceTasksHaveEnded) {
  StallDetector detector;
  StallDetector::Sight sight = kStuck;
  detector.See(sight, 0);
  ASSERT_TRUE(detector.IsStall(1000 * kMs));
  ++sight.events;
  detector.See(sight, 1100 * kMs);
  detector.See(sight, 2200 * kMs);
  EXPECT_TRUE(detector.MustExamine(2200 * kMs));
  EXPECT_TRUE(detector.IsStall(2200 * kMs));
}

TEST(StallDetector, NoStallWhileAWorkerIsAtWork) {
  StallDetector detector;
  detector.See(kStuck, 0);
  detector.OnAtWork(900 * kMs);
  EXPECT_FALSE(detector.MustExamine(1000 * kMs));
  EXPECT_FALSE(detector.IsStall(1000 * kMs));
}

TEST(StallDetector, LooksLessOftenWhileNothingIsPending) {
  StallDetector detector;
  StallDetector::Sight sight = kStuck;
  detector.See(sight, 0);
  const absl::Duration often = detector.period();
  sight.pending = 0;
  for (int i = 0; i < 20; ++i) detector.See(sight, i * kMs);
  EXPECT_EQ(detector.period(), absl::Seconds(1));
  detector.See(kStuck, 21 * kMs);
  EXPECT_EQ(detector.period(), often);
}

}  // namespace
}  // namespace asyncpal::internal
