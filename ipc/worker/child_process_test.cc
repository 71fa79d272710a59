#include "asyncpal/ipc/worker/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "absl/time/time.h"
#include "asyncpal/ipc/internal/fd.h"
#include "asyncpal/ipc/testing/descriptors.h"
#include "asyncpal/ipc/testing/forbidden_calls.h"
#include "asyncpal/ipc/testing/forked.h"
#include "gtest/gtest.h"

// How a child is watched, ended and reaped; child_process_spawn_test.cc tells
// how it is started.

namespace asyncpal::internal {
namespace {

using ::asyncpal::testing::ForbidCalls;
using ::asyncpal::testing::HasNoChildren;
using ::asyncpal::testing::ListDescriptors;
using ::asyncpal::testing::RunForked;
using ::asyncpal::testing::ScopedHandler;

constexpr absl::Duration kLong = absl::Seconds(30);

ChildProcess SpawnShell(const std::string& script) {
  return ChildProcess::Spawn({.command = {"sh", "-c", script}});
}

ChildProcess SpawnSleeper() { return SpawnShell("exec sleep 1000"); }

TEST(ChildProcess, TellsTheExitCode) {
  ChildProcess child = SpawnShell("exit 3");
  ASSERT_TRUE(child.WaitForExit(kLong));
  EXPECT_EQ(child.exit().exit_code, 3);
  EXPECT_EQ(child.exit().signal, std::nullopt);
}

TEST(ChildProcess, TellsTheSignal) {
  ChildProcess child = SpawnShell("kill -TERM $$");
  ASSERT_TRUE(child.WaitForExit(kLong));
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
  const bool ended = child.WaitForExit(kLong);
  const struct itimerval calm = {};
  setitimer(ITIMER_REAL, &calm, nullptr);
  ASSERT_TRUE(ended);
  EXPECT_EQ(child.exit().exit_code, 3);
}

TEST(ChildProcess, KillEndsIt) {
  ChildProcess child = SpawnSleeper();
  child.Kill();
  ASSERT_TRUE(child.WaitForExit(kLong));
  EXPECT_EQ(child.exit().signal, SIGKILL);
}

TEST(ChildProcess, KillEndsTheWaitOfAnotherThread) {
  ChildProcess child = SpawnSleeper();
  std::thread killer([&] { child.Kill(); });
  EXPECT_TRUE(child.WaitForExit(kLong));
  killer.join();
}

TEST(ChildProcess, KillAfterTheEndChangesNothing) {
  ChildProcess child = SpawnShell("exit 3");
  ASSERT_TRUE(child.WaitForExit(kLong));
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
  ASSERT_TRUE(child.WaitForExit(kLong));
  EXPECT_EQ(child.exit().exit_code, std::nullopt);
  EXPECT_EQ(child.exit().signal, std::nullopt);
}

TEST(ChildProcess, StatusIsUnknownWhereSomeoneElseReaps) {
  ChildProcess child = SpawnShell("exit 3");
  RetryOnEintr([&] { return waitpid(child.pid(), nullptr, 0); });
  ASSERT_TRUE(child.WaitForExit(kLong));
  EXPECT_EQ(child.exit().exit_code, std::nullopt);
}

TEST(ChildProcess, KillAfterSomeoneElseReapedIsHarmless) {
  ChildProcess child = SpawnShell("exit 3");
  RetryOnEintr([&] { return waitpid(child.pid(), nullptr, 0); });
  child.Kill();
  EXPECT_TRUE(child.WaitForExit(kLong));
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

// In a process of its own, since it can't be undone.
TEST(ChildProcess, IsWatchedKilledAndReapedWithoutPidfds) {
  EXPECT_EQ(RunForked([] {
              ForbidCalls({SYS_pidfd_open, SYS_pidfd_send_signal});
              ChildProcess child = SpawnSleeper();
              if (child.pidfd() != -1) return 1;
              if (child.WaitForExit(absl::Milliseconds(1))) return 2;
              child.Kill();
              if (!child.WaitForExit(kLong)) return 3;
              if (child.exit().signal != SIGKILL) return 4;
              child.Kill();
              return HasNoChildren() ? 0 : 5;
            }),
            0);
}

}  // namespace
}  // namespace asyncpal::internal
