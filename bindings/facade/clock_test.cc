#include "asyncpal/bindings/facade/clock.h"

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/time/time.h"
#include "asyncpal/bindings/facade/durations.h"
#include "asyncpal/bindings/facade/fake_host.h"
#include "asyncpal/pool/manual_clock.h"
#include "asyncpal/pool/testing/eventually.h"
#include "gtest/gtest.h"

namespace asyncpal::facade {
namespace {

using ::asyncpal::testing::Eventually;

constexpr int64_t kSecond = 1'000'000'000;

// A host whose time is moved by hand.
class FakeClockHost final : public ClockHost {
 public:
  FakeClockHost(std::shared_ptr<ManualClock> clock,
                std::shared_ptr<std::atomic<int>> timers)
      : clock_(std::move(clock)), timers_(std::move(timers)) {}

  int64_t Now() override { return ToNanos(clock_->Now()); }
  int64_t MakeTimer(int64_t timer) override {
    ++*timers_;
    return reinterpret_cast<int64_t>(
        clock_->MakeTimer([timer] { RunTimer(timer); }).release());
  }
  void SetTimer(int64_t timer, int64_t time) override {
    TimerOf(timer)->Set(FromNanos(time));
  }
  void EndTimer(int64_t timer) override {
    delete TimerOf(timer);
    --*timers_;
  }

 private:
  static Clock::Timer* TimerOf(int64_t timer) {
    return reinterpret_cast<Clock::Timer*>(timer);
  }

  const std::shared_ptr<ManualClock> clock_;
  const std::shared_ptr<std::atomic<int>> timers_;
};

class ClockTest : public FakeHostTest {
 protected:
  void SetUp() override {
    NativePoolOptions settings{.max_workers = 1, .name = "p"};
    SetClock(settings, new FakeClockHost(clock_, timers_));
    pool_ = std::make_unique<ThreadPool>(new FakeHost(journal_), settings);
  }
  int64_t SubmitOne(int64_t id, const NativeTaskOptions& settings) {
    return Submit(id, settings, [this] {
      ++runs_;
      return kTaskCompleted;
    });
  }

  const std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>();
  const std::shared_ptr<std::atomic<int>> timers_ =
      std::make_shared<std::atomic<int>>(0);
  std::atomic<int> runs_ = 0;
};

TEST_F(ClockTest, TaskIsDelayedUntilItsTimeOnTheHostsClock) {
  SubmitOne(1, {.delay = 10 * kSecond});
  clock_->Advance(absl::Seconds(9));
  EXPECT_EQ(pool_->Stats().delayed, 1);
  EXPECT_EQ(pool_->Stats().pending, 1);
  EXPECT_EQ(runs_, 0);
  clock_->Advance(absl::Seconds(1));
  EXPECT_EQ(pool_->Stats().delayed, 0);
  EXPECT_TRUE(Eventually([&] { return runs_ == 1; }));
  EXPECT_EQ(pool_->clock_now(), 10 * kSecond);
}

TEST_F(ClockTest, CancelledTaskIsDelayedNoMore) {
  const int64_t handle = SubmitOne(1, {.delay = kForever});
  EXPECT_TRUE(ThreadPool::Cancel(handle));
  ThreadPool::Release(handle);
  EXPECT_EQ(pool_->Stats().delayed, 0);
  EXPECT_EQ(pool_->Stats().cancelled, 1);
}

TEST_F(ClockTest, NextRunComesAtItsTime) {
  clock_->Advance(absl::Seconds(5));
  SubmitOne(1, {.next_due = 7 * kSecond});
  clock_->Advance(absl::Seconds(1));
  EXPECT_EQ(pool_->Stats().delayed, 1);
  clock_->Advance(absl::Seconds(1));
  EXPECT_TRUE(Eventually([&] { return runs_ == 1; }));
  SubmitOne(2, {.next_due = 3 * kSecond});
  EXPECT_TRUE(Eventually([&] { return runs_ == 2; }));
}

TEST_F(ClockTest, DelayedTaskIsMoved) {
  journal_->host_keeps_handles = true;
  const int64_t handle = SubmitOne(1, {.delay = 10 * kSecond});
  EXPECT_TRUE(pool_->MoveDelayed(handle, 20 * kSecond));
  clock_->Advance(absl::Seconds(19));
  EXPECT_EQ(pool_->Stats().delayed, 1);
  EXPECT_TRUE(ThreadPool::IsPending(handle));
  EXPECT_TRUE(pool_->MoveDelayed(handle, 19 * kSecond));
  EXPECT_TRUE(Eventually([&] { return runs_ == 1; }));
  EXPECT_FALSE(ThreadPool::IsPending(handle));
  EXPECT_FALSE(pool_->MoveDelayed(handle, 30 * kSecond));
  ThreadPool::Release(handle);
}

TEST_F(ClockTest, TimersEndWithThePool) {
  SubmitOne(1, {.delay = kSecond});
  EXPECT_GT(*timers_, 0);
  pool_->Close(kCloseCancelPending);
  pool_ = nullptr;
  EXPECT_TRUE(Eventually([&] { return *timers_ == 0; }));
  EXPECT_EQ(runs_, 0);
}

}  // namespace
}  // namespace asyncpal::facade
