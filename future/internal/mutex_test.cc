#include "asyncpal/future/internal/mutex.h"

#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "asyncpal/future/testing/notification.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using testing::kDeadline;
using testing::Notification;

struct Flag {
  Mutex mu;
  CondVar changed;
  bool set ABSL_GUARDED_BY(mu) = false;
};

TEST(MutexLock, KeepsOthersOutForItsScope) {
  struct Counter {
    Mutex mu;
    int count ABSL_GUARDED_BY(mu) = 0;
  } counter;
  constexpr int kTimes = 10'000;
  const auto add = [&counter] {
    for (int i = 0; i < kTimes; ++i) {
      MutexLock lock(counter.mu);
      ++counter.count;
    }
  };
  std::thread other(add);
  add();
  other.join();
  MutexLock lock(counter.mu);
  EXPECT_EQ(counter.count, 2 * kTimes);
}

TEST(MutexLock, LetsOthersInBetweenUnlockAndLock) {
  Mutex mu;
  MutexLock lock(mu);
  lock.Unlock();
  Notification entered;
  std::thread other([&] {
    MutexLock its_lock(mu);
    entered.Notify();
  });
  EXPECT_TRUE(entered.Wait());
  lock.Lock();
  other.join();
}

class WaitForDuration : public ::testing::TestWithParam<absl::Duration> {};

TEST_P(WaitForDuration, EndsWithTheNotification) {
  Flag flag;
  std::thread setter([&] {
    MutexLock lock(flag.mu);
    flag.set = true;
    flag.changed.NotifyOne();
  });
  {
    MutexLock lock(flag.mu);
    while (!flag.set) flag.changed.WaitFor(flag.mu, GetParam());
  }
  setter.join();
}

INSTANTIATE_TEST_SUITE_P(
    Each, WaitForDuration,
    ::testing::Values(-absl::InfiniteDuration(), absl::Seconds(-1),
                      absl::ZeroDuration(), absl::Milliseconds(1), kDeadline,
                      absl::Nanoseconds(INT64_MAX), absl::Seconds(INT64_MAX),
                      absl::InfiniteDuration()));

TEST(CondVar, EndsAWaitWhenTheTimeoutHasPassed) {
  Flag flag;
  MutexLock lock(flag.mu);
  flag.changed.WaitFor(flag.mu, absl::Milliseconds(1));
  EXPECT_FALSE(flag.set);
}

}  // namespace
}  // namespace asyncpal::internal
