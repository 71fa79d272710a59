#include "asyncpal/pool/manual_clock.h"

#include <atomic>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/testing/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal {
namespace {

using ::testing::ElementsAre;
using testing::Notification;

TEST(ManualClock, MovesOnlyWhenToldTo) {
  ManualClock clock;
  EXPECT_EQ(clock.Now(), absl::ZeroDuration());
  clock.Advance(absl::Hours(1));
  EXPECT_EQ(clock.Now(), absl::Hours(1));
}

TEST(ManualClock, RunsATimerWhenItsTimeHasCome) {
  ManualClock clock;
  int runs = 0;
  const auto timer = clock.MakeTimer([&] { ++runs; });
  timer->Set(absl::Seconds(2));
  clock.Advance(absl::Seconds(1));
  EXPECT_EQ(runs, 0);
  clock.Advance(absl::Seconds(1));
  EXPECT_EQ(runs, 1);
  clock.Advance(absl::Hours(1));
  EXPECT_EQ(runs, 1);
}

TEST(ManualClock, TimerThatWasNotSetNeverRuns) {
  ManualClock clock;
  bool ran = false;
  const auto timer = clock.MakeTimer([&] { ran = true; });
  timer->Set(absl::Seconds(1));
  timer->Set(absl::InfiniteDuration());
  clock.Advance(absl::Hours(1));
  EXPECT_FALSE(ran);
}

TEST(ManualClock, TimerThatIsGoneDoesNotRun) {
  ManualClock clock;
  bool ran = false;
  clock.MakeTimer([&] { ran = true; })->Set(absl::Seconds(1));
  clock.Advance(absl::Hours(1));
  EXPECT_FALSE(ran);
}

TEST(ManualClock, TimersRunInOrderEachAtItsOwnTime) {
  ManualClock clock;
  std::vector<absl::Duration> times;
  std::vector<int> order;
  const auto note = [&](int n) {
    order.push_back(n);
    times.push_back(clock.Now());
  };
  const auto later = clock.MakeTimer([&] { note(3); });
  const auto first = clock.MakeTimer([&] { note(1); });
  const auto second = clock.MakeTimer([&] { note(2); });
  later->Set(absl::Seconds(2));
  first->Set(absl::Seconds(1));
  second->Set(absl::Seconds(1));
  clock.Advance(absl::Seconds(5));
  EXPECT_THAT(order, ElementsAre(1, 2, 3));
  EXPECT_THAT(
      times, ElementsAre(absl::Seconds(1), absl::Seconds(1), absl::Seconds(2)));
  EXPECT_EQ(clock.Now(), absl::Seconds(5));
}

TEST(ManualClock, TimerMaySetItselfAgain) {
  ManualClock clock;
  int runs = 0;
  std::unique_ptr<Clock::Timer> timer = clock.MakeTimer([&] {
    ++runs;
    timer->Set(clock.Now() + absl::Seconds(1));
  });
  timer->Set(absl::Seconds(1));
  clock.Advance(absl::Seconds(10));
  EXPECT_EQ(runs, 10);
}

TEST(ManualClock, TimerMayEndItself) {
  ManualClock clock;
  std::unique_ptr<Clock::Timer> timer;
  timer = clock.MakeTimer([&] { timer = nullptr; });
  timer->Set(absl::Seconds(1));
  clock.Advance(absl::Seconds(1));
  EXPECT_EQ(timer, nullptr);
}

TEST(ManualClock, TimerThatThrowsDoesNotStopTheClock) {
  ManualClock clock;
  const auto timer =
      clock.MakeTimer([] { throw std::runtime_error("no good"); });
  timer->Set(absl::Seconds(1));
  clock.Advance(absl::Seconds(2));
  EXPECT_EQ(clock.Now(), absl::Seconds(2));
}

TEST(ManualClock, EndOfATimerWaitsForItsFunction) {
  ManualClock clock;
  Notification entered, release;
  std::atomic<bool> is_over = false;
  auto timer = clock.MakeTimer([&] {
    entered.Notify();
    release.Wait();
    is_over = true;
  });
  timer->Set(absl::Seconds(1));
  std::thread mover([&] { clock.Advance(absl::Seconds(1)); });
  EXPECT_TRUE(entered.Wait());
  std::thread releaser([&] { release.Notify(); });
  timer = nullptr;
  EXPECT_TRUE(is_over);
  releaser.join();
  mover.join();
}

TEST(ManualClock, UntilNextTimerTellsHowLong) {
  ManualClock clock;
  EXPECT_FALSE(clock.UntilNextTimer().has_value());
  const auto timer = clock.MakeTimer([] {});
  timer->Set(absl::Seconds(3));
  clock.Advance(absl::Seconds(1));
  EXPECT_EQ(clock.UntilNextTimer(), absl::Seconds(2));
}

TEST(ManualClock, RefusesToGoBack) {
  ManualClock clock;
  EXPECT_THROW(clock.Advance(absl::Seconds(-1)), std::invalid_argument);
  EXPECT_THROW(clock.Advance(absl::InfiniteDuration()), std::invalid_argument);
}

TEST(ManualClock, RefusesToBeMovedByItsOwnTimers) {
  ManualClock clock;
  bool was_refused = false;
  const auto timer = clock.MakeTimer([&] {
    try {
      clock.Advance(absl::Seconds(1));
    } catch (const InvalidStateError&) {
      was_refused = true;
    }
  });
  timer->Set(absl::Seconds(1));
  clock.Advance(absl::Seconds(1));
  EXPECT_TRUE(was_refused);
}

}  // namespace
}  // namespace asyncpal
