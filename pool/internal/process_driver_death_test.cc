#include <csignal>
#include <cstdint>
#include <optional>

#include "asyncpal/future/error.h"
#include "asyncpal/ipc/worker/channel.h"
#include "asyncpal/pool/internal/process_driver.h"
#include "asyncpal/pool/testing/driver_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// What becomes of tasks whose process dies, is killed, or is asked to stop.

namespace asyncpal::internal {
namespace {

using ::asyncpal::testing::ProcessDriverTest;
using ::asyncpal::testing::ScriptedWorker;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// ----------------------------------------------------------- When it dies

TEST_F(ProcessDriverTest, FailsTheTaskThatADeadProcessHadBegun) {
  ScriptedWorker& process = Begin();
  pool_.while_running = [&] {
    EXPECT_TRUE(process.page().Start(0, 1));
    process.Die();
  };
  const auto task = Make();
  Run(*task);
  EXPECT_EQ(task->state(), FutureState::kFailed);
  try {
    task->Get();
    FAIL() << "it was lost";
  } catch (const WorkerLostError& error) {
    EXPECT_EQ(error.pid(), process.pid());
    EXPECT_EQ(error.signal(), std::optional<int>(SIGKILL));
    EXPECT_THAT(error.what(), HasSubstr("task 7 was lost while running"));
  }
  EXPECT_EQ(driver_->lost_tasks.Get(), 1);
  EXPECT_TRUE(driver_->lost.load());
  EXPECT_EQ(pool_.broken_by, nullptr) << "it has died of its task";
}

TEST_F(ProcessDriverTest, SendsATaskAgainThatADeadProcessHadNotBegun) {
  ScriptedWorker& process = Begin();
  pool_.while_running = [&] { process.Die(); };
  NextReady().SayResult(1, BytesOf(42));
  const auto task = Make();
  Run(*task);
  EXPECT_EQ(task->Get(), 42);
  EXPECT_EQ(driver_->lost_tasks.Get(), 0);
}

TEST_F(ProcessDriverTest, SaysThatTheResultWasLostOnItsWay) {
  ScriptedWorker& process = Begin();
  pool_.while_running = [&] {
    EXPECT_TRUE(process.page().Start(0, 1));
    EXPECT_TRUE(process.page().Finish(0, 1));
    process.Die();
  };
  const auto task = Make();
  Run(*task);
  EXPECT_THAT(MessageOf(task->error()), HasSubstr("sending the result"));
}

TEST_F(ProcessDriverTest, FindsTheAnswerThatADeadProcessHasLeft) {
  ScriptedWorker& process = Begin();
  pool_.while_running = [&] {
    EXPECT_TRUE(process.page().Start(0, 1));
    EXPECT_TRUE(process.page().Answer(0, 1, BytesOf(42)));
    process.Die();
  };
  const auto task = Make();
  Run(*task);
  EXPECT_EQ(task->Get(), 42);
}

TEST_F(ProcessDriverTest, TakesAProcessThatSendsRubbishForDead) {
  ScriptedWorker& process = Begin();
  pool_.while_running = [&] {
    EXPECT_TRUE(process.page().Start(0, 1));
    process.SayRubbish();
  };
  const auto task = Make();
  Run(*task);
  EXPECT_THAT(MessageOf(task->error()), HasSubstr("broke the protocol"));
}

class SmallBudgetTest : public ProcessDriverTest {
 protected:
  SmallBudgetTest()
      : ProcessDriverTest({.worker_command = {"sleep"}, .max_restarts = 1}) {}
};

TEST_F(SmallBudgetTest, BreaksThePoolAfterTooManyDeathsWithoutATask) {
  ScriptedWorker& first = Begin();
  ScriptedWorker& second = NextReady();
  pool_.while_running = [&] {
    first.Die();
    pool_.while_running = [&] { second.Die(); };
  };
  const auto task = Make();
  Run(*task);
  EXPECT_THAT(MessageOf(pool_.broken_by),
              HasSubstr("more than 1 worker processes died"));
  EXPECT_EQ(task->state(), FutureState::kFailed);
  EXPECT_THROW(task->Get(), BrokenPoolError);
}

TEST_F(SmallBudgetTest, CountsTheDeathOfAnIdleProcess) {
  Begin().Die();
  ScriptedWorker& second = NextReady();
  EXPECT_TRUE(driver_->Revive());
  EXPECT_EQ(pool_.losses, 1);
  second.Die();
  EXPECT_FALSE(driver_->Revive());
  EXPECT_EQ(pool_.losses, 2);
  EXPECT_THAT(MessageOf(pool_.broken_by), HasSubstr("more than 1 worker"));
}

TEST_F(ProcessDriverTest, RequeuesWhatADeadProcessHadAhead) {
  ScriptedWorker& process = Begin();
  const auto ahead = Make();
  pool_.queue = {ahead.get()};
  pool_.while_running = [&] {
    EXPECT_TRUE(process.page().Start(0, 1));
    process.Die();
  };
  const auto task = Make();
  Run(*task);
  EXPECT_EQ(task->state(), FutureState::kFailed);
  EXPECT_THAT(pool_.requeued, ElementsAre(ahead.get()));
  EXPECT_EQ(ahead->state(), FutureState::kPending);
}

// ------------------------------------------------------- Kill and stop

TEST_F(ProcessDriverTest, EndsTheProcessOfATaskThatIsKilled) {
  ScriptedWorker& process = Begin();
  const auto task = Make();
  pool_.while_running = [&] {
    EXPECT_TRUE(process.page().Start(0, 1));
    EXPECT_TRUE(task->Kill());
  };
  Run(*task);
  EXPECT_EQ(task->state(), FutureState::kCancelled);
  EXPECT_EQ(driver_->lost_tasks.Get(), 0);
  EXPECT_TRUE(driver_->lost.load());
  EXPECT_EQ(kill(process.pid(), 0), -1) << "it is to be gone";
}

TEST_F(ProcessDriverTest, KillsNoProcessThatHasFinishedTheTask) {
  ScriptedWorker& process = Begin();
  const auto task = Make();
  pool_.while_running = [&] {
    EXPECT_TRUE(process.page().Start(0, 1));
    EXPECT_TRUE(process.page().Finish(0, 1));
    EXPECT_FALSE(task->Kill());
    process.SayResult(1, BytesOf(42));
  };
  Run(*task);
  EXPECT_EQ(task->Get(), 42);
  EXPECT_FALSE(driver_->lost.load());
}

TEST_F(ProcessDriverTest, AsksARunningTaskToStop) {
  ScriptedWorker& process = Begin();
  const auto task = Make(/*stoppable=*/true);
  uint64_t asked = 0;
  pool_.while_running = [&] {
    EXPECT_FALSE(task->Cancel());
    EXPECT_EQ(process.HearTask(), 1u);
    if (process.Hear() == Channel::Received::kFrame) {
      asked = process.heard().message.getCancel();
    }
    process.SayResult(1, BytesOf(0));
  };
  Run(*task);
  EXPECT_EQ(asked, 1u);
}

TEST_F(ProcessDriverTest, AsksATaskToStopThatWasCancelledBeforeItWasSent) {
  ScriptedWorker& process = Begin();
  const auto task = Make(/*stoppable=*/true);
  task->AddReference();
  ASSERT_TRUE(task->Start());
  EXPECT_FALSE(task->Cancel());
  process.SayResult(1, BytesOf(0));
  RunStarted(*task);
  EXPECT_EQ(process.HearTask(), 1u);
  ASSERT_EQ(process.Hear(), Channel::Received::kFrame);
  EXPECT_TRUE(process.heard().message.isCancel());
}

TEST_F(ProcessDriverTest, EndsAnIdleProcessByKill) {
  ScriptedWorker& process = Begin();
  supply_.Kill();
  driver_->KillChild();
  EXPECT_EQ(driver_->End(), nullptr);
  EXPECT_EQ(kill(process.pid(), 0), -1) << "it is to be gone";
}

}  // namespace
}  // namespace asyncpal::internal
