#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/testing/fake_clock.h"
#include "asyncpal/pool/cancelled_task.h"
#include "asyncpal/pool/observe.h"
#include "asyncpal/pool/observer.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/testing/gate.h"
#include "asyncpal/pool/testing/pool_contract_tools.h"
#include "asyncpal/pool/testing/recording_observer.h"
#include "asyncpal/pool/thread_pool.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// Posted calls of an observed pool, which lie in its queue without a task of
// their own. What they have in common with other tasks is in
// pool_contract_observer.h.

namespace asyncpal::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class ThreadPoolCallsTest : public ::testing::Test {
 protected:
  // One worker, watched by observer_.
  PoolOptions Watched() const {
    return {.max_workers = 1,
            .name = "p",
            .unobserved_failure_handler = [](std::exception_ptr) {},
            .observer = observer_};
  }
  std::vector<TaskReport> Reports(const std::string& what) const {
    std::vector<TaskReport> reports;
    for (const auto& event : observer_->events()) {
      if (event.what == what) reports.push_back(event.task);
    }
    return reports;
  }

  const std::shared_ptr<RecordingObserver> observer_ =
      std::make_shared<RecordingObserver>();
};

TEST_F(ThreadPoolCallsTest, ReportSaysAllOfACall) {
  ThreadPool pool(Watched());
  pid_t tid = 0;
  pool.Post([&tid] { tid = gettid(); });
  ASSERT_TRUE(pool.Join(kLong));
  const auto events = observer_->events();
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].what, "submit");
  EXPECT_EQ(events[0].task.outcome, FutureState::kPending);
  EXPECT_EQ(events[0].task.worker, 0);
  EXPECT_EQ(events[0].task.attempt, 0);
  EXPECT_EQ(events[1].what, "start");
  EXPECT_EQ(events[1].task.outcome, FutureState::kRunning);
  EXPECT_EQ(events[2].what, "done");
  EXPECT_EQ(events[2].task.outcome, FutureState::kCompleted);
  for (const auto& event : events) {
    EXPECT_EQ(event.task.pool, "p");
    EXPECT_EQ(event.task.name, "");
    EXPECT_EQ(event.task.id, events[0].task.id);
    EXPECT_NE(event.task.id, 0u);
    if (event.what == "submit") continue;
    EXPECT_EQ(event.task.worker, 1);
    EXPECT_EQ(event.task.pid, tid);
    EXPECT_EQ(event.task.attempt, 1);
  }
}

TEST_F(ThreadPoolCallsTest, EachOfManyHasAnIdOfItsOwn) {
  ThreadPool pool({.max_workers = 2, .observer = observer_});
  {
    std::vector<std::unique_ptr<JoiningThread>> submitters;
    for (int s = 0; s < 3; ++s) {
      submitters.push_back(std::make_unique<JoiningThread>([&pool] {
        for (int i = 0; i < 200; ++i) pool.Post([] {});
        for (int i = 0; i < 50; ++i) pool.Submit([] {}).Collect();
      }));
    }
  }
  ASSERT_TRUE(pool.Join(kLong));
  EXPECT_THAT(observer_->CountLives(),
              ElementsAre(Pair("submit start done", 750)));
  EXPECT_EQ(pool.Stats().completed, 750);
  EXPECT_EQ(CountAll(pool.Stats().wait), 750);
  EXPECT_EQ(CountAll(pool.Stats().run), 750);
}

TEST_F(ThreadPoolCallsTest, RunInTheOrderOfTheirSubmission) {
  ThreadPool pool(Watched());
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  std::vector<int> order;
  for (int i = 0; i < 500; ++i) {
    if (i % 3 == 0) {
      pool.Submit([&order, i] { order.push_back(i); });
    } else {
      pool.Post([&order, i] { order.push_back(i); });
    }
  }
  gate.Open();
  ASSERT_TRUE(pool.Join(kLong));
  ASSERT_EQ(order.size(), 500u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_THAT(observer_->CountLives(),
              ElementsAre(Pair("submit start done", 501)));
}

TEST_F(ThreadPoolCallsTest, CallThatThrowsEndsAsFailed) {
  std::string message;
  PoolOptions options = Watched();
  options.unobserved_failure_handler = [&](std::exception_ptr error) {
    // The observer has heard of it before.
    EXPECT_EQ(observer_->Last("done").outcome, FutureState::kFailed);
    try {
      std::rethrow_exception(error);
    } catch (const std::out_of_range& e) {
      message = e.what();
    }
  };
  ThreadPool pool(std::move(options));
  pool.Post([] { throw std::out_of_range("too far"); });
  ASSERT_TRUE(pool.Join(kLong));
  EXPECT_EQ(message, "too far");
  EXPECT_EQ(pool.Stats().failed, 1);
  EXPECT_EQ(CountAll(pool.Stats().run), 1);
  EXPECT_EQ(Reports("done").size(), 1u);
}

TEST_F(ThreadPoolCallsTest, CallThatEndsItsThreadEndsAsFailed) {
  ThreadPool pool(Watched());
  pool.Post([] { pthread_exit(nullptr); });
  pool.Post([] {});
  ASSERT_TRUE(pool.Join(kLong));
  const auto done = Reports("done");
  ASSERT_EQ(done.size(), 2u);
  EXPECT_EQ(done[0].outcome, FutureState::kFailed);
  EXPECT_EQ(done[1].outcome, FutureState::kCompleted);
  EXPECT_EQ(pool.Stats().failed, 1);
  EXPECT_EQ(pool.Stats().completed, 1);
}

TEST_F(ThreadPoolCallsTest, ShutdownThatCancelsOneEndsItWithoutAStart) {
  ThreadPool pool(Watched());
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  std::vector<int> order;
  for (int i = 0; i < 3; ++i) pool.Post([&order, i] { order.push_back(i); });
  const uint64_t last = observer_->Last("submit").id;
  JoiningThread opener([&] {
    Eventually([&] { return pool.Stats().cancelled == 3; });
    gate.Open();
  });
  pool.Shutdown({.mode = ShutdownMode::kCancelPending});
  EXPECT_THAT(
      observer_->CountLives(),
      ElementsAre(Pair("submit done", 3), Pair("submit start done", 1)));
  EXPECT_EQ(observer_->LifeOf(last), "submit done");
  for (const TaskReport& report : Reports("done")) {
    if (report.attempt == 0) {
      EXPECT_EQ(report.outcome, FutureState::kCancelled);
    }
  }
  for (CancelledTask& task : pool.TakeCancelledTasks()) task();
  EXPECT_THAT(order, ElementsAre(0, 1, 2));
}

TEST_F(ThreadPoolCallsTest, TimesAreThoseOfTheCall) {
  FakeClock clock;
  ThreadPool pool(Watched());
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  pool.Post([&clock] { clock.Advance(absl::Seconds(7)); });
  pool.Post([] {});
  clock.Advance(absl::Seconds(2));
  gate.Open();
  ASSERT_TRUE(pool.Join(kLong));
  const auto done = Reports("done");
  ASSERT_EQ(done.size(), 3u);
  EXPECT_EQ(done[1].waited, absl::Seconds(2));
  EXPECT_EQ(done[1].ran, absl::Seconds(7));
  EXPECT_EQ(done[2].waited, absl::Seconds(9));
  EXPECT_EQ(done[2].ran, absl::ZeroDuration());
  const auto started = Reports("start");
  EXPECT_EQ(started[2].waited, absl::Seconds(9));
  EXPECT_EQ(started[2].ran, absl::ZeroDuration());
}

// Takes its time, three seconds and five.
class SlowObserver : public RecordingObserver {
 public:
  explicit SlowObserver(FakeClock& clock) : clock_(clock) {}
  void OnStart(const TaskReport& task) override {
    RecordingObserver::OnStart(task);
    clock_.Advance(absl::Seconds(3));
  }
  void OnDone(const TaskReport& task) override {
    RecordingObserver::OnDone(task);
    clock_.Advance(absl::Seconds(5));
  }

 private:
  FakeClock& clock_;
};

TEST(SlowObserverTest, CallsWaitForItAndDoNotRunMeanwhile) {
  FakeClock clock;
  const auto observer = std::make_shared<SlowObserver>(clock);
  ThreadPool pool({.max_workers = 1, .observer = observer});
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  absl::Duration running_for = absl::InfiniteDuration();
  pool.Post([&clock] { clock.Advance(absl::Seconds(7)); });
  pool.Post([&] { running_for = pool.Workers()[0].running_for; });
  gate.Open();
  ASSERT_TRUE(pool.Join(kLong));
  std::vector<TaskReport> done;
  for (const auto& event : observer->events()) {
    if (event.what == "done") done.push_back(event.task);
  }
  ASSERT_EQ(done.size(), 3u);
  // Behind the OnDone() of the one before, and its own OnStart().
  EXPECT_EQ(done[1].waited, absl::Seconds(5 + 3));
  EXPECT_EQ(done[1].ran, absl::Seconds(7));
  EXPECT_EQ(done[2].waited, absl::Seconds(5 + 3 + 7 + 5 + 3));
  EXPECT_EQ(done[2].ran, absl::ZeroDuration());
  EXPECT_EQ(running_for, absl::ZeroDuration());
  EXPECT_EQ(pool.Stats().wait.sum,
            done[0].waited + done[1].waited + done[2].waited);
}

// The end of one call stands for the start of the next only where nothing was
// in between.
class CallTimesTest : public ::testing::Test {
 protected:
  absl::Duration Waited() const { return pool_.Stats().wait.sum; }
  absl::Duration Ran() const { return pool_.Stats().run.sum; }

  FakeClock clock_;
  ThreadPool pool_{{.max_workers = 1, .histograms = true}};
  Gate gate_;
};

TEST_F(CallTimesTest, OfCallsInARow) {
  ASSERT_TRUE(Occupy(pool_, gate_));
  for (int i = 0; i < 3; ++i) {
    pool_.Post([this] { clock_.Advance(absl::Seconds(1)); });
  }
  gate_.Open();
  ASSERT_TRUE(pool_.Join(kLong));
  EXPECT_EQ(Waited(), absl::Seconds(0 + 1 + 2));
  EXPECT_EQ(Ran(), absl::Seconds(3));
  EXPECT_EQ(CountAll(pool_.Stats().wait), 4);
}

TEST_F(CallTimesTest, WhenThereWasATaskInBetween) {
  ASSERT_TRUE(Occupy(pool_, gate_));
  pool_.Post([] {});
  pool_.Submit([this] { clock_.Advance(absl::Seconds(5)); });
  pool_.Post([] {});
  gate_.Open();
  ASSERT_TRUE(pool_.Join(kLong));
  EXPECT_EQ(Waited(), absl::Seconds(5));
  EXPECT_EQ(Ran(), absl::Seconds(5));
}

TEST_F(CallTimesTest, WhenThePoolWasPausedInBetween) {
  pool_.Submit([] {}).Collect(kLong);
  ASSERT_TRUE(Occupy(pool_, gate_));
  pool_.Post([this] { pool_.Pause(absl::ZeroDuration()); });
  pool_.Post([] {});
  gate_.Open();
  ASSERT_TRUE(Eventually([this] { return pool_.Stats().completed == 3; }));
  ASSERT_TRUE(Eventually([this] { return pool_.Stats().idle == 1; }));
  clock_.Advance(absl::Seconds(8));
  pool_.Resume();
  ASSERT_TRUE(pool_.Join(kLong));
  EXPECT_EQ(Waited(), absl::Seconds(8));
  EXPECT_EQ(Ran(), absl::ZeroDuration());
}

TEST_F(CallTimesTest, OfACallThatRunsAnotherWhileItWaits) {
  ASSERT_TRUE(Occupy(pool_, gate_));
  pool_.Post([] {});  // its end is not the start of what the next one runs
  pool_.Post([this] {
    clock_.Advance(absl::Seconds(3));
    pool_.Submit([this] { clock_.Advance(absl::Seconds(4)); }).Collect();
    clock_.Advance(absl::Seconds(5));
  });
  gate_.Open();
  ASSERT_TRUE(pool_.Join(kLong));
  EXPECT_EQ(Waited(), absl::ZeroDuration());
  EXPECT_EQ(Ran(), absl::Seconds(3 + 4 + 5 + 4));
}

TEST_F(CallTimesTest, TellWhichIsTheOldestThatWaits) {
  ASSERT_TRUE(Occupy(pool_, gate_));
  clock_.Advance(absl::Seconds(1));
  pool_.Post([] {});
  clock_.Advance(absl::Seconds(6));
  pool_.Post([] {});
  EXPECT_EQ(pool_.Stats().oldest_pending, absl::Seconds(6));
  EXPECT_THAT(DumpState(), HasSubstr(" for 6s"));
  gate_.Open();
}

}  // namespace
}  // namespace asyncpal::testing
