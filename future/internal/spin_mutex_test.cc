#include "asyncpal/future/internal/spin_mutex.h"

#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "asyncpal/future/internal/mutex.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

bool IsFree(SpinMutex& mu) {
  if (!mu.TryLock()) return false;
  mu.Unlock();
  return true;
}

TEST(SpinMutexTest, IsHeldByOneAtATime) {
  SpinMutex mu;
  mu.Lock();
  EXPECT_FALSE(mu.TryLock());
  mu.Unlock();
  EXPECT_TRUE(IsFree(mu));
}

TEST(SpinMutexTest, ScopeGivesItBackEarlyAndTakesItAgain) {
  SpinMutex mu;
  {
    MutexLock lock(mu);
    lock.Unlock();
    EXPECT_TRUE(IsFree(mu));
    lock.Lock();
    EXPECT_FALSE(mu.TryLock());
  }
  EXPECT_TRUE(IsFree(mu));
}

struct Sum {
  void Add(bool politely) {
    if (politely) {
      mu.LockPolitely();
    } else {
      mu.Lock();
    }
    ++value;
    mu.Unlock();
  }
  SpinMutex mu;
  int value ABSL_GUARDED_BY(mu) = 0;
};

TEST(SpinMutexTest, NothingThatIsDoneWithItIsLost) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 20000;
  Sum sum;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&sum, politely = i % 2 == 0] {
      for (int round = 0; round < kRounds; ++round) sum.Add(politely);
    });
  }
  for (std::thread& thread : threads) thread.join();
  MutexLock lock(sum.mu);
  EXPECT_EQ(sum.value, kThreads * kRounds);
}

}  // namespace
}  // namespace asyncpal::internal
