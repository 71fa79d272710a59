#include <atomic>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/future.h"
#include "asyncpal/pool/manual_clock.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/testing/pool_contract_later.h"
#include "asyncpal/pool/thread_pool.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// What is delayed in thread pools: the contract, and what only threads do.

namespace asyncpal::testing {
namespace {

struct ThreadPoolTraits {
  using Pool = ThreadPool;
  using Options = PoolOptions;
};
INSTANTIATE_TYPED_TEST_SUITE_P(Threads, PoolLaterContract, ThreadPoolTraits);

class ThreadPoolLaterTest : public ::testing::Test {
 protected:
  PoolOptions WithClock(int max_workers = 1) {
    return {.max_workers = max_workers, .clock = clock_};
  }

  const std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>();
};

TEST_F(ThreadPoolLaterTest, CancellingFreesTheCallableAtOnce) {
  ThreadPool pool(WithClock());
  const auto held = std::make_shared<int>(1);
  auto future = pool.SubmitAfter(absl::Seconds(1), [held] {});
  EXPECT_EQ(held.use_count(), 2);
  ASSERT_TRUE(future.Cancel());
  EXPECT_EQ(held.use_count(), 1);
}

TEST_F(ThreadPoolLaterTest, TasksStartInTheOrderOfTheirTimes) {
  ThreadPool pool(WithClock());
  std::vector<int> order;
  for (int i = 0; i < 50; ++i) {
    pool.SubmitAfter(absl::Seconds(50 - i),
                     [&order, i] { order.push_back(i); });
  }
  clock_->Advance(absl::Minutes(1));
  ASSERT_TRUE(pool.Join(kLong));
  std::vector<int> expected;
  for (int i = 49; i >= 0; --i) expected.push_back(i);
  EXPECT_EQ(order, expected);
}

TEST_F(ThreadPoolLaterTest, WaiterInsideATaskDoesNotRunItBeforeItsTime) {
  ThreadPool pool(WithClock());
  std::atomic<bool> is_waiting = false;
  auto outer = pool.Submit([&] {
    auto inner =
        pool.SubmitAfter(absl::Seconds(5), [&] { return clock_->Now(); });
    is_waiting = true;
    return std::move(inner).Collect();
  });
  ASSERT_TRUE(Eventually([&] { return is_waiting.load(); }));
  EXPECT_FALSE(outer.Wait(absl::Milliseconds(20)));
  // Another worker has to stand in for the one that waits.
  clock_->Advance(absl::Seconds(5));
  ASSERT_TRUE(outer.Wait(kLong));
  EXPECT_EQ(outer.Collect(), absl::Seconds(5));
}

TEST_F(ThreadPoolLaterTest, TasksOfTasksMayBeDelayed) {
  ThreadPool pool(WithClock(2));
  std::atomic<int> runs = 0;
  const auto submit = [&] {
    pool.SubmitAfter(absl::Seconds(1), [&] { ++runs; });
  };
  for (int i = 0; i < 20; ++i) pool.Submit(submit);
  ASSERT_TRUE(Eventually([&] { return pool.Stats().delayed == 20; }));
  clock_->Advance(absl::Seconds(1));
  ASSERT_TRUE(pool.Join(kLong));
  EXPECT_EQ(runs, 20);
}

TEST_F(ThreadPoolLaterTest, TimeoutsAreOnThePoolsClock) {
  ThreadPool pool(WithClock());
  std::atomic<bool> has_begun = false;
  const auto future = pool.Submit(
      TaskOptions{.timeout = absl::Hours(1)}, [&](std::stop_token stop) {
        has_begun = true;
        Eventually([&] { return stop.stop_requested(); });
      });
  // Then its time runs. Its future says a moment before that it is running.
  ASSERT_TRUE(Eventually([&] { return has_begun.load(); }));
  clock_->Advance(absl::Minutes(59));
  EXPECT_TRUE(future.is_running());
  clock_->Advance(absl::Minutes(1));
  ASSERT_TRUE(future.Wait(kLong));
  EXPECT_THROW(future.Collect(), TimeoutError);
}

TEST_F(ThreadPoolLaterTest, BrokenPoolFailsWhatIsDelayed) {
  PoolOptions options = WithClock();
  options.initializer = [] { throw std::runtime_error("no good"); };
  ThreadPool pool(std::move(options));
  const auto later = pool.SubmitAfter(absl::Seconds(1), [] {});
  pool.Submit([] {}).Wait(kLong);
  ASSERT_TRUE(later.Wait(kLong));
  EXPECT_THROW(later.Collect(), InitializerError);
  EXPECT_EQ(pool.TakeCancelledTasks().size(), 2u);
}

TEST_F(ThreadPoolLaterTest, OldestMakesRoomEvenIfItIsDelayed) {
  PoolOptions options = WithClock();
  options.max_pending = 1;
  options.when_full = WhenFull::kDropOldest;
  ThreadPool pool(std::move(options));
  const auto first = pool.SubmitAfter(absl::Seconds(1), [] { return 1; });
  const auto second = pool.SubmitAfter(absl::Seconds(1), [] { return 2; });
  EXPECT_THROW(first.Collect(kLong), RejectedError);
  clock_->Advance(absl::Seconds(1));
  EXPECT_EQ(second.Collect(kLong), 2);
}

TEST_F(ThreadPoolLaterTest, FullPoolMakesTheSubmitterWait) {
  PoolOptions options = WithClock();
  options.max_pending = 1;
  ThreadPool pool(std::move(options));
  auto first = pool.SubmitAfter(absl::Seconds(1), [] {});
  EXPECT_THROW(pool.SubmitAfter(
                   absl::Seconds(1),
                   TaskOptions{.queue_deadline = absl::Milliseconds(5)}, [] {}),
               TimeoutError);
  first.Cancel();
  EXPECT_NO_THROW(pool.SubmitAfter(absl::Seconds(1), [] {}));
}

TEST_F(ThreadPoolLaterTest, MillionDelayedTasksAreCancelledOneByOne) {
  constexpr int kTasks = 1'000'000;
  ThreadPool pool(WithClock());
  std::vector<Future<void>> futures;
  futures.reserve(kTasks);
  for (int i = 0; i < kTasks; ++i) {
    futures.push_back(
        pool.SubmitAfter(absl::Milliseconds(1 + i % 1000), [] {}));
  }
  EXPECT_EQ(pool.Stats().delayed, kTasks);
  for (Future<void>& future : futures) ASSERT_TRUE(future.Cancel());
  EXPECT_EQ(pool.Stats().delayed, 0);
  EXPECT_EQ(pool.Stats().cancelled, kTasks);
}

}  // namespace
}  // namespace asyncpal::testing
