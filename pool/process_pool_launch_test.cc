#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/ipc/internal/fd.h"
#include "asyncpal/ipc/testing/descriptors.h"
#include "asyncpal/ipc/testing/failpoints.h"
#include "asyncpal/pool/process_pool.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/testing/gate.h"
#include "asyncpal/pool/testing/process_faults.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// Workers that can't be started, or only with difficulties. This test's own
// posix_spawnp() counts, and does what it is told to.

namespace {

std::atomic<int> spawns = 0;
// How many of the next calls fail, and how.
std::atomic<int> failures_left = 0;
std::atomic<int> failure = EAGAIN;
// What the next call does first, once.
std::atomic<std::function<void()>*> before_spawn = nullptr;

}  // namespace

extern "C" int posix_spawnp(pid_t* pid, const char* file,
                            const posix_spawn_file_actions_t* actions,
                            const posix_spawnattr_t* attributes,
                            char* const argv[], char* const environment[]) {
  using Spawn = decltype(&posix_spawnp);
  static const auto spawn =
      reinterpret_cast<Spawn>(dlsym(RTLD_NEXT, "posix_spawnp"));
  ++spawns;
  if (auto* const hook = before_spawn.exchange(nullptr)) (*hook)();
  if (failures_left.fetch_sub(1) > 0) return failure;
  failures_left.fetch_add(1);
  return spawn(pid, file, actions, attributes, argv, environment);
}

namespace asyncpal {
namespace {

using ::asyncpal::testing::CollectLoss;
using ::asyncpal::testing::Eventually;
using ::asyncpal::testing::Gate;
using ::asyncpal::testing::ListChildren;
using ::asyncpal::testing::ListDescriptors;
using ::asyncpal::testing::OnlyWorker;
using ::asyncpal::testing::PassGate;
using ::asyncpal::testing::ScopedFailpoints;
using ::asyncpal::testing::StillWorks;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr absl::Duration kLong = absl::Seconds(30);
constexpr int kForEver = 1 << 30;

int Echo(int n) { return n; }

// The code that the system gave as the reason; 0: there is none.
int CodeOf(const std::exception& error) {
  if (const auto* const cause =
          dynamic_cast<const std::system_error*>(&error)) {
    return cause->code().value();
  }
  try {
    std::rethrow_if_nested(error);
  } catch (const std::exception& cause) {
    return CodeOf(cause);
  }
  return 0;
}

class ProcessPoolLaunch : public ::testing::Test {
 protected:
  struct Breaking {
    std::string message;
    int code = 0;
  };

  ProcessPoolLaunch() {
    // What is opened once for the whole program stays.
    ProcessPool(1).Submit(Echo, 1).Collect(kLong);
    descriptors_ = ListDescriptors();
    spawns = 0;
    failures_left = 0;
  }
  ~ProcessPoolLaunch() override { failures_left = 0; }

  static void FailSpawns(int times, int error) {
    failure = error;
    failures_left = times;
  }

  // Submits a task to a pool that can't start any worker.
  static Breaking Break(ProcessPool& pool) {
    try {
      pool.Submit(Echo, 1).Collect(kLong);
      ADD_FAILURE() << "a worker was started";
    } catch (const BrokenPoolError& error) {
      return {error.what(), CodeOf(error)};
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what();
    }
    return {};
  }

  void ExpectNothingLeft() {
    EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
    EXPECT_EQ(ListDescriptors(), descriptors_);
  }

  std::set<int> descriptors_;
};

// --- Programs that can't be run ---

std::string MakeFile(const std::string& name, mode_t mode) {
  const char* const folder = getenv("TEST_TMPDIR");
  const std::string path =
      absl::StrCat(folder != nullptr ? folder : "/tmp", "/", name);
  const internal::UniqueFd fd(
      open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!fd || write(fd.get(), "\x7f useless\n", 10) != 10 ||
      fchmod(fd.get(), mode) != 0) {
    throw std::system_error(errno, std::generic_category(), path);
  }
  return path;
}

TEST_F(ProcessPoolLaunch, ProgramThatCannotRunBreaksThePoolWithTheReason) {
  const std::pair<std::string, int> programs[] = {
      {"/no/such/program", ENOENT},
      {"no-such-program", ENOENT},
      {MakeFile("not_executable", 0600), EACCES},
      {MakeFile("no_program", 0700), ENOEXEC},
      {"/", EACCES},
  };
  for (const auto& [program, code] : programs) {
    spawns = 0;
    ProcessPool pool(
        {.max_workers = 2, .name = "images", .worker_command = {program}});
    const Breaking error = Break(pool);
    EXPECT_THAT(error.message, HasSubstr("'images'"));
    EXPECT_THAT(error.message, HasSubstr(absl::StrCat("\"", program, "\"")));
    EXPECT_THAT(error.message,
                HasSubstr(std::generic_category().message(code)));
    EXPECT_EQ(error.code, code);
    EXPECT_LE(spawns, 3);
    EXPECT_TRUE(pool.is_broken());
    EXPECT_THROW(pool.Submit(Echo, 1), BrokenPoolError);
  }
  ExpectNothingLeft();
}

TEST_F(ProcessPoolLaunch, TooLargeAnEnvironmentBreaksThePoolWithTheReason) {
  setenv("ASYNCPAL_TEST_HUGE", std::string(2 << 20, 'x').c_str(), 1);
  {
    ProcessPool pool(1);
    EXPECT_EQ(Break(pool).code, E2BIG);
  }
  unsetenv("ASYNCPAL_TEST_HUGE");
  ExpectNothingLeft();
}

TEST_F(ProcessPoolLaunch, ProgramThatIsNoWorkerBreaksThePoolWithTheReason) {
  {
    ProcessPool pool({.max_workers = 2, .worker_command = {"false"}});
    EXPECT_THAT(Break(pool).message,
                HasSubstr("ended before its handshake: it exited with code 1"));
    EXPECT_LE(spawns, 3);
  }
  ExpectNothingLeft();
}

TEST_F(ProcessPoolLaunch, EveryPendingTaskOfABrokenPoolFailsWithTheReason) {
  ProcessPool pool({.max_workers = 1, .worker_command = {"false"}});
  std::vector<Future<int>> futures;
  for (int i = 0; i < 100; ++i) {
    try {
      futures.push_back(pool.Submit(Echo, i));
    } catch (const BrokenPoolError&) {
    }
  }
  ASSERT_FALSE(futures.empty());
  for (const auto& future : futures) {
    EXPECT_THROW(future.Collect(kLong), BrokenPoolError);
  }
}

TEST_F(ProcessPoolLaunch, CrashAtEachStartBreaksThePoolAfterThree) {
  {
    ScopedFailpoints failpoints("handshake=exit:1");
    ProcessPool pool(1);
    EXPECT_THAT(Break(pool).message, HasSubstr("it exited with code 1"));
    EXPECT_EQ(spawns, 3);
  }
  ExpectNothingLeft();
}

TEST_F(ProcessPoolLaunch, StoppedAtTheStartCountsAsOneThatCannotStart) {
  {
    ScopedFailpoints failpoints("handshake=stop");
    ProcessPool pool(
        {.max_workers = 1, .handshake_timeout = absl::Milliseconds(100)});
    EXPECT_THAT(Break(pool).message,
                HasSubstr("sent no handshake within 100ms"));
    EXPECT_EQ(spawns, 3);
  }
  ExpectNothingLeft();
}

TEST_F(ProcessPoolLaunch, HandshakeInLessThanNoTimeIsRefused) {
  EXPECT_THROW(ProcessPool({.handshake_timeout = -absl::Seconds(1)}),
               std::invalid_argument);
}

TEST_F(ProcessPoolLaunch, WorkerThatCannotStartIsQuotedInTheError) {
  ProcessPool pool(
      {.max_workers = 1,
       .worker_command = {"sh", "-c", "echo no module images >&2; exit 1"}});
  EXPECT_THAT(
      Break(pool).message,
      AllOf(HasSubstr("exited with code 1"),
            HasSubstr("its last lines on stderr:\n  no module images")));
}

void WriteAndAbort() {
  std::fputs("images: no GPU\n", stderr);
  std::abort();
}

TEST_F(ProcessPoolLaunch, WorkerThatDiesInItsInitializerIsQuotedInTheError) {
  ProcessPool pool({.max_workers = 1, .initializer = WriteAndAbort});
  EXPECT_THAT(Break(pool).message, HasSubstr("images: no GPU"));
}

std::string CountThreadsWithoutNewPrivileges() {
  int with = 0;
  int without = 0;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream status(task.path() / "status");
    for (std::string word; status >> word;) {
      if (word != "NoNewPrivs:") continue;
      status >> word;
      ++(word == "1" ? without : with);
    }
  }
  return absl::StrCat(with, " with, ", without > 0 ? "some" : "none",
                      " without");
}

TEST_F(ProcessPoolLaunch, NewPrivilegesAreForbiddenToAllThreadsOnRequest) {
  ProcessPool pool({.max_workers = 1, .no_new_privileges = true});
  EXPECT_EQ(pool.Submit(CountThreadsWithoutNewPrivileges).Collect(kLong),
            "0 with, some without");
}

// --- Systems without processes or descriptors to spare ---

TEST_F(ProcessPoolLaunch, ShortageIsWaitedFor) {
  for (const int error : {EAGAIN, ENOMEM}) {
    spawns = 0;
    FailSpawns(4, error);
    ProcessPool pool(1);
    EXPECT_EQ(pool.Submit(Echo, 7).Collect(kLong), 7);
    EXPECT_EQ(spawns, 5);
    EXPECT_FALSE(pool.is_broken());
  }
  ExpectNothingLeft();
}

TEST_F(ProcessPoolLaunch, ShortageWithoutEndBreaksThePoolWithTheReason) {
  FailSpawns(kForEver, EAGAIN);
  {
    ProcessPool pool(1);
    EXPECT_EQ(Break(pool).code, EAGAIN);
    EXPECT_LE(spawns, 10);
  }
  ExpectNothingLeft();
}

TEST_F(ProcessPoolLaunch, ShutdownDoesNotWaitForAShortageToEnd) {
  FailSpawns(kForEver, EAGAIN);
  ProcessPool pool(1);
  auto future = pool.Submit(Echo, 1);
  ASSERT_TRUE(Eventually([] { return spawns > 0; }));
  EXPECT_TRUE(pool.Shutdown({.mode = ShutdownMode::kKill}));
  EXPECT_TRUE(future.is_cancelled());
}

TEST_F(ProcessPoolLaunch, TasksRunOnTheWorkersThatThereAre) {
  {
    ProcessPool pool(3);
    Gate gate;
    auto first = pool.Submit(PassGate, gate.path(), 1);
    ASSERT_TRUE(gate.WaitForArrivals(1));
    FailSpawns(kForEver, EAGAIN);
    std::vector<Future<int>> futures;
    for (int i = 0; i < 50; ++i) futures.push_back(pool.Submit(Echo, i));
    ASSERT_TRUE(Eventually([] { return spawns > 1; }));
    gate.Open();
    EXPECT_EQ(first.Collect(kLong), 1);
    for (int i = 0; i < 50; ++i) EXPECT_EQ(futures[i].Collect(kLong), i);
    EXPECT_FALSE(pool.is_broken());
    failures_left = 0;
    EXPECT_TRUE(StillWorks(pool));
  }
  ExpectNothingLeft();
}

// Leaves room for so many descriptors.
class ScopedDescriptorLimit {
 public:
  explicit ScopedDescriptorLimit(int room) {
    getrlimit(RLIMIT_NOFILE, &old_);
    const std::set<int> taken = ListDescriptors();
    // The standard streams' at least: poll() takes no more than are allowed.
    rlim_t limit = 3;
    while (room > 0) {
      room -= taken.count(static_cast<int>(limit)) > 0 ? 0 : 1;
      ++limit;
    }
    const rlimit now = {limit, old_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &now);
  }
  ~ScopedDescriptorLimit() { setrlimit(RLIMIT_NOFILE, &old_); }

 private:
  rlimit old_;
};

// At each step of a start, the step's descriptor is the one that is missing.
TEST_F(ProcessPoolLaunch, LackOfDescriptorsAtAnyStepLeavesTheTasksToOthers) {
  for (int room = 0; room <= 10; ++room) {
    ProcessPool pool(2);
    Gate gate;
    auto first = pool.Submit(PassGate, gate.path(), 1);
    ASSERT_TRUE(gate.WaitForArrivals(1));
    std::vector<Future<int>> futures;
    {
      ScopedDescriptorLimit limit(room);
      for (int i = 0; i < 20; ++i) futures.push_back(pool.Submit(Echo, i));
      gate.Open();
      for (int i = 0; i < 20; ++i) {
        ASSERT_EQ(futures[i].Collect(kLong), i) << "room for " << room;
      }
    }
    EXPECT_EQ(first.Collect(kLong), 1);
    EXPECT_FALSE(pool.is_broken());
    EXPECT_TRUE(StillWorks(pool));
  }
  ExpectNothingLeft();
}

TEST_F(ProcessPoolLaunch, LackOfDescriptorsRefusesTheFirstTask) {
  ProcessPool pool(1);
  {
    ScopedDescriptorLimit limit(0);
    EXPECT_THROW(pool.Submit(Echo, 1), std::system_error);
  }
  EXPECT_EQ(pool.Stats().submitted, 0);
  EXPECT_TRUE(StillWorks(pool));
}

TEST_F(ProcessPoolLaunch, LackOfDescriptorsWithoutEndBreaksThePool) {
  {
    ProcessPool pool(1);
    std::optional<ScopedDescriptorLimit> limit(3);
    const Breaking error = Break(pool);
    limit.reset();
    EXPECT_EQ(error.code, EMFILE);
  }
  ExpectNothingLeft();
}

// The worker whose turn to end it is could have no successor.
TEST_F(ProcessPoolLaunch, LackOfDescriptorsAtTheChangeOfWorkersLosesNoFuture) {
  ProcessPool pool({.max_workers = 1, .max_tasks_per_worker = 1});
  Gate gate;
  auto first = pool.Submit(PassGate, gate.path(), 1);
  auto second = pool.Submit(Echo, 2);
  ASSERT_TRUE(gate.WaitForArrivals(1));
  {
    ScopedDescriptorLimit limit(0);
    gate.Open();
    EXPECT_EQ(first.Collect(kLong), 1);
    // It has ended, and there were no descriptors for the next.
    ASSERT_TRUE(Eventually([&] {
      siginfo_t child = {};
      return waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) == -1;
    }));
  }
  // The pool is not patient for ever.
  ASSERT_TRUE(second.Wait(kLong));
  EXPECT_TRUE(second.is_completed() || pool.is_broken());
}

// --- What a worker has from its parent ---

TEST_F(ProcessPoolLaunch, WorkerHasTheStandardStreamsAndItsSocketOnly) {
  std::vector<internal::UniqueFd> decoys;  // not close-on-exec
  for (int i = 0; i < 50; ++i) decoys.emplace_back(dup(STDERR_FILENO));
  ProcessPool pool(2);
  pool.SpawnMaxWorkers();
  for (int i = 0; i < 4; ++i) {
    auto future = pool.Submit([] {
      const std::set<int> fds = ListDescriptors();
      return std::vector<int>(fds.begin(), fds.end());
    });
    EXPECT_THAT(future.Collect(kLong), ElementsAre(0, 1, 2, 3));
  }
}

TEST_F(ProcessPoolLaunch, WorkerIsStoppableThoughItsParentIsNot) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const auto old_handler = signal(SIGTERM, SIG_IGN);
  ProcessPool pool(1);
  const WorkerLostError loss = CollectLoss(pool.Submit([] {
    kill(getpid(), SIGTERM);
    while (true) pause();
  }));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  signal(SIGTERM, old_handler);
  EXPECT_EQ(loss.signal(), SIGTERM);
}

// A process that the program forks without exec, in the worst moment, has the
// worker's end of the socket, too.
class HoldingFork {
 public:
  HoldingFork() {
    hook_ = [this] {
      pid_ = fork();
      if (pid_ == 0) {
        while (true) pause();
      }
    };
    before_spawn = &hook_;
  }
  ~HoldingFork() {
    before_spawn = nullptr;
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }

 private:
  std::function<void()> hook_;
  std::atomic<pid_t> pid_ = 0;
};

TEST_F(ProcessPoolLaunch, ForkedProcessDoesNotHideTheDeathOfAWorker) {
  HoldingFork holder;
  ProcessPool pool(1);
  Gate gate;
  auto future = pool.Submit(PassGate, gate.path(), 1);
  ASSERT_TRUE(gate.WaitForArrivals(1));
  ASSERT_GT(holder.pid(), 0);
  kill(OnlyWorker(pool), SIGKILL);
  EXPECT_EQ(CollectLoss(future).signal(), SIGKILL);
  EXPECT_TRUE(StillWorks(pool));
}

TEST_F(ProcessPoolLaunch, ForkedProcessDoesNotHideTheDeathFromWhoWaits) {
  HoldingFork holder;
  ProcessPool pool(1);
  pool.Submit(Echo, 1).Collect(kLong);
  ASSERT_GT(holder.pid(), 0);
  EXPECT_THROW(pool.Run([] { _exit(1); }), WorkerLostError);
  EXPECT_TRUE(StillWorks(pool));
}

TEST_F(ProcessPoolLaunch, ForkedProcessDoesNotHideADeathAtTheStart) {
  ScopedFailpoints failpoints("handshake=exit:1");
  HoldingFork holder;
  ProcessPool pool({.max_workers = 1, .handshake_timeout = kLong});
  EXPECT_THAT(Break(pool).message, HasSubstr("it exited with code 1"));
}

// --- Initializers ---

TEST_F(ProcessPoolLaunch, InitializerThatEndsTheProcessBreaksThePool) {
  ProcessPool pool({.max_workers = 1, .initializer = [] { _exit(3); }});
  EXPECT_THAT(Break(pool).message,
              HasSubstr("exited with code 3 in its initializer"));
  EXPECT_EQ(spawns, 1);
}

TEST_F(ProcessPoolLaunch, WorkerInASlowInitializerIsKilled) {
  ProcessPool pool({.max_workers = 1,
                    .initializer =
                        [] {
                          while (true) pause();
                        },
                    .initializer_timeout = absl::Milliseconds(100)});
  EXPECT_THAT(Break(pool).message,
              HasSubstr("had not ended within 100ms, its initializer_timeout, "
                        "and the process was killed"));
  EXPECT_EQ(spawns, 1);
  EXPECT_TRUE(ListChildren(getpid()).empty());
}

TEST_F(ProcessPoolLaunch, HandshakeDoesNotCountForTheInitializersTime) {
  ScopedFailpoints failpoints("handshake=sleep:1000");
  ProcessPool pool({.max_workers = 1,
                    .initializer = [] {},
                    .handshake_timeout = kLong,
                    .initializer_timeout = absl::Milliseconds(500)});
  EXPECT_EQ(pool.Submit(Echo, 1).Collect(kLong), 1);
}

TEST_F(ProcessPoolLaunch, EndlessInitializerEndsInAShutdown) {
  for (const ShutdownOptions& how :
       {ShutdownOptions{.mode = ShutdownMode::kKill},
        ShutdownOptions{.deadline = absl::Milliseconds(100)}}) {
    Gate gate;
    ProcessPool pool({.max_workers = 1,
                      .initializer = Shippable(
                          [](std::string gate) {
                            testing::TouchGate(gate, 0);
                            while (true) pause();
                          },
                          gate.path())});
    auto future = pool.Submit(Echo, 1);
    ASSERT_TRUE(gate.WaitForArrivals(1));
    EXPECT_TRUE(pool.Shutdown(how));
    EXPECT_TRUE(Eventually([&] { return future.is_cancelled(); }));
    EXPECT_TRUE(Eventually([&] { return pool.is_terminated(); }));
    EXPECT_TRUE(ListChildren(getpid()).empty());
  }
}

}  // namespace
}  // namespace asyncpal
