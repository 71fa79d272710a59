#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "asyncpal/ipc/internal/fd.h"
#include "asyncpal/ipc/testing/descriptors.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// Programs with a process pool that are started in another way than usual.

namespace asyncpal {
namespace {

using ::asyncpal::internal::UniqueFd;
using ::asyncpal::testing::MakePipe;
using ::asyncpal::testing::MakeSockets;
using ::asyncpal::testing::ReadAll;
using ::asyncpal::testing::TwoEnds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr uid_t kNobody = 65534;

std::string Program() { return "pool/testing/small_program"; }

struct Outcome {
  std::string output;  // stdout and stderr
  int exit_code = -1;
};

// Runs a program; `prepare` is called in the new process before.
Outcome RunProgram(
    const std::vector<std::string>& command,
    const std::function<void()>& prepare = [] {}) {
  TwoEnds output = MakePipe();
  const pid_t child = fork();
  if (child == 0) {
    dup2(output.second.get(), STDOUT_FILENO);
    dup2(output.second.get(), STDERR_FILENO);
    prepare();
    std::vector<char*> arguments;
    for (const std::string& word : command) {
      arguments.push_back(const_cast<char*>(word.c_str()));
    }
    arguments.push_back(nullptr);
    execv(arguments[0], arguments.data());
    _exit(127);
  }
  output.second.Reset();
  Outcome outcome = {.output = ReadAll(output.first.get())};
  int status = 0;
  internal::RetryOnEintr([&] { return waitpid(child, &status, 0); });
  if (WIFEXITED(status)) outcome.exit_code = WEXITSTATUS(status);
  return outcome;
}

int CountMains(const std::string& output) {
  int mains = 0;
  for (size_t at = output.find("main()"); at != std::string::npos;
       at = output.find("main()", at + 1)) {
    ++mains;
  }
  return mains;
}

TEST(ProcessPoolProgram, RunsAsAnyOther) {
  EXPECT_THAT(RunProgram({Program()}).output, HasSubstr("result 42\n"));
}

TEST(ProcessPoolProgram, RunsByTheDynamicLoaderCalledAsAProgram) {
  const Outcome outcome =
      RunProgram({"/lib64/ld-linux-x86-64.so.2", "--library-path", "/nowhere",
                  Program(), "x"});
  EXPECT_THAT(outcome.output, HasSubstr("result 42\n"));
}

// --- With rights of its file. Needs root, and a file system that has them. ---

void BecomeNobody() {
  if (setresgid(kNobody, kNobody, kNobody) != 0 ||
      setresuid(kNobody, kNobody, kNobody) != 0) {
    _exit(126);
  }
}

// A copy of the program that has rights of its own.
class PrivilegedProgram : public ::testing::TestWithParam<std::string> {
 protected:
  PrivilegedProgram() {
    char folder[] = "/tmp/asyncpal-XXXXXX";
    if (mkdtemp(folder) == nullptr) return;
    folder_ = folder;
    chmod(folder, 0755);
    path_ = folder_ + "/small_program";
    std::filesystem::copy_file(std::filesystem::canonical(Program()), path_);
    if (GetParam() == "setuid") has_rights_ = chmod(path_.c_str(), 04755) == 0;
    if (GetParam() == "setgid") has_rights_ = chmod(path_.c_str(), 02755) == 0;
    if (GetParam() == "capability") {
      chmod(path_.c_str(), 0755);
      vfs_cap_data rights = {};
      rights.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE;
      rights.data[0].permitted = 1u << CAP_NET_BIND_SERVICE;
      has_rights_ = setxattr(path_.c_str(), "security.capability", &rights,
                             sizeof(rights), 0) == 0;
    }
  }
  ~PrivilegedProgram() override {
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }

  // Empty: the rights are in force. Else why this can't be tested here.
  std::string WhyUntested() const {
    if (!has_rights_) return "can't give a file " + GetParam() + " rights here";
    const Outcome outcome = RunProgram({path_}, BecomeNobody);
    if (outcome.exit_code == 126) return "can't become another user here";
    if (outcome.output.find("main(), secure 0") == 0) {
      return "files have no rights here (nosuid)";
    }
    return "";
  }

  const std::string& path() const { return path_; }

 private:
  std::string folder_;
  std::string path_;
  bool has_rights_ = false;
};

// It would do with its rights what somebody without them tells it to.
TEST_P(PrivilegedProgram, IsNobodysWorker) {
  if (const std::string why = WhyUntested(); !why.empty()) GTEST_SKIP() << why;
  TwoEnds sockets = MakeSockets();
  const Outcome outcome = RunProgram({path()}, [&] {
    BecomeNobody();
    setenv("ASYNCPAL_WORKER", "1", 1);
    dup2(sockets.second.get(), 3);
    dup2(STDOUT_FILENO, 4);
    dup2(STDOUT_FILENO, 5);
  });
  sockets.second.Reset();
  EXPECT_THAT(ReadAll(sockets.first.get()), IsEmpty());  // no handshake
  EXPECT_THAT(outcome.output,
              AllOf(HasSubstr("can't be a worker"), Not(HasSubstr("main()"))));
  EXPECT_EQ(outcome.exit_code, 1);
}

TEST_P(PrivilegedProgram, HasAPoolThatNamesTheWayOut) {
  if (const std::string why = WhyUntested(); !why.empty()) GTEST_SKIP() << why;
  const Outcome outcome = RunProgram({path()}, BecomeNobody);
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("rights of its file"),
                                    HasSubstr("worker_command")));
  EXPECT_EQ(CountMains(outcome.output), 1);
}

INSTANTIATE_TEST_SUITE_P(Rights, PrivilegedProgram,
                         ::testing::Values("setuid", "setgid", "capability"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace asyncpal
