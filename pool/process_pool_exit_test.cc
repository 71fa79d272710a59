#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "asyncpal/ipc/internal/fd.h"
#include "asyncpal/ipc/testing/descriptors.h"
#include "asyncpal/ipc/worker/child_process.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/testing/process_faults.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// Whole programs that have process pools: how they end, and what they may do
// with what they were started with. See testing/process_program.cc.

namespace asyncpal {
namespace {

using ::asyncpal::internal::ChildProcess;
using ::asyncpal::testing::Eventually;
using ::asyncpal::testing::ExecutionLedger;
using ::asyncpal::testing::HasEnded;
using ::asyncpal::testing::IdentifyProcess;
using ::asyncpal::testing::ProcessIdentity;
using ::testing::HasSubstr;

// Less than the deadline that programs set if nothing is to wait for it, 50 s.
constexpr absl::Duration kLimit = absl::Seconds(30);
// For workers whose parent has ended. That it is much less is a test of its
// own.
constexpr absl::Duration kTimeToEnd = absl::Seconds(5);

constexpr char kProgram[] = "pool/testing/process_program";
// What each program returns if all is well, unless it is killed.
constexpr int kGood = 3;

// Runs the program in that mode to its end, and gives its workers time to end.
class Program {
 public:
  explicit Program(const std::string& mode,
                   const std::string& program = kProgram,
                   const std::string& environment = "SOME_NAME=1") {
    testing::TwoEnds pipe = testing::MakePipe();
    // Its stdout and stderr are those of a shell.
    const std::string script = absl::StrCat("exec '", program, "' ", mode, " '",
                                            ledger_.path(), "' 1>&3 2>&3");
    auto process = ChildProcess::Spawn({.command = {"sh", "-c", script},
                                        .environment = {environment},
                                        .descriptors = {pipe.second.get()}});
    pipe.second.Reset();
    const absl::Time start = absl::Now();
    if (!process.WaitForExit(kLimit)) ADD_FAILURE() << "it goes on and on";
    duration_ = absl::Now() - start;
    exit_ = process.exit();
    for (const int pid : ledger_.Read()) {
      workers_.push_back(IdentifyProcess(pid));
    }
    workers_ended_ = Eventually(
        [&] { return std::all_of(workers_.begin(), workers_.end(), HasEnded); },
        kTimeToEnd);
    for (const ProcessIdentity& worker : workers_) {
      if (!HasEnded(worker)) kill(worker.pid, SIGKILL);
    }
    output_ = testing::ReadAll(pipe.first.get());
  }

  std::optional<int> exit_code() const { return exit_.exit_code; }
  std::optional<int> signal() const { return exit_.signal; }
  absl::Duration duration() const { return duration_; }
  const std::string& output() const { return output_; }
  size_t CountWorkers() const { return workers_.size(); }
  bool workers_ended() const { return workers_ended_; }

 private:
  ExecutionLedger ledger_;
  ChildProcess::Exit exit_;
  absl::Duration duration_;
  std::vector<ProcessIdentity> workers_;
  bool workers_ended_ = false;
  std::string output_;
};

// --- Its end, with tasks that do not end ---

class HungProgram : public ::testing::TestWithParam<const char*> {};

TEST_P(HungProgram, EndsAtTheDeadlineWithItsWorkers) {
  const Program program(GetParam());
  if (std::string(GetParam()) == "hang_at_throw") {
    EXPECT_EQ(program.signal(), SIGABRT);
  } else {
    EXPECT_EQ(program.exit_code(), kGood);
  }
  EXPECT_GE(program.CountWorkers(), 2u);
  EXPECT_TRUE(program.workers_ended());
  // 400 ms, and what it takes to start.
  EXPECT_LT(program.duration(), absl::Seconds(20));
}

INSTANTIATE_TEST_SUITE_P(Way, HungProgram,
                         ::testing::Values("hang_at_return", "hang_at_exit",
                                           "hang_at_exit_of_callback",
                                           "hang_at_throw"));

class ProgramWithoutEnding : public ::testing::TestWithParam<const char*> {};

TEST_P(ProgramWithoutEnding, EndsAtOnceWithItsWorkers) {
  const Program program(GetParam());
  EXPECT_TRUE(program.exit_code() == kGood || program.signal() == SIGABRT);
  EXPECT_EQ(program.CountWorkers(), 3u);
  EXPECT_TRUE(program.workers_ended());
  EXPECT_LT(program.duration(), absl::Seconds(20));
}

INSTANTIATE_TEST_SUITE_P(Way, ProgramWithoutEnding,
                         ::testing::Values("quick_exit", "underscore_exit",
                                           "abort"));

TEST(ProcessPoolExit, StoppableTaskIsAskedToStopAndItsOutputComes) {
  const Program program("stop_at_return");
  EXPECT_EQ(program.exit_code(), kGood);
  EXPECT_THAT(program.output(), HasSubstr("asked to stop\n"));
  EXPECT_TRUE(program.workers_ended());
}

TEST(ProcessPoolExit, StaticObjectsFindTheirPoolsClosed) {
  const Program program("use_after_main");
  EXPECT_EQ(program.exit_code(), kGood);
  EXPECT_THAT(program.output(), HasSubstr("refused\nrefused too\n"));
}

// --- Its beginning and its life ---

// In the workers of such a program the static object is made as well, before
// they take over, and must not start workers in its turn.
TEST(ProcessPoolExit, UseBeforeMainDoesNotStartWorkersWithoutEnd) {
  ExecutionLedger processes;
  const Program program(
      "use_before_main", kProgram,
      absl::StrCat("PROCESS_PROGRAM_STATIC_LEDGER=", processes.path()));
  EXPECT_EQ(program.exit_code(), kGood) << program.output();
  EXPECT_THAT(program.output(), HasSubstr("before main()"));
  EXPECT_THAT(program.output(), HasSubstr("no worker process can be started"));
  // The program itself and its two workers at most.
  EXPECT_LE(processes.Count(), 3);
}

TEST(ProcessPoolExit, ClosedStandardStreamsAreNotTaken) {
  EXPECT_EQ(Program("without_standard_streams").exit_code(), kGood);
}

TEST(ProcessPoolExit, ExecutableMayBeDeletedMeanwhile) {
  const char* const folder = getenv("TEST_TMPDIR");
  const std::string copy =
      absl::StrCat(folder != nullptr ? folder : "/tmp", "/copy");
  std::filesystem::copy_file(kProgram, copy,
                             std::filesystem::copy_options::overwrite_existing);
  const Program program("without_executable", copy);
  EXPECT_EQ(program.exit_code(), kGood) << program.output();
  EXPECT_FALSE(std::filesystem::exists(copy));
}

TEST(ProcessPoolExit, InterruptFromTheTerminalReachesNoWorker) {
  EXPECT_EQ(Program("interrupt").exit_code(), kGood);
}

}  // namespace
}  // namespace asyncpal
