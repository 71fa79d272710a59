#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cfenv>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/pool/process_pool.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/testing/gate.h"
#include "asyncpal/pool/testing/process_faults.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// Tasks that do what no task should, and what the pool and the next task see of
// it.

namespace {

// Only in workers do the destructors below throw.
bool is_test_process = false;

struct ThrowsWhenDestroyed {
  ThrowsWhenDestroyed() = default;
  ThrowsWhenDestroyed(ThrowsWhenDestroyed&&) noexcept {}
  ~ThrowsWhenDestroyed() noexcept(false) {
    if (!is_test_process && std::uncaught_exceptions() == 0) {
      throw std::runtime_error("destroyed");
    }
  }
};

}  // namespace

template <>
struct asyncpal::Codec<ThrowsWhenDestroyed> {
  static void Encode(const ThrowsWhenDestroyed&, Encoder&) {}
  static ThrowsWhenDestroyed Decode(Decoder&) { return {}; }
};

namespace asyncpal {
namespace {

using ::asyncpal::testing::CollectLoss;
using ::asyncpal::testing::Eventually;
using ::asyncpal::testing::ExecutionLedger;
using ::asyncpal::testing::Gate;
using ::asyncpal::testing::HasEnded;
using ::asyncpal::testing::IdentifyProcess;
using ::asyncpal::testing::kIsSanitized;
using ::asyncpal::testing::OnlyWorker;
using ::asyncpal::testing::PassGate;
using ::asyncpal::testing::ProcessIdentity;
using ::asyncpal::testing::StillWorks;
using ::testing::HasSubstr;

constexpr absl::Duration kLong = absl::Seconds(30);

int64_t OwnPid() { return getpid(); }

// --- Tasks that end the process ---

struct Ending {
  const char* name;
  void (*end)();
  std::optional<int> exit_code;
  std::optional<int> signal;
};

void ThrowARuntimeError() { throw std::runtime_error("no"); }
void ThrowThroughNoexcept() noexcept { ThrowARuntimeError(); }

class ProcessPoolEnding : public ::testing::TestWithParam<Ending> {};

TEST_P(ProcessPoolEnding, IsThatOfOneTask) {
  ProcessPool pool(1);
  const WorkerLostError loss = CollectLoss(pool.Submit(GetParam().end));
  // Sanitizers turn this signal into an exit with a code of their own.
  if (!kIsSanitized || GetParam().signal != SIGSEGV) {
    EXPECT_EQ(loss.signal(), GetParam().signal);
    EXPECT_EQ(loss.exit_code(), GetParam().exit_code);
  }
  EXPECT_EQ(loss.phase(), "running");
  EXPECT_TRUE(StillWorks(pool));
  EXPECT_EQ(pool.Stats().lost, 1);
}

INSTANTIATE_TEST_SUITE_P(
    Way, ProcessPoolEnding,
    ::testing::Values(
        Ending{"ExitAtOnceWithZero", [] { _exit(0); }, 0, {}},
        Ending{"ExitAtOnce", [] { _exit(5); }, 5, {}},
        Ending{"ExitWithZero", [] { exit(0); }, 0, {}},
        Ending{"Exit", [] { exit(3); }, 3, {}},
        Ending{"QuickExit", [] { quick_exit(4); }, 4, {}},
        Ending{"Abort", [] { abort(); }, {}, SIGABRT},
        Ending{"Terminate", [] { std::terminate(); }, {}, SIGABRT},
        Ending{"ThrowThroughNoexcept", ThrowThroughNoexcept, {}, SIGABRT},
        Ending{"Raise", [] { raise(SIGTERM); }, {}, SIGTERM},
        Ending{"RaiseOfWhatIsHandled", [] { raise(SIGSEGV); }, {}, SIGSEGV}),
    [](const auto& info) { return std::string(info.param.name); });

// It reads its frame after the call, so that it can't become a loop.
[[gnu::noinline]] int Recurse(int n) {
  volatile char frame[1024];
  frame[n % 1024] = 1;
  return n < 0 ? n : Recurse(n + 1) + frame[n % 1024];
}

TEST(ProcessPoolTaskFault, StackOverflowIsNamed) {
  ProcessPool pool(1);
  const WorkerLostError loss = CollectLoss(pool.Submit(Recurse, 0));
  if (!kIsSanitized) {  // they end the process in their own way
    EXPECT_EQ(loss.signal(), SIGSEGV);
    EXPECT_THAT(loss.what(), HasSubstr("a stack overflow"));
  }
  EXPECT_TRUE(StillWorks(pool));
}

TEST(ProcessPoolTaskFault, OtherBadAccessIsNoStackOverflow) {
  ProcessPool pool(1);
  const WorkerLostError loss = CollectLoss(pool.Submit([] {
    void* const page =
        mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return *static_cast<volatile int*>(page);
  }));
  if (!kIsSanitized) {
    EXPECT_EQ(loss.signal(), SIGSEGV);
  }
  EXPECT_THAT(loss.what(), Not(HasSubstr("stack overflow")));
}

// --- The stack of a crash ---

[[gnu::noinline]] void CrashBySegmentationFault() {
  volatile int* volatile nowhere = nullptr;
  *nowhere = 1;
  asm volatile("");  // no tail call
}
[[gnu::noinline]] void CrashByAbort() { abort(); }
[[gnu::noinline]] void CrashByDivision() {
  volatile int zero = 0;
  volatile int one = 1;
  volatile int result = one / zero;
  static_cast<void>(result);
}
[[gnu::noinline]] void CrashByBusError() {
  FILE* const file = tmpfile();
  void* const page =
      mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
  *static_cast<volatile int*>(page) = 1;  // beyond the end of the file
}

struct Crash {
  void (*task)();
  int signal;
  const char* function;
};

class ProcessPoolCrash : public ::testing::TestWithParam<Crash> {};

TEST_P(ProcessPoolCrash, IsReportedWithItsStack) {
  if (kIsSanitized) GTEST_SKIP() << "sanitizers have handlers of their own";
  ProcessPool pool(1);
  const auto future = pool.Submit(GetParam().task);
  ASSERT_TRUE(future.Wait(kLong));
  const std::string trace = GetRemoteTraceback(future.exception());
  EXPECT_THAT(trace, HasSubstr(GetParam().function));
  EXPECT_EQ(CollectLoss(future).signal(), GetParam().signal);
  EXPECT_TRUE(StillWorks(pool));
}

INSTANTIATE_TEST_SUITE_P(
    Signals, ProcessPoolCrash,
    ::testing::Values(Crash{CrashBySegmentationFault, SIGSEGV,
                            "CrashBySegmentationFault"},
                      Crash{CrashByAbort, SIGABRT, "CrashByAbort"},
                      Crash{CrashByDivision, SIGFPE, "CrashByDivision"},
                      Crash{CrashByBusError, SIGBUS, "CrashByBusError"}));

TEST(ProcessPoolTaskFault, StackOverflowHasAStack) {
  if (kIsSanitized) GTEST_SKIP() << "sanitizers have handlers of their own";
  ProcessPool pool(1);
  const auto future = pool.Submit(Recurse, 0);
  ASSERT_TRUE(future.Wait(kLong));
  EXPECT_THAT(GetRemoteTraceback(future.exception()), HasSubstr("Recurse"));
}

TEST(ProcessPoolTaskFault, SignalThatWasSentEndsTheWorkerAsBefore) {
  if (kIsSanitized) GTEST_SKIP() << "sanitizers have handlers of their own";
  for (const int signal : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE}) {
    ProcessPool pool(1);
    const WorkerLostError loss = CollectLoss(
        pool.Submit([](int number) { kill(getpid(), number); }, signal));
    EXPECT_EQ(loss.signal(), signal);
  }
}

// What a core dump depends on, but for the pattern of the system's.
std::vector<uint64_t> CoreDumpSettings() {
  rlimit limit;
  getrlimit(RLIMIT_CORE, &limit);
  return {limit.rlim_cur, limit.rlim_max,
          static_cast<uint64_t>(prctl(PR_GET_DUMPABLE))};
}

TEST(ProcessPoolTaskFault, CoreDumpSettingsAreLeftAsTheyAre) {
  if (kIsSanitized) GTEST_SKIP() << "sanitizers set a limit of their own";
  ProcessPool pool(1);
  EXPECT_EQ(pool.Run(CoreDumpSettings), CoreDumpSettings());
  rlimit limit;
  ASSERT_EQ(getrlimit(RLIMIT_CORE, &limit), 0);
  const rlimit before = limit;
  limit.rlim_cur = limit.rlim_max == 0 ? 0 : 4096;
  ASSERT_EQ(setrlimit(RLIMIT_CORE, &limit), 0);
  ProcessPool other(1);
  EXPECT_EQ(other.Run(CoreDumpSettings), CoreDumpSettings());
  EXPECT_EQ(setrlimit(RLIMIT_CORE, &before), 0);
}

TEST(ProcessPoolTaskFault, KilledWorkerHasNoStack) {
  ProcessPool pool(1);
  const auto future = pool.Submit([] { kill(getpid(), SIGKILL); });
  ASSERT_TRUE(future.Wait(kLong));
  EXPECT_EQ(GetRemoteTraceback(future.exception()), "");
}

// --- What they throw ---

TEST(ProcessPoolTaskFault, ThrownNumberArrivesAsWhatItWas) {
  ProcessPool pool(1);
  auto future = pool.Submit([] { throw 42; });
  try {
    future.Collect(kLong);
    FAIL() << "nothing was thrown";
  } catch (int number) {
    EXPECT_EQ(number, 42);
  }
  EXPECT_TRUE(StillWorks(pool));
}

struct ThrowingWhat : std::exception {
  const char* what() const noexcept override { return nullptr; }
};
struct LongWhat : std::runtime_error {
  LongWhat() : std::runtime_error(std::string(size_t{100} << 20, '\xff')) {}
};
struct ThrowingCopy : std::exception {
  ThrowingCopy() = default;
  ThrowingCopy(const ThrowingCopy&) { throw std::runtime_error("copied"); }
};
struct ThrowingDestructor {
  ~ThrowingDestructor() noexcept(false) {
    if (!is_test_process) throw std::runtime_error("destroyed");
  }
};

class ProcessPoolBadException : public ::testing::TestWithParam<void (*)()> {};

TEST_P(ProcessPoolBadException, FailsItsTaskAlone) {
  ProcessPool pool(1);
  auto future = pool.Submit(GetParam());
  // With sanitizers and other programs beside it, 100 MiB take their time.
  ASSERT_TRUE(future.Wait(4 * kLong));
  EXPECT_TRUE(future.is_failed());
  EXPECT_TRUE(StillWorks(pool));
}

void ThrowACopy() {
  const ThrowingCopy original;
  throw original;
}

INSTANTIATE_TEST_SUITE_P(Kind, ProcessPoolBadException,
                         ::testing::Values([] { throw ThrowingWhat(); },
                                           [] { throw LongWhat(); }, ThrowACopy,
                                           [] { throw ThrowingDestructor(); }));

TEST(ProcessPoolTaskFault, ResultWhoseDestructorThrowsHarmsNoOther) {
  is_test_process = true;
  ProcessPool pool(1);
  auto future = pool.Submit([] { return ThrowsWhenDestroyed(); });
  ASSERT_TRUE(future.Wait(kLong));
  EXPECT_TRUE(StillWorks(pool));
  is_test_process = false;
}

// --- What they do to their worker ---

TEST(ProcessPoolTaskFault, PthreadExitFailsTheTask) {
  ProcessPool pool(1);
  auto future = pool.Submit([] { pthread_exit(nullptr); });
  try {
    future.Collect(kLong);
    FAIL() << "nothing was thrown";
  } catch (const InvalidStateError& error) {
    EXPECT_THAT(error.what(), HasSubstr("pthread_exit"));
  }
  EXPECT_TRUE(StillWorks(pool));
  EXPECT_EQ(pool.Stats().lost, 0);
}

TEST(ProcessPoolTaskFault, TaskThatClosesEveryDescriptorIsLost) {
  ProcessPool pool(1);
  const WorkerLostError loss = CollectLoss(pool.Submit([] {
    for (int fd = 3; fd < 100; ++fd) close(fd);
    return 1;
  }));
  EXPECT_GT(loss.pid(), 0);
  EXPECT_TRUE(StillWorks(pool));
}

TEST(ProcessPoolTaskFault, TaskThatClosesTheStandardStreamsIsNotLost) {
  ProcessPool pool(1);
  const auto close_all = [] {
    for (int fd = 0; fd < 3; ++fd) close(fd);
    // What opens next must not get in the way.
    return open("/dev/null", O_RDWR) + open("/dev/null", O_RDWR);
  };
  EXPECT_EQ(pool.Submit(close_all).Collect(kLong), 0 + 1);
  EXPECT_TRUE(StillWorks(pool));
}

TEST(ProcessPoolTaskFault, OutputIsNoPartOfTheResult) {
  ProcessPool pool(1);
  ::testing::internal::CaptureStdout();
  auto future = pool.Submit([] {
    std::printf("from stdio\n");
    std::cout << "from a stream" << std::endl;
    if (write(STDOUT_FILENO, "raw\n", 4) != 4) throw std::runtime_error("raw");
    return 7;
  });
  const int result = future.Collect(kLong);
  const std::string output = ::testing::internal::GetCapturedStdout();
  EXPECT_EQ(result, 7);
  EXPECT_THAT(output, HasSubstr("from stdio\n"));
  EXPECT_THAT(output, HasSubstr("from a stream\n"));
  EXPECT_THAT(output, HasSubstr("raw\n"));
}

TEST(ProcessPoolTaskFault, UnfinishedLineIsPrintedWhenTheTaskIsDone) {
  ProcessPool pool(1);
  ::testing::internal::CaptureStdout();
  pool.Submit([] { std::printf("no end"); }).Collect(kLong);
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "no end");
}

TEST(ProcessPoolTaskFault, SignalMaskDoesNotReachTheNextTask) {
  ProcessPool pool(1);
  const int64_t worker = pool.Submit([] {
                               sigset_t all;
                               sigfillset(&all);
                               sigprocmask(SIG_BLOCK, &all, nullptr);
                               return OwnPid();
                             })
                             .Collect(kLong);
  auto next = pool.Submit([] {
    sigset_t now;
    sigprocmask(SIG_BLOCK, nullptr, &now);
    return std::pair(OwnPid(), sigismember(&now, SIGTERM) == 1);
  });
  EXPECT_EQ(next.Collect(kLong), std::pair(worker, false));
}

TEST(ProcessPoolTaskFault, FloatingPointModeDoesNotReachTheNextTask) {
  ProcessPool pool(1);
  const int64_t worker = pool.Submit([] {
                               std::fesetround(FE_UPWARD);
                               return OwnPid();
                             })
                             .Collect(kLong);
  auto next =
      pool.Submit([] { return std::pair(OwnPid(), std::fegetround()); });
  EXPECT_EQ(next.Collect(kLong), std::pair(worker, FE_TONEAREST));
}

// Blocks a signal and rounds up, and returns whether a task has before.
bool ChangeTheThread() {
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  sigset_t before;
  sigprocmask(SIG_BLOCK, &mask, &before);
  const bool is_changed =
      sigismember(&before, SIGUSR1) == 1 || std::fegetround() == FE_UPWARD;
  std::fesetround(FE_UPWARD);
  return is_changed;
}

// The worker goes from one to the next without a word to its parent.
TEST(ProcessPoolTaskFault, ChangesDoNotReachAPrefetchedTask) {
  ProcessPool pool(1);
  std::vector<Future<bool>> futures;
  for (int i = 0; i < 200; ++i) {
    futures.push_back(pool.Submit(ChangeTheThread));
  }
  for (auto& future : futures) EXPECT_FALSE(future.Collect(kLong));
}

TEST(ProcessPoolTaskFault, ChangesOfTheInitializerReachAllTasks) {
  ProcessPool pool({.max_workers = 1, .initializer = [] {
                      static_cast<void>(ChangeTheThread());
                    }});
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(pool.Submit(ChangeTheThread).Collect(kLong)) << "task " << i;
  }
}

TEST(ProcessPoolTaskFault, FolderAndUmaskOfTheProgramStay) {
  const mode_t before = umask(022);
  char folder_before[4096];
  ASSERT_NE(getcwd(folder_before, sizeof(folder_before)), nullptr);
  ProcessPool pool(1);
  pool.Submit([] {
        umask(0777);
        if (chdir("/") != 0) throw std::runtime_error("chdir");
      })
      .Collect(kLong);
  char folder_after[4096];
  ASSERT_NE(getcwd(folder_after, sizeof(folder_after)), nullptr);
  EXPECT_STREQ(folder_after, folder_before);
  EXPECT_EQ(umask(before), 022u);
}

// --- What they leave behind ---

// Sleeps in a process of its own, of which the pool knows nothing.
int64_t LeaveAChild() {
  const pid_t child = fork();
  if (child == 0) {
    sleep(60);
    _exit(0);
  }
  return child;
}

TEST(ProcessPoolTaskFault, ForkedChildDoesNotHideTheDeathOfItsWorker) {
  ProcessPool pool(1);
  const auto child =
      static_cast<pid_t>(pool.Submit(LeaveAChild).Collect(kLong));
  Gate gate;
  auto future = pool.Submit(PassGate, gate.path(), 1);
  ASSERT_TRUE(gate.WaitForArrivals(1));
  kill(OnlyWorker(pool), SIGKILL);
  EXPECT_EQ(CollectLoss(future).signal(), SIGKILL);
  EXPECT_FALSE(HasEnded(IdentifyProcess(child)));
  kill(child, SIGKILL);
}

TEST(ProcessPoolTaskFault, ForkedChildDoesNotKeepTheWorkerFromEnding) {
  pid_t child;
  {
    ProcessPool pool(1);
    child = static_cast<pid_t>(pool.Submit(LeaveAChild).Collect(kLong));
    const absl::Time start = absl::Now();
    pool.Shutdown();
    EXPECT_LT(absl::Now() - start, absl::Seconds(10));
  }
  kill(child, SIGKILL);
}

TEST(ProcessPoolTaskFault, ForkedChildThatReturnsFromTheTaskIsNoWorker) {
  ProcessPool pool(1);
  // The way back into the worker's loop is gone twice, first by the child.
  auto future = pool.Submit([] {
    const pid_t child = fork();
    if (child != 0) waitpid(child, nullptr, 0);
    return 1;
  });
  EXPECT_EQ(future.Collect(kLong), 1);
  EXPECT_TRUE(StillWorks(pool));
}

TEST(ProcessPoolTaskFault, ThreadThatATaskLeftDoesNotKeepTheWorker) {
#if ASYNCPAL_TSAN
  GTEST_SKIP() << "with such a thread, ThreadSanitizer takes a minute to exit";
#endif
  ProcessPool pool({.max_workers = 1, .max_tasks_per_worker = 1});
  const auto leave_a_thread = [] {
    static auto* const used_for_ever = new std::string("text");
    std::thread([] {
      while (true) used_for_ever->front() = 'x';
    }).detach();
    return OwnPid();
  };
  const auto worker = IdentifyProcess(
      static_cast<pid_t>(pool.Submit(leave_a_thread).Collect(kLong)));
  EXPECT_TRUE(Eventually([&] { return HasEnded(worker); }));
  EXPECT_TRUE(StillWorks(pool));
  EXPECT_EQ(pool.Stats().lost, 0);
}

// --- Pools in pools ---

// How deep the pools got, each worker with one of its own.
int Nest(int depth) {
  if (depth == 0) return 0;
  ProcessPool pool(1);
  return 1 + pool.Submit(Nest, depth - 1).Collect(kLong);
}

TEST(ProcessPoolTaskFault, PoolsNest) { EXPECT_EQ(Nest(4), 4); }

TEST(ProcessPoolTaskFault, PoolsNestTenDeepAtMost) {
  EXPECT_EQ(Nest(10), 10);
  try {
    Nest(11);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("has 10 others above it"));
  }
}

int HoldWorkerBelow(std::string gate, std::string ledger) {
  ProcessPool pool(1);
  return pool
      .Submit(
          [](std::string gate, std::string ledger) {
            ExecutionLedger::Note(ledger, getpid());
            return PassGate(gate, 1);
          },
          gate, ledger)
      .Collect();
}

TEST(ProcessPoolTaskFault, NestedWorkersEndWithTheirParent) {
  ExecutionLedger pids;
  ProcessPool pool(1);
  Gate gate;
  auto future = pool.Submit(HoldWorkerBelow, gate.path(), pids.path());
  ASSERT_TRUE(gate.WaitForArrivals(1));
  ASSERT_EQ(pids.Count(), 1);
  const ProcessIdentity nested = IdentifyProcess(pids.First());
  ASSERT_FALSE(HasEnded(nested));
  kill(OnlyWorker(pool), SIGKILL);
  CollectLoss(future);
  EXPECT_TRUE(Eventually([&] { return HasEnded(nested); }, absl::Seconds(5)));
}

}  // namespace
}  // namespace asyncpal
