#include "asyncpal/pool/internal/timer_queue.h"

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "asyncpal/future/testing/notification.h"
#include "asyncpal/pool/manual_clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using testing::Notification;

TEST(TimerQueue, RunsAFunctionNotBeforeItsTime) {
  Notification ran;
  TimerQueue timers;
  const absl::Time start = absl::Now();
  timers.Schedule(absl::Milliseconds(20), [&] { ran.Notify(); });
  ASSERT_TRUE(ran.Wait());
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(19));
}

TEST(TimerQueue, RunsAFunctionThatIsDueAtOnce) {
  Notification ran;
  TimerQueue timers;
  timers.Schedule(absl::ZeroDuration(), [&] { ran.Notify(); });
  EXPECT_TRUE(ran.Wait());
}

TEST(TimerQueue, RunsFunctionsInTheOrderOfTheirTimes) {
  Notification all_scheduled;
  Notification done;
  std::vector<int> order;
  TimerQueue timers;
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
  Notification ran;
  TimerQueue timers;
  timers.Schedule(absl::Hours(1), [] {});
  timers.Schedule(absl::Milliseconds(1), [&] { ran.Notify(); });
  EXPECT_TRUE(ran.Wait());
}

TEST(TimerQueue, CancelledFunctionDoesNotRun) {
  std::atomic<bool> ran = false;
  Notification later;
  TimerQueue timers;
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
  Notification ran;
  TimerQueue timers;
  const auto id = timers.Schedule(absl::ZeroDuration(), [&] { ran.Notify(); });
  ASSERT_TRUE(ran.Wait());
  EXPECT_FALSE(timers.Cancel(id));
}

TEST(TimerQueue, CancelReturnsFalseForAFunctionThatRuns) {
  Notification running;
  Notification go_on;
  TimerQueue timers;
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
  Notification ran;
  TimerQueue timers;
  timers.Schedule(absl::ZeroDuration(), [&] {
    timers.Schedule(absl::ZeroDuration(), [&] { ran.Notify(); });
  });
  EXPECT_TRUE(ran.Wait());
}

TEST(TimerQueue, FunctionThatThrowsStopsNoOther) {
  Notification ran;
  TimerQueue timers;
  ::testing::internal::CaptureStderr();
  timers.Schedule(absl::ZeroDuration(), [] { throw std::runtime_error("x"); });
  timers.Schedule(absl::Milliseconds(1), [&] { ran.Notify(); });
  EXPECT_TRUE(ran.Wait());
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              ::testing::HasSubstr("timer's function"));
}

TEST(TimerQueue, HugeDelaysDoNotOverflow) {
  std::atomic<bool> ran = false;
  Notification later;
  TimerQueue timers;
  timers.Schedule(absl::InfiniteDuration(), [&] { ran = true; });
  timers.Schedule(absl::Nanoseconds(std::numeric_limits<int64_t>::max()),
                  [&] { ran = true; });
  timers.Schedule(absl::Milliseconds(10), [&] { later.Notify(); });
  ASSERT_TRUE(later.Wait());
  EXPECT_FALSE(ran);
}

class TimerQueueOnAManualClock : public ::testing::Test {
 protected:
  // Notes the clock's time when it runs.
  TimerQueue::TimerId Schedule(absl::Duration delay) {
    return timers_.Schedule(delay, [this] { ran_.push_back(clock_->Now()); });
  }

  const std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>();
  TimerQueue timers_{clock_};
  std::vector<absl::Duration> ran_;
};

TEST_F(TimerQueueOnAManualClock, FunctionsRunInAdvanceAtTheirTimes) {
  Schedule(absl::Seconds(30));
  Schedule(absl::Seconds(10));
  Schedule(absl::Seconds(20));
  clock_->Advance(absl::Seconds(9));
  EXPECT_THAT(ran_, ::testing::IsEmpty());
  clock_->Advance(absl::Seconds(11));
  EXPECT_THAT(ran_,
              ::testing::ElementsAre(absl::Seconds(10), absl::Seconds(20)));
  clock_->Advance(absl::Seconds(100));
  EXPECT_EQ(ran_.back(), absl::Seconds(30));
}

TEST_F(TimerQueueOnAManualClock, CancelledFunctionDoesNotRun) {
  const TimerQueue::TimerId id = Schedule(absl::Seconds(10));
  Schedule(absl::Seconds(20));
  EXPECT_TRUE(timers_.Cancel(id));
  clock_->Advance(absl::Seconds(20));
  EXPECT_THAT(ran_, ::testing::ElementsAre(absl::Seconds(20)));
}

TEST_F(TimerQueueOnAManualClock, FunctionMayScheduleOneForTheSameAdvance) {
  timers_.Schedule(absl::Seconds(10), [this] { Schedule(absl::Seconds(5)); });
  clock_->Advance(absl::Seconds(20));
  EXPECT_THAT(ran_, ::testing::ElementsAre(absl::Seconds(15)));
}

TEST_F(TimerQueueOnAManualClock, NowAndAfterAreThoseOfTheClock) {
  clock_->Advance(absl::Seconds(3));
  EXPECT_EQ(timers_.Now(), absl::ToInt64Nanoseconds(absl::Seconds(3)));
  EXPECT_EQ(timers_.After(absl::Seconds(4)),
            absl::ToInt64Nanoseconds(absl::Seconds(7)));
  EXPECT_EQ(timers_.After(absl::InfiniteDuration()), TimerQueue::kNever);
}

TEST(TimerQueue, LeavesNothingBehindInItsClock) {
  const auto clock = std::make_shared<ManualClock>();
  auto capture = std::make_shared<int>(7);
  const std::weak_ptr<int> weak = capture;
  {
    TimerQueue timers(clock);
    timers.Schedule(absl::Hours(1), [capture = std::move(capture)] {});
  }
  EXPECT_TRUE(weak.expired());
  EXPECT_EQ(clock->UntilNextTimer(), std::nullopt);
  clock->Advance(absl::Hours(2));
}

}  // namespace
}  // namespace asyncpal::internal
