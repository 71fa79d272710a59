#include "asyncpal/pool/task_group.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/testing/notification.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/thread_pool.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal {
namespace {

using testing::Eventually;
using testing::kDeadline;
using testing::Notification;
using ::testing::ThrowsMessage;

TEST(TaskGroup, AllTasksAreOverAfterWait) {
  ThreadPool pool(3);
  std::atomic<int> done{0};
  TaskGroup group(pool);
  for (int i = 0; i < 100; ++i) group.Run([&] { ++done; });
  group.Wait();
  EXPECT_EQ(done, 100);
}

TEST(TaskGroup, CanBeUsedAgainAfterWait) {
  ThreadPool pool(2);
  int done = 0;
  TaskGroup group(pool);
  group.Run([&] { ++done; });
  group.Wait();
  group.Run([&] { ++done; });
  group.Wait();
  EXPECT_EQ(done, 2);
}

TEST(TaskGroup, WaitOnAnEmptyGroupReturns) {
  ThreadPool pool(1);
  TaskGroup group(pool);
  group.Wait();
  EXPECT_EQ(pool.Stats().submitted, 0);
}

TEST(TaskGroup, WaitsForTasksThatItsTasksRun) {
  ThreadPool pool(2);
  std::atomic<int> done{0};
  TaskGroup group(pool);
  group.Run([&] {
    for (int i = 0; i < 10; ++i) group.Run([&] { ++done; });
  });
  group.Wait();
  EXPECT_EQ(done, 10);
}

TEST(TaskGroup, TakesCallablesThatCanOnlyBeMoved) {
  ThreadPool pool(1);
  int seen = 0;
  TaskGroup group(pool);
  group.Run([&, value = std::make_unique<int>(7)] { seen = *value; });
  group.Wait();
  EXPECT_EQ(seen, 7);
}

TEST(TaskGroup, OneWorkerWaitsForAGroupOfItsOwnPool) {
  ThreadPool pool(1);
  const auto sum = pool.Submit([&] {
    std::atomic<int> sum{0};
    TaskGroup group(pool);
    for (int i = 1; i <= 10; ++i) group.Run([&, i] { sum += i; });
    group.Wait();
    return sum.load();
  });
  EXPECT_EQ(sum.Collect(kDeadline), 55);
}

TEST(TaskGroup, WaiterInsideATaskRunsWhatHasNotBegun) {
  // In the queue of its worker; behind what others have submitted, in the
  // shared one; and where tasks are limited.
  for (const auto& [workers, max_pending] :
       {std::pair(2, 0), std::pair(1, 0), std::pair(1, 100)}) {
    ThreadPool pool({.max_workers = workers, .max_pending = max_pending});
    std::atomic<bool> is_over{false};
    std::atomic<int> busy{0};
    const auto occupy = [&] {
      ++busy;
      Eventually([&] { return is_over.load(); });
    };
    for (int i = 1; i < workers; ++i) pool.Post(occupy);
    Eventually([&, others = workers - 1] { return busy == others; });
    const auto task = pool.Submit([&] {
      const auto here = std::this_thread::get_id();
      int here_too = 0;
      for (int i = 0; i < 10; ++i) pool.Post([] {});
      TaskGroup group(pool);
      for (int i = 0; i < 10; ++i) {
        group.Run([&] { here_too += std::this_thread::get_id() == here; });
      }
      group.Wait();
      return here_too;
    });
    EXPECT_EQ(task.Collect(kDeadline), 10);
    is_over = true;
    EXPECT_TRUE(pool.Join(kDeadline));
    const PoolStats stats = pool.Stats();
    EXPECT_EQ(stats.pending, 0);
    EXPECT_EQ(stats.submitted, stats.completed);
  }
}

TEST(TaskGroup, WaiterRunsWhatAnotherWorkersTaskHasRun) {
  ThreadPool pool(2);
  Notification may_end, has_run;
  const auto waiter = pool.Submit([&] {
    bool ran = false;
    TaskGroup group(pool);
    group.Run([&] {
      // Another worker's queue has it, and that worker is busy.
      group.Run([&] {
        ran = true;
        may_end.Notify();
      });
      has_run.Notify();
      may_end.Wait(kDeadline);
    });
    has_run.Wait(kDeadline);
    group.Wait();
    return ran;
  });
  EXPECT_TRUE(waiter.Collect(kDeadline));
}

TEST(TaskGroup, CallablesAreGoneWhenWaitReturns) {
  ThreadPool pool(2);
  const auto resource = std::make_shared<int>(7);
  TaskGroup group(pool);
  for (int i = 0; i < 10; ++i) group.Run([copy = resource] {});
  group.Wait();
  EXPECT_EQ(resource.use_count(), 1);
  for (int i = 0; i < 10; ++i) {
    group.Run([copy = resource] { throw std::range_error("x"); });
  }
  EXPECT_THROW(group.Wait(), std::range_error);
  EXPECT_EQ(resource.use_count(), 1);
}

TEST(TaskGroup, ACallableThatIsRefusedIsDestroyed) {
  const auto resource = std::make_shared<int>(7);
  Notification may_end;
  ThreadPool pool(
      {.max_workers = 1, .max_pending = 1, .when_full = WhenFull::kReject});
  TaskGroup group(pool);
  group.Run([&] { may_end.Wait(kDeadline); });
  Eventually([&] { return pool.CountPendingTasks() == 0; });
  group.Run([copy = resource] {});
  EXPECT_THROW(group.Run([copy = resource] {}), RejectedError);
  EXPECT_EQ(resource.use_count(), 2);
  may_end.Notify();
  group.Wait();
  EXPECT_EQ(resource.use_count(), 1);
}

TEST(TaskGroup, WaitByATaskOfTheGroupThrows) {
  ThreadPool pool(2);
  TaskGroup group(pool);
  group.Run([&] { group.Wait(); });
  EXPECT_THROW(group.Wait(), InvalidStateError);
}

TEST(TaskGroup, IsUsedFromManyThreads) {
  ThreadPool pool(3);
  std::atomic<int> done{0};
  TaskGroup group(pool);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 250; ++i) {
          group.Run([&] {
            ++done;
            group.Run([&] { ++done; });
          });
        }
      });
    }
  }
  group.Wait();
  EXPECT_EQ(done, 2000);
}

// ---------------------------------------------------------------- Failures

TEST(TaskGroup, ATaskThatEndsItsThreadFails) {
  ThreadPool pool(1);
  TaskGroup group(pool);
  group.Run([] { pthread_exit(nullptr); });
  EXPECT_THROW(group.Wait(), InvalidStateError);
  group.Run([] {});
  group.Wait();
}

TEST(TaskGroup, ATaskThatIsDroppedForANewerOneIsOver) {
  Notification may_end;
  ThreadPool pool(
      {.max_workers = 1, .max_pending = 1, .when_full = WhenFull::kDropOldest});
  TaskGroup group(pool);
  group.Run([&] { may_end.Wait(kDeadline); });
  Eventually([&] { return pool.CountPendingTasks() == 0; });
  group.Run([] {});
  const auto newer = pool.Submit([] { return 7; });
  may_end.Notify();
  EXPECT_THROW(group.Wait(), RejectedError);
  EXPECT_EQ(newer.Collect(kDeadline), 7);
}

TEST(TaskGroup, ExceptionOfATaskComesOutOfWait) {
  ThreadPool pool(1);
  TaskGroup group(pool);
  group.Run([] { throw std::range_error("page 7"); });
  EXPECT_THAT([&] { group.Wait(); }, ThrowsMessage<std::range_error>("page 7"));
  group.Wait();  // it has come out
}

TEST(TaskGroup, TasksThatHaveNotBegunAreDroppedAfterAFailure) {
  ThreadPool pool(1);
  std::atomic<int> ran{0};
  Notification may_fail;
  TaskGroup group(pool);
  group.Run([&] {
    may_fail.Wait();
    throw std::logic_error("x");
  });
  for (int i = 0; i < 10; ++i) group.Run([&] { ++ran; });
  may_fail.Notify();
  EXPECT_THROW(group.Wait(), std::logic_error);
  EXPECT_EQ(ran, 0);
}

TEST(TaskGroup, DestructorDropsWhatHasNotBegunAndWaitsForTheRest) {
  ThreadPool pool(1);
  std::atomic<int> begun{0};
  std::atomic<int> ended{0};
  Notification is_running, may_end;
  {
    TaskGroup group(pool);
    for (int i = 0; i < 10; ++i) {
      group.Run([&] {
        ++begun;
        is_running.Notify();
        may_end.Wait(absl::Milliseconds(50));
        ++ended;
      });
    }
    ASSERT_TRUE(is_running.Wait());
  }
  EXPECT_EQ(begun, 1);
  EXPECT_EQ(ended, 1);
}

TEST(TaskGroup, EmptyCallableIsRefused) {
  ThreadPool pool(1);
  TaskGroup group(pool);
  EXPECT_THROW(group.Run(static_cast<void (*)()>(nullptr)),
               std::invalid_argument);
}

// ---------------------------------------------------------------- Shutdown

TEST(TaskGroup, RunOnAClosedPoolThrows) {
  ThreadPool pool(1);
  pool.Shutdown();
  TaskGroup group(pool);
  EXPECT_THROW(group.Run([] {}), ClosedPoolError);
  group.Wait();
}

TEST(TaskGroup, WaitThrowsIfThePoolHasCancelledATask) {
  ThreadPool pool(1);
  Notification is_running, may_end;
  std::atomic<int> ran{0};
  TaskGroup group(pool);
  group.Run([&] {
    is_running.Notify();
    may_end.Wait();
  });
  group.Run([&] { ++ran; });
  ASSERT_TRUE(is_running.Wait());
  pool.Shutdown(
      {.mode = ShutdownMode::kCancelPending, .deadline = absl::ZeroDuration()});
  may_end.Notify();
  EXPECT_THROW(group.Wait(), CancelledError);
  EXPECT_EQ(ran, 0);
}

TEST(TaskGroup, CancelledTaskDoesNothingAfterWaitHasThrown) {
  ThreadPool pool(1);
  Notification is_running, may_end;
  std::atomic<int> ran{0};
  TaskGroup group(pool);
  group.Run([&] {
    is_running.Notify();
    may_end.Wait();
  });
  group.Run([&] { ++ran; });
  ASSERT_TRUE(is_running.Wait());
  pool.Shutdown(
      {.mode = ShutdownMode::kCancelPending, .deadline = absl::ZeroDuration()});
  may_end.Notify();
  EXPECT_THROW(group.Wait(), CancelledError);
  std::vector<CancelledTask> cancelled = pool.TakeCancelledTasks();
  ASSERT_EQ(cancelled.size(), 1u);
  cancelled[0]();
  EXPECT_EQ(ran, 0);
}

TEST(TaskGroup, CancelledTaskDoesNothingWhenItsGroupIsGone) {
  ThreadPool pool(1);
  Notification is_running, may_end;
  std::atomic<int> ran{0};
  {
    TaskGroup group(pool);
    group.Run([&] {
      is_running.Notify();
      may_end.Wait();
    });
    group.Run([&] { ++ran; });
    ASSERT_TRUE(is_running.Wait());
    pool.Shutdown({.mode = ShutdownMode::kCancelPending,
                   .deadline = absl::ZeroDuration()});
    may_end.Notify();
  }
  std::vector<CancelledTask> cancelled = pool.TakeCancelledTasks();
  ASSERT_EQ(cancelled.size(), 1u);
  cancelled[0]();
  EXPECT_EQ(ran, 0);
}

// -------------------------------------------------------------------- Both

int Fib(ThreadPool& pool, int n) {
  if (n < 2) return n;
  const auto [a, b] = pool.Both([&] { return Fib(pool, n - 1); },
                                [&] { return Fib(pool, n - 2); });
  return a + b;
}

TEST(Both, GivesTheResultsOfBoth) {
  ThreadPool pool(2);
  const std::pair<int, std::string> both =
      pool.Both([] { return 6 * 7; }, [] { return std::string("x"); });
  EXPECT_EQ(both, std::pair(42, std::string("x")));
}

TEST(Both, ResultOfACallThatReturnsNothingIsAMonostate) {
  ThreadPool pool(2);
  int calls = 0;
  const auto both = pool.Both([&] { ++calls; }, [] { return 1; });
  static_assert(
      std::is_same_v<decltype(both), const std::pair<std::monostate, int>>);
  EXPECT_EQ(calls, 1);
}

TEST(Both, ForksInsideOfForks) {
  for (const int workers : {1, 2, 4}) {
    ThreadPool pool(workers);
    EXPECT_EQ(Fib(pool, 15), 610) << workers;
  }
}

TEST(Both, RunsNoMoreCallsAtOnceThanThereAreWorkers) {
  ThreadPool pool(1);
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  const auto call = [&] {
    most = std::max(most.load(), ++running);
    std::this_thread::yield();
    --running;
  };
  for (int i = 0; i < 100; ++i) pool.Both(call, call);
  EXPECT_EQ(most, 1);
}

TEST(Both, WaitsForTheOtherCallBeforeItThrows) {
  ThreadPool pool(2);
  std::atomic<bool> has_begun{false};
  std::atomic<bool> is_over{false};
  EXPECT_THROW(pool.Both(
                   [&] {
                     Eventually([&] { return has_begun.load(); });
                     throw std::logic_error("x");
                   },
                   [&] {
                     has_begun = true;
                     for (int i = 0; i < 1000; ++i) std::this_thread::yield();
                     is_over = true;
                   }),
               std::logic_error);
  EXPECT_TRUE(is_over);
}

// Inside a task, the second call lies in the worker's own queue.

// Runs `f(pool)` in a task of a pool of two, the other worker of which is busy.
template <typename F>
void RunInsideAlone(F f) {
  ThreadPool pool(2);
  std::atomic<bool> is_over{false};
  std::atomic<bool> is_busy{false};
  pool.Post([&] {
    is_busy = true;
    Eventually([&] { return is_over.load(); });
  });
  Eventually([&] { return is_busy.load(); });
  pool.Run([&] { f(pool); });
  is_over = true;
  pool.Join();
  const PoolStats stats = pool.Stats();
  EXPECT_EQ(stats.pending, 0);
  EXPECT_EQ(stats.running, 0);
  EXPECT_EQ(stats.submitted, stats.completed + stats.failed + stats.cancelled);
}

TEST(BothInside, SecondCallRunsElsewhereIfAWorkerIsFree) {
  ThreadPool pool(2);
  pool.Run([&] {
    std::atomic<bool> has_begun{false};
    const auto [first, second] =
        pool.Both([&] { return Eventually([&] { return has_begun.load(); }); },
                  [&] { return has_begun = true; });
    EXPECT_TRUE(first);
    EXPECT_TRUE(second);
  });
}

TEST(BothInside, SecondCallRunsHereIfNobodyIsFree) {
  RunInsideAlone([](ThreadPool& pool) {
    const auto here = std::this_thread::get_id();
    const auto both =
        pool.Both([] { return 1; }, [] { return std::this_thread::get_id(); });
    EXPECT_EQ(both, std::pair(1, here));
  });
}

TEST(BothInside, WhatTheSecondCallThrowsComesOut) {
  RunInsideAlone([](ThreadPool& pool) {
    EXPECT_THROW(pool.Both([] {}, [] { throw std::logic_error("x"); }),
                 std::logic_error);
  });
}

TEST(BothInside, SecondCallIsDroppedIfTheFirstThrows) {
  RunInsideAlone([](ThreadPool& pool) {
    bool has_run = false;
    EXPECT_THROW(
        pool.Both([] { throw std::logic_error("x"); }, [&] { has_run = true; }),
        std::logic_error);
    EXPECT_FALSE(has_run);
  });
}

TEST(BothInside, SecondCallIsFoundBelowWhatTheFirstHasLeft) {
  RunInsideAlone([](ThreadPool& pool) {
    std::vector<Future<int>> left;
    const auto both = pool.Both(
        [&] {
          for (int i = 0; i < 3; ++i)
            left.push_back(pool.Submit([] { return 1; }));
          return 1;
        },
        [&] { return 2; });
    EXPECT_EQ(both, std::pair(1, 2));
    for (auto& task : left) EXPECT_EQ(task.Collect(), 1);
  });
}

TEST(BothInside, SecondCallRunsAfterATaskWithOptionsToo) {
  RunInsideAlone([](ThreadPool& pool) {
    Future<int> left;
    const auto both = pool.Both(
        [&] {
          left = pool.Submit(TaskOptions{.name = "left"}, [] { return 3; });
          return 1;
        },
        [&] { return 2; });
    EXPECT_EQ(both, std::pair(1, 2));
    EXPECT_EQ(left.Collect(), 3);
  });
}

TEST(BothInside, SecondCallIsCancelledByAShutdown) {
  RunInsideAlone([](ThreadPool& pool) {
    EXPECT_THROW(pool.Both([&] { pool.Shutdown(); }, [] {}), CancelledError);
  });
}

TEST(BothInside, BeginsNothingInAClosedPool) {
  RunInsideAlone([](ThreadPool& pool) {
    pool.Shutdown();
    EXPECT_THROW(pool.Both([] {}, [] {}), ClosedPoolError);
  });
}

}  // namespace
}  // namespace asyncpal
