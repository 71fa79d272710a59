#include <signal.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <random>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/testing/notification.h"
#include "asyncpal/pool/process_pool.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/testing/gate.h"
#include "asyncpal/pool/testing/process_faults.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// Tasks that are to end before they return, and the ways to have them end:
// Kill(), timeouts, shutdowns, and requests to stop.

namespace asyncpal {
namespace {

using ::asyncpal::testing::Eventually;
using ::asyncpal::testing::ExecutionLedger;
using ::asyncpal::testing::FindWorker;
using ::asyncpal::testing::Gate;
using ::asyncpal::testing::HasEnded;
using ::asyncpal::testing::IdentifyProcess;
using ::asyncpal::testing::kIsSanitized;
using ::asyncpal::testing::Notification;
using ::asyncpal::testing::OnlyWorker;
using ::asyncpal::testing::PassGate;
using ::asyncpal::testing::ProcessIdentity;
using ::asyncpal::testing::StillWorks;
using ::asyncpal::testing::TouchGate;
using ::testing::HasSubstr;

constexpr absl::Duration kLong = absl::Seconds(30);
constexpr absl::Duration kSoon = absl::Seconds(kIsSanitized ? 5 : 1);

int Echo(int n) { return n; }

// As soon as possible. False: not in time.
template <typename Condition>
bool YieldUntil(Condition condition) {
  const absl::Time end = absl::Now() + kLong;
  while (!condition()) {
    if (absl::Now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

// --- Tasks that never return ---

void SleepForEver(std::string gate) {
  TouchGate(gate, 0);
  while (true) sleep(60);
}

void SpinForEver(std::string gate) {
  TouchGate(gate, 0);
  volatile int n = 0;
  while (true) n = n + 1;
}

void IgnoreSignalsForEver(std::string gate) {
  for (int n = 1; n < NSIG; ++n) signal(n, SIG_IGN);
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, nullptr);
  TouchGate(gate, 0);
  while (true) pause();
}

class ProcessPoolEndless
    : public ::testing::TestWithParam<void (*)(std::string)> {
 protected:
  // Runs the task beside one that waits at a gate of its own.
  Future<void> Start(absl::Duration timeout) {
    neighbour_ = pool_.Submit(PassGate, neighbours_gate_.path(), 9);
    auto endless =
        pool_.Submit(TaskOptions{.name = "endless", .timeout = timeout},
                     GetParam(), gate_.path());
    EXPECT_TRUE(neighbours_gate_.WaitForArrivals(1));
    EXPECT_TRUE(gate_.WaitForArrivals(1));
    worker_ = IdentifyProcess(FindWorker(pool_, "endless"));
    return endless;
  }

  void ExpectNeighbourUntouched() {
    EXPECT_TRUE(neighbour_.is_running());
    neighbours_gate_.Open();
    EXPECT_EQ(neighbour_.Collect(kLong), 9);
    EXPECT_TRUE(StillWorks(pool_));
  }

  ProcessPool pool_{2};
  Gate gate_;
  Gate neighbours_gate_;
  Future<int> neighbour_;
  ProcessIdentity worker_;
};

TEST_P(ProcessPoolEndless, IsKilledWithItsWorkerAndNothingElse) {
  auto endless = Start(absl::InfiniteDuration());
  EXPECT_TRUE(endless.Kill());
  EXPECT_TRUE(endless.is_cancelled());
  EXPECT_TRUE(Eventually([&] { return HasEnded(worker_); }, kSoon));
  ExpectNeighbourUntouched();
}

TEST_P(ProcessPoolEndless, TimesOutWithItsWorkerAndNothingElse) {
  auto endless = Start(absl::Milliseconds(300));
  EXPECT_THROW(endless.Collect(kLong), TimeoutError);
  EXPECT_TRUE(Eventually([&] { return HasEnded(worker_); }, kSoon));
  ExpectNeighbourUntouched();
}

TEST_P(ProcessPoolEndless, EndsInAShutdownThatKills) {
  auto endless = Start(absl::InfiniteDuration());
  const absl::Time start = absl::Now();
  EXPECT_TRUE(pool_.Shutdown({.mode = ShutdownMode::kKill}));
  EXPECT_LT(absl::Now() - start, kSoon);
  EXPECT_TRUE(endless.is_cancelled());
  EXPECT_TRUE(neighbour_.is_cancelled());
  EXPECT_TRUE(HasEnded(worker_));
  EXPECT_TRUE(pool_.is_terminated());
}

TEST_P(ProcessPoolEndless, EndsAtTheDeadlineOfAShutdown) {
  auto endless = Start(absl::InfiniteDuration());
  const absl::Time start = absl::Now();
  EXPECT_TRUE(pool_.Shutdown({.deadline = absl::Milliseconds(200)}));
  EXPECT_LT(absl::Now() - start, absl::Milliseconds(200) + kSoon);
  EXPECT_TRUE(Eventually([&] { return endless.is_cancelled(); }, kSoon));
  EXPECT_TRUE(Eventually([&] { return HasEnded(worker_); }, kSoon));
}

INSTANTIATE_TEST_SUITE_P(Task, ProcessPoolEndless,
                         ::testing::Values(SleepForEver, SpinForEver,
                                           IgnoreSignalsForEver));

TEST(ProcessPoolTimeout, MessageNamesTheTaskAndItsTimeout) {
  ProcessPool pool(1);
  Gate gate;
  auto future = pool.Submit(
      TaskOptions{.name = "slow", .timeout = absl::Milliseconds(50)}, PassGate,
      gate.path(), 1);
  EXPECT_THAT([&] { future.Collect(kLong); },
              ::testing::ThrowsMessage<TimeoutError>(
                  ::testing::AllOf(HasSubstr("slow"), HasSubstr("50ms"))));
}

TEST(ProcessPoolTimeout, TaskInTimeIsNotKilled) {
  ProcessPool pool(1);
  const auto worker = pool.Submit(getpid).Collect(kLong);
  auto future = pool.Submit(TaskOptions{.timeout = kLong}, Echo, 1);
  EXPECT_EQ(future.Collect(kLong), 1);
  EXPECT_EQ(pool.Submit(getpid).Collect(kLong), worker);
}

TEST(ProcessPoolTimeout, PrefetchedTaskOutlivesTheKilledOne) {
  ExecutionLedger ledger;
  ProcessPool pool(1);
  Gate gate;
  pool.Submit(PassGate, gate.path(), 0);
  auto killed = pool.Submit(PassGate, gate.path(), 1);
  auto at_hand = pool.Submit(
      [](std::string path) { ExecutionLedger::Note(path, 0); }, ledger.path());
  ASSERT_TRUE(gate.WaitForArrivals(1));
  gate.Open(1);
  ASSERT_TRUE(gate.WaitForArrivals(1));
  EXPECT_TRUE(killed.Kill());
  at_hand.Collect(kLong);
  EXPECT_EQ(ledger.Count(), 1);
}

// The worker has begun what it had prefetched, and the thread that would learn
// of it is busy with a callback.
TEST(ProcessPoolTimeout, KillReachesATaskThatLooksPending) {
  Notification callback_runs;
  Notification callback_may_end;
  ProcessPool pool(1);
  Gate gate;
  pool.Submit(PassGate, gate.path(), 0);
  auto first = pool.Submit(Echo, 1);
  auto second = pool.Submit(SpinForEver, gate.path());
  first.AddCallback([&](const Future<int>&) {
    callback_runs.Notify();
    callback_may_end.Wait();
  });
  ASSERT_TRUE(gate.WaitForArrivals(1));
  gate.Open(1);
  ASSERT_TRUE(callback_runs.Wait());
  ASSERT_TRUE(gate.WaitForArrivals(1));
  EXPECT_TRUE(second.Kill());
  EXPECT_TRUE(second.is_cancelled());
  callback_may_end.Notify();
  EXPECT_TRUE(StillWorks(pool));
}

// It passes before the task is on its way to the worker.
TEST(ProcessPoolTimeout, TimeoutOfNothingEndsAnEndlessTask) {
  ProcessPool pool(1);
  Gate gate;
  for (int i = 0; i < 10; ++i) {
    auto future = pool.Submit(TaskOptions{.timeout = absl::Nanoseconds(1)},
                              SpinForEver, gate.path());
    EXPECT_THROW(future.Collect(kLong), TimeoutError);
    ASSERT_EQ(pool.Submit(Echo, i).Collect(kLong), i);
  }
}

TEST(ProcessPoolTimeout, KillRightAfterTheStartEndsAnEndlessTask) {
  ProcessPool pool(1);
  Gate gate;
  for (int i = 0; i < 20; ++i) {
    auto future = pool.Submit(TaskOptions(), SpinForEver, gate.path());
    ASSERT_TRUE(YieldUntil([&] { return future.is_running(); }));
    ASSERT_TRUE(future.Kill());
    ASSERT_EQ(pool.Submit(Echo, i).Collect(kLong), i);
  }
}

// --- What is not running ---

// A pool whose only worker waits at the gate.
class ProcessPoolAtGate : public ::testing::Test {
 protected:
  void SetUp() override {
    pool_.Submit(PassGate, gate_.path(), 0);
    running_ = pool_.Submit(PassGate, gate_.path(), 1);
    for (int i = 0; i < 3; ++i) {
      waiting_.push_back(pool_.Submit(
          [](std::string path, int n) { ExecutionLedger::Note(path, n); },
          ledger_.path(), i));
    }
    // Now the first of the waiting is prefetched.
    ASSERT_TRUE(gate_.WaitForArrivals(1));
    gate_.Open(1);
    ASSERT_TRUE(gate_.WaitForArrivals(1));
    worker_ = OnlyWorker(pool_);
  }

  ExecutionLedger ledger_;
  ProcessPool pool_{1};
  Gate gate_;
  Future<int> running_;
  std::vector<Future<void>> waiting_;
  pid_t worker_ = 0;
};

TEST_F(ProcessPoolAtGate, KilledWaitingTasksNeverRun) {
  for (auto& future : waiting_) EXPECT_TRUE(future.Kill());
  gate_.Open();
  EXPECT_EQ(running_.Collect(kLong), 1);
  EXPECT_EQ(pool_.Submit(getpid).Collect(kLong), worker_);
  for (auto& future : waiting_) EXPECT_TRUE(future.is_cancelled());
  EXPECT_EQ(ledger_.Count(), 0);
}

TEST_F(ProcessPoolAtGate, CancelledWaitingTasksNeverRun) {
  for (auto& future : waiting_) EXPECT_TRUE(future.Cancel());
  gate_.Open();
  EXPECT_EQ(running_.Collect(kLong), 1);
  EXPECT_EQ(pool_.Submit(getpid).Collect(kLong), worker_);
  EXPECT_EQ(ledger_.Count(), 0);
}

TEST_F(ProcessPoolAtGate, KillOfADoneTaskDoesNothing) {
  gate_.Open();
  for (auto& future : waiting_) future.Collect(kLong);
  EXPECT_FALSE(running_.Kill());
  EXPECT_EQ(pool_.Submit(getpid).Collect(kLong), worker_);
}

TEST_F(ProcessPoolAtGate, ShutdownThatKillsRunsNothingMore) {
  EXPECT_TRUE(pool_.Shutdown({.mode = ShutdownMode::kKill}));
  EXPECT_TRUE(running_.is_cancelled());
  for (auto& future : waiting_) EXPECT_TRUE(future.is_cancelled());
  EXPECT_EQ(pool_.TakeCancelledTasks().size(), waiting_.size());
  EXPECT_EQ(ledger_.Count(), 0);
}

TEST_F(ProcessPoolAtGate, DrainThatMissesItsDeadlineKills) {
  EXPECT_TRUE(pool_.Shutdown(
      {.mode = ShutdownMode::kDrain, .deadline = absl::Milliseconds(100)}));
  EXPECT_TRUE(Eventually([&] { return running_.is_cancelled(); }));
  for (auto& future : waiting_) EXPECT_TRUE(future.is_cancelled());
  EXPECT_EQ(ledger_.Count(), 0);
}

TEST_F(ProcessPoolAtGate, DrainThatMeetsItsDeadlineRunsAll) {
  gate_.Open();
  EXPECT_TRUE(
      pool_.Shutdown({.mode = ShutdownMode::kDrain, .deadline = kLong}));
  EXPECT_TRUE(running_.is_completed());
  EXPECT_EQ(ledger_.Count(), 3);
}

// --- Requests to stop ---

int CountUntilStopped(std::stop_token stop, std::string gate) {
  TouchGate(gate, 0);
  const absl::Time end = absl::Now() + kLong;
  while (!stop.stop_requested() && absl::Now() < end) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  return stop.stop_requested() ? 1 : 0;
}

int WaitUntilStopped(std::stop_token stop, std::string gate) {
  std::mutex mu;
  std::condition_variable_any stopped;
  TouchGate(gate, 0);
  std::unique_lock lock(mu);
  stopped.wait_for(lock, stop, absl::ToChronoSeconds(kLong),
                   [] { return false; });
  return stop.stop_requested() ? 1 : 0;
}

class ProcessPoolStoppable
    : public ::testing::TestWithParam<int (*)(std::stop_token, std::string)> {};

TEST_P(ProcessPoolStoppable, CancelReachesTheTask) {
  ProcessPool pool(1);
  Gate gate;
  auto future = pool.Submit(GetParam(), gate.path());
  ASSERT_TRUE(gate.WaitForArrivals(1));
  EXPECT_FALSE(future.Cancel());
  EXPECT_EQ(future.Collect(kLong), 1);
}

TEST_P(ProcessPoolStoppable, ShutdownReachesTheTask) {
  ProcessPool pool(1);
  Gate gate;
  auto future = pool.Submit(GetParam(), gate.path());
  ASSERT_TRUE(gate.WaitForArrivals(1));
  EXPECT_TRUE(pool.Shutdown());
  EXPECT_EQ(future.Collect(kLong), 1);
}

TEST_P(ProcessPoolStoppable, CancelLeavesTheNextTaskAlone) {
  ProcessPool pool(1);
  Gate gate;
  auto first = pool.Submit(GetParam(), gate.path());
  auto second = pool.Submit(GetParam(), gate.path());
  ASSERT_TRUE(gate.WaitForArrivals(1));
  first.Cancel();
  first.Collect(kLong);
  ASSERT_TRUE(gate.WaitForArrivals(1));
  EXPECT_FALSE(second.Wait(absl::Milliseconds(50)));
  second.Cancel();
  EXPECT_EQ(second.Collect(kLong), 1);
}

TEST_P(ProcessPoolStoppable, CancelRightAfterTheStartReachesTheTask) {
  ProcessPool pool(1);
  Gate gate;
  for (int i = 0; i < 50; ++i) {
    auto future = pool.Submit(GetParam(), gate.path());
    ASSERT_TRUE(YieldUntil([&] { return future.is_running(); }));
    ASSERT_FALSE(future.Cancel());
    ASSERT_EQ(future.Collect(kLong), 1);
  }
}

INSTANTIATE_TEST_SUITE_P(Task, ProcessPoolStoppable,
                         ::testing::Values(CountUntilStopped,
                                           WaitUntilStopped));

// --- Races ---

// Cancelled means never executed.
TEST(ProcessPoolTimeout, CancelThatRacesTheStartHasOneWinner) {
  constexpr int kTasks = kIsSanitized ? 1'000 : 10'000;
  constexpr int kBatch = 16;
  ExecutionLedger ledger;
  ProcessPool pool(2);
  std::vector<Future<int>> futures(kTasks);
  std::vector<bool> won(kTasks);
  const auto note = [](std::string path, int n) {
    ExecutionLedger::Note(path, n);
    return n;
  };
  // Adapts to the machine, so that some are in time and some too late.
  absl::Duration head_start = absl::Microseconds(100);
  for (int first = 0; first < kTasks; first += kBatch) {
    const int end = std::min(first + kBatch, kTasks);
    for (int i = first; i < end; ++i) {
      futures[i] = pool.Submit(note, ledger.path(), i);
    }
    absl::SleepFor(head_start);
    int in_time = 0;
    for (int i = end - 1; i >= first; --i) {
      won[i] = futures[i].Cancel();
      in_time += won[i] ? 1 : 0;
    }
    if (in_time > kBatch / 2) {
      head_start = std::min(head_start * 2, absl::Milliseconds(100));
    } else {
      head_start = std::max(head_start / 2, absl::Microseconds(1));
    }
  }
  ASSERT_TRUE(pool.Join(kLong));
  const std::vector<int> executions = ledger.CountEach(kTasks);
  int cancelled = 0;
  for (int i = 0; i < kTasks; ++i) {
    ASSERT_EQ(futures[i].is_cancelled(), won[i]) << i;
    ASSERT_EQ(executions[i], won[i] ? 0 : 1) << i;
    cancelled += won[i] ? 1 : 0;
  }
  // Else there was no race.
  EXPECT_GT(cancelled, 0);
  EXPECT_LT(cancelled, kTasks);
}

TEST(ProcessPoolTimeout, KillThatRacesTheEndHasOneWinner) {
  constexpr int kRounds = kIsSanitized ? 50 : 300;
  ExecutionLedger ledger;
  ProcessPool pool(1);
  const auto work = [](std::string path, int n) {
    ExecutionLedger::Note(path, n);
    const absl::Time end = absl::Now() + absl::Microseconds(n % 7 * 50);
    while (absl::Now() < end) {
    }
    return n;
  };
  std::mt19937 random(2);
  for (int i = 0; i < kRounds; ++i) {
    auto killed = pool.Submit(work, ledger.path(), i);
    auto next = pool.Submit(Echo, i);
    if (random() % 2 == 0) {
      ASSERT_TRUE(Eventually([&] { return !killed.is_pending(); }));
    }
    absl::SleepFor(absl::Microseconds(random() % 600));
    const bool won = killed.Kill();
    ASSERT_TRUE(killed.Wait(kLong));
    ASSERT_EQ(killed.is_cancelled(), won) << i;
    ASSERT_EQ(killed.is_completed(), !won) << i;
    ASSERT_EQ(next.Collect(kLong), i);
    ASSERT_LE(ledger.Count(i), 1);
  }
}

TEST(ProcessPoolTimeout, TimeoutThatRacesTheEndHasOneWinner) {
  constexpr int kTasks = kIsSanitized ? 50 : 300;
  ProcessPool pool(2);
  std::vector<Future<int>> futures;
  for (int i = 0; i < kTasks; ++i) {
    futures.push_back(pool.Submit(
        TaskOptions{.timeout = absl::Milliseconds(2)},
        [](int n) {
          absl::SleepFor(absl::Microseconds(1'500 + n % 11 * 100));
          return n;
        },
        i));
  }
  for (int i = 0; i < kTasks; ++i) {
    try {
      ASSERT_EQ(futures[i].Collect(kLong), i);
    } catch (const TimeoutError&) {
    }
  }
  EXPECT_TRUE(StillWorks(pool));
  EXPECT_EQ(pool.Stats().lost, 0);
}

}  // namespace
}  // namespace asyncpal
