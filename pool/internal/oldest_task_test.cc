#include "asyncpal/pool/internal/oldest_task.h"

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "asyncpal/future/internal/clock.h"
#include "asyncpal/future/internal/task.h"
#include "asyncpal/future/testing/fake_clock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

StateRef<TaskState> MakeTask(uint32_t flags = 0) {
  return StateRef<TaskState>::Adopt(NewTask(nullptr, flags, [] {}));
}

TEST(OldestTaskTest, IsNoneWhereNoneWasShown) {
  const OldestTask oldest;
  EXPECT_EQ(oldest.waited(), absl::ZeroDuration());
  EXPECT_EQ(oldest.call_id(), 0u);
}

TEST(OldestTaskTest, HasWaitedAsLongAsTheOldestTask) {
  const auto older = MakeTask();
  absl::SleepFor(absl::Milliseconds(2));
  const auto newer = MakeTask();
  const absl::Duration least = older->duration().pending;
  OldestTask oldest;
  oldest.See(*newer);
  oldest.See(*older);
  oldest.See(*newer);
  EXPECT_GE(oldest.waited(), least);
  EXPECT_LE(oldest.waited(), older->duration().pending);
  EXPECT_EQ(oldest.call_id(), 0u);
}

TEST(OldestTaskTest, OfCallsItIsTheOneOfTheLowestId) {
  OldestTask oldest;
  oldest.SeeCall({.id = 7, .submitted_at = 0});
  oldest.SeeCall({.id = 3, .submitted_at = 0});
  oldest.SeeCall({.id = 9, .submitted_at = 0});
  EXPECT_EQ(oldest.call_id(), 3u);
}

TEST(OldestTaskTest, CallThatKeepsItsTimeCountsByThat) {
  testing::FakeClock clock;
  const int64_t submitted_at = NowTicks();
  clock.Advance(absl::Seconds(2));
  OldestTask oldest;
  oldest.SeeCall({.id = 4, .submitted_at = NowTicks()});
  oldest.SeeCall({.id = 3, .submitted_at = submitted_at});
  EXPECT_EQ(oldest.waited(), absl::Seconds(2));
  EXPECT_EQ(oldest.call_id(), 0u);
}

TEST(OldestTaskTest, TaskWithoutAFutureCountsAsACall) {
  const auto task = MakeTask(TaskState::kDetached);
  task->set_task_id(5);
  OldestTask oldest;
  oldest.See(*task);
  EXPECT_EQ(oldest.waited(), absl::ZeroDuration());
  EXPECT_EQ(oldest.call_id(), 5u);
}

TEST(FirstSeenTest, AgesFromTheFirstLookThatFoundIt) {
  FirstSeen seen;
  EXPECT_EQ(seen.AgeOf(1, 1000), absl::ZeroDuration());
  EXPECT_EQ(seen.AgeOf(1, 1500), absl::Nanoseconds(500));
  EXPECT_EQ(seen.AgeOf(1, 9000), absl::Nanoseconds(8000));
}

TEST(FirstSeenTest, BeginsAnewWithAnother) {
  FirstSeen seen;
  seen.AgeOf(1, 1000);
  EXPECT_EQ(seen.AgeOf(2, 5000), absl::ZeroDuration());
  EXPECT_EQ(seen.AgeOf(2, 5001), absl::Nanoseconds(1));
}

}  // namespace
}  // namespace asyncpal::internal
