#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "asyncpal/ipc/internal/fd.h"
#include "asyncpal/ipc/testing/descriptors.h"
#include "asyncpal/ipc/testing/forked.h"
#include "asyncpal/ipc/worker/child_process.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// What a child has from its parent, and what keeps one from being started.

namespace asyncpal::internal {
namespace {

using ::asyncpal::testing::HasNoChildren;
using ::asyncpal::testing::ListDescriptors;
using ::asyncpal::testing::MakePipe;
using ::asyncpal::testing::ReadAll;
using ::asyncpal::testing::RunForked;
using ::asyncpal::testing::ScopedHandler;
using ::asyncpal::testing::TwoEnds;
using ::testing::EndsWith;

constexpr absl::Duration kLong = absl::Seconds(30);
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
    return child.WaitForExit(kLong) ? 0 : 1;
  }
  const std::string report = Report(mode, argc, argv) + ".";
  return write(3, report.data(), report.size()) == -1;
}

// The tests' half.

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
              return child.WaitForExit(kLong) ? 0 : 2;
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
  ChildProcess::Spawn({.command = {"sleep", "1000"}});
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
  ASSERT_TRUE(child.WaitForExit(kLong));
  EXPECT_EQ(child.exit().exit_code, 0);
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
