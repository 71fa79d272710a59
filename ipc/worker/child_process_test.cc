#include "asyncpal/ipc/worker/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "asyncpal/ipc/internal/fd.h"
#include "asyncpal/ipc/testing/descriptors.h"
#include "asyncpal/ipc/testing/forbidden_calls.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::asyncpal::testing::ForbidCalls;
using ::asyncpal::testing::ListDescriptors;
using ::asyncpal::testing::MakePipe;
using ::asyncpal::testing::ReadAll;
using ::asyncpal::testing::TwoEnds;
using ::testing::EndsWith;

constexpr absl::Duration kPatience = absl::Seconds(30);
constexpr char kModeVariable[] = "CHILD_PROCESS_TEST_MODE";
constexpr int kLetters = 12;

// The child's half: what this program does instead of running tests.

std::string LinkOf(int fd) {
  char target[4096];
  const std::string link = absl::StrCat("/proc/self/fd/", fd);
  const ssize_t length = readlink(link.c_str(), target, sizeof(target));
  return length == -1 ? "closed" : std::string(target, length);
}

std::string Report(const std::string& mode, int argc, char** argv) {
  if (mode == "descriptors") return absl::StrJoin(ListDescriptors(), " ");
  if (mode == "streams") {
    return absl::StrCat(LinkOf(0), " ", LinkOf(1), " ", LinkOf(2));
  }
  if (mode == "arguments") {
    return absl::StrJoin(std::vector<std::string>(argv + 1, argv + argc), " ");
  }
  if (mode == "environment") {
    std::string found;
    for (char** entry = environ; *entry != nullptr; ++entry) {
      if (std::strncmp(*entry, "SOME_NAME", 9) == 0) {
        absl::StrAppend(&found, *entry, ";");
      }
    }
    return found;
  }
  if (mode == "signals") {
    std::ifstream status("/proc/self/status");
    std::string word;
    std::string found;
    while (status >> word) {
      if (word != "SigBlk:" && word != "SigIgn:") continue;
      uint64_t mask;
      status >> std::hex >> mask;
      // glibc keeps signals 32 and 33 to itself.
      mask &= ~(uint64_t{3} << 31);
      absl::StrAppend(&found, word, absl::Hex(mask), " ");
    }
    return found;
  }
  return "unknown mode " + mode;
}

int ChildMain(const std::string& mode, int argc, char** argv) {
  if (mode == "letters") {
    for (int i = 0; i < kLetters; ++i) {
      const char letter = static_cast<char>('a' + i);
      if (write(3 + i, &letter, 1) != 1) return 1;
    }
    return 0;
  }
  if (mode == "delete_and_respawn") {
    if (unlink(argv[0]) == -1) return 1;
    ChildProcess child = ChildProcess::Spawn(
        {.environment = {absl::StrCat(kModeVariable, "=arguments")},
         .descriptors = {3}});
    return child.WaitForExit(kPatience) ? 0 : 1;
  }
  const std::string report = Report(mode, argc, argv) + ".";
  return write(3, report.data(), report.size()) == -1;
}

// The tests' half.

ChildProcess SpawnShell(const std::string& script) {
  return ChildProcess::Spawn({.command = {"sh", "-c", script}});
}

ChildProcess SpawnSleeper() { return SpawnShell("exec sleep 1000"); }

// What this program reports as a child in the given mode.
std::string ReportOf(const std::string& mode,
                     ChildProcess::Options options = {}) {
  TwoEnds report = MakePipe();
  options.environment.push_back(absl::StrCat(kModeVariable, "=", mode));
  options.descriptors = {report.second.get()};
  ChildProcess child = ChildProcess::Spawn(options);
  report.second.Reset();
  return ReadAll(report.first.get());
}

std::string MessageOfSpawn(const ChildProcess::Options& options) {
  try {
    ChildProcess::Spawn(options);
  } catch (const std::system_error& error) {
    return error.what();
  }
  return "started";
}

bool HasNoChildren() {
  return waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD;
}

// Runs `f` in a forked process, and returns the exit code that it gives.
template <typename F>
int RunForked(F f) {
  const pid_t pid = fork();
  if (pid == 0) _exit(f());
  int status = 0;
  RetryOnEintr([&] { return waitpid(pid, &status, 0); });
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

class ScopedHandler {
 public:
  ScopedHandler(int signal, void (*handler)(int)) : signal_(signal) {
    struct sigaction action = {};  // without SA_RESTART
    action.sa_handler = handler;
    sigaction(signal, &action, &old_);
  }
  ~ScopedHandler() { sigaction(signal_, &old_, nullptr); }

 private:
  int signal_;
  struct sigaction old_;
};

TEST(ChildProcess, TellsTheExitCode) {
  ChildProcess child = SpawnShell("exit 3");
  ASSERT_TRUE(child.WaitForExit(kPatience));
  EXPECT_EQ(child.exit().exit_code, 3);
  EXPECT_EQ(child.exit().signal, std::nullopt);
}

TEST(ChildProcess, TellsTheSignal) {
  ChildProcess child = SpawnShell("kill -TERM $$");
  ASSERT_TRUE(child.WaitForExit(kPatience));
  EXPECT_EQ(child.exit().signal, SIGTERM);
  EXPECT_EQ(child.exit().exit_code, std::nullopt);
}

TEST(ChildProcess, WaitReturnsFalseWhileItRuns) {
  ChildProcess child = SpawnSleeper();
  EXPECT_FALSE(child.WaitForExit(absl::ZeroDuration()));
  EXPECT_FALSE(child.WaitForExit(absl::Milliseconds(5)));
}

TEST(ChildProcess, WaitReturnsTrueAgain) {
  ChildProcess child = SpawnShell("exit 3");
  ASSERT_TRUE(child.WaitForExit(absl::InfiniteDuration()));
  EXPECT_TRUE(child.WaitForExit(absl::ZeroDuration()));
  EXPECT_EQ(child.exit().exit_code, 3);
}

TEST(ChildProcess, WaitGoesOnAfterSignals) {
  ScopedHandler handler(SIGALRM, [](int) {});
  const struct itimerval storm = {{0, 500}, {0, 500}};
  setitimer(ITIMER_REAL, &storm, nullptr);
  ChildProcess child = SpawnShell("sleep 0.1; exit 3");
  const bool ended = child.WaitForExit(kPatience);
  const struct itimerval calm = {};
  setitimer(ITIMER_REAL, &calm, nullptr);
  ASSERT_TRUE(ended);
  EXPECT_EQ(child.exit().exit_code, 3);
}

TEST(ChildProcess, KillEndsIt) {
  ChildProcess child = SpawnSleeper();
  child.Kill();
  ASSERT_TRUE(child.WaitForExit(kPatience));
  EXPECT_EQ(child.exit().signal, SIGKILL);
}

TEST(ChildProcess, KillEndsTheWaitOfAnotherThread) {
  ChildProcess child = SpawnSleeper();
  std::thread killer([&] { child.Kill(); });
  EXPECT_TRUE(child.WaitForExit(kPatience));
  killer.join();
}

TEST(ChildProcess, KillAfterTheEndChangesNothing) {
  ChildProcess child = SpawnShell("exit 3");
  ASSERT_TRUE(child.WaitForExit(kPatience));
  child.Kill();
  EXPECT_EQ(child.exit().exit_code, 3);
}

TEST(ChildProcess, DestructorKillsAndReaps) {
  const std::set<int> before = ListDescriptors();
  SpawnSleeper();
  EXPECT_TRUE(HasNoChildren());
  EXPECT_EQ(ListDescriptors(), before);
}

TEST(ChildProcess, DestructorOfAMovedOneLeavesItAlone) {
  auto first = std::make_unique<ChildProcess>(SpawnSleeper());
  ChildProcess second = std::move(*first);
  first.reset();
  EXPECT_FALSE(second.WaitForExit(absl::ZeroDuration()));
}

TEST(ChildProcess, DestructorInAForkedProcessLeavesItAlone) {
  auto child = std::make_unique<ChildProcess>(SpawnSleeper());
  ASSERT_EQ(RunForked([&] {
              child->Kill();
              child.reset();
              return 7;
            }),
            7);
  EXPECT_FALSE(child->WaitForExit(absl::ZeroDuration()));
}

TEST(ChildProcess, HasItsOwnProcessGroup) {
  ChildProcess child = SpawnSleeper();
  EXPECT_EQ(getpgid(child.pid()), child.pid());
}

TEST(ChildProcess, PidfdIsCloseOnExec) {
  ChildProcess child = SpawnSleeper();
  EXPECT_EQ(fcntl(child.pidfd(), F_GETFD), FD_CLOEXEC);
}

TEST(ChildProcess, StatusIsUnknownWhereSigchldIsIgnored) {
  ScopedHandler ignored(SIGCHLD, SIG_IGN);
  ChildProcess child = SpawnShell("exit 3");
  ASSERT_TRUE(child.WaitForExit(kPatience));
  EXPECT_EQ(child.exit().exit_code, std::nullopt);
  EXPECT_EQ(child.exit().signal, std::nullopt);
}

TEST(ChildProcess, StatusIsUnknownWhereSomeoneElseReaps) {
  ChildProcess child = SpawnShell("exit 3");
  RetryOnEintr([&] { return waitpid(child.pid(), nullptr, 0); });
  ASSERT_TRUE(child.WaitForExit(kPatience));
  EXPECT_EQ(child.exit().exit_code, std::nullopt);
}

TEST(ChildProcess, KillAfterSomeoneElseReapedIsHarmless) {
  ChildProcess child = SpawnShell("exit 3");
  RetryOnEintr([&] { return waitpid(child.pid(), nullptr, 0); });
  child.Kill();
  EXPECT_TRUE(child.WaitForExit(kPatience));
}

TEST(ChildProcess, DescribesASignalByNumberAndName) {
  EXPECT_EQ(ChildProcess::DescribeExit({.signal = SIGKILL}),
            "was killed by signal 9 (Killed)");
}

TEST(ChildProcess, DescribesASignalWithoutName) {
  EXPECT_EQ(ChildProcess::DescribeExit({.signal = 50}),
            "was killed by signal 50");
}

TEST(ChildProcess, DescribesAnExitCode) {
  EXPECT_EQ(ChildProcess::DescribeExit({.exit_code = 0}), "exited with code 0");
}

TEST(ChildProcess, DescribesAnUnknownEnd) {
  EXPECT_EQ(ChildProcess::DescribeExit({}),
            "ended, its exit status was taken by someone else");
}

TEST(ChildProcessSpawn, TitleIsTheOnlyArgument) {
  EXPECT_EQ(ReportOf("arguments", {.title = "worker images-1"}),
            "worker images-1.");
}

TEST(ChildProcessSpawn, CommandMayHaveArguments) {
  EXPECT_EQ(
      ReportOf("arguments", {.command = {"/proc/self/exe", "one", "two"}}),
      "one two.");
}

TEST(ChildProcessSpawn, StartsItsExecutableAfterThatWasDeleted) {
  const std::string copy = absl::StrCat(::testing::TempDir(), "/copy");
  {
    std::ofstream out(copy, std::ios::binary);
    out << std::ifstream("/proc/self/exe", std::ios::binary).rdbuf();
  }
  chmod(copy.c_str(), 0700);
  EXPECT_EQ(ReportOf("delete_and_respawn", {.command = {copy}}), ".");
}

TEST(ChildProcessSpawn, AddsToTheEnvironment) {
  EXPECT_EQ(ReportOf("environment", {.environment = {"SOME_NAME=1"}}),
            "SOME_NAME=1;.");
}

TEST(ChildProcessSpawn, ReplacesInTheEnvironment) {
  setenv("SOME_NAME", "old", 1);
  setenv("SOME_NAMESAKE", "kept", 1);
  const std::string report = ReportOf(
      "environment", {.environment = {"SOME_NAME=newer", "SOME_NAME=newest"}});
  unsetenv("SOME_NAME");
  unsetenv("SOME_NAMESAKE");
  EXPECT_EQ(report, "SOME_NAMESAKE=kept;SOME_NAME=newest;.");
}

TEST(ChildProcessSpawn, RefusesAnEnvironmentWithoutValue) {
  EXPECT_THROW(ChildProcess::Spawn({.environment = {"SOME_NAME"}}),
               std::invalid_argument);
}

TEST(ChildProcessSpawn, InheritsNoOtherDescriptor) {
  std::vector<UniqueFd> decoys;  // not close-on-exec
  for (int i = 0; i < 50; ++i) decoys.emplace_back(open("/dev/null", O_RDONLY));
  EXPECT_EQ(ReportOf("descriptors"), "0 1 2 3.");
}

TEST(ChildProcessSpawn, InheritsStdoutAndStderrButNotStdin) {
  EXPECT_EQ(ReportOf("streams"),
            absl::StrCat("/dev/null ", LinkOf(1), " ", LinkOf(2), "."));
}

// Their numbers here are those of others there.
TEST(ChildProcessSpawn, DescriptorsArriveInOrder) {
  std::vector<TwoEnds> pipes;
  ChildProcess::Options options;
  options.environment = {absl::StrCat(kModeVariable, "=letters")};
  for (int i = 0; i < kLetters; ++i) pipes.push_back(MakePipe());
  for (int i = kLetters - 1; i >= 0; --i) {
    options.descriptors.push_back(pipes[i].second.get());
  }
  ChildProcess child = ChildProcess::Spawn(options);
  std::string letters;
  for (TwoEnds& pipe : pipes) {
    pipe.second.Reset();
    letters += ReadAll(pipe.first.get());
  }
  EXPECT_EQ(letters, "lkjihgfedcba");
}

TEST(ChildProcessSpawn, DescriptorMayBeGivenTwice) {
  TwoEnds pipe = MakePipe();
  ChildProcess::Options options;
  options.environment = {absl::StrCat(kModeVariable, "=letters")};
  options.descriptors.assign(kLetters, pipe.second.get());
  ChildProcess child = ChildProcess::Spawn(options);
  pipe.second.Reset();
  EXPECT_EQ(ReadAll(pipe.first.get()), "abcdefghijkl");
}

TEST(ChildProcessSpawn, DescriptorsRemainTheCallers) {
  const TwoEnds pipe = MakePipe();
  const std::set<int> before = ListDescriptors();
  ChildProcess::Spawn(
      {.command = {"true"}, .descriptors = {pipe.second.get()}});
  EXPECT_EQ(ListDescriptors(), before);
}

// Pipes get the numbers of the standard streams then.
TEST(ChildProcessSpawn, WorksWithClosedStandardStreams) {
  TwoEnds report = MakePipe();
  EXPECT_EQ(RunForked([&] {
              for (const int fd : {0, 1, 2}) close(fd);
              const TwoEnds low = MakePipe();
              if (low.second.get() != 1) return 1;
              dup2(report.second.get(), low.second.get());
              fcntl(low.second.get(), F_SETFD, FD_CLOEXEC);
              ChildProcess child = ChildProcess::Spawn(
                  {.environment = {absl::StrCat(kModeVariable, "=streams")},
                   .descriptors = {low.second.get()}});
              return child.WaitForExit(kPatience) ? 0 : 2;
            }),
            0);
  report.second.Reset();
  EXPECT_EQ(ReadAll(report.first.get()), "/dev/null /dev/null /dev/null.");
}

TEST(ChildProcessSpawn, IgnoresWhatThisProcessIgnores) {
  ScopedHandler pipe(SIGPIPE, SIG_IGN);
  ScopedHandler interrupt(SIGINT, SIG_IGN);
  const uint64_t ignored = uint64_t{1} << (SIGPIPE - 1) | uint64_t{1}
                                                              << (SIGINT - 1);
  EXPECT_EQ(ReportOf("signals"),
            absl::StrCat("SigBlk:0 SigIgn:", absl::Hex(ignored), " ."));
}

TEST(ChildProcessSpawn, HasItsOwnWayWithChildrenAndFaults) {
  ScopedHandler children(SIGCHLD, SIG_IGN);
  ScopedHandler fault(SIGSEGV, SIG_IGN);
  ScopedHandler abortion(SIGABRT, SIG_IGN);
  EXPECT_EQ(ReportOf("signals"), "SigBlk:0 SigIgn:0 .");
}

TEST(ChildProcessSpawn, BlocksAndHandlesNoSignal) {
  ScopedHandler handled(SIGUSR1, [](int) {});
  sigset_t term;
  sigset_t old;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &term, &old);
  const std::string report = ReportOf("signals");
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  EXPECT_EQ(report, "SigBlk:0 SigIgn:0 .");
}

TEST(ChildProcessSpawn, LeavesSigchldAlone) {
  ScopedHandler handler(SIGCHLD, [](int) {});
  struct sigaction before;
  struct sigaction after;
  sigaction(SIGCHLD, nullptr, &before);
  SpawnSleeper();
  sigaction(SIGCHLD, nullptr, &after);
  EXPECT_EQ(after.sa_handler, before.sa_handler);
}

TEST(ChildProcessSpawn, NamesAMissingProgram) {
  EXPECT_EQ(MessageOfSpawn({.command = {"/no/such"}}),
            "can't start worker process \"/no/such\": No such file or "
            "directory");
}

TEST(ChildProcessSpawn, LooksForANameOnPath) {
  EXPECT_EQ(MessageOfSpawn({.command = {"no-such-program"}}),
            "can't start worker process \"no-such-program\": No such file or "
            "directory");
}

// A file that can't be executed.
class UselessFile {
 public:
  explicit UselessFile(mode_t mode)
      : path_(absl::StrCat(::testing::TempDir(), "/useless")) {
    std::ofstream(path_) << "no program\n";
    chmod(path_.c_str(), mode);
  }
  ~UselessFile() { unlink(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(ChildProcessSpawn, SaysThatAFileMayNotBeExecuted) {
  EXPECT_THAT(MessageOfSpawn({.command = {UselessFile(0600).path()}}),
              EndsWith("/useless\": Permission denied"));
}

TEST(ChildProcessSpawn, SaysThatAFileIsNoProgram) {
  EXPECT_THAT(MessageOfSpawn({.command = {UselessFile(0700).path()}}),
              EndsWith("/useless\": Exec format error"));
}

TEST(ChildProcessSpawn, SaysThatTheEnvironmentIsTooLarge) {
  EXPECT_THAT(MessageOfSpawn({.environment = {absl::StrCat(
                                  "LARGE=", std::string(2 << 20, 'x'))}}),
              EndsWith(": Argument list too long"));
}

TEST(ChildProcessSpawn, NamesADescriptorThatIsNotOpen) {
  EXPECT_EQ(MessageOfSpawn({.command = {"true"}, .descriptors = {987}}),
            "can't hand descriptor 987 to a worker process: Bad file "
            "descriptor");
}

TEST(ChildProcessSpawn, FailureLeavesNothingBehind) {
  const std::set<int> before = ListDescriptors();
  MessageOfSpawn({.command = {"/no/such"}, .descriptors = {1, 2}});
  EXPECT_TRUE(HasNoChildren());
  EXPECT_EQ(ListDescriptors(), before);
}

TEST(ChildProcessSpawn, PutsAnotherFileInThePlaceOfStderr) {
  TwoEnds output = MakePipe();
  ChildProcess child =
      ChildProcess::Spawn({.command = {"sh", "-c", "echo out of luck >&2"},
                           .stderr_fd = output.second.get()});
  output.second.Reset();
  EXPECT_EQ(ReadAll(output.first.get()), "out of luck\n");
}

TEST(ChildProcessSpawn, GivesNullInPlaceOfNoDescriptor) {
  ChildProcess child = ChildProcess::Spawn(
      {.command = {"sh", "-c", "test /proc/self/fd/3 -ef /dev/null"},
       .descriptors = {-1}});
  ASSERT_TRUE(child.WaitForExit(kPatience));
  EXPECT_EQ(child.exit().exit_code, 0);
}

// In a process of its own, since it can't be undone.
TEST(ChildProcess, IsWatchedKilledAndReapedWithoutPidfds) {
  EXPECT_EQ(RunForked([] {
              ForbidCalls({SYS_pidfd_open, SYS_pidfd_send_signal});
              ChildProcess child = SpawnSleeper();
              if (child.pidfd() != -1) return 1;
              if (child.WaitForExit(absl::Milliseconds(1))) return 2;
              child.Kill();
              if (!child.WaitForExit(kPatience)) return 3;
              if (child.exit().signal != SIGKILL) return 4;
              child.Kill();
              return HasNoChildren() ? 0 : 5;
            }),
            0);
}

// Each number of descriptors that this process may still open, from none to
// enough.
TEST(ChildProcessSpawn, LackOfDescriptorsLeavesNothingBehind) {
  const std::set<int> before = ListDescriptors();
  struct rlimit old;
  getrlimit(RLIMIT_NOFILE, &old);
  int failed = 0;
  int started = 0;
  for (rlim_t limit = 3; limit < 30; ++limit) {
    const struct rlimit scarce = {limit, old.rlim_max};
    setrlimit(RLIMIT_NOFILE, &scarce);
    const std::string message =
        MessageOfSpawn({.command = {"true"}, .descriptors = {1, 2}});
    setrlimit(RLIMIT_NOFILE, &old);
    ++(message == "started" ? started : failed);
    EXPECT_TRUE(HasNoChildren());
    ASSERT_EQ(ListDescriptors(), before);
  }
  EXPECT_GT(failed, 0);
  EXPECT_GT(started, 0);
}

}  // namespace
}  // namespace asyncpal::internal

int main(int argc, char** argv) {
  if (const char* const mode = std::getenv(asyncpal::internal::kModeVariable)) {
    return asyncpal::internal::ChildMain(mode, argc, argv);
  }
  ::testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
