#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/testing/notification.h"
#include "asyncpal/pool/global_shutdown.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/thread_pool.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// The end of a thread pool, in odd places above all.

namespace asyncpal {
namespace {

using testing::Eventually;
using ::testing::HasSubstr;
using testing::kDeadline;
using testing::Notification;
using ::testing::ThrowsMessage;

// --- From inside ---

// Two copies could run one task twice.
static_assert(!std::is_copy_constructible_v<CancelledTask>);

TEST(ThreadPoolShutdown, InATaskReturnsWithoutWaiting) {
  ThreadPool pool(1);
  EXPECT_TRUE(pool.Submit([&] { return pool.Shutdown(); }).Collect(kDeadline));
}

TEST(ThreadPoolShutdown, InATaskTerminatesThePoolAfterIt) {
  ThreadPool pool(1);
  pool.Submit([&] { return pool.Shutdown(); });
  EXPECT_TRUE(Eventually([&] { return pool.is_terminated(); }));
}

TEST(ThreadPoolShutdown, InATaskCancelsWhatIsPending) {
  Notification queued;
  ThreadPool pool(1);
  pool.Post([&] {
    queued.Wait();
    pool.Shutdown();
  });
  const auto pending = pool.Submit([] {});
  queued.Notify();
  ASSERT_TRUE(pending.Wait(kDeadline));
  EXPECT_TRUE(pending.is_cancelled());
}

TEST(ThreadPoolShutdown, InTwoTasksAtOnceHasOneWinner) {
  Notification both;
  std::atomic<int> here = 0;
  ThreadPool pool(2);
  const auto shut_down = [&] {
    if (++here == 2) both.Notify();
    both.Wait();
    return pool.Shutdown();
  };
  const auto first = pool.Submit(shut_down);
  const auto second = pool.Submit(shut_down);
  EXPECT_NE(first.Collect(kDeadline), second.Collect(kDeadline));
}

TEST(ThreadPoolShutdown, InACallbackReturnsWithoutWaiting) {
  Notification go_on;
  Notification returned;
  ThreadPool pool(1);
  pool.Submit([&] { go_on.Wait(); }).AddCallback([&](const auto&) {
    pool.Shutdown();
    returned.Notify();
  });
  go_on.Notify();
  EXPECT_TRUE(returned.Wait());
  EXPECT_TRUE(Eventually([&] { return pool.is_terminated(); }));
}

// The pool's own shutdown runs this callback, on the thread that shuts down.
TEST(ThreadPoolShutdown, InACallbackOfATaskThatItCancelsIsTheSecond) {
  Notification cancelled;
  ThreadPool pool(1);
  pool.Post([&] { cancelled.Wait(); });
  std::optional<bool> second;
  pool.Submit([] {}).AddCallback([&](const auto&) {
    second = pool.Shutdown({.deadline = absl::ZeroDuration()});
    cancelled.Notify();
  });
  EXPECT_TRUE(pool.Shutdown());
  EXPECT_EQ(second, false);
}

TEST(ThreadPoolShutdown, SubmitInATaskAfterItThrows) {
  ThreadPool pool(1);
  const auto task = pool.Submit([&] {
    pool.Shutdown();
    pool.Submit([] {});
  });
  EXPECT_THROW(task.Collect(kDeadline), ClosedPoolError);
}

TEST(ThreadPoolShutdown, JoinInsideAWorkerIsAnError) {
  ThreadPool pool(1);
  const auto task = pool.Submit([&] { pool.Join(); });
  EXPECT_THAT([&] { task.Collect(kDeadline); },
              ThrowsMessage<InvalidStateError>(HasSubstr("Join()")));
}

TEST(ThreadPoolShutdown, TaskMayShutDownAnotherPool) {
  ThreadPool pool(1);
  ThreadPool other(1);
  other.Run([] {});
  EXPECT_TRUE(pool.Submit([&] { return other.Shutdown(); }).Collect(kDeadline));
  EXPECT_TRUE(other.is_terminated());
}

// --- Pools that are destroyed by their own workers ---

TEST(ThreadPoolShutdown, PoolMayBeDestroyedInItsOwnTask) {
  Notification destroyed;
  auto pool = std::make_shared<ThreadPool>(1);
  Notification handed_over;
  std::shared_ptr<ThreadPool> last;
  pool->Post([&] {
    handed_over.Wait();
    last.reset();
    destroyed.Notify();
  });
  last = std::move(pool);
  handed_over.Notify();
  EXPECT_TRUE(destroyed.Wait());
}

TEST(ThreadPoolShutdown, PoolMayBeDestroyedWithItsOwnTasksCaptures) {
  Notification go_on;
  auto pool = std::make_shared<ThreadPool>(1);
  ThreadPool* const raw = pool.get();
  const auto task =
      raw->Submit([&go_on, pool = std::move(pool)] { return go_on.Wait(); });
  go_on.Notify();
  EXPECT_TRUE(task.Collect(kDeadline));
}

TEST(ThreadPoolShutdown, PoolMayBeDestroyedInACallback) {
  Notification go_on;
  Notification destroyed;
  auto pool = std::make_unique<ThreadPool>(1);
  const auto task = pool->Submit([&] { go_on.Wait(); });
  task.AddCallback([&, pool = std::move(pool)](const auto&) mutable {
    pool.reset();
    destroyed.Notify();
  });
  go_on.Notify();
  EXPECT_TRUE(destroyed.Wait());
}

TEST(ThreadPoolShutdown, PoolMayBeDestroyedWhileAnotherWorkerIsBusy) {
  Notification started;
  Notification go_on;
  Notification destroyed;
  auto pool = std::make_unique<ThreadPool>(2);
  const auto busy = pool->Submit([&] {
    started.Notify();
    return go_on.Wait();
  });
  ASSERT_TRUE(started.Wait());
  ThreadPool& raw = *pool;
  raw.Post([&, pool = std::move(pool)]() mutable {
    pool.reset();
    destroyed.Notify();
  });
  EXPECT_TRUE(destroyed.Wait());
  go_on.Notify();
  EXPECT_TRUE(busy.Collect(kDeadline));
}

TEST(ThreadPoolShutdown, PoolMayBeDestroyedByAWorkerOfAnotherPool) {
  ThreadPool pool(1);
  auto other = std::make_unique<ThreadPool>(1);
  other->Run([] {});
  EXPECT_TRUE(pool.Submit([other = std::move(other)]() mutable {
                    other.reset();
                    return true;
                  })
                  .Collect(kDeadline));
}

// --- Deadlines and stop requests ---

TEST(ThreadPoolShutdown, ReturnsAtItsDeadlineThoughATaskIsBusy) {
  Notification started;
  Notification go_on;
  ThreadPool pool(1);
  pool.Post([&] {
    started.Notify();
    go_on.Wait();
  });
  ASSERT_TRUE(started.Wait());
  EXPECT_TRUE(pool.Shutdown({.deadline = absl::Milliseconds(5)}));
  EXPECT_FALSE(pool.is_terminated());
  go_on.Notify();
  EXPECT_TRUE(Eventually([&] { return pool.is_terminated(); }));
}

TEST(ThreadPoolShutdown, SecondOneWaitsForWhatTheFirstLeftBusy) {
  Notification started;
  Notification go_on;
  ThreadPool pool(1);
  pool.Post([&] {
    started.Notify();
    go_on.Wait();
  });
  ASSERT_TRUE(started.Wait());
  pool.Shutdown({.deadline = absl::ZeroDuration()});
  go_on.Notify();
  EXPECT_FALSE(pool.Shutdown());
  EXPECT_TRUE(pool.is_terminated());
}

// Waits for a stop request; tells whether one came.
class StoppableTask {
 public:
  bool operator()(std::stop_token token) {
    const std::stop_callback callback(token, [&] { stopped.Notify(); });
    started.Notify();
    return stopped.Wait();
  }
  Notification started;
  Notification stopped;
};

TEST(ThreadPoolShutdown, KillAsksRunningTasksToStop) {
  StoppableTask task;
  ThreadPool pool(1);
  const auto future = pool.Submit(std::ref(task));
  ASSERT_TRUE(task.started.Wait());
  pool.Shutdown({.mode = ShutdownMode::kKill});
  EXPECT_TRUE(future.Collect(absl::ZeroDuration()));
}

TEST(ThreadPoolShutdown, DrainAsksNobodyToStop) {
  StoppableTask task;
  ThreadPool pool(1);
  const auto future = pool.Submit(std::ref(task));
  ASSERT_TRUE(task.started.Wait());
  std::jthread closer([&] { pool.Shutdown({.mode = ShutdownMode::kDrain}); });
  ASSERT_TRUE(Eventually([&] { return pool.is_closed(); }));
  EXPECT_FALSE(future.cancel_requested());
  task.stopped.Notify();
}

TEST(ThreadPoolShutdown, DrainAsksRunningTasksToStopAtItsDeadline) {
  StoppableTask task;
  ThreadPool pool(1);
  const auto future = pool.Submit(std::ref(task));
  ASSERT_TRUE(task.started.Wait());
  pool.Shutdown(
      {.mode = ShutdownMode::kDrain, .deadline = absl::Milliseconds(5)});
  EXPECT_TRUE(future.Collect(kDeadline));
}

TEST(ThreadPoolShutdown, StopRequestIsSeenAsACancelRequest) {
  StoppableTask task;
  ThreadPool pool(1);
  const auto future = pool.Submit(std::ref(task));
  ASSERT_TRUE(task.started.Wait());
  pool.Shutdown();
  EXPECT_TRUE(future.cancel_requested());
}

// --- What it leaves ---

TEST(ThreadPoolShutdown, CallbacksOfCancelledTasksRunOnce) {
  Notification cancelled;
  std::atomic<int> calls = 0;
  ThreadPool pool(1);
  pool.Post([&] { cancelled.Wait(); });
  pool.Submit([] {}).AddCallback([&](const auto&) {
    ++calls;
    cancelled.Notify();
  });
  pool.Shutdown();
  EXPECT_EQ(calls, 1);
}

TEST(ThreadPoolShutdown, CancelledTaskKeepsItsCapturesUntilItIsDropped) {
  Notification cancelled;
  ThreadPool pool(1);
  pool.Post([&] { cancelled.Wait(); });
  auto capture = std::make_shared<int>(7);
  const std::weak_ptr<int> weak = capture;
  pool.Submit([capture = std::move(capture)] {}).AddCallback([&](const auto&) {
    cancelled.Notify();
  });
  pool.Shutdown();
  auto tasks = pool.TakeCancelledTasks();
  EXPECT_FALSE(weak.expired());
  tasks.clear();
  EXPECT_TRUE(weak.expired());
}

TEST(ThreadPoolShutdown, CancelledTaskReachesItsReferences) {
  Notification cancelled;
  int n = 0;
  ThreadPool pool(1);
  pool.Post([&] { cancelled.Wait(); });
  pool.Submit([&] { n = 7; }).AddCallback([&](const auto&) {
    cancelled.Notify();
  });
  pool.Shutdown();
  ThreadPool other(1);
  for (auto& task : pool.TakeCancelledTasks()) other.Run(std::move(task));
  EXPECT_EQ(n, 7);
}

TEST(ThreadPoolShutdown, CancelledTaskWithAStopTokenMayRunElsewhere) {
  Notification cancelled;
  std::optional<bool> stop_requested;
  ThreadPool pool(1);
  pool.Post([&] { cancelled.Wait(); });
  pool.Submit([&](std::stop_token token) {
        stop_requested = token.stop_requested();
      })
      .AddCallback([&](const auto&) { cancelled.Notify(); });
  pool.Shutdown();
  for (auto& task : pool.TakeCancelledTasks()) task();
  EXPECT_EQ(stop_requested, false);
}

TEST(ThreadPoolShutdown, PoolLeavesNoHandlerBehind) {
  const int before = GlobalShutdown::CountHandlers();
  {
    ThreadPool pool(1);
    EXPECT_EQ(GlobalShutdown::CountHandlers(), before + 1);
  }
  EXPECT_EQ(GlobalShutdown::CountHandlers(), before);
}

TEST(ThreadPoolShutdown, InTheFinalizerEnds) {
  ThreadPool* self = nullptr;
  ThreadPool pool({.max_workers = 1, .finalizer = [&] { self->Shutdown(); }});
  self = &pool;
  pool.Run([] {});
  EXPECT_TRUE(pool.Shutdown());
  EXPECT_TRUE(pool.is_terminated());
}

}  // namespace
}  // namespace asyncpal
