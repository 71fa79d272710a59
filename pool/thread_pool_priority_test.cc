#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/future.h"
#include "asyncpal/pool/manual_clock.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/testing/gate.h"
#include "asyncpal/pool/testing/pool_contract_pause.h"
#include "asyncpal/pool/testing/pool_contract_priority.h"
#include "asyncpal/pool/thread_pool.h"
#include "gtest/gtest.h"

// Priorities, pauses and sizes of thread pools: the contracts, and what only
// threads do.

namespace asyncpal::testing {
namespace {

struct ThreadPoolTraits {
  using Pool = ThreadPool;
  using Options = PoolOptions;
  using Dual = DualThreadPool;
};
INSTANTIATE_TYPED_TEST_SUITE_P(Threads, PoolPriorityContract, ThreadPoolTraits);
INSTANTIATE_TYPED_TEST_SUITE_P(Threads, PoolPauseContract, ThreadPoolTraits);

TEST(ThreadPoolPriority, UrgentTaskGoesBeforeWhatTasksHaveSubmitted) {
  ThreadPool pool(2);
  Gate other;
  ASSERT_TRUE(Occupy(pool, other));
  std::atomic<int> before = 0;
  std::atomic<int> seen = -1;
  pool.Submit([&] {
    for (int i = 0; i < 10; ++i) pool.Submit([&] { ++before; });
    pool.Submit(TaskOptions{.priority = TaskPriority::kUrgent},
                [&] { seen = before.load(); });
  });
  ASSERT_TRUE(Eventually([&] { return before == 10 && seen >= 0; }));
  EXPECT_EQ(seen, 0);
}

TEST(ThreadPoolPriority, BackgroundTaskGoesBehindWhatTasksHaveSubmitted) {
  ThreadPool pool({.max_workers = 2, .priority_step = absl::Hours(1)});
  Gate other;
  ASSERT_TRUE(Occupy(pool, other));
  std::atomic<int> before = 0;
  std::atomic<int> seen = -1;
  pool.Submit([&] {
    pool.Submit(TaskOptions{.priority = TaskPriority::kBackground},
                [&] { seen = before.load(); });
    for (int i = 0; i < 10; ++i) pool.Submit([&] { ++before; });
  });
  ASSERT_TRUE(Eventually([&] { return before == 10 && seen >= 0; }));
  EXPECT_EQ(seen, 10);
}

TEST(ThreadPoolPriority, PostedTasksOfAllClassesRun) {
  ThreadPool pool(3);
  std::atomic<int> runs = 0;
  for (int i = 0; i < 5000; ++i) {
    pool.Post(TaskOptions{.priority = static_cast<TaskPriority>(i % 5)},
              [&] { ++runs; });
    pool.Post([&] { ++runs; });
  }
  ASSERT_TRUE(pool.Join(kLong));
  EXPECT_EQ(runs, 10000);
  EXPECT_EQ(pool.Stats().completed, 10000);
}

TEST(ThreadPoolPause, RunningTaskMayWaitForTasksOfAPausedPool) {
  ThreadPool pool(2);
  Gate gate;
  const std::string path = gate.path();
  const auto outer = pool.Submit([&] {
    auto inner = pool.Submit(Add, 1, 2);
    PassGate(path, 0);
    return std::move(inner).Collect();
  });
  ASSERT_TRUE(gate.WaitForArrivals(1));
  ExecutionFence fence(pool);
  gate.Open();
  EXPECT_EQ(outer.Collect(kLong), 3);
}

TEST(ThreadPoolPause, NothingRunsInAFenceHoweverBusyThePoolIs) {
  ThreadPool pool(3);
  std::atomic<bool> stop = false;
  std::atomic<int> running = 0;
  const auto work = [&] {
    ++running;
    pool.Submit([&] {
      ++running;
      --running;
    });
    --running;
  };
  JoiningThread submitter([&] {
    while (!stop) pool.Post([&work] { work(); });
  });
  for (int i = 0; i < 20; ++i) {
    const ExecutionFence fence(pool, kLong);
    ASSERT_TRUE(fence.is_quiet());
    EXPECT_EQ(running, 0);
  }
  stop = true;
  submitter.Join();
  pool.Shutdown({.mode = ShutdownMode::kDrain});
  const PoolStats stats = pool.Stats();
  EXPECT_EQ(stats.submitted, stats.completed + stats.failed);
}

TEST(ThreadPoolRecycling, WorkerThatIsTooOldIsReplaced) {
  const auto clock = std::make_shared<ManualClock>();
  ThreadPool pool(
      {.max_workers = 1, .max_worker_age = absl::Hours(1), .clock = clock});
  pool.Run(DoNothing);
  clock->Advance(absl::Minutes(53));
  pool.Run(DoNothing);
  EXPECT_EQ(pool.Stats().workers_started, 1);
  clock->Advance(absl::Minutes(14));
  pool.Run(DoNothing);  // by another one, as the first has gone for its age
  EXPECT_EQ(pool.Stats().workers_started, 2);
}

TEST(ThreadPoolRecycling, IdleWorkersAgeToo) {
  ThreadPool pool({.max_workers = 2,
                   .idle_timeout = absl::InfiniteDuration(),
                   .max_worker_age = absl::Milliseconds(20)});
  pool.SpawnMaxWorkers();
  EXPECT_TRUE(Eventually([&] { return pool.CountWorkers() == 0; }));
}

TEST(ThreadPoolRecycling, NoAgeIsNotPositive) {
  EXPECT_EQ(
      ThrownChain([] { ThreadPool({.max_worker_age = absl::ZeroDuration()}); }),
      "max_worker_age is 0; it must be positive");
}

}  // namespace
}  // namespace asyncpal::testing
