#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/sanitizers.h"
#include "asyncpal/pool/observe.h"
#include "asyncpal/pool/observer.h"
#include "asyncpal/pool/process_pool.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/testing/gate.h"
#include "asyncpal/pool/testing/pool_contract_observer.h"
#include "asyncpal/pool/testing/recording_observer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::testing {
namespace {

using ::testing::HasSubstr;

struct ProcessPoolTraits {
  using Pool = ProcessPool;
  using Options = ProcessPoolOptions;
  static int64_t WorkerId() { return getpid(); }
};
INSTANTIATE_TYPED_TEST_SUITE_P(Processes, PoolObserverContract,
                               ProcessPoolTraits);

class ProcessPoolObserverTest : public ::testing::Test {
 protected:
  const std::shared_ptr<RecordingObserver> observer_ =
      std::make_shared<RecordingObserver>();
  ProcessPool pool_{
      ProcessPoolOptions{.max_workers = 1, .observer = observer_}};
};

TEST_F(ProcessPoolObserverTest, LostTaskIsReportedAsLost) {
  const auto future = pool_.Submit([] { _exit(7); });
  ASSERT_TRUE(future.Wait(kLong));
  EXPECT_EQ(observer_->LifeOf(future.task_id()), "submit start done");
  const TaskReport report = observer_->Last("done");
  EXPECT_EQ(report.outcome, FutureState::kFailed);
  EXPECT_TRUE(report.lost);
  EXPECT_EQ(report.worker, 1);
  EXPECT_EQ(report.attempt, 1);
}

TEST_F(ProcessPoolObserverTest, EachAttemptIsAStart) {
  const auto future =
      pool_.Submit(TaskOptions{.max_attempts = 3}, [] { abort(); });
  ASSERT_TRUE(future.Wait(kLong));
  EXPECT_EQ(observer_->LifeOf(future.task_id()),
            "submit start start start done");
  std::vector<int64_t> pids;
  int attempt = 0;
  for (const auto& event : observer_->events()) {
    if (event.what != "start") continue;
    EXPECT_EQ(event.task.attempt, ++attempt);
    ASSERT_TRUE(event.task.pid.has_value());
    pids.push_back(*event.task.pid);
  }
  EXPECT_NE(pids[0], pids[1]);
  EXPECT_NE(pids[1], pids[2]);
  EXPECT_EQ(observer_->Last("done").attempt, 3);
  EXPECT_TRUE(observer_->Last("done").lost);
}

[[gnu::noinline]] int SpinForEver(std::string path) {
  TouchGate(path, 0);
  std::atomic<bool> goes_on{true};
  while (goes_on.load()) {
  }
  return 0;
}

// Sanitizers keep handlers of their own.
constexpr bool kHasStacks = !ASYNCPAL_ASAN && !ASYNCPAL_TSAN;

TEST(ProcessPoolStacks, AStallTellsWhereTheTaskIs) {
  if (!kHasStacks) GTEST_SKIP();
  const auto observer = std::make_shared<RecordingObserver>();
  Gate gate;
  ProcessPool pool({.max_workers = 1,
                    .stall_threshold = absl::Milliseconds(50),
                    .observer = observer});
  Future<int> future = pool.Submit(SpinForEver, gate.path());
  ASSERT_TRUE(Eventually([&] { return observer->stalls().size() == 1; }));
  EXPECT_THAT(observer->stall_stacks().back(), HasSubstr("SpinForEver"));
  EXPECT_TRUE(future.Kill());
}

TEST(ProcessPoolStacks, TheDumpHasThoseOfBusyWorkersAgainAndAgain) {
  if (!kHasStacks) GTEST_SKIP();
  Gate gate;
  ProcessPool pool(1);
  Future<int> future = pool.Submit(SpinForEver, gate.path());
  ASSERT_TRUE(gate.WaitForArrivals(1));
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(DumpState(), HasSubstr("SpinForEver"));
  }
  EXPECT_TRUE(future.Kill());
}

TEST(ProcessPoolStacks, ATaskThatSleepsGoesOnAfterTheDump) {
  Gate gate;
  ProcessPool pool(1);
  Future<int> future = pool.Submit(PassGate, gate.path(), 3);
  ASSERT_TRUE(gate.WaitForArrivals(1));
  for (int i = 0; i < 20; ++i) DumpState();
  gate.Open();
  EXPECT_EQ(future.Collect(), 3);
}

TEST(ProcessPoolStacks, AStoppedWorkerHoldsUpNobodyForLong) {
  Gate gate;
  ProcessPool pool(1);
  Future<int> future = pool.Submit(PassGate, gate.path(), 3);
  ASSERT_TRUE(gate.WaitForArrivals(1));
  const pid_t worker = static_cast<pid_t>(*pool.Workers()[0].pid);
  ASSERT_EQ(kill(worker, SIGSTOP), 0);
  EXPECT_THAT(DumpState(), HasSubstr("runs task"));
  ASSERT_EQ(kill(worker, SIGCONT), 0);
  gate.Open();
  EXPECT_EQ(future.Collect(), 3);
}

TEST(ProcessPoolStacks, ACrashAfterADumpHasItsOwnStack) {
  if (!kHasStacks) GTEST_SKIP();
  Gate gate;
  ProcessPool pool(1);
  Future<int> future = pool.Submit(
      [](std::string path) {
        PassGate(path, 0);
        abort();
        return 0;
      },
      gate.path());
  ASSERT_TRUE(gate.WaitForArrivals(1));
  EXPECT_THAT(DumpState(), HasSubstr("PassGate"));
  gate.Open();
  try {
    future.Collect();
    FAIL();
  } catch (const WorkerLostError&) {
    EXPECT_THAT(GetRemoteTraceback(std::current_exception()),
                HasSubstr("abort"));
  }
}

TEST_F(ProcessPoolObserverTest, KilledTaskIsCancelledWithItsWorker) {
  Gate gate;
  auto future = pool_.Submit(PassGate, gate.path(), 1);
  ASSERT_TRUE(gate.WaitForArrivals(1));
  ASSERT_TRUE(future.Kill());
  EXPECT_EQ(observer_->LifeOf(future.task_id()), "submit start done");
  const TaskReport report = observer_->Last("done");
  EXPECT_EQ(report.outcome, FutureState::kCancelled);
  EXPECT_FALSE(report.lost);
  EXPECT_EQ(report.worker, 1);
}

TEST_F(ProcessPoolObserverTest, DeadWorkerEndsWithWhatEndedIt) {
  pool_.Submit([] { _exit(7); }).Wait(kLong);
  ASSERT_TRUE(pool_.Join(kLong));
  const auto events = observer_->worker_events();
  ASSERT_GE(events.size(), 2u);
  EXPECT_EQ(events[0].what, "started");
  EXPECT_EQ(events[1].what, "ended");
  EXPECT_THAT(events[1].why, HasSubstr("exited with code 7"));
  EXPECT_EQ(events[1].worker.pid, events[0].worker.pid);
}

TEST_F(ProcessPoolObserverTest, ReplacementIsAnotherWorkerProcess) {
  pool_.Submit([] { _exit(7); }).Wait(kLong);
  EXPECT_EQ(pool_.Run([] { return 7; }), 7);
  ASSERT_TRUE(pool_.Join(kLong));
  std::vector<std::string> what;
  for (const auto& event : observer_->worker_events()) {
    what.push_back(event.what);
  }
  EXPECT_THAT(what,
              ::testing::ElementsAre("started", "ended", "started", "ended"));
}

}  // namespace
}  // namespace asyncpal::testing
