#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/future_filter.h"
#include "asyncpal/future/testing/notification.h"
#include "asyncpal/future/wait.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/thread_pool.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// Tasks that wait for tasks of their own pool. Most pools here have a single
// worker, which is the hardest case: what waits holds the only thread.

namespace asyncpal {
namespace {

using ::testing::ElementsAre;
using testing::Eventually;
using ::testing::HasSubstr;
using testing::kDeadline;
using testing::Notification;
using ::testing::ThrowsMessage;
using ::testing::UnorderedElementsAre;

// Runs `f` in `pool` and gives its result, or throws after a while.
template <typename F>
auto RunIn(ThreadPool& pool, F f) {
  return pool.Submit(std::move(f)).Collect(kDeadline);
}

int Descend(ThreadPool& pool, int levels) {
  return levels == 0 ? 0 : 1 + pool.Run(Descend, std::ref(pool), levels - 1);
}

TEST(ThreadPoolWaiting, OneWorkerRunsTenLevelsOfItself) {
  ThreadPool pool(1);
  EXPECT_EQ(RunIn(pool, [&] { return Descend(pool, 10); }), 10);
}

// Past two hundred levels on one stack, another worker stands in.
TEST(ThreadPoolWaiting, OneWorkerRunsMoreLevelsThanFitOnOneStack) {
  ThreadPool pool(1);
  EXPECT_EQ(RunIn(pool, [&] { return Descend(pool, 450); }), 450);
}

TEST(ThreadPoolWaiting, WaiterRunsThePendingTaskOnItsOwnThread) {
  ThreadPool pool(1);
  EXPECT_TRUE(RunIn(pool, [&] {
    const auto id = [] { return std::this_thread::get_id(); };
    return pool.Run(id) == id();
  }));
}

TEST(ThreadPoolWaiting, WaiterFromOutsideRunsNoTask) {
  ThreadPool pool(1);
  const auto future = pool.Submit([] { return std::this_thread::get_id(); });
  EXPECT_NE(future.Collect(), std::this_thread::get_id());
}

TEST(ThreadPoolWaiting, ErrorOfATaskThatAWaiterRanComesOutThere) {
  ThreadPool pool(1);
  EXPECT_THROW(RunIn(pool, [&] { pool.Run([] { throw Error("inner"); }); }),
               Error);
}

TEST(ThreadPoolWaiting, FiniteWaitForAPendingTaskSeesItDone) {
  ThreadPool pool(1);
  EXPECT_TRUE(RunIn(pool, [&] { return pool.Submit([] {}).Wait(kDeadline); }));
}

TEST(ThreadPoolWaiting, FiniteWaitThatRunsOutReturnsInTime) {
  Notification go_on;
  ThreadPool pool(1);
  EXPECT_FALSE(RunIn(pool, [&] {
    return pool.Submit([&] { go_on.Wait(); }).Wait(absl::Milliseconds(5));
  }));
  go_on.Notify();
}

TEST(ThreadPoolWaiting, OneWorkerWaitsForThen) {
  ThreadPool pool(1);
  EXPECT_EQ(RunIn(pool,
                  [&] {
                    return pool.Submit([] { return 20; })
                        .Then([](int n) { return n + 1; })
                        .Collect();
                  }),
            21);
}

TEST(ThreadPoolWaiting, OneWorkerWaitsForThenThatSubmits) {
  ThreadPool pool(1);
  EXPECT_EQ(RunIn(pool,
                  [&] {
                    return pool.Submit([] { return 20; })
                        .Then([&](int n) {
                          return pool.Submit([n] { return n + 1; });
                        })
                        .Collect();
                  }),
            21);
}

TEST(ThreadPoolWaiting, OneWorkerWaitsForWhenAll) {
  ThreadPool pool(1);
  EXPECT_THAT(RunIn(pool,
                    [&] {
                      const std::vector<Future<int>> futures = {
                          pool.Submit([] { return 1; }),
                          pool.Submit([] { return 2; })};
                      return WhenAll(futures).Collect();
                    }),
              ElementsAre(1, 2));
}

TEST(ThreadPoolWaiting, OneWorkerWaitsForWhenAny) {
  ThreadPool pool(1);
  EXPECT_EQ(RunIn(pool,
                  [&] {
                    const std::vector<Future<int>> futures = {
                        pool.Submit([] { return 1; }),
                        pool.Submit([] { return 2; })};
                    return WhenAny(futures).Collect();
                  }),
            0u);
}

TEST(ThreadPoolWaiting, OneWorkerWaitsForARangeOfFutures) {
  ThreadPool pool(1);
  EXPECT_THAT(RunIn(pool,
                    [&] {
                      const std::vector<Future<int>> futures = {
                          pool.Submit([] { return 1; }),
                          pool.Submit([] { return 2; })};
                      return Collect(futures);
                    }),
              ElementsAre(1, 2));
}

TEST(ThreadPoolWaiting, OneWorkerWaitsForAsDone) {
  ThreadPool pool(1);
  EXPECT_THAT(RunIn(pool,
                    [&] {
                      const std::vector<Future<int>> futures = {
                          pool.Submit([] { return 1; }),
                          pool.Submit([] { return 2; })};
                      std::vector<int> results;
                      for (const auto& done : AsDone(futures)) {
                        results.push_back(done.Collect());
                      }
                      return results;
                    }),
              UnorderedElementsAre(1, 2));
}

TEST(ThreadPoolWaiting, OneWorkerWaitsForAFutureFilter) {
  ThreadPool pool(1);
  EXPECT_THAT(RunIn(pool,
                    [&] {
                      FutureFilter<int> filter;
                      filter.Put(pool.Submit([] { return 1; }));
                      filter.Put(pool.Submit([] { return 2; }));
                      std::vector<int> results;
                      while (auto done = filter.Get()) {
                        results.push_back(done->Collect());
                      }
                      return results;
                    }),
              UnorderedElementsAre(1, 2));
}

TEST(ThreadPoolWaiting, OneWorkerRunsEveryMapOfItsOwn) {
  ThreadPool pool(1);
  const auto square = [](int n) { return n * n; };
  const std::vector<int> numbers = {1, 2, 3};
  int sum = 0;
  RunIn(pool, [&] {
    for (const int n : pool.Map(square, numbers)) sum += n;
    for (const int n : pool.MapUnordered(square, numbers)) sum += n;
    for (const int n : pool.MapAll(square, numbers)) sum += n;
    for (const int n : pool.MapAllUnordered(square, numbers)) sum += n;
  });
  EXPECT_EQ(sum, 4 * 14);
}

TEST(ThreadPoolWaiting, MapOfMapsEndsInOneWorker) {
  ThreadPool pool(1);
  const std::vector<int> numbers = {1, 2, 3};
  const auto row = [&](int n) {
    int sum = 0;
    for (const int m : pool.Map([n](int k) { return n * k; }, numbers)) {
      sum += m;
    }
    return sum;
  };
  EXPECT_THAT(pool.MapAll({.timeout = kDeadline}, row, numbers),
              ElementsAre(6, 12, 18));
}

TEST(ThreadPoolWaiting, EveryWorkerMayWaitAtOnce) {
  ThreadPool pool(3);
  std::vector<Future<int>> futures;
  for (int i = 0; i < 12; ++i) {
    futures.push_back(pool.Submit([&pool, i] {
      return pool.Submit([i] { return i; })
          .Then([](int n) { return n; })
          .Collect();
    }));
  }
  EXPECT_EQ(Collect(futures, kDeadline).size(), 12u);
}

TEST(ThreadPoolWaiting, WaitForOneselfIsAnError) {
  ThreadPool pool(1);
  Future<void> self;
  Notification known;
  self = pool.Submit([&] {
    known.Wait();
    self.Collect();
  });
  known.Notify();
  EXPECT_THAT([&] { self.Collect(kDeadline); },
              ThrowsMessage<InvalidStateError>(HasSubstr("own result")));
}

TEST(ThreadPoolWaiting, WaitForATaskFurtherUpTheStackIsAnError) {
  ThreadPool pool(1);
  Future<void> outer;
  Notification known;
  outer = pool.Submit([&] {
    known.Wait();
    pool.Run([&] { outer.Collect(); });
  });
  known.Notify();
  EXPECT_THROW(outer.Collect(kDeadline), InvalidStateError);
}

TEST(ThreadPoolWaiting, TasksThatWaitForEachOtherEndByTheirTimeout) {
  ThreadPool pool(2);
  Future<bool> first;
  Future<bool> second;
  Notification known;
  first = pool.Submit([&] {
    known.Wait();
    return second.Wait(absl::Milliseconds(5));
  });
  second = pool.Submit([&] {
    known.Wait();
    return first.Wait(kDeadline);
  });
  known.Notify();
  EXPECT_FALSE(first.Collect(kDeadline));
  EXPECT_TRUE(second.Collect(kDeadline));
}

TEST(ThreadPoolWaiting, TaskMayWaitForAnotherPool) {
  ThreadPool first(1);
  ThreadPool second(1);
  EXPECT_EQ(RunIn(first, [&] { return second.Run([] { return 7; }); }), 7);
}

// The only worker of each pool waits for the other pool; see also
// thread_pool_stall_test.
TEST(ThreadPoolWaiting, TasksOfTwoPoolsMayWaitForEachOther) {
  ThreadPool first(1);
  ThreadPool second(1);
  EXPECT_TRUE(RunIn(first, [&] {
    return RunIn(second, [&] { return first.Submit([] {}).Wait(kDeadline); });
  }));
}

// --- Workers that stand in ---

TEST(ThreadPoolWaiting, WorkerThatStoodInRetires) {
  ThreadPool pool({.max_workers = 1, .idle_timeout = absl::InfiniteDuration()});
  ASSERT_TRUE(RunIn(pool, [&] { return pool.Submit([] {}).Wait(kDeadline); }));
  // Of the two, both may find that there is one too many.
  EXPECT_TRUE(Eventually([&] { return pool.CountWorkers() <= 1; }));
}

TEST(ThreadPoolWaiting, NobodyStandsInForATaskThatOnlyBlocks) {
  Notification go_on;
  ThreadPool pool(1);
  pool.Post([&] { go_on.Wait(); });
  pool.Post([] {});
  EXPECT_EQ(pool.CountWorkers(), 1);
  go_on.Notify();
}

TEST(ThreadPoolWaiting, StatsAgreeWhileAWorkerStandsIn) {
  Notification started;
  Notification go_on;
  ThreadPool pool(1);
  const auto outer = pool.Submit([&] {
    return pool
        .Submit([&] {
          started.Notify();
          go_on.Wait();
        })
        .Wait(kDeadline);
  });
  ASSERT_TRUE(started.Wait());
  const PoolStats stats = pool.Stats();
  EXPECT_EQ(stats.running, 2);
  EXPECT_EQ(stats.busy, 2);
  go_on.Notify();
  EXPECT_TRUE(outer.Collect(kDeadline));
}

TEST(ThreadPoolWaiting, TaskInsideAWaitIsListedInsteadOfItsWaiter) {
  Notification started;
  Notification go_on;
  ThreadPool pool(1);
  pool.Post(TaskOptions{.name = "outer"}, [&] {
    pool.Run(TaskOptions{.name = "inner"}, [&] {
      started.Notify();
      go_on.Wait();
    });
  });
  ASSERT_TRUE(started.Wait());
  const auto workers = pool.Workers();
  ASSERT_EQ(workers.size(), 1u);
  EXPECT_EQ(workers[0].current_task, "inner");
  go_on.Notify();
}

// --- Others while someone waits ---

TEST(ThreadPoolWaiting, RunDoesNotHoldUpAnotherSubmitter) {
  Notification started;
  Notification go_on;
  ThreadPool pool(2);
  std::jthread runner([&] {
    pool.Run([&] {
      started.Notify();
      go_on.Wait();
    });
  });
  ASSERT_TRUE(started.Wait());
  EXPECT_EQ(pool.Submit([] { return 7; }).Collect(kDeadline), 7);
  go_on.Notify();
}

TEST(ThreadPoolWaiting, CancelledInnerTaskEndsTheWait) {
  Notification submitted;
  Notification go_on;
  ThreadPool pool(2);
  Future<void> inner;
  pool.Post([&] { go_on.Wait(); });
  const auto outer = pool.Submit([&] {
    inner = pool.Submit([&] { go_on.Wait(); });
    submitted.Notify();
    return inner.Wait(kDeadline);
  });
  ASSERT_TRUE(submitted.Wait());
  inner.Cancel();
  go_on.Notify();
  EXPECT_TRUE(outer.Collect(kDeadline));
}

TEST(ThreadPoolWaiting, ShutdownEndsAWaitForAPendingTask) {
  Notification waiting;
  ThreadPool pool(1);
  const auto outer = pool.Submit([&] {
    // Depends on a task that the shutdown will cancel.
    auto inner = pool.Submit([] { return 1; }).Then([](int n) { return n; });
    pool.Shutdown();
    waiting.Notify();
    return inner.Wait(kDeadline) && inner.is_cancelled();
  });
  EXPECT_TRUE(outer.Collect(kDeadline));
}

}  // namespace
}  // namespace asyncpal
