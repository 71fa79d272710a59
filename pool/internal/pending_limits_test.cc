#include "asyncpal/pool/internal/pending_limits.h"

#include <thread>

#include "absl/time/time.h"
#include "asyncpal/future/testing/notification.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using testing::kDeadline;

TEST(PendingLimitsTest, HoldAnythingWhereNoneIsSet) {
  const PendingLimits limits(0, 0);
  EXPECT_FALSE(limits.any());
  EXPECT_TRUE(limits.HasRoom({.tasks = 1 << 30, .bytes = 1 << 30}, 1 << 30));
}

TEST(PendingLimitsTest, HoldAsManyTasksAsTheyAreSetTo) {
  const PendingLimits limits(2, 0);
  EXPECT_TRUE(limits.HasRoom({.tasks = 1}, 0));
  EXPECT_FALSE(limits.HasRoom({.tasks = 2}, 0));
}

TEST(PendingLimitsTest, DoNotCountTasksForWhichAWorkerIsFree) {
  const PendingLimits limits(2, 0);
  EXPECT_TRUE(limits.HasRoom({.tasks = 4, .free_workers = 3}, 0));
  EXPECT_FALSE(limits.HasRoom({.tasks = 5, .free_workers = 3}, 0));
}

TEST(PendingLimitsTest, HoldAsManyBytesAsTheyAreSetTo) {
  const PendingLimits limits(0, 100);
  EXPECT_TRUE(limits.HasRoom({.bytes = 60}, 40));
  EXPECT_FALSE(limits.HasRoom({.bytes = 60}, 41));
}

TEST(PendingLimitsTest, CanNeverHoldACallThatIsLargerThanAllTheRoom) {
  const PendingLimits limits(0, 100);
  EXPECT_TRUE(limits.CanEverHold(100));
  EXPECT_FALSE(limits.CanEverHold(101));
}

TEST(PendingLimitsTest, NameTheLimitsThatAreSet) {
  EXPECT_EQ(PendingLimits(4, 0).Describe(), "max_pending is 4");
  EXPECT_EQ(PendingLimits(0, 5).Describe(), "max_pending_bytes is 5");
  EXPECT_EQ(PendingLimits(4, 5).Describe(),
            "max_pending is 4 and max_pending_bytes is 5");
}

TEST(RoomSignalTest, ReturnsAtOnceWhenItWasNotifiedBeforeTheWait) {
  RoomSignal signal;
  const uint64_t version = signal.version();
  signal.Notify();
  EXPECT_TRUE(signal.WaitForChange(version, absl::InfiniteDuration()));
}

TEST(RoomSignalTest, WakesAWaiter) {
  RoomSignal signal;
  const uint64_t version = signal.version();
  std::thread notifier([&] { signal.Notify(); });
  EXPECT_TRUE(signal.WaitForChange(version, kDeadline));
  notifier.join();
}

TEST(RoomSignalTest, GivesUpWhenTheTimeHasPassed) {
  RoomSignal signal;
  EXPECT_FALSE(signal.WaitForChange(signal.version(), absl::Milliseconds(1)));
}

}  // namespace
}  // namespace asyncpal::internal
