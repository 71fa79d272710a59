#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <exception>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "asyncpal/future/countdown.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/testing/notification.h"
#include "asyncpal/ipc/testing/failpoints.h"
#include "asyncpal/pool/process_pool.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/testing/gate.h"
#include "asyncpal/pool/testing/process_faults.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// Worker processes that die, at each moment at which they can: between tasks,
// before, in and after one.

namespace asyncpal {
namespace {

using ::asyncpal::testing::CollectLoss;
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
using ::asyncpal::testing::ScopedFailpoints;
using ::asyncpal::testing::StillWorks;
using ::asyncpal::testing::TouchGate;
using ::testing::HasSubstr;

constexpr absl::Duration kLong = absl::Seconds(30);

int64_t OwnPid() { return getpid(); }
int Echo(int n) { return n; }

// A worker that has run a task and has nothing to do; 0: there is none.
pid_t StartIdleWorker(ProcessPool& pool) {
  const int64_t pid = pool.Submit(OwnPid).Collect(kLong);
  if (!Eventually([&] { return pool.CountFreeWorkers() == 1; })) return 0;
  return static_cast<pid_t>(pid);
}

bool IsStopped(pid_t child) {
  siginfo_t info = {};
  waitid(P_PID, static_cast<id_t>(child), &info, WSTOPPED | WNOWAIT | WNOHANG);
  return info.si_pid == child;
}

// --- Idle workers ---

TEST(ProcessPoolDeath, KilledIdleWorkerFailsNoFuture) {
  ProcessPool pool(1);
  const pid_t worker = StartIdleWorker(pool);
  ASSERT_GT(worker, 0);
  kill(worker, SIGKILL);
  EXPECT_TRUE(StillWorks(pool));
  EXPECT_EQ(pool.Stats().failed, 0);
}

TEST(ProcessPoolDeath, KilledIdleWorkerIsNotReplacedWithoutATask) {
  ProcessPool pool(1);
  const pid_t worker = StartIdleWorker(pool);
  ASSERT_GT(worker, 0);
  kill(worker, SIGKILL);
  EXPECT_TRUE(Eventually([&] { return pool.CountWorkers() == 0; }));
  EXPECT_EQ(pool.Stats().workers_lost, 1);
}

// It died with a task in its socket that it had not begun, which parents see as
// a reset connection.
TEST(ProcessPoolDeath, TaskThatWasNotBegunRunsInAnotherWorker) {
  ExecutionLedger ledger;
  ProcessPool pool(1);
  const pid_t worker = StartIdleWorker(pool);
  ASSERT_GT(worker, 0);
  kill(worker, SIGSTOP);
  auto future = pool.Submit(
      [](std::string path) {
        ExecutionLedger::Note(path, 0);
        return getpid();
      },
      ledger.path());
  ASSERT_TRUE(Eventually([&] { return future.is_running(); }));
  kill(worker, SIGKILL);
  EXPECT_NE(future.Collect(kLong), worker);
  EXPECT_EQ(ledger.Count(), 1);
}

TEST(ProcessPoolDeath, LargeTaskThatWasNotBegunRunsInAnotherWorker) {
  ProcessPool pool(1);
  const pid_t worker = StartIdleWorker(pool);
  ASSERT_GT(worker, 0);
  kill(worker, SIGSTOP);
  auto future = pool.Submit([](std::string s) { return s.size(); },
                            std::string(16 << 20, 'x'));
  ASSERT_TRUE(Eventually([&] { return future.is_running(); }));
  kill(worker, SIGKILL);
  EXPECT_EQ(future.Collect(kLong), 16u << 20);
}

// --- In the middle of a task ---

TEST(ProcessPoolDeath, TaskOfAKilledWorkerSaysWhatHappened) {
  ProcessPool pool({.max_workers = 1, .name = "images"});
  Gate gate;
  auto future =
      pool.Submit(TaskOptions{.name = "thumbnail"}, PassGate, gate.path(), 1);
  ASSERT_TRUE(gate.WaitForArrivals(1));
  const pid_t worker = OnlyWorker(pool);
  ASSERT_GT(worker, 0);
  kill(worker, SIGKILL);
  const WorkerLostError loss = CollectLoss(future);
  EXPECT_EQ(loss.pid(), worker);
  EXPECT_EQ(loss.signal(), SIGKILL);
  EXPECT_EQ(loss.exit_code(), std::nullopt);
  EXPECT_EQ(loss.phase(), "running");
  EXPECT_THAT(loss.what(), HasSubstr("thumbnail"));
  EXPECT_THAT(loss.what(), HasSubstr("'images'"));
  EXPECT_THAT(loss.what(), HasSubstr("was killed by signal 9 (Killed)"));
}

TEST(ProcessPoolDeath, KilledWorkerFailsNoOtherTask) {
  ProcessPool pool(2);
  Gate gate;
  auto victim =
      pool.Submit(TaskOptions{.name = "victim"}, PassGate, gate.path(), -1);
  auto neighbour = pool.Submit(PassGate, gate.path(), -2);
  ASSERT_TRUE(gate.WaitForArrivals(2));
  std::vector<Future<int>> queued;
  for (int i = 0; i < 100; ++i) queued.push_back(pool.Submit(Echo, i));
  const pid_t worker = FindWorker(pool, "victim");
  ASSERT_GT(worker, 0);
  kill(worker, SIGKILL);
  CollectLoss(victim);
  gate.Open();
  EXPECT_EQ(neighbour.Collect(kLong), -2);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(queued[i].Collect(kLong), i);
  EXPECT_EQ(pool.Stats().failed, 1);
  EXPECT_EQ(pool.Stats().lost, 1);
}

// The one task that a worker has prefetched beside the one that it runs.
TEST(ProcessPoolDeath, TaskThatTheDeadWorkerHadPrefetchedRunsOnce) {
  ExecutionLedger ledger;
  ProcessPool pool(1);
  Gate gate;
  auto first = pool.Submit(PassGate, gate.path(), 0);
  auto victim = pool.Submit(PassGate, gate.path(), 1);
  auto at_hand = pool.Submit(
      [](std::string path) { ExecutionLedger::Note(path, 2); }, ledger.path());
  ASSERT_TRUE(gate.WaitForArrivals(1));
  gate.Open(1);
  ASSERT_TRUE(gate.WaitForArrivals(1));
  ASSERT_TRUE(first.Wait(kLong));
  kill(OnlyWorker(pool), SIGKILL);
  CollectLoss(victim);
  at_hand.Collect(kLong);
  EXPECT_EQ(ledger.Count(2), 1);
}

class ProcessPoolDeathOfAll : public ::testing::TestWithParam<int> {};

TEST_P(ProcessPoolDeathOfAll, FailsWhatWasRunningAndNothingElse) {
  const int workers = GetParam();
  ProcessPool pool(workers);
  Gate gate;
  std::vector<Future<int>> running;
  for (int i = 0; i < workers; ++i) {
    running.push_back(pool.Submit(PassGate, gate.path(), i));
  }
  ASSERT_TRUE(gate.WaitForArrivals(workers));
  std::vector<Future<int>> queued;
  for (int i = 0; i < 50; ++i) queued.push_back(pool.Submit(Echo, i));
  for (const WorkerInfo& worker : pool.Workers()) {
    kill(static_cast<pid_t>(worker.pid.value()), SIGKILL);
  }
  for (const auto& future : running) CollectLoss(future);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(queued[i].Collect(kLong), i);
  EXPECT_EQ(pool.Stats().lost, workers);
}

INSTANTIATE_TEST_SUITE_P(Workers, ProcessPoolDeathOfAll,
                         ::testing::Values(1, 2, 5, 13));

// --- Around the edges of a task ---

// At most once: nobody can tell how far it came.
TEST(ProcessPoolDeath, BegunTaskIsNotRunAgain) {
  Gate gate;
  ProcessPool pool(1);
  std::optional<ScopedFailpoints> failpoints("after_started=kill");
  auto future = pool.Submit(TouchGate, gate.path(), 1);
  const WorkerLostError loss = CollectLoss(future);
  EXPECT_EQ(loss.signal(), SIGKILL);
  EXPECT_EQ(gate.CountArrivals(), 0);
  failpoints.reset();
  EXPECT_TRUE(StillWorks(pool));
}

TEST(ProcessPoolDeath, DeathBeforeTheResultIsSentFailsTheTask) {
  ProcessPool pool(1);
  std::optional<ScopedFailpoints> failpoints("before_result=kill");
  auto future = pool.Submit([] { return std::string(64 << 20, 'x'); });
  EXPECT_EQ(CollectLoss(future).phase(), "sending the result");
  EXPECT_EQ(future.result(), nullptr);
  failpoints.reset();
  EXPECT_TRUE(StillWorks(pool));
}

TEST(ProcessPoolDeath, ResultThatWasSentBeforeTheDeathIsDelivered) {
  constexpr int kTasks = 20;
  ExecutionLedger ledger;
  ProcessPool pool(2);
  ScopedFailpoints failpoints("after_result=exit:0");
  std::vector<Future<int>> futures;
  for (int i = 0; i < kTasks; ++i) {
    futures.push_back(pool.Submit(
        [](std::string path, int n) {
          ExecutionLedger::Note(path, n);
          return n;
        },
        ledger.path(), i));
  }
  for (int i = 0; i < kTasks; ++i) EXPECT_EQ(futures[i].Collect(kLong), i);
  EXPECT_EQ(ledger.CountEach(kTasks), std::vector<int>(kTasks, 1));
}

// The connection is reset, since the worker has not read all that was sent to
// it. That comes after the result, but before anyone has read that.
TEST(ProcessPoolDeath, ResultIsDeliveredThoughTheConnectionWasReset) {
  ScopedFailpoints failpoints("after_result=stop@3");
  Notification callback_runs;
  Notification callback_may_end;
  ProcessPool pool(1);
  Gate gate;
  pool.Submit(PassGate, gate.path(), 0);
  auto first = pool.Submit(Echo, 1);
  auto second = pool.Submit(
      [](std::stop_token, std::string path) { return TouchGate(path, 2); },
      gate.path());
  // Nobody reads the second's result while the first's callback lasts.
  first.AddCallback([&](const Future<int>&) {
    callback_runs.Notify();
    callback_may_end.Wait();
  });
  ASSERT_TRUE(gate.WaitForArrivals(1));
  const ProcessIdentity worker = IdentifyProcess(OnlyWorker(pool));
  gate.Open(1);
  ASSERT_TRUE(callback_runs.Wait());
  ASSERT_TRUE(gate.WaitForArrivals(1));
  ASSERT_TRUE(Eventually([&] { return IsStopped(worker.pid); }));
  EXPECT_FALSE(second.Cancel());  // which sends what nobody will read
  kill(worker.pid, SIGKILL);
  ASSERT_TRUE(Eventually([&] { return HasEnded(worker); }));
  callback_may_end.Notify();
  EXPECT_EQ(second.Collect(kLong), 2);
  EXPECT_EQ(pool.Stats().lost, 0);
}

// --- More attempts ---

TEST(ProcessPoolDeath, TaskRunsAsOftenAsItMay) {
  ExecutionLedger ledger;
  ProcessPool pool(1);
  auto future = pool.Submit(
      TaskOptions{.max_attempts = 3},
      [](std::string path) {
        ExecutionLedger::Note(path, 0);
        _exit(7);
      },
      ledger.path());
  EXPECT_EQ(CollectLoss(future).exit_code(), 7);
  EXPECT_EQ(ledger.Count(), 3);
  EXPECT_EQ(pool.Stats().workers_lost, 3);
  EXPECT_EQ(pool.Stats().workers_started, 3);
}

TEST(ProcessPoolDeath, SecondAttemptCanSucceed) {
  ExecutionLedger ledger;
  ProcessPool pool(1);
  auto future = pool.Submit(
      TaskOptions{.max_attempts = 2},
      [](std::string path) {
        const int executions = ExecutionLedger::Note(path, 0);
        if (executions == 1) abort();
        return executions;
      },
      ledger.path());
  EXPECT_EQ(future.Collect(kLong), 2);
  EXPECT_EQ(pool.Stats().lost, 0);
}

TEST(ProcessPoolDeath, PoisonTaskHarmsNoOther) {
  constexpr int kTasks = 1000;
  ExecutionLedger ledger;
  ProcessPool pool(2);
  const auto note = [](std::string path, int n) {
    ExecutionLedger::Note(path, n);
    if (n == kTasks / 2) abort();
    return n;
  };
  std::vector<Future<int>> futures;
  for (int i = 0; i < kTasks; ++i) {
    futures.push_back(
        pool.Submit(TaskOptions{.max_attempts = 4}, note, ledger.path(), i));
  }
  std::vector<int> executions(kTasks, 1);
  for (int i = 0; i < kTasks; ++i) {
    if (i == kTasks / 2) {
      EXPECT_EQ(CollectLoss(futures[i]).signal(), SIGABRT);
      executions[i] = 4;
    } else {
      ASSERT_EQ(futures[i].Collect(kLong), i);
    }
  }
  EXPECT_EQ(ledger.CountEach(kTasks), executions);
}

// --- Worker after worker ---

TEST(ProcessPoolDeath, TasksThatEndTheirWorkersCostNoFutureButTheirOwn) {
  constexpr int kBad = 20;
  constexpr int kGood = 20;
  ExecutionLedger ledger;
  ProcessPool pool(2);
  std::vector<Future<void>> bad;
  std::vector<Future<int>> good;
  for (int i = 0; i < kBad; ++i) {
    bad.push_back(pool.Submit(
        [](std::string path) {
          ExecutionLedger::Note(path, 0);
          abort();
        },
        ledger.path()));
  }
  for (int i = 0; i < kGood; ++i) good.push_back(pool.Submit(Echo, i));
  for (const auto& future : bad) {
    EXPECT_EQ(CollectLoss(future).signal(), SIGABRT);
  }
  for (int i = 0; i < kGood; ++i) EXPECT_EQ(good[i].Collect(kLong), i);
  EXPECT_FALSE(pool.is_broken());
  EXPECT_EQ(ledger.Count(), kBad);
  EXPECT_EQ(pool.Stats().lost, kBad);
}

TEST(ProcessPoolDeath, TasksThatEndTheirWorkersDoNotCountAsRestarts) {
  ProcessPool pool({.max_workers = 1,
                    .max_restarts = 1,
                    .restart_window = absl::InfiniteDuration()});
  for (int i = 0; i < 5; ++i) CollectLoss(pool.Submit([] { _exit(1); }));
  EXPECT_EQ(pool.Submit(Echo, 7).Collect(kLong), 7);
}

TEST(ProcessPoolDeath, WorkersThatDieNowAndThenDoNotBreakThePool) {
  ProcessPool pool(1);
  for (int i = 0; i < 15; ++i) {
    CollectLoss(pool.Submit([] { _exit(1); }));
    ASSERT_EQ(pool.Submit(Echo, i).Collect(kLong), i);
  }
  EXPECT_FALSE(pool.is_broken());
}

// CPython's gh-115634: a replacement worker races the last task, and the queue
// is never looked at again. Nearly all of the time goes into starting
// processes, of which a busy machine can't do many: so it has a budget, and
// each round ends with last tasks.
TEST(ProcessPoolDeath, ShortLivedWorkersRunEveryTask) {
  constexpr int kTasksEach = 30;
  for (const int max_tasks : {1, 2}) {
    const int most = (kIsSanitized ? 60 : 300) * max_tasks;
    const Countdown budget(absl::Seconds(5));
    ExecutionLedger ledger;
    ProcessPool pool({.max_workers = 3, .max_tasks_per_worker = max_tasks});
    int tasks = 0;
    do {
      for (int i = 0; i < kTasksEach; ++i) {
        pool.Submit(
            [](std::string path, int n) { ExecutionLedger::Note(path, n); },
            ledger.path(), tasks++);
      }
      ASSERT_TRUE(pool.Join(kLong));
    } while (tasks < most && budget.Remaining() > absl::ZeroDuration());
    EXPECT_EQ(ledger.CountEach(tasks), std::vector<int>(tasks, 1));
  }
}

// --- Stopped workers ---

TEST(ProcessPoolDeath, StoppedWorkerGoesOnWhereItWas) {
  ProcessPool pool(1);
  Gate gate;
  auto future = pool.Submit(PassGate, gate.path(), 7);
  ASSERT_TRUE(gate.WaitForArrivals(1));
  const pid_t worker = OnlyWorker(pool);
  kill(worker, SIGSTOP);
  gate.Open();
  EXPECT_FALSE(future.Wait(absl::Milliseconds(100)));
  kill(worker, SIGCONT);
  EXPECT_EQ(future.Collect(kLong), 7);
}

TEST(ProcessPoolDeath, TimeoutEndsAStoppedWorker) {
  ProcessPool pool(1);
  Gate gate;
  auto future = pool.Submit(TaskOptions{.timeout = absl::Milliseconds(300)},
                            PassGate, gate.path(), 7);
  ASSERT_TRUE(gate.WaitForArrivals(1));
  const ProcessIdentity worker = IdentifyProcess(OnlyWorker(pool));
  kill(worker.pid, SIGSTOP);
  EXPECT_THROW(future.Collect(kLong), TimeoutError);
  EXPECT_TRUE(Eventually([&] { return HasEnded(worker); }));
  EXPECT_TRUE(StillWorks(pool));
}

TEST(ProcessPoolDeath, ShutdownCanEndAStoppedWorker) {
  ProcessPool pool(1);
  Gate gate;
  auto future = pool.Submit(PassGate, gate.path(), 7);
  ASSERT_TRUE(gate.WaitForArrivals(1));
  kill(OnlyWorker(pool), SIGSTOP);
  EXPECT_TRUE(pool.Shutdown({.mode = ShutdownMode::kKill}));
  EXPECT_TRUE(future.is_cancelled());
}

// --- At a shutdown, and for lack of memory ---

TEST(ProcessPoolDeath, DeathDuringAShutdownEndsIt) {
  ProcessPool pool(1);
  Gate gate;
  auto future = pool.Submit(PassGate, gate.path(), 7);
  ASSERT_TRUE(gate.WaitForArrivals(1));
  const pid_t worker = OnlyWorker(pool);
  std::thread shutdown([&] { pool.Shutdown(); });
  EXPECT_TRUE(Eventually([&] { return pool.is_closed(); }));
  kill(worker, SIGKILL);
  shutdown.join();
  EXPECT_EQ(CollectLoss(future).signal(), SIGKILL);
  EXPECT_TRUE(pool.is_terminated());
}

TEST(ProcessPoolDeath, TaskThatGetsNoMemoryFailsAlone) {
  if (kIsSanitized) {
    GTEST_SKIP() << "sanitizers need more addresses than a limit leaves";
  }
  ProcessPool pool({.max_workers = 1, .initializer = [] {
                      const rlimit limit = {1u << 30, 1u << 30};
                      setrlimit(RLIMIT_AS, &limit);
                    }});
  const int64_t worker = pool.Submit(OwnPid).Collect(kLong);
  auto future =
      pool.Submit([](size_t size) { return std::string(size, 'x').size(); },
                  size_t{1} << 32);
  EXPECT_THROW(future.Collect(kLong), std::bad_alloc);
  EXPECT_EQ(pool.Submit(OwnPid).Collect(kLong), worker);
}

// As the kernel does when memory runs out.
TEST(ProcessPoolDeath, UnexplainedKillIsSaidToBeForLackOfMemory) {
  ProcessPool pool(1);
  const WorkerLostError loss = CollectLoss(pool.Submit([] { raise(SIGKILL); }));
  EXPECT_THAT(loss.what(), HasSubstr("out of memory"));
}

}  // namespace
}  // namespace asyncpal
