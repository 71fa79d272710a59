#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/ipc/testing/forbidden_calls.h"
#include "asyncpal/pool/process_pool.h"
#include "gtest/gtest.h"

// Programs that may not do all that a program may: containers with system calls
// or folders missing. What can't be undone is done in a process of its own.

namespace asyncpal {
namespace {

using ::asyncpal::testing::ForbidCalls;
using ::testing::ExitedWithCode;

constexpr absl::Duration kLong = absl::Seconds(30);

int Echo(int n) { return n; }
std::string EchoText(const std::string& text) { return text; }

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

// From now on this process, and no other, sees nothing in that folder.
void HideFolder(const char* folder) {
  if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
    FinishUntested("unshare");
  }
  mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  if (mount("none", folder, "tmpfs", 0, nullptr) != 0) FinishUntested("mount");
}

// As in a chroot() without devices.
TEST_F(ProcessPoolConfinedDeathTest, WithoutDevNullSaysSo) {
  EXPECT_EXIT(
      {
        HideFolder("/dev");
        std::fprintf(stderr, "%s\n", Breaking().c_str());
        Finish();
      },
      ExitedWithCode(0), "'images'.*can't open /dev/null|not tested");
}

TEST_F(ProcessPoolConfinedDeathTest, WithoutProcSaysSo) {
  EXPECT_EXIT(
      {
        HideFolder("/proc");
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

// Container runtimes before 2021, valgrind, gVisor.
const std::vector<std::vector<long>> kOftenForbidden = {
    {SYS_pidfd_open},
    {SYS_pidfd_open, SYS_pidfd_send_signal},
    {SYS_memfd_create},
    {SYS_pidfd_open, SYS_pidfd_send_signal, SYS_memfd_create}};

int Abort(int) { std::abort(); }
int Sleep(int ms) {
  absl::SleepFor(absl::Milliseconds(ms));
  return ms;
}

TEST_F(ProcessPoolConfinedDeathTest, WorksWithoutCallsThatOftenAreForbidden) {
  for (const auto& calls : kOftenForbidden) {
    EXPECT_EXIT(
        {
          ForbidCalls(calls);
          {
            ProcessPool pool(2);
            std::vector<Future<int>> futures;
            for (int i = 0; i < 200; ++i) {
              futures.push_back(pool.Submit(Echo, i));
            }
            for (int i = 0; i < 200; ++i) {
              EXPECT_EQ(futures[static_cast<size_t>(i)].Collect(kLong), i);
            }
            const std::string text(1 << 20, 'x');
            EXPECT_EQ(pool.Submit(EchoText, text).Collect(kLong), text);
          }
          Finish();
        },
        ExitedWithCode(0), "");
  }
}

TEST_F(ProcessPoolConfinedDeathTest, OneDeathCostsOneTaskWithoutSuchCalls) {
  for (const auto& calls : kOftenForbidden) {
    EXPECT_EXIT(
        {
          ForbidCalls(calls);
          {
            ProcessPool pool(1);
            auto before = pool.Submit(Echo, 1);
            auto poison = pool.Submit(Abort, 0);
            auto after = pool.Submit(Echo, 2);
            EXPECT_EQ(before.Collect(kLong), 1);
            EXPECT_THROW(poison.Collect(kLong), WorkerLostError);
            EXPECT_EQ(after.Collect(kLong), 2);
          }
          Finish();
        },
        ExitedWithCode(0), "");
  }
}

TEST_F(ProcessPoolConfinedDeathTest, IdleWorkerIsReplacedWithoutSuchCalls) {
  for (const auto& calls : kOftenForbidden) {
    EXPECT_EXIT(
        {
          ForbidCalls(calls);
          {
            ProcessPool pool(1);
            const int64_t first = pool.Submit(getpid).Collect(kLong);
            kill(static_cast<pid_t>(first), SIGKILL);
            EXPECT_NE(pool.Submit(getpid).Collect(kLong), first);
          }
          Finish();
        },
        ExitedWithCode(0), "");
  }
}

TEST_F(ProcessPoolConfinedDeathTest, TimeoutsAndKillWorkWithoutSuchCalls) {
  for (const auto& calls : kOftenForbidden) {
    EXPECT_EXIT(
        {
          ForbidCalls(calls);
          {
            ProcessPool pool(1);
            auto slow = pool.Submit(
                TaskOptions{.timeout = absl::Milliseconds(50)}, Sleep, 60'000);
            EXPECT_THROW(slow.Collect(kLong), TimeoutError);
            auto killed = pool.Submit(Sleep, 60'000);
            while (pool.Stats().running == 0)
              absl::SleepFor(absl::Milliseconds(1));
            EXPECT_TRUE(killed.Kill());
            EXPECT_EQ(pool.Submit(Echo, 2).Collect(kLong), 2);
          }
          Finish();
        },
        ExitedWithCode(0), "");
  }
}

TEST_F(ProcessPoolConfinedDeathTest, WithoutThreadsRefusesTheTask) {
  EXPECT_EXIT(
      {
        ForbidCalls({SYS_clone, SYS_clone3, SYS_fork, SYS_vfork});
        std::fprintf(stderr, "%s\n", Breaking().c_str());
        Finish();
      },
      ExitedWithCode(0), "RejectedError.*'images'.*refused to start a thread");
}

TEST_F(ProcessPoolConfinedDeathTest, LargePayloadsGoThroughTheSocketIfNeedBe) {
  EXPECT_EXIT(
      {
        {
          ProcessPool pool(1);
          pool.Submit(Echo, 1).Collect(kLong);
          ForbidCalls({SYS_memfd_create});
          const std::string text(16 << 20, 'x');
          EXPECT_EQ(pool.Submit(EchoText, text).Collect(kLong), text);
        }
        Finish();
      },
      ExitedWithCode(0), "");
}

}  // namespace
}  // namespace asyncpal
