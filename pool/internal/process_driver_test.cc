#include "asyncpal/pool/internal/process_driver.h"

#include <csignal>
#include <cstdint>
#include <exception>
#include <optional>
#include <stdexcept>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/ipc/call.h"
#include "asyncpal/ipc/codec.h"
#include "asyncpal/ipc/payload.h"
#include "asyncpal/ipc/worker/claim_page.h"
#include "asyncpal/pool/internal/remote_task.h"
#include "asyncpal/pool/testing/driver_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// How a driver starts its process, has it run tasks, and stops it. How it copes
// with one that ends before is in process_driver_death_test.cc.

namespace asyncpal::internal {
namespace {

using ::asyncpal::testing::ProcessDriverTest;
using ::asyncpal::testing::ScriptedWorker;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// ------------------------------------------------------------- Its start

TEST_F(ProcessDriverTest, ServesAProcessOnceThatIsReady) {
  const ScriptedWorker& process = Begin();
  EXPECT_EQ(driver_->pid(), std::optional<int64_t>(process.pid()));
  EXPECT_EQ(pool_.children, 1);
}

TEST_F(ProcessDriverTest, BreaksThePoolWithWhatTheInitializerThrew) {
  ScriptedWorker& process = NextProcess();
  process.SayHandshake();
  process.SayFailed(std::make_exception_ptr(std::runtime_error("no disk")));
  const std::exception_ptr error = driver_->Begin();
  EXPECT_THAT(MessageOf(error), HasSubstr("the initializer threw"));
  EXPECT_THAT(MessageOf(error), HasSubstr("no disk"));
  EXPECT_TRUE(driver_->lost.load());
  EXPECT_EQ(driver_->pid(), std::nullopt);
}

TEST_F(ProcessDriverTest, TriesThreeTimesToStartAProcess) {
  NextProcess().Die();
  NextProcess().SayRubbish();
  NextReady();
  EXPECT_EQ(driver_->Begin(), nullptr);
  EXPECT_EQ(connected_, 3u);
}

TEST_F(ProcessDriverTest, GivesUpAfterThreeFailedStarts) {
  for (int i = 0; i < 4; ++i) NextProcess().Die();
  const std::exception_ptr error = driver_->Begin();
  EXPECT_THAT(MessageOf(error),
              HasSubstr("pool 'p': no worker process can be started"));
  EXPECT_THAT(MessageOf(error), HasSubstr("the command was: sleep"));
  EXPECT_EQ(connected_, 3u);
}

TEST_F(ProcessDriverTest, LeavesAShortageToTheOthers) {
  shortage_ = true;
  pool_.has_others = true;
  EXPECT_EQ(driver_->Begin(), nullptr);
  EXPECT_TRUE(driver_->gave_up) << "the others will do";
  EXPECT_TRUE(driver_->lost.load());
}

TEST_F(ProcessDriverTest, StartsNothingInAPoolThatIsBeingKilled) {
  supply_.Kill();
  NextReady();
  EXPECT_EQ(driver_->Begin(), nullptr);
  EXPECT_EQ(connected_, 0u);
  EXPECT_TRUE(driver_->lost.load());
}

class SilentProcessTest : public ProcessDriverTest {
 protected:
  SilentProcessTest()
      : ProcessDriverTest({.worker_command = {"sleep"},
                           .handshake_timeout = absl::Milliseconds(5)}) {}
};

TEST_F(SilentProcessTest, IsAFailedStart) {
  for (int i = 0; i < 3; ++i) NextProcess();
  EXPECT_THAT(MessageOf(driver_->Begin()),
              HasSubstr("sent no handshake within 5ms"));
  for (const auto& process : scripts_) {
    EXPECT_EQ(kill(process->pid(), 0), -1) << "it is to be gone";
  }
}

// ------------------------------------------------------------- Its tasks

TEST_F(ProcessDriverTest, BringsTheResultOfATask) {
  ScriptedWorker& process = Begin();
  process.SayResult(1, BytesOf(42));
  const auto task = Make();
  Run(*task);
  EXPECT_EQ(process.HearTask(), 1u);
  EXPECT_EQ(task->Get(), 42);
}

// Decoded as 42, if the process may not write to it again meanwhile.
struct Guarded {
  static inline const ClaimPage* page = nullptr;
  int value = 0;
};

}  // namespace
}  // namespace asyncpal::internal

template <>
struct asyncpal::Codec<asyncpal::internal::Guarded> {
  static void Encode(const internal::Guarded&, Encoder& out) { out.Write(42); }
  static internal::Guarded Decode(Decoder& in) {
    const int value = in.Read<int>();
    return {internal::Guarded::page->IsResultRead(0, 1) ? -1 : value};
  }
};

namespace asyncpal::internal {
namespace {

TEST_F(ProcessDriverTest, LetsTheProcessWriteToAFileOnceTheResultIsDecoded) {
  ScriptedWorker& process = Begin();
  Guarded::page = &process.page();
  const std::string bytes = BytesOf(42);
  const Payload file = Payload::CopyToMemfd(bytes);
  process.SayResultIn(file.memfd(), file.size(), 1, /*kept_file=*/1);
  EncodedCall call;
  call.name = "test.task";
  const auto task =
      StateRef<RemoteTask<Guarded>>::Adopt(new RemoteTask<Guarded>(
          &owner_, 0, /*stoppable=*/false, std::move(call)));
  task->AddReference();
  ASSERT_TRUE(task->Start());
  RunStarted(*task);
  EXPECT_EQ(task->Get().value, 42);
  EXPECT_TRUE(process.page().IsResultRead(0, 1));
}

TEST_F(ProcessDriverTest, BringsWhatATaskThrew) {
  ScriptedWorker& process = Begin();
  process.SayFailure(1, std::make_exception_ptr(std::out_of_range("index 7")));
  const auto task = Make();
  Run(*task);
  EXPECT_THROW(task->Get(), std::out_of_range);
  EXPECT_FALSE(driver_->lost.load());
}

TEST_F(ProcessDriverTest,
       FailsATaskWhoseResultCanNotBeDecodedAndServesTheNext) {
  ScriptedWorker& process = Begin();
  process.SayResult(1, "?");
  process.SayResult(2, BytesOf(2));
  const auto first = Make();
  const auto second = Make();
  Run(*first);
  Run(*second);
  EXPECT_THROW(first->Get(), SerializationError);
  EXPECT_EQ(second->Get(), 2);
}

TEST_F(ProcessDriverTest, StartsAnotherProcessAfterOneThatTakesNoMoreTasks) {
  ScriptedWorker& process = Begin();
  process.SayResult(1, BytesOf(1), /*exiting=*/true);
  const auto first = Make();
  Run(*first);
  EXPECT_EQ(first->Get(), 1);
  EXPECT_TRUE(driver_->lost.load());
  NextReady().SayResult(1, BytesOf(2));
  const auto second = Make();
  Run(*second);
  EXPECT_EQ(second->Get(), 2);
}

TEST_F(ProcessDriverTest, SendsNothingOfATaskThatWasGivenUpBefore) {
  ScriptedWorker& process = Begin();
  const auto task = Make();
  task->AddReference();
  ASSERT_TRUE(task->Start());
  EXPECT_TRUE(task->Kill()) << "nobody has it yet";
  RunStarted(*task);
  EXPECT_EQ(process.HearTask(), 0u);
  EXPECT_EQ(task->state(), FutureState::kCancelled);
  EXPECT_FALSE(driver_->lost.load());
}

// -------------------------------------------------------- Prefetched

TEST_F(ProcessDriverTest, SendsTasksAheadAndBringsTheirResults) {
  ScriptedWorker& process = Begin();
  const auto second = Make();
  const auto third = Make();
  pool_.queue = {second.get(), third.get()};
  second->AddReference();
  third->AddReference();
  process.SayResult(1, BytesOf(1));
  const auto first = Make();
  Run(*first);
  EXPECT_EQ(first->Get(), 1);
  EXPECT_EQ(second->state(), FutureState::kPending);
  for (uint64_t attempt = 1; attempt <= 3; ++attempt) {
    EXPECT_EQ(process.HearTask(), attempt);
  }
  process.SayResult(2, BytesOf(2));
  process.SayResult(3, BytesOf(3));
  while (TaskState* const next = driver_->TakePrefetched()) RunStarted(*next);
  EXPECT_EQ(second->Get(), 2);
  EXPECT_EQ(third->Get(), 3);
  EXPECT_EQ(process.HearTask(), 0u) << "each was sent once";
}

TEST_F(ProcessDriverTest, GivesATaskBackThatIsCancelledAhead) {
  ScriptedWorker& process = Begin();
  const auto ahead = Make();
  pool_.queue = {ahead.get()};
  process.SayResult(1, BytesOf(1));
  const auto task = Make();
  Run(*task);
  EXPECT_TRUE(ahead->Cancel());
  EXPECT_FALSE(process.page().Start(1, 2)) << "the process may not begin it";
  EXPECT_EQ(driver_->TakePrefetched(), nullptr);
}

TEST_F(ProcessDriverTest, KillsATaskAheadThatTheProcessHasBegun) {
  ScriptedWorker& process = Begin();
  const auto ahead = Make();
  ahead->AddReference();
  pool_.queue = {ahead.get()};
  process.SayResult(1, BytesOf(1));
  const auto task = Make();
  Run(*task);
  EXPECT_TRUE(process.page().Start(1, 2));
  EXPECT_TRUE(ahead->Kill());
  EXPECT_EQ(ahead->state(), FutureState::kCancelled);
  TaskState* const next = driver_->TakePrefetched();
  ASSERT_EQ(next, ahead.get());
  RunStarted(*next);
  EXPECT_TRUE(driver_->lost.load());
}

// ----------------------------------------------------------- Its place

TEST_F(ProcessDriverTest, LetsAWaiterReceiveTheResult) {
  ScriptedWorker& process = Begin();
  const auto task = Make();
  SendDirectly(*task);
  process.SayResult(1, BytesOf(42));
  EXPECT_TRUE(task->Wait(absl::InfiniteDuration()));
  EXPECT_EQ(task->Get(), 42);
  EXPECT_THAT(pool_.receptions, ElementsAre(true));
}

TEST_F(ProcessDriverTest, HasATaskAgainThatAWaiterHasWaitedForLongEnough) {
  ScriptedWorker& process = Begin();
  const auto task = Make();
  SendDirectly(*task);
  EXPECT_FALSE(driver_->ReceiveWithin(*task, absl::Milliseconds(1)));
  EXPECT_THAT(pool_.receptions, ElementsAre(false));
  process.SayResult(1, BytesOf(42));
  RunStarted(*task);
  EXPECT_EQ(task->Get(), 42);
}

// Its result is only for the driver's own thread.
class SlowlyDecodedTask final : public RemoteTask<int> {
 public:
  explicit SlowlyDecodedTask(TaskOwner* owner)
      : RemoteTask(owner, 0, /*stoppable=*/false, EncodedCall()) {}
  bool IsForWaiter(const Payload& value) const override {
    EXPECT_EQ(value.size(), sizeof(int));
    return false;
  }
};

TEST_F(ProcessDriverTest, DeliversWhatAWaiterHasReceivedAndMayNotDecode) {
  ScriptedWorker& process = Begin();
  const auto task =
      StateRef<SlowlyDecodedTask>::Adopt(new SlowlyDecodedTask(&owner_));
  SendDirectly(*task);
  process.SayResult(1, BytesOf(42));
  EXPECT_FALSE(driver_->ReceiveWithin(*task, absl::Seconds(30)));
  EXPECT_EQ(task->state(), FutureState::kRunning);
  EXPECT_THAT(pool_.receptions, ElementsAre(false));
  RunStarted(*task);
  EXPECT_EQ(task->Get(), 42);
}

TEST_F(ProcessDriverTest, LeavesADeadProcessToItsThreadIfAWaiterFindsIt) {
  ScriptedWorker& process = Begin();
  const auto task = Make();
  SendDirectly(*task);
  EXPECT_TRUE(process.page().Start(0, 1));
  process.Die();
  EXPECT_FALSE(driver_->ReceiveOnWaiter(*task));
  EXPECT_THAT(pool_.receptions, ElementsAre(false));
  RunStarted(*task);
  EXPECT_THROW(task->Get(), WorkerLostError);
}

TEST_F(ProcessDriverTest, TellsOfTheEndOfItsProcessAfterItsSleep) {
  ScriptedWorker& process = Begin();
  driver_->Sleep(absl::ZeroDuration());
  EXPECT_FALSE(pool_.heard.child_ended);
  process.Die();
  driver_->Sleep(absl::Seconds(30));
  EXPECT_TRUE(pool_.heard.child_ended);
}

// ------------------------------------------------------------- Its end

TEST_F(ProcessDriverTest, StopsItsProcess) {
  ScriptedWorker& process = Begin();
  process.SayStopped();
  EXPECT_EQ(driver_->End(), nullptr);
  ASSERT_EQ(process.Hear(), Channel::Received::kFrame);
  EXPECT_TRUE(process.heard().message.isSetup());
  ASSERT_EQ(process.Hear(), Channel::Received::kFrame);
  EXPECT_TRUE(process.heard().message.isStop());
  EXPECT_EQ(pool_.children, 0);
}

TEST_F(ProcessDriverTest, KeepsItsPoolWhileItIsAskedFromOutside) {
  Begin();
  const RemoteRunner::Hold hold = driver_->GetHold();
  EXPECT_EQ(hold.pool, pool_.hold);
  EXPECT_EQ(hold.runner.get(), driver_.get());
}

}  // namespace
}  // namespace asyncpal::internal
