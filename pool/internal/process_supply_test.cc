#include "asyncpal/pool/internal/process_supply.h"

#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/ipc/worker/worker_connection.h"
#include "asyncpal/ipc/worker/worker_launch.h"
#include "asyncpal/pool/internal/restart_budget.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// Starts nothing.
std::shared_ptr<WorkerConnection> ConnectNothing(const WorkerOptions&) {
  return nullptr;
}

ProcessSupply MakeSupply(ProcessOptions options) {
  return ProcessSupply(std::move(options), "p", /*max_workers=*/1,
                       ConnectNothing);
}

std::string RefusalOf(const ProcessOptions& options) {
  try {
    CheckProcessOptions(options);
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "none";
}

std::string MessageOf(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const BrokenPoolError& e) {
    return e.what();
  }
}

std::string NestedMessageOf(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    try {
      std::rethrow_if_nested(e);
    } catch (const std::exception& nested) {
      return nested.what();
    }
  }
  return "none";
}

std::exception_ptr NoMemory() {
  return std::make_exception_ptr(std::runtime_error("no memory"));
}

TEST(CheckProcessOptionsTest, AcceptsTheDefaults) {
  EXPECT_EQ(RefusalOf({}), "none");
}

TEST(CheckProcessOptionsTest, NamesTheOptionAndItsValue) {
  EXPECT_THAT(RefusalOf({.max_payload_bytes = 0}),
              HasSubstr("max_payload_bytes is 0"));
  EXPECT_THAT(RefusalOf({.handshake_timeout = -absl::Seconds(2)}),
              HasSubstr("handshake_timeout is -2s"));
  EXPECT_THAT(RefusalOf({.initializer_timeout = -absl::Seconds(3)}),
              AllOf(HasSubstr("initializer_timeout"), HasSubstr("-3s")));
  EXPECT_THAT(RefusalOf({.worker_command = {"", "argument"}}),
              HasSubstr("worker_command has an empty string"));
}

TEST(ProcessSupplyTest, TellsTheConnectorWhatTheOptionsSay) {
  WorkerOptions seen;
  ProcessSupply supply({.worker_command = {"program", "argument"},
                        .worker_environment = {"A=b"},
                        .max_payload_bytes = 7,
                        .handshake_timeout = absl::Seconds(1),
                        .initializer_timeout = absl::Seconds(2),
                        .no_new_privileges = true,
                        .hidden_environment = {"C"}},
                       "p", 1, [&seen](const WorkerOptions& options) {
                         seen = options;
                         return nullptr;
                       });
  supply.Connect("p-worker-3");
  EXPECT_THAT(seen.command, ElementsAre("program", "argument"));
  EXPECT_THAT(seen.environment, ElementsAre("A=b"));
  EXPECT_EQ(seen.pool, "p");
  EXPECT_EQ(seen.worker, "p-worker-3");
  EXPECT_EQ(seen.initializer, nullptr);
  EXPECT_EQ(seen.finalizer, nullptr);
  EXPECT_EQ(seen.max_payload_bytes, 7);
  EXPECT_EQ(seen.handshake_timeout, absl::Seconds(1));
  EXPECT_EQ(seen.initializer_timeout, absl::Seconds(2));
  EXPECT_TRUE(seen.no_new_privileges);
  EXPECT_THAT(seen.hidden_environment, ElementsAre("C"));
}

TEST(ProcessSupplyTest, PassesOnWhatKeepsAWorkerFromStarting) {
  ProcessSupply supply(
      {}, "p", 1,
      [](const WorkerOptions&) -> std::shared_ptr<WorkerConnection> {
        throw std::runtime_error("no memory");
      });
  EXPECT_THROW(supply.Connect("p-worker-1"), std::runtime_error);
}

TEST(ProcessSupplyTest, IsKilledFromKillOn) {
  ProcessSupply supply = MakeSupply({});
  EXPECT_FALSE(supply.is_killed());
  supply.Kill();
  EXPECT_TRUE(supply.is_killed());
}

TEST(ProcessSupplyTest, IsSpentByOneDeathMoreThanItGrants) {
  ProcessSupply supply = MakeSupply({.max_restarts = 1});
  EXPECT_FALSE(supply.SpendDeath());
  EXPECT_TRUE(supply.SpendDeath());
}

TEST(ProcessSupplyTest, ForgetsDeathsWhenATaskIsFinished) {
  ProcessSupply supply = MakeSupply({.max_restarts = 1});
  supply.SpendDeath();
  supply.OnFinishedTask();
  EXPECT_FALSE(supply.SpendDeath());
}

TEST(ProcessSupplyTest, CountsDeathsAgainAfterATaskWasFinished) {
  ProcessSupply supply = MakeSupply({.max_restarts = 1});
  supply.OnFinishedTask();
  supply.SpendDeath();
  EXPECT_TRUE(supply.SpendDeath());
}

TEST(ProcessSupplyTest, ForgetsFailedStartsWhenAWorkerStarts) {
  ProcessSupply supply = MakeSupply({});
  for (int i = 1; i < RestartBudget::kMaxFailedStarts; ++i) {
    EXPECT_FALSE(supply.SpendFailedStart());
  }
  supply.OnStarted();
  EXPECT_FALSE(supply.SpendFailedStart());
}

TEST(ProcessSupplyTest, CrashesOfTasksSlowItDownAndNeverSpendIt) {
  ProcessSupply supply = MakeSupply({.max_restarts = 1});
  EXPECT_EQ(supply.DelayAfterCrash(), absl::ZeroDuration());
  EXPECT_GT(supply.DelayAfterCrash(), absl::ZeroDuration());
  EXPECT_FALSE(supply.SpendDeath());
}

TEST(ProcessSupplyTest, SaysHowManyDeathsWereTooManyAndWhichLimitThatIs) {
  const ProcessSupply supply =
      MakeSupply({.max_restarts = 3, .restart_window = absl::Seconds(9)});
  const std::exception_ptr error = supply.TooManyDeaths(NoMemory());
  EXPECT_THAT(
      MessageOf(error),
      AllOf(HasSubstr("pool 'p'"),
            HasSubstr("more than 3 worker processes died within 9s"),
            HasSubstr("max_restarts and restart_window set this limit")));
  EXPECT_EQ(NestedMessageOf(error), "no memory");
}

TEST(ProcessSupplyTest, SaysWhyNoWorkerCanStartAndByWhichCommand) {
  const ProcessSupply supply =
      MakeSupply({.worker_command = {"program", "two words"}});
  const std::exception_ptr error = supply.NoneCanStart(NoMemory());
  EXPECT_THAT(MessageOf(error),
              AllOf(HasSubstr("pool 'p': no worker process can be started"),
                    HasSubstr("no memory"),
                    HasSubstr("the command was: program \"two words\"")));
  EXPECT_EQ(NestedMessageOf(error), "no memory");
}

TEST(ProcessSupplyTest, NamesNoCommandWhereThisProgramIsTheWorker) {
  EXPECT_THAT(MessageOf(MakeSupply({}).NoneCanStart(NoMemory())),
              Not(HasSubstr("command")));
}

TEST(ProcessSupplyTest, CutsACommandThatNobodyWouldRead) {
  const ProcessSupply supply =
      MakeSupply({.worker_command =
                      std::vector<std::string>(1000, std::string(100, 'x'))});
  const std::string message = MessageOf(supply.NoneCanStart(NoMemory()));
  EXPECT_LT(message.size(), 17 * 1024);
  EXPECT_TRUE(message.ends_with("..."));
}

}  // namespace
}  // namespace asyncpal::internal
