#ifndef ASYNCPAL_POOL_TESTING_POOL_CONTRACT_OBSERVER_H_
#define ASYNCPAL_POOL_TESTING_POOL_CONTRACT_OBSERVER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/future.h"
#include "asyncpal/future/log.h"
#include "asyncpal/pool/observer.h"
#include "asyncpal/pool/options.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/testing/gate.h"
#include "asyncpal/pool/testing/pool_contract_tools.h"
#include "asyncpal/pool/testing/recording_observer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// What every pool tells its observer, and measures for its histograms. As
// pool_contract.h, with the same `Traits`.

namespace asyncpal::testing {

template <typename Traits>
class PoolObserverContract : public ::testing::Test {
 protected:
  using Options = typename Traits::Options;
  using Pool = typename Traits::Pool;

  // One worker, watched by observer_.
  Options Watched() const {
    return {.max_workers = 1, .name = "p", .observer = observer_};
  }
  Options WatchedAndSmall(WhenFull when_full) const {
    return {.max_workers = 1,
            .name = "p",
            .max_pending = 1,
            .when_full = when_full,
            .observer = observer_};
  }

  const std::shared_ptr<RecordingObserver> observer_ =
      std::make_shared<RecordingObserver>();
};
TYPED_TEST_SUITE_P(PoolObserverContract);

// --- A task's life ---

TYPED_TEST_P(PoolObserverContract, TellsOfATaskFromItsSubmissionToItsEnd) {
  typename TypeParam::Pool pool(this->Watched());
  const auto future =
      pool.Submit(TaskOptions{.name = "who"}, &TypeParam::WorkerId);
  const int64_t worker = future.Collect(kLong);
  const auto events = this->observer_->events();
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].what, "submit");
  EXPECT_EQ(events[1].what, "start");
  EXPECT_EQ(events[2].what, "done");
  for (const auto& event : events) {
    EXPECT_EQ(event.task.pool, "p");
    EXPECT_EQ(event.task.name, "who");
    EXPECT_EQ(event.task.id, future.task_id());
    EXPECT_FALSE(event.task.lost);
  }
  EXPECT_EQ(events[0].task.outcome, FutureState::kPending);
  EXPECT_EQ(events[0].task.worker, 0);
  EXPECT_EQ(events[0].task.attempt, 0);
  EXPECT_EQ(events[1].task.outcome, FutureState::kRunning);
  EXPECT_EQ(events[1].task.worker, 1);
  EXPECT_EQ(events[1].task.attempt, 1);
  EXPECT_EQ(events[1].task.pid, worker);
  EXPECT_EQ(events[2].task.outcome, FutureState::kCompleted);
  EXPECT_EQ(events[2].task.worker, 1);
  EXPECT_EQ(events[2].task.pid, worker);
  EXPECT_EQ(events[2].task.attempt, 1);
  // Ticks are worth what they were last found to be.
  const TaskTimes times = future.duration();
  EXPECT_NEAR(absl::ToDoubleSeconds(events[2].task.waited),
              absl::ToDoubleSeconds(times.pending), 1e-3);
  EXPECT_NEAR(absl::ToDoubleSeconds(events[2].task.ran),
              absl::ToDoubleSeconds(times.running), 1e-3);
}

TYPED_TEST_P(PoolObserverContract, TellsOfTheEndBeforeTheFutureIsDone) {
  typename TypeParam::Pool pool(this->Watched());
  for (int i = 0; i < 50; ++i) {
    const auto future = pool.Submit(Square, i);
    ASSERT_TRUE(future.Wait(kLong));
    ASSERT_EQ(this->observer_->LifeOf(future.task_id()), "submit start done");
  }
}

TYPED_TEST_P(PoolObserverContract, TellsOfAPostedTask) {
  typename TypeParam::Pool pool(this->Watched());
  pool.Post(DoNothing);
  ASSERT_TRUE(pool.Join(kLong));
  EXPECT_THAT(this->observer_->CountLives(),
              ::testing::ElementsAre(::testing::Pair("submit start done", 1)));
  EXPECT_EQ(this->observer_->Last("done").outcome, FutureState::kCompleted);
}

TYPED_TEST_P(PoolObserverContract, TellsOfATaskThatIsRunAtOnce) {
  typename TypeParam::Pool pool(this->Watched());
  for (int i = 0; i < 10; ++i) EXPECT_EQ(pool.Run(Square, i), i * i);
  EXPECT_THAT(this->observer_->CountLives(),
              ::testing::ElementsAre(::testing::Pair("submit start done", 10)));
}

TYPED_TEST_P(PoolObserverContract, TellsOfTheChunksOfAMap) {
  typename TypeParam::Pool pool(this->Watched());
  pool.MapAll(MapOptions{.chunk_size = 3}, Square, Numbers(9));
  ToVector(pool.Map(Square, Numbers(4)));
  EXPECT_THAT(this->observer_->CountLives(),
              ::testing::ElementsAre(::testing::Pair("submit start done", 7)));
}

TYPED_TEST_P(PoolObserverContract, TellsOfATaskThatThrows) {
  typename TypeParam::Pool pool(this->Watched());
  pool.Submit(ThrowOutOfRange).Wait(kLong);
  EXPECT_EQ(this->observer_->Last("done").outcome, FutureState::kFailed);
  EXPECT_FALSE(this->observer_->Last("done").lost);
}

// --- Tasks that never start ---

TYPED_TEST_P(PoolObserverContract, CancelledTaskEndsWithoutAStart) {
  typename TypeParam::Pool pool(this->Watched());
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  auto future = pool.Submit(Square, 2);
  ASSERT_TRUE(future.Cancel());
  EXPECT_EQ(this->observer_->LifeOf(future.task_id()), "submit done");
  const TaskReport report = this->observer_->Last("done");
  EXPECT_EQ(report.outcome, FutureState::kCancelled);
  EXPECT_EQ(report.worker, 0);
  EXPECT_EQ(report.attempt, 0);
  EXPECT_EQ(report.ran, absl::ZeroDuration());
}

TYPED_TEST_P(PoolObserverContract, ExpiredTaskEndsWithoutAStart) {
  typename TypeParam::Pool pool(this->Watched());
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  auto future = pool.Submit(
      TaskOptions{.queue_deadline = absl::Milliseconds(1)}, Square, 2);
  ASSERT_TRUE(future.Wait(kLong));
  EXPECT_EQ(this->observer_->LifeOf(future.task_id()), "submit done");
  EXPECT_EQ(this->observer_->Last("done").outcome, FutureState::kFailed);
  EXPECT_GE(this->observer_->Last("done").waited, absl::Milliseconds(1));
}

TYPED_TEST_P(PoolObserverContract, RefusedTaskEndsWithoutAStart) {
  typename TypeParam::Pool pool(this->WatchedAndSmall(WhenFull::kReject));
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  pool.Submit(Square, 2);
  EXPECT_THROW(pool.Submit(TaskOptions{.name = "third"}, Square, 3),
               RejectedError);
  EXPECT_THROW(pool.Post(DoNothing), RejectedError);
  EXPECT_THAT(
      this->observer_->CountLives(),
      ::testing::UnorderedElementsAre(::testing::Pair("submit start", 1),
                                      ::testing::Pair("submit", 1),
                                      ::testing::Pair("submit done", 2)));
  EXPECT_EQ(this->observer_->Last("done").outcome, FutureState::kFailed);
}

TYPED_TEST_P(PoolObserverContract, WaitForRoomThatEndsInVainEndsTheTask) {
  typename TypeParam::Pool pool(this->WatchedAndSmall(WhenFull::kBlock));
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  pool.Submit(Square, 2);
  EXPECT_THROW(pool.Submit(TaskOptions{.queue_deadline = absl::Milliseconds(1)},
                           Square, 4),
               TimeoutError);
  EXPECT_EQ(this->observer_->LifeOf(this->observer_->Last("done").id),
            "submit done");
}

TYPED_TEST_P(PoolObserverContract, DroppedTaskEndsWithoutAStart) {
  typename TypeParam::Pool pool(this->WatchedAndSmall(WhenFull::kDropOldest));
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  const auto oldest = pool.Submit(Square, 2);
  pool.Submit(Square, 3);
  EXPECT_EQ(this->observer_->LifeOf(oldest.task_id()), "submit done");
  EXPECT_EQ(this->observer_->Last("done").outcome, FutureState::kFailed);
}

TYPED_TEST_P(PoolObserverContract, TaskThatAShutdownCancelsEndsWithoutAStart) {
  typename TypeParam::Pool pool(this->Watched());
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  const auto pending = pool.Submit(Square, 2);
  pool.Post(DoNothing);
  pool.Shutdown({.deadline = absl::ZeroDuration()});
  EXPECT_EQ(this->observer_->LifeOf(pending.task_id()), "submit done");
  EXPECT_EQ(this->observer_->Last("done").outcome, FutureState::kCancelled);
  EXPECT_EQ(this->observer_->CountLives()["submit done"], 2);
}

TYPED_TEST_P(PoolObserverContract, ClosedPoolTellsOfNoSubmission) {
  typename TypeParam::Pool pool(this->Watched());
  pool.Shutdown();
  EXPECT_THROW(pool.Submit(Square, 2), ClosedPoolError);
  EXPECT_THAT(this->observer_->events(), ::testing::IsEmpty());
}

// --- Tasks that are ended by others ---

TYPED_TEST_P(PoolObserverContract, TaskThatTimesOutEndsWithItsWorker) {
  typename TypeParam::Pool pool(this->Watched());
  Gate gate;
  const auto future = pool.Submit(
      TaskOptions{.timeout = absl::Milliseconds(50)}, PassGate, gate.path(), 0);
  ASSERT_TRUE(future.Wait(kLong));
  EXPECT_EQ(this->observer_->LifeOf(future.task_id()), "submit start done");
  const TaskReport report = this->observer_->Last("done");
  EXPECT_EQ(report.outcome, FutureState::kFailed);
  EXPECT_EQ(report.worker, 1);
  EXPECT_EQ(report.attempt, 1);
  EXPECT_GE(report.ran, absl::Milliseconds(50));
}

// --- Workers ---

TYPED_TEST_P(PoolObserverContract, TellsOfWorkersFromTheirStartToTheirEnd) {
  typename TypeParam::Pool pool(
      {.max_workers = 2, .name = "p", .observer = this->observer_});
  pool.SpawnMaxWorkers();
  ASSERT_TRUE(pool.Join(kLong));
  int started = 0;
  int ended = 0;
  for (const auto& event : this->observer_->worker_events()) {
    ++(event.what == "started" ? started : ended);
    EXPECT_EQ(event.worker.name, "p-worker-" + std::to_string(event.worker.id));
    EXPECT_TRUE(event.worker.pid.has_value());
    EXPECT_EQ(event.why, event.what == "started" ? "" : "Join() waits for it");
  }
  EXPECT_EQ(started, 2);
  EXPECT_EQ(ended, 2);
}

TYPED_TEST_P(PoolObserverContract, WorkerAtItsTaskLimitEndsForThat) {
  typename TypeParam::Pool pool({.max_workers = 1,
                                 .max_tasks_per_worker = 1,
                                 .observer = this->observer_});
  pool.Run(DoNothing);
  ASSERT_TRUE(pool.Join(kLong));
  const auto events = this->observer_->worker_events();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[1].what, "ended");
  EXPECT_EQ(events[1].why, "it has run its max_tasks_per_worker");
  EXPECT_EQ(events[1].worker.tasks_done, 1);
}

// --- What observers may do ---

TYPED_TEST_P(PoolObserverContract, WhatAnObserverThrowsHarmsNobody) {
  class Thrower : public PoolObserver {
    void OnSubmit(const TaskReport&) override { Throw(); }
    void OnStart(const TaskReport&) override { Throw(); }
    void OnDone(const TaskReport&) override { Throw(); }
    void OnWorkerStarted(const WorkerInfo&) override { Throw(); }
    void OnWorkerEnded(const WorkerInfo&, const std::string&) override {
      Throw();
    }
    static void Throw() { throw std::runtime_error("no wish to know"); }
  };
  std::atomic<int> messages = 0;
  SetLogSink([&](LogSeverity, std::string_view message) {
    if (message.find("no wish to know") != message.npos) ++messages;
  });
  {
    typename TypeParam::Pool pool(
        {.max_workers = 1, .observer = std::make_shared<Thrower>()});
    for (int i = 0; i < 5; ++i) {
      EXPECT_EQ(pool.Submit(Square, i).Collect(kLong), i * i);
    }
    pool.Post(DoNothing);
    EXPECT_TRUE(pool.Join(kLong));
    EXPECT_EQ(pool.Stats().completed, 6);
  }
  SetLogSink(nullptr);
  EXPECT_EQ(messages, 1);
}

TYPED_TEST_P(PoolObserverContract, ObserverMayUseThePool) {
  using Pool = typename TypeParam::Pool;
  class User : public PoolObserver {
   public:
    void OnSubmit(const TaskReport&) override {
      Look();
      // Its own condition, that ends.
      if (submissions.fetch_add(1) < 3) pool->Post(DoNothing);
    }
    void OnStart(const TaskReport&) override { Look(); }
    void OnDone(const TaskReport& task) override {
      Look();
      if (task.name == "first") pool->Submit(Square, 2);
    }
    void OnWorkerStarted(const WorkerInfo&) override { Look(); }
    void OnWorkerEnded(const WorkerInfo&, const std::string&) override {
      Look();
    }
    void Look() const {
      pool->Stats();
      pool->Workers();
    }
    Pool* pool = nullptr;
    std::atomic<int> submissions = 0;
  };
  const auto user = std::make_shared<User>();
  Pool pool({.max_workers = 1, .observer = user});
  user->pool = &pool;
  EXPECT_EQ(pool.Submit(TaskOptions{.name = "first"}, Square, 3).Collect(kLong),
            9);
  EXPECT_TRUE(pool.Join(kLong));
  // The first, three posted ones, and the one from OnDone().
  EXPECT_EQ(pool.Stats().completed, 5);
  EXPECT_EQ(user->submissions, 5);
}

TYPED_TEST_P(PoolObserverContract, EachTaskOfManyHasOneLife) {
  constexpr int kSubmitters = 3;
  constexpr int kTasksEach = 60;
  typename TypeParam::Pool pool(
      {.max_workers = 3, .observer = this->observer_});
  {
    std::vector<std::unique_ptr<JoiningThread>> submitters;
    for (int i = 0; i < kSubmitters; ++i) {
      submitters.push_back(std::make_unique<JoiningThread>([&] {
        std::vector<Future<int>> futures;
        for (int j = 0; j < kTasksEach; ++j) {
          futures.push_back(pool.Submit(Square, j));
          if (j % 3 == 0) futures.back().Cancel();
        }
        for (auto& future : futures) future.Wait(kLong);
      }));
    }
  }
  const auto lives = this->observer_->CountLives();
  int tasks = 0;
  for (const auto& [life, count] : lives) {
    EXPECT_TRUE(life == "submit start done" || life == "submit done") << life;
    tasks += count;
  }
  EXPECT_EQ(tasks, kSubmitters * kTasksEach);
  const auto cancelled = lives.find("submit done");
  EXPECT_EQ(pool.Stats().cancelled,
            cancelled == lives.end() ? 0 : cancelled->second);
}

// --- Tasks that run for too long ---

TYPED_TEST_P(PoolObserverContract, TaskThatRunsTooLongIsReportedOnce) {
  std::atomic<int> messages = 0;
  SetLogSink([&](LogSeverity, std::string_view message) {
    if (message.find("\"slow\" has been running") != message.npos) ++messages;
  });
  {
    typename TypeParam::Pool pool({.max_workers = 2,
                                   .stall_threshold = absl::Milliseconds(20),
                                   .observer = this->observer_});
    Gate gate;
    const auto slow =
        pool.Submit(TaskOptions{.name = "slow"}, PassGate, gate.path(), 1);
    EXPECT_TRUE(Eventually([&] { return !this->observer_->stalls().empty(); }));
    // Others that begin have the pool look again.
    for (int i = 0; i < 5; ++i) {
      pool.Submit(Square, i).Wait(kLong);
      absl::SleepFor(absl::Milliseconds(10));
    }
    gate.Open();
    EXPECT_TRUE(slow.Wait(kLong));
    const auto stalls = this->observer_->stalls();
    ASSERT_EQ(stalls.size(), 1u);
    EXPECT_EQ(stalls[0].id, slow.task_id());
    EXPECT_EQ(stalls[0].name, "slow");
    EXPECT_EQ(stalls[0].worker, 1);
    EXPECT_TRUE(stalls[0].pid.has_value());
    EXPECT_GE(stalls[0].ran, absl::Milliseconds(20));
  }
  SetLogSink(nullptr);
  EXPECT_EQ(messages, 1);
}

TYPED_TEST_P(PoolObserverContract, EachTaskThatRunsTooLongIsReported) {
  typename TypeParam::Pool pool({.max_workers = 2,
                                 .stall_threshold = absl::Milliseconds(5),
                                 .observer = this->observer_});
  for (size_t i = 1; i <= 2; ++i) {
    Gate gate;
    ASSERT_TRUE(Occupy(pool, gate));
    EXPECT_TRUE(
        Eventually([&] { return this->observer_->stalls().size() == i; }));
  }
}

// --- Histograms ---

TYPED_TEST_P(PoolObserverContract, HistogramsAreEmptyUnlessAskedFor) {
  typename TypeParam::Pool pool(1);
  pool.Run(DoNothing);
  EXPECT_TRUE(pool.Stats().wait.bounds.empty());
  EXPECT_TRUE(pool.Stats().run.counts.empty());
}

TYPED_TEST_P(PoolObserverContract, HistogramsHaveEachTaskThatRan) {
  typename TypeParam::Pool pool({.max_workers = 1, .histograms = true});
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  pool.Submit(Square, 1).Cancel();
  auto second = pool.Submit(Square, 2);
  gate.Open();
  ASSERT_TRUE(second.Wait(kLong));
  pool.Post(DoNothing);
  pool.Run(DoNothing);
  for (int i = 0; i < 2; ++i) {  // with the worker, and when it is gone
    const PoolStats stats = pool.Stats();
    EXPECT_EQ(CountAll(stats.wait), 4);
    EXPECT_EQ(CountAll(stats.run), 4);
    EXPECT_GE(stats.wait.sum, second.duration().pending);
    ASSERT_TRUE(pool.Join(kLong));
  }
}

TYPED_TEST_P(PoolObserverContract, ObserverFillsTheHistogramsToo) {
  typename TypeParam::Pool pool(this->Watched());
  pool.Run(DoNothing);
  EXPECT_EQ(CountAll(pool.Stats().run), 1);
}

TYPED_TEST_P(PoolObserverContract, TimedOutTaskIsInTheHistograms) {
  typename TypeParam::Pool pool({.max_workers = 1, .histograms = true});
  Gate gate;
  pool.Submit(TaskOptions{.timeout = absl::Milliseconds(20)}, PassGate,
              gate.path(), 0)
      .Wait(kLong);
  const PoolStats stats = pool.Stats();
  EXPECT_EQ(CountAll(stats.run), 1);
  EXPECT_GE(stats.run.sum, absl::Milliseconds(20));
}

REGISTER_TYPED_TEST_SUITE_P(
    PoolObserverContract, TellsOfATaskFromItsSubmissionToItsEnd,
    TellsOfTheEndBeforeTheFutureIsDone, TellsOfAPostedTask,
    TellsOfATaskThatIsRunAtOnce, TellsOfTheChunksOfAMap, TellsOfATaskThatThrows,
    CancelledTaskEndsWithoutAStart, ExpiredTaskEndsWithoutAStart,
    RefusedTaskEndsWithoutAStart, WaitForRoomThatEndsInVainEndsTheTask,
    DroppedTaskEndsWithoutAStart, TaskThatAShutdownCancelsEndsWithoutAStart,
    ClosedPoolTellsOfNoSubmission, TaskThatTimesOutEndsWithItsWorker,
    TellsOfWorkersFromTheirStartToTheirEnd, WorkerAtItsTaskLimitEndsForThat,
    WhatAnObserverThrowsHarmsNobody, ObserverMayUseThePool,
    EachTaskOfManyHasOneLife, TaskThatRunsTooLongIsReportedOnce,
    EachTaskThatRunsTooLongIsReported, HistogramsAreEmptyUnlessAskedFor,
    HistogramsHaveEachTaskThatRan, ObserverFillsTheHistogramsToo,
    TimedOutTaskIsInTheHistograms);

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_POOL_TESTING_POOL_CONTRACT_OBSERVER_H_
