#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/pool/process_pool.h"
#include "gtest/gtest.h"

// Programs that may not do all that a program may: containers with system calls
// or folders missing. What can't be undone is done in a process of its own.

namespace asyncpal {
namespace {

using ::testing::ExitedWithCode;

constexpr absl::Duration kLong = absl::Seconds(30);

int Echo(int n) { return n; }
std::string EchoText(const std::string& text) { return text; }

// From now on, these system calls fail with EPERM, as in a container with a
// strict profile.
void Forbid(const std::vector<long>& calls) {
  std::vector<sock_filter> filter = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (const long call : calls) {
    filter.push_back(
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<__u32>(call), 0, 1));
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog program = {static_cast<unsigned short>(filter.size()),
                              filter.data()};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    std::perror("can't forbid system calls");
    _exit(1);
  }
}

// What breaks a pool of this program now, with all causes.
std::string Breaking() {
  ProcessPool pool({.max_workers = 1, .name = "images"});
  try {
    pool.Submit(Echo, 1).Collect(kLong);
    return "nothing";
  } catch (...) {
    return internal::DescribeException(std::current_exception());
  }
}

// For EXPECT_EXIT: ends the process with the outcome of the test so far.
void Finish() { _exit(::testing::Test::HasFailure() ? 1 : 0); }

// Where the test itself is confined; who matches the output expects it, too.
void FinishUntested(const char* call) {
  std::fprintf(stderr, "not tested, %s: %s\n", call, std::strerror(errno));
  _exit(0);
}

class ProcessPoolConfinedDeathTest : public ::testing::Test {
 protected:
  ProcessPoolConfinedDeathTest() {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
  }
};

TEST_F(ProcessPoolConfinedDeathTest, WithoutProcSaysSo) {
  EXPECT_EXIT(
      {
        if (unshare(CLONE_NEWNS) != 0 &&
            unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
          FinishUntested("unshare");
        }
        mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
        if (mount("none", "/proc", "tmpfs", 0, nullptr) != 0) {
          FinishUntested("mount");
        }
        std::fprintf(stderr, "%s\n", Breaking().c_str());
        Finish();
      },
      ExitedWithCode(0), "is /proc mounted\\?|not tested");
}

TEST_F(ProcessPoolConfinedDeathTest, WithoutPrivilegesWorks) {
  EXPECT_EXIT(
      {
        if (setresuid(65534, 65534, 65534) != 0) FinishUntested("setresuid");
        std::fprintf(stderr, "broken by %s\n", Breaking().c_str());
        Finish();
      },
      ExitedWithCode(0), "broken by nothing|not tested");
}

TEST_F(ProcessPoolConfinedDeathTest, NamesTheForbiddenCallThatItNeeds) {
  const std::pair<long, std::string> calls[] = {
      {SYS_pidfd_open, "pidfd_open"}, {SYS_memfd_create, "memfd_create"}};
  for (const auto& [call, name] : calls) {
    EXPECT_EXIT(
        {
          Forbid({call});
          std::fprintf(stderr, "%s\n", Breaking().c_str());
          Finish();
        },
        ExitedWithCode(0), "'images'.*" + name + ".*Operation not permitted");
  }
}

TEST_F(ProcessPoolConfinedDeathTest, WithoutThreadsRefusesTheTask) {
  EXPECT_EXIT(
      {
        Forbid({SYS_clone, SYS_clone3, SYS_fork, SYS_vfork});
        std::fprintf(stderr, "%s\n", Breaking().c_str());
        Finish();
      },
      ExitedWithCode(0), "RejectedError.*'images'.*refused to start a thread");
}

TEST_F(ProcessPoolConfinedDeathTest, LargePayloadsGoThroughTheSocketIfNeedBe) {
  EXPECT_EXIT(
      {
        ProcessPool pool(1);
        pool.Submit(Echo, 1).Collect(kLong);
        Forbid({SYS_memfd_create});
        const std::string text(16 << 20, 'x');
        EXPECT_EQ(pool.Submit(EchoText, text).Collect(kLong), text);
        Finish();
      },
      ExitedWithCode(0), "");
}

}  // namespace
}  // namespace asyncpal
