#include <unistd.h>

#include <cstdint>
#include <memory>
#include <optional>

#include "asyncpal/future/error.h"
#include "asyncpal/pool/observer.h"
#include "asyncpal/pool/task_group.h"
#include "asyncpal/pool/testing/pool_contract_observer.h"
#include "asyncpal/pool/testing/recording_observer.h"
#include "asyncpal/pool/thread_pool.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

struct ThreadPoolTraits {
  using Pool = ThreadPool;
  using Options = PoolOptions;
  static int64_t WorkerId() { return gettid(); }
};
INSTANTIATE_TYPED_TEST_SUITE_P(Threads, PoolObserverContract, ThreadPoolTraits);

class ThreadPoolObserverTest : public ::testing::Test {
 protected:
  int CountWholeLives() const {
    return observer_->CountLives()["submit start done"];
  }

  const std::shared_ptr<RecordingObserver> observer_ =
      std::make_shared<RecordingObserver>();
};

TEST_F(ThreadPoolObserverTest, TellsOfTheTasksOfAGroup) {
  ThreadPool pool({.max_workers = 2, .observer = observer_});
  TaskGroup group(pool);
  for (int i = 0; i < 20; ++i) group.Run([] {});
  group.Wait();
  ASSERT_TRUE(pool.Join(kLong));
  EXPECT_THAT(observer_->CountLives(),
              ElementsAre(Pair("submit start done", 20)));
}

TEST_F(ThreadPoolObserverTest, TaskMayWaitForAGroupOfItsOwn) {
  ThreadPool pool({.max_workers = 1, .observer = observer_});
  const int sum = pool.Run([&pool] {
    int sum = 0;  // one worker: they run here, one after the other
    TaskGroup group(pool);
    for (int i = 1; i <= 3; ++i) group.Run([&sum, i] { sum += i; });
    group.Wait();
    return sum;
  });
  EXPECT_EQ(sum, 6);
  ASSERT_TRUE(pool.Join(kLong));
  EXPECT_THAT(observer_->CountLives(),
              ElementsAre(Pair("submit start done", 4)));
}

TEST_F(ThreadPoolObserverTest, TellsOfBothHalves) {
  ThreadPool pool({.max_workers = 2, .observer = observer_});
  const auto [one, two] = pool.Both([] { return 1; }, [] { return 2; });
  EXPECT_EQ(one + two, 3);
  ASSERT_TRUE(pool.Join(kLong));
  EXPECT_EQ(CountWholeLives(), 2);
}

int Fib(ThreadPool& pool, int n) {
  if (n < 2) return n;
  const auto [one, two] = pool.Both([&] { return Fib(pool, n - 1); },
                                    [&] { return Fib(pool, n - 2); });
  return one + two;
}

TEST_F(ThreadPoolObserverTest, WorkThatSplitsItselfGoesOn) {
  for (const int workers : {1, 2, 4}) {
    ThreadPool pool({.max_workers = workers, .histograms = true});
    EXPECT_EQ(pool.Submit([&pool] { return Fib(pool, 12); }).Collect(kLong),
              144);
  }
}

TEST_F(ThreadPoolObserverTest, TellsOfATaskThatItsWaiterRuns) {
  ThreadPool pool({.max_workers = 1, .name = "p", .observer = observer_});
  uint64_t inner_id = 0;
  const auto outer = pool.Submit([&] {
    const auto inner = pool.Submit([] { return 7; });
    inner_id = inner.task_id();
    return inner.Collect();
  });
  EXPECT_EQ(outer.Collect(kLong), 7);
  EXPECT_EQ(observer_->LifeOf(inner_id), "submit start done");
  EXPECT_EQ(observer_->LifeOf(outer.task_id()), "submit start done");
  for (const auto& event : observer_->events()) {
    if (event.what != "submit") {
      EXPECT_EQ(event.task.worker, 1);
    }
  }
}

TEST_F(ThreadPoolObserverTest, TellsOfATaskThatItsSubmitterRuns) {
  ThreadPool pool({.max_workers = 1,
                   .max_pending = 1,
                   .when_full = WhenFull::kCallerRuns,
                   .observer = observer_});
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  pool.Submit(Square, 2);
  const auto here = pool.Submit([] { return gettid(); });
  EXPECT_EQ(here.Collect(kLong), gettid());
  EXPECT_EQ(observer_->LifeOf(here.task_id()), "submit start done");
  const TaskReport report = observer_->Last("done");
  EXPECT_EQ(report.id, here.task_id());
  EXPECT_EQ(report.worker, 0);
  EXPECT_EQ(report.pid, std::nullopt);
  EXPECT_EQ(report.attempt, 1);
  EXPECT_EQ(CountAll(pool.Stats().run), 1);
}

TEST_F(ThreadPoolObserverTest, TellsOfAThreadThatATaskEnds) {
  ThreadPool pool({.max_workers = 1, .observer = observer_});
  pool.Submit([] { pthread_exit(nullptr); }).Wait(kLong);
  ASSERT_TRUE(pool.Join(kLong));
  EXPECT_EQ(observer_->Last("done").outcome, FutureState::kFailed);
  const auto events = observer_->worker_events();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[1].what, "ended");
  EXPECT_EQ(events[1].why, "a task ended its thread by pthread_exit()");
}

TEST_F(ThreadPoolObserverTest, TellsNothingOfAWorkerWhoseInitializerFails) {
  ThreadPool pool({.max_workers = 1,
                   .initializer = [] { throw 7; },
                   .observer = observer_});
  const auto future = pool.Submit([] {});
  ASSERT_TRUE(future.Wait(kLong));
  EXPECT_EQ(observer_->LifeOf(future.task_id()), "submit done");
  EXPECT_EQ(observer_->Last("done").outcome, FutureState::kFailed);
  pool.Shutdown();
  EXPECT_TRUE(observer_->worker_events().empty());
}

TEST_F(ThreadPoolObserverTest, OneObserverMayWatchSeveralPools) {
  ThreadPool one({.max_workers = 1, .name = "one", .observer = observer_});
  ThreadPool two({.max_workers = 1, .name = "two", .observer = observer_});
  one.Run([] {});
  EXPECT_EQ(observer_->Last("done").pool, "one");
  two.Run([] {});
  EXPECT_EQ(observer_->Last("done").pool, "two");
}

}  // namespace
}  // namespace asyncpal::testing
