#include "asyncpal/pool/internal/stall_watch.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "absl/time/time.h"
#include "asyncpal/future/testing/notification.h"
#include "asyncpal/pool/testing/eventually.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using testing::Eventually;
using testing::Notification;

TEST(StallWatch, LooksUntilItIsToldNotTo) {
  std::atomic<int> looks{0};
  ASSERT_TRUE(StartLooking(absl::Milliseconds(1), [&] {
    return ++looks < 3 ? absl::Milliseconds(1) : absl::InfiniteDuration();
  }));
  EXPECT_TRUE(Eventually([&] { return looks == 3; }));
  Notification later;
  ASSERT_TRUE(StartLooking(absl::Milliseconds(20), [&] {
    later.Notify();
    return absl::InfiniteDuration();
  }));
  ASSERT_TRUE(later.Wait());
  EXPECT_EQ(looks, 3);
}

// A thread that does what it is told to, and the id by which it is seen.
class Sleeper {
 public:
  template <typename F>
  explicit Sleeper(F sleep)
      : thread_([this, sleep] {
          tid_.store(gettid());
          sleep();
        }) {
    while (tid_.load() == 0) std::this_thread::yield();
  }
  pid_t tid() const { return tid_.load(); }

 private:
  std::atomic<pid_t> tid_{0};
  std::jthread thread_;
};

TEST(WaitsForAnotherThread, IsTrueInAWaitWithoutALimit) {
  std::promise<void> end;
  const Sleeper sleeper([waits = end.get_future().share()] { waits.wait(); });
  EXPECT_TRUE(Eventually([&] { return WaitsForAnotherThread(sleeper.tid()); }));
  end.set_value();
}

TEST(WaitsForAnotherThread, IsFalseInASleepAndInAWaitWithALimit) {
  std::atomic<bool> over{false};
  const Sleeper sleeper([&] {
    while (!over) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  });
  std::promise<void> end;
  const Sleeper waiter([waits = end.get_future().share()] {
    waits.wait_for(std::chrono::seconds(60));
  });
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(WaitsForAnotherThread(sleeper.tid()));
    EXPECT_FALSE(WaitsForAnotherThread(waiter.tid()));
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  end.set_value();
  over = true;
}

TEST(WaitsForAnotherThread, IsFalseForAThreadThatRunsOrIsNot) {
  EXPECT_FALSE(WaitsForAnotherThread(gettid()));
  EXPECT_FALSE(WaitsForAnotherThread(0));
}

}  // namespace
}  // namespace asyncpal::internal
