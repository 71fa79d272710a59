#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/testing/notification.h"
#include "asyncpal/ipc/testing/descriptors.h"
#include "asyncpal/pool/process_pool.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/testing/gate.h"
#include "asyncpal/pool/testing/process_faults.h"
#include "asyncpal/pool/trace.h"
#include "gtest/gtest.h"

// What callbacks and several threads do with a process pool at the same time,
// and payloads that a socket can't take at once.

namespace asyncpal {
namespace {

using ::asyncpal::testing::CollectLoss;
using ::asyncpal::testing::Eventually;
using ::asyncpal::testing::ExecutionLedger;
using ::asyncpal::testing::Gate;
using ::asyncpal::testing::kIsSanitized;
using ::asyncpal::testing::ListChildren;
using ::asyncpal::testing::ListDescriptors;
using ::asyncpal::testing::Notification;
using ::asyncpal::testing::OnlyWorker;
using ::asyncpal::testing::PassGate;
using ::asyncpal::testing::StillWorks;

constexpr absl::Duration kLong = absl::Seconds(30);

int Echo(int n) { return n; }
int64_t OwnPid() { return getpid(); }
std::string EchoText(std::string text) { return text; }

bool HasNoChildren() {
  return Eventually([] { return ListChildren(getpid()).empty(); });
}

// A pool that went was told through a table of functions that its destructor
// was about to exchange.
TEST(ProcessPoolRace, TraceMayBeginWhilePoolsGo) {
  std::atomic<bool> is_over{false};
  std::thread tracer([&is_over] {
    while (!is_over) {
      Trace::Start(::testing::TempDir() + "race.json");
      Trace::Stop();
    }
  });
  for (int i = 0; i < 200; ++i) {
    ProcessPool pool({.max_workers = 1});
    std::this_thread::yield();
  }
  is_over = true;
  tracer.join();
}

// --- Callbacks ---

TEST(ProcessPoolRace, CallbacksMaySubmitAndWait) {
  constexpr int kTasks = 20;
  ProcessPool pool(2);
  std::vector<Future<int>> futures;
  std::atomic<int> sum = 0;
  for (int i = 0; i < kTasks; ++i) {
    futures.push_back(pool.Submit(Echo, i));
    futures.back().AddCallback([&](const Future<int>& done) {
      sum += pool.Submit(Echo, 2 * done.Collect()).Collect(kLong);
      sum += pool.Run(Echo, *done.result());
    });
  }
  ASSERT_TRUE(pool.Join(kLong));
  EXPECT_EQ(sum, 3 * (kTasks - 1) * kTasks / 2);
}

// A task whose continuation waits for the continuation of the next.
int Nest(ProcessPool& pool, int depth) {
  if (depth == 0) return 0;
  return 1 + pool.Submit(Echo, depth - 1)
                 .Then([&](int rest) { return Nest(pool, rest); })
                 .Collect(kLong);
}

TEST(ProcessPoolRace, ContinuationsMayNestDeeperThanThereAreWorkers) {
  ProcessPool pool(2);
  EXPECT_EQ(Nest(pool, 6), 6);
}

TEST(ProcessPoolRace, CallbackMayWaitForItsOwnFuture) {
  ProcessPool pool(1);
  Notification called;
  pool.Submit(Echo, 7).AddCallback([&](const Future<int>& done) {
    EXPECT_TRUE(done.Wait(kLong));
    EXPECT_EQ(done.Collect(kLong), 7);
    called.Notify();
  });
  EXPECT_TRUE(called.Wait());
}

TEST(ProcessPoolRace, CallbackMayShutThePoolDown) {
  for (const ShutdownMode mode : {ShutdownMode::kCancelPending,
                                  ShutdownMode::kDrain, ShutdownMode::kKill}) {
    ProcessPool pool(1);
    Gate gate;
    auto first = pool.Submit(PassGate, gate.path(), 1);
    auto second = pool.Submit(Echo, 2);
    Notification closed;
    first.AddCallback([&](const Future<int>&) {
      EXPECT_TRUE(pool.Shutdown({.mode = mode}));
      closed.Notify();
    });
    gate.Open();
    ASSERT_TRUE(closed.Wait());
    EXPECT_TRUE(second.Wait(kLong));
    EXPECT_EQ(second.is_completed() || second.is_cancelled(), true);
    EXPECT_TRUE(Eventually([&] { return pool.is_terminated(); }));
  }
  EXPECT_TRUE(HasNoChildren());
}

TEST(ProcessPoolRace, CallbackOnTheAgentMayDestroyThePool) {
  Notification destroyed;
  Gate gate;
  auto pool = std::make_unique<ProcessPool>(2);
  auto future = pool->Submit(PassGate, gate.path(), 7);
  future.AddCallback([&](const Future<int>&) {
    pool.reset();
    destroyed.Notify();
  });
  gate.Open();
  ASSERT_TRUE(destroyed.Wait());
  EXPECT_EQ(future.Collect(kLong), 7);
  EXPECT_TRUE(HasNoChildren());
}

TEST(ProcessPoolRace, CallbackOfWhoWaitsMayDestroyThePool) {
  Notification destroyed;
  Gate gate;
  auto pool = std::make_unique<ProcessPool>(1);
  pool->Submit(Echo, 1).Collect(kLong);
  ASSERT_TRUE(Eventually([&] { return pool->CountFreeWorkers() == 1; }));
  auto future = pool->Submit(PassGate, gate.path(), 7);
  future.AddCallback([&](const Future<int>&) {
    pool.reset();
    destroyed.Notify();
  });
  ASSERT_TRUE(gate.WaitForArrivals(1));
  std::thread opener([&] { gate.Open(); });
  EXPECT_EQ(future.Collect(kLong), 7);
  opener.join();
  EXPECT_TRUE(destroyed.Wait());
  EXPECT_TRUE(HasNoChildren());
}

// While the driver waits in a callback, another thread stands in for it; the
// child that this thread had started was killed by the kernel when the thread
// ended (PR_SET_PDEATHSIG), with the next task in it.
TEST(ProcessPoolRace, ChildThatAStandInStartedIsNotKilledWithIt) {
  constexpr int kRounds = 5;
  for (int round = 0; round < kRounds; ++round) {
    ExecutionLedger ledger;
    Gate gate;
    Gate second_gate;
    Gate third_gate;
    ProcessPool pool(1);
    auto first = pool.Submit(PassGate, gate.path(), 1);
    auto second = pool.Submit(
        TaskOptions{.max_attempts = 2},
        [](std::string ledger, std::string gate) {
          if (ExecutionLedger::Note(ledger, 0) > 1) return 2;
          PassGate(gate, 0);
          abort();
        },
        ledger.path(), second_gate.path());
    auto after_second = second.Then([](int n) { return n; });
    Future<int> third;
    Notification waited;
    first.AddCallback([&](const Future<int>&) {
      // The child may have the second task already. Otherwise a stand-in sends
      // it, which comes where the pool sees that this thread waits.
      EXPECT_TRUE(Eventually([&] {
        after_second.Wait(absl::Milliseconds(10));
        return second_gate.CountArrivals() == 1;
      }));
      second_gate.Open();
      EXPECT_TRUE(after_second.Wait(kLong));
      third = pool.Submit(PassGate, third_gate.path(), 3);
      waited.Notify();
    });
    gate.Open();
    ASSERT_TRUE(waited.Wait());
    EXPECT_EQ(second.Collect(kLong), 2);
    ASSERT_TRUE(third_gate.WaitForArrivals(1));
    third_gate.Open();
    EXPECT_EQ(third.Collect(kLong), 3);
    EXPECT_EQ(pool.Stats().lost, 0);
  }
}

// --- Threads ---

// Of the thread that made a pool and filled it with workers nothing is needed
// once it has ended.
TEST(ProcessPoolRace, WorkersOutliveTheThreadThatMadeThePool) {
  std::optional<ProcessPool> pool;
  std::set<int64_t> workers;
  std::thread([&] {
    pool.emplace(2);
    pool->SpawnMaxWorkers();
    EXPECT_TRUE(Eventually([&] {
      workers.clear();
      for (const WorkerInfo& worker : pool->Workers()) {
        if (worker.pid.has_value()) workers.insert(*worker.pid);
      }
      return workers.size() == 2;
    }));
  }).join();
  EXPECT_TRUE(StillWorks(*pool));
  EXPECT_EQ(workers.count(pool->Submit(OwnPid).Collect(kLong)), 1u);
}

TEST(ProcessPoolRace, SubmitThatRacesAShutdownIsRefusedOrSettled) {
  constexpr int kRounds = kIsSanitized ? 8 : 25;
  constexpr int kThreads = 3;
  for (int round = 0; round < kRounds; ++round) {
    ExecutionLedger ledger;
    std::vector<Future<int>> futures[kThreads];
    std::atomic<bool> refused[kThreads] = {};
    {
      ProcessPool pool(2);
      pool.SpawnWorkers(1);
      std::vector<std::thread> threads;
      for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&, t] {
          try {
            for (int i = 0;; ++i) {
              futures[t].push_back(pool.Submit(
                  [](std::string path, int n) {
                    ExecutionLedger::Note(path, n);
                    return n;
                  },
                  ledger.path(), t * 1'000'000 + i));
            }
          } catch (const ClosedPoolError&) {
            refused[t] = true;
          }
        });
      }
      ASSERT_TRUE(Eventually([&] { return pool.Stats().submitted > round; }));
      pool.Shutdown({.mode = round % 2 == 0 ? ShutdownMode::kCancelPending
                                            : ShutdownMode::kKill});
      for (std::thread& thread : threads) thread.join();
    }
    std::multiset<int> executed;
    for (const int n : ledger.Read()) executed.insert(n);
    for (int t = 0; t < kThreads; ++t) {
      EXPECT_TRUE(refused[t]);
      for (size_t i = 0; i < futures[t].size(); ++i) {
        const int n = t * 1'000'000 + static_cast<int>(i);
        ASSERT_TRUE(futures[t][i].is_done());
        ASSERT_LE(executed.count(n), 1u);
        if (futures[t][i].is_completed()) {
          ASSERT_EQ(executed.count(n), 1u);
        }
      }
    }
  }
}

TEST(ProcessPoolRace, WorkersThatRetireAtOnceStrandNoTask) {
  constexpr int kThreads = 3;
  constexpr int kTasks = kIsSanitized ? 20 : 60;
  ProcessPool pool({.max_workers = 2, .idle_timeout = absl::ZeroDuration()});
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kTasks; ++i) {
        if (t == 0) {
          EXPECT_EQ(pool.Run(Echo, i), i);
        } else {
          EXPECT_EQ(pool.Submit(Echo, i).Collect(kLong), i);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(pool.Stats().completed, kThreads * kTasks);
}

TEST(ProcessPoolRace, TaskRunsThoughNobodyHasItsFuture) {
  ExecutionLedger ledger;
  ProcessPool pool(1);
  Gate gate;
  pool.Submit(PassGate, gate.path(), 1);
  pool.Submit([](std::string path) { ExecutionLedger::Note(path, 1); },
              ledger.path());
  ASSERT_TRUE(gate.WaitForArrivals(1));
  gate.Open();
  ASSERT_TRUE(pool.Join(kLong));
  EXPECT_EQ(ledger.Count(), 1);
  EXPECT_EQ(pool.Stats().completed, 2);
}

TEST(ProcessPoolRace, FuturesOutliveAPoolThatIsDestroyedInAnyState) {
  std::vector<Future<int>> futures;
  Gate gate;
  {
    ProcessPool pool(2);
    for (int i = 0; i < 2; ++i) {
      futures.push_back(pool.Submit(PassGate, gate.path(), i));
    }
    ASSERT_TRUE(gate.WaitForArrivals(2));
    for (int i = 2; i < 50; ++i) futures.push_back(pool.Submit(Echo, i));
    gate.Open();
  }
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(futures[i].is_done());
    if (futures[i].is_completed()) {
      EXPECT_EQ(futures[i].Collect(), i);
    } else {
      EXPECT_TRUE(futures[i].is_cancelled());
    }
    EXPECT_FALSE(futures[i].Cancel());
    EXPECT_FALSE(futures[i].Kill());
  }
}

// --- Payloads that go through the socket ---

// Files, and with them memfds, can't be larger than a mebibyte, here and in
// workers that are started meanwhile: what is larger goes through the socket.
class ProcessPoolSocket : public ::testing::Test {
 protected:
  ProcessPoolSocket() {
    getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit limit = {1 << 20, old_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~ProcessPoolSocket() override { setrlimit(RLIMIT_FSIZE, &old_); }

  // Of a worker that has nothing to do and reads nothing any more.
  static pid_t StopIdleWorker(ProcessPool& pool) {
    pool.Submit(Echo, 1).Collect(kLong);
    EXPECT_TRUE(Eventually([&] { return pool.CountFreeWorkers() == 1; }));
    const pid_t worker = OnlyWorker(pool);
    kill(worker, SIGSTOP);
    return worker;
  }

  const std::string large_ = std::string(16 << 20, 'x');

 private:
  rlimit old_;
};

TEST_F(ProcessPoolSocket, BothSidesMayHaveMuchToSay) {
  constexpr int kTasks = 8;
  constexpr size_t kBytes = 2 << 20;
  ProcessPool pool(2);
  std::vector<Future<std::string>> futures;
  for (int i = 0; i < kTasks; ++i) {
    futures.push_back(
        pool.Submit(EchoText, std::string(kBytes, static_cast<char>(i))));
  }
  for (int i = 0; i < kTasks; ++i) {
    const std::string text = futures[i].Collect(kLong);
    ASSERT_EQ(text.size(), kBytes);
    EXPECT_EQ(text.front(), static_cast<char>(i));
    EXPECT_EQ(text.back(), static_cast<char>(i));
  }
  EXPECT_EQ(pool.Run(EchoText, large_), large_);
}

// Whether some socket has so many bytes that this process has not read.
bool SomeSocketHolds(int bytes) {
  for (const int fd : ListDescriptors()) {
    int type = 0;
    socklen_t size = sizeof(type);
    int unread = 0;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
        ioctl(fd, FIONREAD, &unread) == 0 && unread >= bytes) {
      return true;
    }
  }
  return false;
}

TEST_F(ProcessPoolSocket, DeathInTheMiddleOfAResultFailsTheTask) {
  ProcessPool pool(1);
  Gate busy;
  Gate gate;
  Notification may_end;
  // While another task runs, so that the second waits when the first begins,
  // and is surely prefetched.
  auto other = pool.Submit(PassGate, busy.path(), 0);
  ASSERT_TRUE(busy.WaitForArrivals(1));
  auto first = pool.Submit(PassGate, gate.path(), 1);
  auto second = pool.Submit([] { return std::string(16 << 20, 'x'); });
  // Nobody reads the second's result while the first's callback lasts.
  first.AddCallback([&](const Future<int>&) { may_end.Wait(); });
  busy.Open();
  ASSERT_TRUE(gate.WaitForArrivals(1));
  const pid_t worker = OnlyWorker(pool);
  gate.Open();
  ASSERT_TRUE(Eventually([] { return SomeSocketHolds(64 << 10); }));
  kill(worker, SIGKILL);
  may_end.Notify();
  EXPECT_EQ(CollectLoss(second).phase(), "sending the result");
  EXPECT_EQ(second.result(), nullptr);
  EXPECT_TRUE(StillWorks(pool));
}

TEST_F(ProcessPoolSocket, DeathInTheMiddleOfItsArgumentsCostsNoTask) {
  ExecutionLedger ledger;
  ProcessPool pool(1);
  const pid_t worker = StopIdleWorker(pool);
  auto future = pool.Submit(
      [](std::string path, std::string text) {
        ExecutionLedger::Note(path, 0);
        return text.size();
      },
      ledger.path(), large_);
  ASSERT_TRUE(Eventually([&] { return future.is_running(); }));
  kill(worker, SIGKILL);
  EXPECT_EQ(future.Collect(kLong), large_.size());
  EXPECT_EQ(ledger.Count(), 1);
}

TEST_F(ProcessPoolSocket, TimeoutEndsATaskThatTheWorkerDoesNotRead) {
  ProcessPool pool(1);
  StopIdleWorker(pool);
  auto future = pool.Submit(TaskOptions{.timeout = absl::Milliseconds(200)},
                            EchoText, large_);
  EXPECT_THROW(future.Collect(kLong), TimeoutError);
  EXPECT_TRUE(StillWorks(pool));
}

TEST_F(ProcessPoolSocket, KillEndsATaskThatTheWorkerDoesNotRead) {
  ProcessPool pool(1);
  const pid_t worker = StopIdleWorker(pool);
  auto future = pool.Submit(EchoText, large_);
  ASSERT_TRUE(Eventually([&] { return future.is_running(); }));
  EXPECT_FALSE(future.Cancel());
  EXPECT_TRUE(future.Kill());
  EXPECT_TRUE(future.is_cancelled());
  // A task that had not been sent has not cost its worker.
  kill(worker, SIGCONT);
  EXPECT_TRUE(StillWorks(pool));
}

TEST_F(ProcessPoolSocket, ShutdownEndsATaskThatTheWorkerDoesNotRead) {
  ProcessPool pool(1);
  StopIdleWorker(pool);
  auto future = pool.Submit(EchoText, large_);
  ASSERT_TRUE(Eventually([&] { return future.is_running(); }));
  EXPECT_TRUE(pool.Shutdown({.deadline = absl::Milliseconds(100)}));
  EXPECT_TRUE(Eventually([&] { return pool.is_terminated(); }));
  EXPECT_TRUE(future.is_cancelled());
}

}  // namespace
}  // namespace asyncpal
