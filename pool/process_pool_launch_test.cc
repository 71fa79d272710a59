#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
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
#include "asyncpal/pool/testing/launch_faults.h"
#include "asyncpal/pool/testing/process_faults.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// Programs that can't be workers, what a worker has from its parent, and its
// initializer.

namespace asyncpal {
namespace {

using ::asyncpal::testing::before_spawn;
using ::asyncpal::testing::CollectLoss;
using ::asyncpal::testing::Echo;
using ::asyncpal::testing::Eventually;
using ::asyncpal::testing::Gate;
using ::asyncpal::testing::kLong;
using ::asyncpal::testing::ListChildren;
using ::asyncpal::testing::ListDescriptors;
using ::asyncpal::testing::OnlyWorker;
using ::asyncpal::testing::PassGate;
using ::asyncpal::testing::ProcessPoolLaunch;
using ::asyncpal::testing::ScopedFailpoints;
using ::asyncpal::testing::spawns;
using ::asyncpal::testing::StillWorks;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

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
