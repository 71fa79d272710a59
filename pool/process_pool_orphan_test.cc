#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "asyncpal/ipc/worker/child_process.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/testing/process_faults.h"
#include "gtest/gtest.h"

// Programs that are killed while their workers are busy. See
// testing/orphan_program.cc.

namespace asyncpal {
namespace {

using ::asyncpal::internal::ChildProcess;
using ::asyncpal::testing::Eventually;
using ::asyncpal::testing::ExecutionLedger;
using ::asyncpal::testing::HasEnded;
using ::asyncpal::testing::IdentifyProcess;
using ::asyncpal::testing::kIsSanitized;
using ::asyncpal::testing::ProcessIdentity;

constexpr int kPrograms = kIsSanitized ? 20 : 100;
constexpr int kAtOnce = 5;
constexpr int kWorkersOfEach = 4;
constexpr absl::Duration kTimeToEnd = absl::Seconds(kIsSanitized ? 5 : 1);

struct Program {
  explicit Program(const std::string& without_signal)
      : process(ChildProcess::Spawn(
            {.command = {"pool/testing/orphan_program", workers.path(),
                         without_signal}})) {}
  ExecutionLedger workers;
  ChildProcess process;
};

class ProcessPoolOrphans : public ::testing::TestWithParam<const char*> {};

TEST_P(ProcessPoolOrphans, EndWithTheirParent) {
  int orphans = 0;
  absl::Duration longest = absl::ZeroDuration();
  for (int round = 0; round < kPrograms / 2 / kAtOnce; ++round) {
    std::vector<std::unique_ptr<Program>> programs;
    for (int i = 0; i < kAtOnce; ++i) {
      programs.push_back(std::make_unique<Program>(GetParam()));
    }
    std::vector<ProcessIdentity> workers;
    for (const auto& program : programs) {
      ASSERT_TRUE(Eventually(
          [&] { return program->workers.Count() == kWorkersOfEach; }));
      for (const int pid : program->workers.Read()) {
        workers.push_back(IdentifyProcess(pid));
      }
    }
    for (const ProcessIdentity& worker : workers) {
      ASSERT_FALSE(HasEnded(worker));
    }
    for (const auto& program : programs) {
      program->process.Kill();
      ASSERT_TRUE(program->process.WaitForExit(absl::Seconds(30)));
    }
    const absl::Time killed = absl::Now();
    EXPECT_TRUE(Eventually(
        [&] { return std::all_of(workers.begin(), workers.end(), HasEnded); },
        kTimeToEnd));
    longest = std::max(longest, absl::Now() - killed);
    orphans += static_cast<int>(workers.size());
  }
  RecordProperty("workers", orphans);
  RecordProperty("longest", absl::FormatDuration(longest));
}

INSTANTIATE_TEST_SUITE_P(WithoutSignal, ProcessPoolOrphans,
                         ::testing::Values("0", "1"));

}  // namespace
}  // namespace asyncpal
