#include <memory>
#include <string>

#include "absl/time/time.h"
#include "asyncpal/future/testing/notification.h"
#include "asyncpal/pool/manual_clock.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/testing/pool_contract_view_tasks.h"
#include "asyncpal/pool/thread_pool.h"
#include "gtest/gtest.h"

namespace asyncpal::testing {
namespace {

struct ThreadPoolTraits {
  using Pool = ThreadPool;
};
INSTANTIATE_TYPED_TEST_SUITE_P(Threads, PoolViewTasksContract,
                               ThreadPoolTraits);

// A place that is passed on brings the task into the class of its priority.
TEST(ThreadPoolViewTasksTest, ReleasedTaskKeepsItsPriority) {
  ThreadPool pool({.max_workers = 1, .clock = std::make_shared<ManualClock>()});
  Gate gate;
  PoolView view = pool.Serial();
  view.Submit(PassGate, gate.path(), 0);
  ASSERT_TRUE(gate.WaitForArrivals(1));
  std::string order;  // of one worker
  const auto high = view.Submit(TaskOptions{.priority = TaskPriority::kHigh},
                                [&order] { order += 'h'; });
  const auto normal = pool.Submit([&order] { order += 'n'; });
  const auto low = view.Submit(TaskOptions{.priority = TaskPriority::kLow},
                               [&order] { order += 'l'; });
  const auto last = pool.Submit([&order] { order += 'o'; });
  gate.Open();
  ASSERT_TRUE(low.Wait(kLong));
  ASSERT_TRUE(last.Wait(kLong));
  EXPECT_EQ(order, "hnol");
}

TEST(ThreadPoolViewTasksTest, CancelledTaskOfAClassNeverRuns) {
  ThreadPool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  PoolView view = pool.Serial();
  const TaskOptions urgent = {.priority = TaskPriority::kUrgent};
  Future<int> first = view.Submit(urgent, Square, 1);
  Future<int> second = view.Submit(urgent, Square, 2);
  const Future<int> third = view.Submit(urgent, Square, 3);
  EXPECT_TRUE(first.Cancel());   // was queued, and passes its place on
  EXPECT_TRUE(second.Cancel());  // the same
  gate.Open();
  EXPECT_EQ(third.Collect(kLong), 9);
  ASSERT_TRUE(pool.Join(kLong));
  EXPECT_EQ(pool.Stats().cancelled, 2);
  EXPECT_EQ(pool.Stats().completed, 2);
  EXPECT_EQ(pool.Stats().pending, 0);
}

TEST(ThreadPoolViewTasksTest, PausedPoolRunsWhatARunningTaskWaitsFor) {
  ThreadPool pool(1);
  PoolView view = pool.Limited(2);
  Notification paused;
  const auto outer = view.Submit([&] {
    const auto first = view.Submit(Square, 2);   // has the second place
    const auto second = view.Submit(Square, 3);  // is held
    EXPECT_TRUE(paused.Wait(kLong));
    return second.Collect() + first.Collect();
  });
  ASSERT_TRUE(Eventually([&] { return pool.Stats().pending == 2; }));
  EXPECT_FALSE(pool.Pause());
  paused.Notify();
  EXPECT_EQ(outer.Collect(kLong), 13);
  EXPECT_TRUE(pool.Pause(kLong));
}

// The worker that was left behind does not look at the queue any more.
TEST(ThreadPoolViewTasksTest, AbandonedTaskPassesItsPlaceOn) {
  static Gate& gate = *new Gate;  // outlives the pool
  ThreadPool pool(1);
  PoolView view = pool.Serial();
  view.Post({.at_shutdown = AtShutdown::kAbandon},
            [] { PassGate(gate.path(), 1); });
  ASSERT_TRUE(gate.WaitForArrivals(1));
  const auto behind = view.Submit(Add, 1, 2);
  JoiningThread closer([&] { pool.Shutdown({.mode = ShutdownMode::kDrain}); });
  ASSERT_TRUE(Eventually([&] { return pool.CountWorkers() == 0; }));
  EXPECT_TRUE(behind.is_pending());
  gate.Open();
  EXPECT_EQ(behind.Collect(kLong), 3);
  closer.Join();
}

}  // namespace
}  // namespace asyncpal::testing
