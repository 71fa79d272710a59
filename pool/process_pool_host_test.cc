#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/sanitizers.h"
#include "asyncpal/ipc/internal/fd.h"
#include "asyncpal/ipc/testing/descriptors.h"
#include "asyncpal/pool/process_pool.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/testing/gate.h"
#include "asyncpal/pool/testing/process_faults.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// Programs that handle signals, descriptors and processes in ways that a
// library has to bear.

namespace asyncpal {
namespace {

using ::asyncpal::testing::CollectLoss;
using ::asyncpal::testing::Eventually;
using ::asyncpal::testing::Gate;
using ::asyncpal::testing::HasEnded;
using ::asyncpal::testing::IdentifyProcess;
using ::asyncpal::testing::kIsSanitized;
using ::asyncpal::testing::ListChildren;
using ::asyncpal::testing::ListDescriptors;
using ::asyncpal::testing::OnlyWorker;
using ::asyncpal::testing::PassGate;
using ::asyncpal::testing::ProcessIdentity;
using ::asyncpal::testing::StillWorks;
using ::testing::HasSubstr;

constexpr absl::Duration kLong = absl::Seconds(30);

int Echo(int n) { return n; }
std::string EchoText(std::string text) { return text; }

class ScopedSignal {
 public:
  ScopedSignal(int number, void (*handler)(int)) : number_(number) {
    struct sigaction action = {};  // without SA_RESTART
    action.sa_handler = handler;
    sigaction(number, &action, &old_);
  }
  ~ScopedSignal() { sigaction(number_, &old_, nullptr); }

 private:
  const int number_;
  struct sigaction old_;
};

// --- Signals ---

// Works with it, loses a worker, times out, and shuts down.
void LiveThroughAPool() {
  ProcessPool pool(2);
  EXPECT_TRUE(StillWorks(pool));
  EXPECT_EQ(CollectLoss(pool.Submit([] { _exit(3); })).phase(), "running");
  auto endless =
      pool.Submit(TaskOptions{.timeout = absl::Milliseconds(100)}, [] {
        while (true) pause();
      });
  EXPECT_THROW(endless.Collect(kLong), TimeoutError);
  EXPECT_TRUE(StillWorks(pool));
  EXPECT_TRUE(pool.Shutdown());
  EXPECT_TRUE(ListChildren(getpid()).empty());
}

TEST(ProcessPoolHost, MayIgnoreSigchld) {
  ScopedSignal ignored(SIGCHLD, SIG_IGN);
  LiveThroughAPool();
}

TEST(ProcessPoolHost, HowAWorkerEndedIsUnknownIfSigchldIsIgnored) {
  ScopedSignal ignored(SIGCHLD, SIG_IGN);
  ProcessPool pool(1);
  const WorkerLostError loss = CollectLoss(pool.Submit([] { _exit(3); }));
  EXPECT_EQ(loss.exit_code(), std::nullopt);
  EXPECT_EQ(loss.signal(), std::nullopt);
  EXPECT_THAT(loss.what(), HasSubstr("exit status was taken by someone else"));
}

TEST(ProcessPoolHost, MayReapEveryChild) {
  ScopedSignal reaper(SIGCHLD, [](int) {
    const int error = errno;
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    errno = error;
  });
  LiveThroughAPool();
}

TEST(ProcessPoolHost, MayGetSignalsAllTheTime) {
  static std::atomic<int> signals;
  signals = 0;
  ScopedSignal handler(SIGALRM, [](int) { ++signals; });
  const int period_us = kIsSanitized ? 2'000 : 100;
  const itimerval often = {{0, period_us}, {0, period_us}};
  setitimer(ITIMER_REAL, &often, nullptr);
  LiveThroughAPool();
  ProcessPool pool(2);
  const std::string large(8 << 20, 'x');
  for (int i = 0; i < 10; ++i) {
    auto text = pool.Submit(EchoText, large);
    EXPECT_EQ(pool.Run(Echo, i), i);
    EXPECT_EQ(text.Collect(kLong), large);
  }
  const itimerval never = {};
  setitimer(ITIMER_REAL, &never, nullptr);
  EXPECT_GT(signals, 100);
}

int WriteToNobody() {
  int ends[2];
  if (pipe(ends) != 0) return -1;
  close(ends[0]);
  return write(ends[1], "x", 1) < 0 ? errno : 0;
}

TEST(ProcessPoolHost, GetsEpipeInTasksIfItIgnoresSigpipe) {
  ScopedSignal ignored(SIGPIPE, SIG_IGN);
  ProcessPool pool(1);
  EXPECT_EQ(pool.Submit(WriteToNobody).Collect(kLong), EPIPE);
}

bool IgnoresSigttou() {
  struct sigaction present = {};
  return sigaction(SIGTTOU, nullptr, &present) == 0 &&
         present.sa_handler == SIG_IGN;
}

TEST(ProcessPoolHost, HasWorkersThatATerminalDoesNotStop) {
  ProcessPool pool(1);
  EXPECT_TRUE(pool.Submit(IgnoresSigttou).Collect(kLong));
}

// --- Descriptors ---

// The sockets to workers that were opened since `before`.
std::vector<int> SocketsSince(const std::set<int>& before) {
  std::vector<int> sockets;
  for (const int fd : ListDescriptors()) {
    int type = 0;
    socklen_t size = sizeof(type);
    if (before.count(fd) == 0 &&
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0) {
      sockets.push_back(fd);
    }
  }
  return sockets;
}

class ProcessPoolOverwritten : public ::testing::Test {
 protected:
  // As a program does that is wrong about what is behind a number.
  void OverwriteTheSocket() {
    const std::vector<int> sockets = SocketsSince(before_);
    ASSERT_EQ(sockets.size(), 1u);
    const internal::UniqueFd other(open("/dev/null", O_RDWR | O_CLOEXEC));
    // ThreadSanitizer would see what is wrong with dup3().
    ASSERT_EQ(syscall(SYS_dup3, other.get(), sockets[0], O_CLOEXEC),
              sockets[0]);
  }

  const std::set<int> before_ = ListDescriptors();
};

TEST_F(ProcessPoolOverwritten, SocketOfAnIdleWorkerCostsThatWorker) {
  ProcessPool pool(1);
  pool.Submit(Echo, 1).Collect(kLong);
  ASSERT_TRUE(Eventually([&] { return pool.CountFreeWorkers() == 1; }));
  const ProcessIdentity worker = IdentifyProcess(OnlyWorker(pool));
  OverwriteTheSocket();
  EXPECT_TRUE(Eventually([&] { return HasEnded(worker); }));
  EXPECT_TRUE(Eventually([&] { return pool.CountWorkers() == 0; }));
  EXPECT_TRUE(StillWorks(pool));
}

// The worker, which sees the end of its socket, is stopped meanwhile, so that
// the pool comes to send to what is no socket.
TEST_F(ProcessPoolOverwritten, SocketThatTakesNoTaskCostsNoTask) {
  ProcessPool pool(1);
  pool.Submit(Echo, 1).Collect(kLong);
  ASSERT_TRUE(Eventually([&] { return pool.CountFreeWorkers() == 1; }));
  const ProcessIdentity worker = IdentifyProcess(OnlyWorker(pool));
  kill(worker.pid, SIGSTOP);
  OverwriteTheSocket();
  std::vector<Future<int>> futures;
  for (int i = 0; i < 20; ++i) futures.push_back(pool.Submit(Echo, i));
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(futures[static_cast<size_t>(i)].Collect(kLong), i);
  }
  EXPECT_TRUE(Eventually([&] { return HasEnded(worker); }));
}

TEST_F(ProcessPoolOverwritten, SocketOfABusyWorkerCostsItsTask) {
  ProcessPool pool(1);
  Gate gate;
  auto future = pool.Submit(PassGate, gate.path(), 1);
  ASSERT_TRUE(gate.WaitForArrivals(1));
  OverwriteTheSocket();
  CollectLoss(future);
  EXPECT_TRUE(StillWorks(pool));
}

// --- Processes ---

constexpr unsigned kForkedLimit = 20;

// Runs `in_child` in a forked process, which succeeds by _exit(0).
template <typename F>
::testing::AssertionResult ForkAndRun(F in_child) {
  const pid_t pid = fork();
  if (pid == 0) {
    alarm(kForkedLimit);
    in_child();
    _exit(1);
  }
  int status = -1;
  while (waitpid(pid, &status, 0) == -1 && errno == EINTR) {
  }
  if (status == 0) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "it ended with " << status;
}

class ProcessPoolFork : public ::testing::Test {
 protected:
  // With one worker that is busy, and one that is idle.
  ProcessPoolFork() {
    pool_ = std::make_unique<ProcessPool>(2);
    busy_ = pool_->Submit(PassGate, gate_.path(), 7);
    EXPECT_TRUE(gate_.WaitForArrivals(1));
    pool_->Submit(Echo, 1).Collect(kLong);
  }
  ~ProcessPoolFork() override { gate_.Open(); }  // of a test that was left, too

  void ExpectParentGoesOn() {
    EXPECT_TRUE(StillWorks(*pool_));
    EXPECT_TRUE(busy_.is_running());
    gate_.Open();
    EXPECT_EQ(busy_.Collect(kLong), 7);
    EXPECT_EQ(pool_->Stats().lost, 0);
  }

  Gate gate_;
  std::unique_ptr<ProcessPool> pool_;
  Future<int> busy_;
};

TEST_F(ProcessPoolFork, ForkedProcessIsRefused) {
  EXPECT_TRUE(ForkAndRun([&] {
    for (const auto& use : std::vector<std::function<void()>>{
             [&] { pool_->Submit(Echo, 1); }, [&] { pool_->Run(Echo, 1); },
             [&] { pool_->Post([] {}); }, [&] { pool_->Check(); }}) {
      try {
        use();
        _exit(2);
      } catch (const ClosedPoolError&) {
      }
    }
    _exit(0);
  }));
  ExpectParentGoesOn();
}

TEST_F(ProcessPoolFork, ForkedProcessKillsNobodysTask) {
  EXPECT_TRUE(ForkAndRun([&] {
    busy_.Kill();
    _exit(0);
  }));
  ExpectParentGoesOn();
}

// The busy worker has prefetched one of them, which shares a page of memory
// with this process and all that are forked from it.
TEST_F(ProcessPoolFork, ForkedProcessCancelsNobodysTask) {
  Gate second_gate;
  auto second = pool_->Submit(PassGate, second_gate.path(), 8);
  ASSERT_TRUE(second_gate.WaitForArrivals(1));
  std::vector<Future<int>> pending;
  for (int i = 0; i < 10; ++i) pending.push_back(pool_->Submit(Echo, i));
  EXPECT_TRUE(ForkAndRun([&] {
    for (auto& future : pending) future.Cancel();
    _exit(0);
  }));
  second_gate.Open();
  EXPECT_EQ(second.Collect(kLong), 8);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(pending[i].Collect(kLong), i);
  ExpectParentGoesOn();
}

TEST_F(ProcessPoolFork, ForkedProcessMayShutThePoolDown) {
  EXPECT_TRUE(ForkAndRun([&] {
    pool_->Shutdown({.mode = ShutdownMode::kKill});
    _exit(0);
  }));
  ExpectParentGoesOn();
}

TEST_F(ProcessPoolFork, ForkedProcessMayDestroyThePool) {
  EXPECT_TRUE(ForkAndRun([&] {
    pool_.reset();
    _exit(0);
  }));
  ExpectParentGoesOn();
}

TEST_F(ProcessPoolFork, ForkedProcessMayExit) {
#if ASYNCPAL_TSAN
  GTEST_SKIP() << "it starts a thread, which ThreadSanitizer does not allow";
#endif
  EXPECT_TRUE(ForkAndRun([&] { exit(0); }));
  ExpectParentGoesOn();
}

TEST_F(ProcessPoolFork, ForksFromManyThreadsHarmNothing) {
  constexpr int kThreads = 4;
  constexpr int kForks = kIsSanitized ? 10 : 100;
  std::vector<std::thread> threads;
  std::atomic<int> failed = 0;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kForks; ++i) {
        if (!ForkAndRun([] { _exit(0); })) ++failed;
      }
    });
  }
  for (int i = 0; i < 500; ++i) {
    ASSERT_EQ(pool_->Submit(Echo, i).Collect(kLong), i);
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  ExpectParentGoesOn();
}

}  // namespace
}  // namespace asyncpal
