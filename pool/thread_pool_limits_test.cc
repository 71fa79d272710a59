#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "asyncpal/future/error.h"
#include "asyncpal/future/testing/notification.h"
#include "asyncpal/pool/testing/pool_contract_limits.h"
#include "asyncpal/pool/thread_pool.h"
#include "gtest/gtest.h"

// What a thread pool does when it is full: the contract, and what a process
// pool can't do.

namespace asyncpal::testing {
namespace {

struct ThreadPoolTraits {
  using Pool = ThreadPool;
  using Options = PoolOptions;
};
INSTANTIATE_TYPED_TEST_SUITE_P(Threads, PoolLimitsContract, ThreadPoolTraits);

class FullThreadPool : public ::testing::Test {
 protected:
  void Fill(ThreadPool& pool) {
    pool.Post([this] {
      started_.Notify();
      go_on_.Wait();
    });
    ASSERT_TRUE(started_.Wait());
    pool.Post([] {});
  }

  Notification started_;
  Notification go_on_;
};

TEST_F(FullThreadPool, LetsTheCallerRunTheTaskWhereItIsToldTo) {
  ThreadPool pool(
      {.max_workers = 1, .max_pending = 1, .when_full = WhenFull::kCallerRuns});
  Fill(pool);
  const auto future = pool.Submit([] { return std::this_thread::get_id(); });
  EXPECT_TRUE(future.is_completed());
  EXPECT_EQ(future.Collect(), std::this_thread::get_id());
  const PoolStats stats = pool.Stats();
  EXPECT_EQ(stats.submitted, 3);
  EXPECT_EQ(stats.completed, 1);
  go_on_.Notify();
}

TEST_F(FullThreadPool, CountsAFailureOfATaskThatTheCallerRuns) {
  ThreadPool pool(
      {.max_workers = 1, .max_pending = 1, .when_full = WhenFull::kCallerRuns});
  Fill(pool);
  EXPECT_TRUE(pool.Submit([] { throw std::out_of_range("x"); }).is_failed());
  EXPECT_EQ(pool.Stats().failed, 1);
  go_on_.Notify();
}

TEST_F(FullThreadPool, LetsATaskThatTheCallerRunsShutThePoolDown) {
  ThreadPool pool(
      {.max_workers = 1, .max_pending = 1, .when_full = WhenFull::kCallerRuns});
  Fill(pool);
  EXPECT_TRUE(pool.Submit([&] { return pool.Shutdown(); }).Collect());
  EXPECT_FALSE(pool.is_terminated());
  go_on_.Notify();
}

TEST_F(FullThreadPool, WaitsAtShutdownForATaskThatACallerRuns) {
  ThreadPool pool(
      {.max_workers = 1, .max_pending = 1, .when_full = WhenFull::kCallerRuns});
  Fill(pool);
  Notification inside;
  std::atomic<bool> ended = false;
  std::thread caller([&] {
    pool.Post([&] {
      inside.Notify();
      go_on_.Wait();
      ended = true;
    });
  });
  ASSERT_TRUE(inside.Wait());
  std::thread opener([&] { go_on_.Notify(); });
  pool.Shutdown();
  EXPECT_TRUE(ended);
  opener.join();
  caller.join();
}

// It would wait for itself.
TEST_F(FullThreadPool, RunsATaskInlineThatItsOwnWorkerSubmits) {
  ThreadPool pool({.max_workers = 1, .max_pending = 1});
  const auto ran_here = pool.Submit([&] {
    pool.Post([] {});
    const auto self = std::this_thread::get_id();
    const auto inner = pool.Submit([] { return std::this_thread::get_id(); });
    return inner.is_completed() && inner.Collect() == self;
  });
  EXPECT_TRUE(ran_here.Collect(kDeadline));
}

TEST_F(FullThreadPool, DropsAPostedTaskWithAWordToTheHandler) {
  std::atomic<int> unobserved = 0;
  ThreadPool pool(
      {.max_workers = 1,
       .unobserved_failure_handler = [&](std::exception_ptr) { ++unobserved; },
       .max_pending = 1,
       .when_full = WhenFull::kDropOldest});
  Fill(pool);
  pool.Post([] {});
  EXPECT_EQ(unobserved, 1);
  go_on_.Notify();
}

// The worker of another pool that waits for room counts as blocked there.
TEST_F(FullThreadPool, LetsOtherPoolsWorkersBeStoodInForMeanwhile) {
  ThreadPool pool({.max_workers = 1, .max_pending = 1});
  Fill(pool);
  ThreadPool other(1);
  const auto waiting = other.Submit([&] { return pool.Submit([] {}); });
  // Nobody else would run this one, which makes the room.
  other.Post([this] { go_on_.Notify(); });
  EXPECT_TRUE(waiting.Collect(kDeadline).Wait(kDeadline));
}

}  // namespace
}  // namespace asyncpal::testing
