#include "asyncpal/pool/internal/timer_queue.h"

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "asyncpal/future/testing/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using testing::Notification;

TEST(TimerQueue, RunsAFunctionNotBeforeItsTime) {
  TimerQueue timers;
  Notification ran;
  const absl::Time start = absl::Now();
  timers.Schedule(absl::Milliseconds(20), [&] { ran.Notify(); });
  ASSERT_TRUE(ran.Wait());
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(19));
}

TEST(TimerQueue, RunsAFunctionThatIsDueAtOnce) {
  TimerQueue timers;
  Notification ran;
  timers.Schedule(absl::ZeroDuration(), [&] { ran.Notify(); });
  EXPECT_TRUE(ran.Wait());
}

TEST(TimerQueue, RunsFunctionsInTheOrderOfTheirTimes) {
  TimerQueue timers;
  Notification all_scheduled;
  Notification done;
  std::vector<int> order;
  // Holds the queue's thread until all are in it.
  timers.Schedule(absl::ZeroDuration(), [&] { all_scheduled.Wait(); });
  timers.Schedule(absl::Milliseconds(3), [&] {
    order.push_back(3);
    done.Notify();
  });
  timers.Schedule(absl::Milliseconds(1), [&] { order.push_back(1); });
  timers.Schedule(absl::Milliseconds(2), [&] { order.push_back(2); });
  all_scheduled.Notify();
  ASSERT_TRUE(done.Wait());
  EXPECT_THAT(order, ::testing::ElementsAre(1, 2, 3));
}

TEST(TimerQueue, EarlierTimerOvertakesOneThatIsWaitedFor) {
  TimerQueue timers;
  Notification ran;
  timers.Schedule(absl::Hours(1), [] {});
  timers.Schedule(absl::Milliseconds(1), [&] { ran.Notify(); });
  EXPECT_TRUE(ran.Wait());
}

TEST(TimerQueue, CancelledFunctionDoesNotRun) {
  TimerQueue timers;
  std::atomic<bool> ran = false;
  Notification later;
  const auto id = timers.Schedule(absl::Milliseconds(20), [&] { ran = true; });
  EXPECT_TRUE(timers.Cancel(id));
  timers.Schedule(absl::Milliseconds(30), [&] { later.Notify(); });
  ASSERT_TRUE(later.Wait());
  EXPECT_FALSE(ran);
}

TEST(TimerQueue, CancelReturnsFalseTheSecondTime) {
  TimerQueue timers;
  const auto id = timers.Schedule(absl::Hours(1), [] {});
  timers.Cancel(id);
  EXPECT_FALSE(timers.Cancel(id));
}

TEST(TimerQueue, CancelReturnsFalseForAFunctionThatRan) {
  TimerQueue timers;
  Notification ran;
  const auto id = timers.Schedule(absl::ZeroDuration(), [&] { ran.Notify(); });
  ASSERT_TRUE(ran.Wait());
  EXPECT_FALSE(timers.Cancel(id));
}

TEST(TimerQueue, CancelReturnsFalseForAFunctionThatRuns) {
  TimerQueue timers;
  Notification running;
  Notification go_on;
  const auto id = timers.Schedule(absl::ZeroDuration(), [&] {
    running.Notify();
    go_on.Wait();
  });
  ASSERT_TRUE(running.Wait());
  EXPECT_FALSE(timers.Cancel(id));
  go_on.Notify();
}

TEST(TimerQueue, CancelDropsWhatTheFunctionHolds) {
  TimerQueue timers;
  auto capture = std::make_shared<int>(7);
  const std::weak_ptr<int> weak = capture;
  timers.Cancel(
      timers.Schedule(absl::Hours(1), [capture = std::move(capture)] {}));
  EXPECT_TRUE(weak.expired());
}

TEST(TimerQueue, DestructorDropsWhatIsStillToCome) {
  auto capture = std::make_shared<int>(7);
  const std::weak_ptr<int> weak = capture;
  {
    TimerQueue timers;
    timers.Schedule(absl::Hours(1), [capture = std::move(capture)] {});
  }
  EXPECT_TRUE(weak.expired());
}

TEST(TimerQueue, DestructorWaitsForAFunctionThatRuns) {
  std::atomic<bool> ended = false;
  Notification running;
  {
    TimerQueue timers;
    timers.Schedule(absl::ZeroDuration(), [&] {
      running.Notify();
      absl::SleepFor(absl::Milliseconds(20));
      ended = true;
    });
    ASSERT_TRUE(running.Wait());
  }
  EXPECT_TRUE(ended);
}

TEST(TimerQueue, FunctionMayDestroyTheQueue) {
  Notification gone;
  auto timers = std::make_unique<TimerQueue>();
  TimerQueue& raw = *timers;
  raw.Schedule(absl::ZeroDuration(), [&, timers = std::move(timers)]() mutable {
    timers.reset();
    gone.Notify();
  });
  EXPECT_TRUE(gone.Wait());
}

TEST(TimerQueue, FunctionMayScheduleAnother) {
  TimerQueue timers;
  Notification ran;
  timers.Schedule(absl::ZeroDuration(), [&] {
    timers.Schedule(absl::ZeroDuration(), [&] { ran.Notify(); });
  });
  EXPECT_TRUE(ran.Wait());
}

TEST(TimerQueue, FunctionThatThrowsStopsNoOther) {
  TimerQueue timers;
  Notification ran;
  ::testing::internal::CaptureStderr();
  timers.Schedule(absl::ZeroDuration(), [] { throw std::runtime_error("x"); });
  timers.Schedule(absl::Milliseconds(1), [&] { ran.Notify(); });
  EXPECT_TRUE(ran.Wait());
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              ::testing::HasSubstr("timer's function"));
}

TEST(TimerQueue, HugeDelaysDoNotOverflow) {
  TimerQueue timers;
  std::atomic<bool> ran = false;
  Notification later;
  timers.Schedule(absl::InfiniteDuration(), [&] { ran = true; });
  timers.Schedule(absl::Nanoseconds(std::numeric_limits<int64_t>::max()),
                  [&] { ran = true; });
  timers.Schedule(absl::Milliseconds(10), [&] { later.Notify(); });
  ASSERT_TRUE(later.Wait());
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace asyncpal::internal
