#include "asyncpal/pool/internal/process_driver.h"

#include <cerrno>
#include <csignal>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/clock.h"
#include "asyncpal/future/testing/no_owner.h"
#include "asyncpal/ipc/call.h"
#include "asyncpal/ipc/codec.h"
#include "asyncpal/ipc/testing/scripted_worker.h"
#include "asyncpal/ipc/worker/worker_connection.h"
#include "asyncpal/pool/internal/process_supply.h"
#include "asyncpal/pool/internal/remote_task.h"
#include "asyncpal/pool/internal/shutdown_registry.h"
#include "asyncpal/pool/internal/thread_core.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// One thread is everybody: the driver, the process at the other end, which has
// said its part before it is listened to or says it in FakePool::while_running,
// and those who want something of a task.

namespace asyncpal::internal {
namespace {

using ::asyncpal::testing::NoOwner;
using ::asyncpal::testing::ScriptedWorker;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The books of one driver, without a lock.
class FakePool final : public DriverPool {
 public:
  std::shared_ptr<const void> GetHold() override { return hold; }
  void Break(std::exception_ptr error) override { broken_by = error; }
  bool HasOtherWorkers() override { return has_others; }
  void RunTask(ProcessDriver& driver, StateBase* task) override {
    driver.Run(task, NowTicks());
  }

  Batch Prefetch(ProcessDriver& driver, const Handed& running, bool) override {
    if (auto now = std::exchange(while_running, nullptr)) now();
    Batch batch;
    for (StateBase* const task : std::exchange(queue, {})) {
      task->Offer();
      RemoteCall& call = *RemoteCall::Of(*task);
      call.Lend();
      const auto ticket = running.child->Offer(ahead.BusySlots(running.ticket));
      ahead.Add({task, running.child, ticket});
      call.SetRunner(&driver);
      batch.tasks.push_back(StateRef<StateBase>::Share(task));
      batch.orders.push_back({ticket, &call.call()});
    }
    return batch;
  }
  StateBase* StartPrefetched(ProcessDriver& driver,
                             const StateBase* only) override {
    if (ahead.empty() || (only != nullptr && !ahead.IsFirst(*only))) {
      return nullptr;
    }
    auto first = ahead.TakeFirst();
    StateBase* const task = first.handed.task;
    driver.SetRunning(std::move(first.handed));
    return task;
  }
  bool HasPrefetched(const ProcessDriver&) override { return !ahead.empty(); }
  std::optional<Handed> FindPrefetched(const ProcessDriver&,
                                       const StateBase& task) override {
    const Handed* const handed = ahead.FindStarted(task);
    return handed == nullptr ? std::nullopt : std::optional<Handed>(*handed);
  }
  void Revoke(ProcessDriver&, StateBase& task) override {
    if (ahead.Revoke(task) != Tasks::Revoked::kPending) return;
    RemoteCall::Of(task)->SetRunner(nullptr);
    task.TakeBack();
    requeued.push_back(&task);
  }
  void RevokeAll(ProcessDriver& driver, size_t rest) override {
    while (StateBase* const last = ahead.LastPending(rest)) {
      Revoke(driver, *last);
    }
  }

  void OnChildStarted(ProcessDriver&) override { ++children; }
  void OnEvents(ProcessDriver&, const WorkerWaiter::Events& events) override {
    heard = events;
  }
  bool BeginVisit(ProcessDriver&, const StateBase&) override { return is_lent; }
  void WatchAsVisitor(ProcessDriver&) override {}
  void EndVisit(ProcessDriver&, bool is_done) override {
    visits.push_back(is_done);
  }
  void OnChildStopped(ProcessDriver&) override { --children; }

  using Tasks = PrefetchedTasks<WorkerConnection>;

  // Called once, when the process has been sent the task and the driver is
  // about to wait for it.
  std::function<void()> while_running;
  std::vector<StateBase*> queue;
  std::vector<StateBase*> requeued;
  Tasks ahead;
  std::exception_ptr broken_by;
  bool has_others = false;
  bool is_lent = false;
  int children = 0;
  WorkerWaiter::Events heard;
  std::vector<bool> visits;
  std::shared_ptr<int> hold = std::make_shared<int>(0);
};

class ProcessDriverTest : public ::testing::Test {
 protected:
  explicit ProcessDriverTest(
      ProcessOptions options = {.worker_command = {"sleep"}})
      : supply_(std::move(options), "p", /*max_workers=*/1,
                [this](const WorkerOptions& with) { return Connect(with); }) {
    driver_ = std::make_shared<ProcessDriver>(
        *core_, static_cast<DriverPool&>(pool_), supply_, 1, "p-worker-1");
  }

  std::shared_ptr<WorkerConnection> Connect(const WorkerOptions& with) const {
    if (shortage_) {
      throw std::system_error(EAGAIN, std::generic_category(), "no process");
    }
    if (connected_ == scripts_.size()) throw std::runtime_error("no script");
    return std::make_shared<WorkerConnection>(
        with, scripts_[connected_++]->TakeParts());
  }

  // The next process that the driver will start.
  ScriptedWorker& NextProcess() {
    scripts_.push_back(std::make_unique<ScriptedWorker>());
    return *scripts_.back();
  }
  // The same, which will be ready.
  ScriptedWorker& NextReady() {
    ScriptedWorker& process = NextProcess();
    process.SayHandshake();
    process.SayReady();
    return process;
  }
  ScriptedWorker& Begin() {
    ScriptedWorker& process = NextReady();
    EXPECT_EQ(driver_->Begin(), nullptr);
    EXPECT_FALSE(driver_->lost.load());
    return process;
  }

  StateRef<RemoteTask<int>> Make(bool stoppable = false) {
    EncodedCall call;
    call.name = "test.task";
    auto task = StateRef<RemoteTask<int>>::Adopt(
        new RemoteTask<int>(&owner_, 0, stoppable, std::move(call)));
    task->set_task_id(7);
    return task;
  }
  static std::string BytesOf(int value) {
    return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  // As the pool does it, whose reference Run() gives up.
  void Run(RemoteTask<int>& task) {
    task.AddReference();
    ASSERT_TRUE(task.Start());
    RunStarted(task);
  }
  void RunStarted(StateBase& task) {
    const int64_t now = NowTicks();
    driver_->running_since.store(now);
    driver_->Run(&task, now);
  }
  // The same for one whose submitter sends it in the sleeping driver's place.
  void Lend(RemoteTask<int>& task) {
    task.AddReference();
    ASSERT_TRUE(task.Start());
    driver_->running_since.store(NowTicks());
    const auto handed = driver_->HandDirectly(&task);
    task.SetRunner(driver_.get());
    handed.child->Send(handed.ticket, task.call());
    pool_.is_lent = true;
  }
  static std::string MessageOf(const std::exception_ptr& error) {
    return error == nullptr ? "" : DescribeException(error);
  }

  NoOwner owner_;
  ShutdownRegistry registry_;
  const std::shared_ptr<ThreadCore> core_ =
      ThreadCore::Make({.max_workers = 1, .name = "p"}, &registry_);
  std::vector<std::unique_ptr<ScriptedWorker>> scripts_;
  mutable size_t connected_ = 0;
  bool shortage_ = false;
  FakePool pool_;
  ProcessSupply supply_;
  std::shared_ptr<ProcessDriver> driver_;
};

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
  second.Die();
  EXPECT_FALSE(driver_->Revive());
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

// ------------------------------------------------------------- Ahead

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
  while (StateBase* const next = driver_->TakePrefetched()) RunStarted(*next);
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
  StateBase* const next = driver_->TakePrefetched();
  ASSERT_EQ(next, ahead.get());
  RunStarted(*next);
  EXPECT_TRUE(driver_->lost.load());
}

// ----------------------------------------------------------- Its place

TEST_F(ProcessDriverTest, LetsAVisitorReceiveTheResult) {
  ScriptedWorker& process = Begin();
  const auto task = Make();
  Lend(*task);
  process.SayResult(1, BytesOf(42));
  EXPECT_TRUE(task->Wait(absl::InfiniteDuration()));
  EXPECT_EQ(task->Get(), 42);
  EXPECT_THAT(pool_.visits, ElementsAre(true));
}

TEST_F(ProcessDriverTest, HasATaskAgainThatAVisitorHasWaitedForLongEnough) {
  ScriptedWorker& process = Begin();
  const auto task = Make();
  Lend(*task);
  EXPECT_FALSE(driver_->ReceiveWithin(*task, absl::Milliseconds(1)));
  EXPECT_THAT(pool_.visits, ElementsAre(false));
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

TEST_F(ProcessDriverTest, DeliversWhatAVisitorHasReceivedAndMayNotDecode) {
  ScriptedWorker& process = Begin();
  const auto task =
      StateRef<SlowlyDecodedTask>::Adopt(new SlowlyDecodedTask(&owner_));
  Lend(*task);
  process.SayResult(1, BytesOf(42));
  EXPECT_FALSE(driver_->ReceiveWithin(*task, absl::Seconds(30)));
  EXPECT_EQ(task->state(), FutureState::kRunning);
  EXPECT_THAT(pool_.visits, ElementsAre(false));
  RunStarted(*task);
  EXPECT_EQ(task->Get(), 42);
}

TEST_F(ProcessDriverTest, LeavesADeadProcessOfAVisitedTaskToItsThread) {
  ScriptedWorker& process = Begin();
  const auto task = Make();
  Lend(*task);
  EXPECT_TRUE(process.page().Start(0, 1));
  process.Die();
  EXPECT_FALSE(driver_->ReceiveOnWaiter(*task));
  EXPECT_THAT(pool_.visits, ElementsAre(false));
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
