#include "asyncpal/ipc/testing/failpoints.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "asyncpal/ipc/internal/fd.h"
#include "asyncpal/ipc/testing/descriptors.h"
#include "asyncpal/ipc/worker/child_process.h"
#include "asyncpal/ipc/worker/failpoint.h"
#include "gtest/gtest.h"

namespace asyncpal::testing {
namespace {

using internal::ChildProcess;

constexpr char kChildVariable[] = "FAILPOINTS_TEST_CHILD";

// The child's half: it comes to "here" three times, and tells so afterwards.
int ChildMain() {
  for (const char* const time : {"1", "2", "3"}) {
    ASYNCPAL_FAILPOINT("here");
    if (write(3, time, 1) != 1) return 1;
  }
  return 0;
}

struct Outcome {
  std::string written;
  std::string exit;
};

Outcome RunChild(const std::string& failpoints) {
  const ScopedFailpoints scope(failpoints);
  TwoEnds pipe = MakePipe();
  ChildProcess child =
      ChildProcess::Spawn({.environment = {absl::StrCat(kChildVariable, "=1")},
                           .descriptors = {pipe.second.get()}});
  pipe.second.Reset();
  Outcome outcome;
  outcome.written = ReadAll(pipe.first.get());
  if (child.WaitForExit(absl::Seconds(30))) {
    outcome.exit = ChildProcess::DescribeExit(child.exit());
  }
  return outcome;
}

TEST(Failpoints, DoNothingByDefault) { EXPECT_EQ(RunChild("").written, "123"); }

TEST(Failpoints, DoNothingElsewhere) {
  EXPECT_EQ(RunChild("there=exit:3").written, "123");
}

TEST(Failpoints, ExitWithACode) {
  const Outcome outcome = RunChild("here=exit:3");
  EXPECT_EQ(outcome.written, "");
  EXPECT_EQ(outcome.exit, "exited with code 3");
}

TEST(Failpoints, HappenTheTimeTheyAreTold) {
  EXPECT_EQ(RunChild("here=exit:3@2").written, "1");
}

TEST(Failpoints, MayHaveSeveralActions) {
  const Outcome outcome = RunChild("here=sleep:1@1,there=kill,here=exit:4@3");
  EXPECT_EQ(outcome.written, "12");
  EXPECT_EQ(outcome.exit, "exited with code 4");
}

TEST(Failpoints, Kill) {
  EXPECT_EQ(RunChild("here=kill").exit, "was killed by signal 9 (Killed)");
}

TEST(Failpoints, Abort) {
  EXPECT_EQ(RunChild("here=abort").exit, "was killed by signal 6 (Aborted)");
}

TEST(Failpoints, SleepEachTime) {
  const absl::Time start = absl::Now();
  RunChild("here=sleep:20");
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(59));
}

TEST(Failpoints, StopUntilContinued) {
  const ScopedFailpoints scope("here=stop@1");
  TwoEnds pipe = MakePipe();
  ChildProcess child =
      ChildProcess::Spawn({.environment = {absl::StrCat(kChildVariable, "=1")},
                           .descriptors = {pipe.second.get()}});
  pipe.second.Reset();
  int status = 0;
  internal::RetryOnEintr(
      [&] { return waitpid(child.pid(), &status, WUNTRACED); });
  ASSERT_TRUE(WIFSTOPPED(status));
  kill(child.pid(), SIGCONT);
  EXPECT_EQ(ReadAll(pipe.first.get()), "123");
}

class BadFailpoints : public ::testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(
    , BadFailpoints,
    ::testing::Values("here", "=kill", "here=", "here=explode", "here=exit",
                      "here=exit:", "here=exit:x", "here=exit:-1",
                      "here=kill:1", "here=kill@", "here=kill@0", "here=kill@x",
                      "here=kill@1@2", "here=kill,"));

TEST_P(BadFailpoints, AbortTheProcessThatReadsThem) {
  EXPECT_EQ(RunChild(GetParam()).exit, "was killed by signal 6 (Aborted)");
}

TEST(ScopedFailpoints, RestoresWhatWasThere) {
  const ScopedFailpoints outer("here=kill");
  { const ScopedFailpoints inner("there=kill"); }
  EXPECT_STREQ(std::getenv("ASYNCPAL_FAILPOINTS"), "here=kill");
}

TEST(ScopedFailpoints, RemovesWhatWasNotThere) {
  { const ScopedFailpoints scope("here=kill"); }
  EXPECT_EQ(std::getenv("ASYNCPAL_FAILPOINTS"), nullptr);
}

}  // namespace
}  // namespace asyncpal::testing

int main(int argc, char** argv) {
  if (std::getenv(asyncpal::testing::kChildVariable) != nullptr) {
    return asyncpal::testing::ChildMain();
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
