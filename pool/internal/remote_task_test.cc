#include "asyncpal/pool/internal/remote_task.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/ipc/call.h"
#include "asyncpal/ipc/codec.h"
#include "asyncpal/ipc/payload.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class RecordingOwner final : public TaskOwner {
 public:
  void OnPendingClaimed(TaskState&, FutureState outcome) override {
    outcomes.push_back(outcome);
  }
  void OnFinished(TaskState&, FutureState outcome) override {
    outcomes.push_back(outcome);
  }
  void OnUnobservedFailure(const TaskState&,
                           std::exception_ptr) noexcept override {}

  std::vector<FutureState> outcomes;
};

// Notes what it is asked.
class FakeRunner final : public RemoteRunner,
                         public std::enable_shared_from_this<FakeRunner> {
 public:
  Hold GetHold() override {
    return {.pool = pool, .runner = shared_from_this()};
  }
  bool ReceiveOnWaiter(TaskState&) override { return Receive("receive"); }
  bool ReceiveWithin(TaskState&, absl::Duration limit) override {
    return Receive("receive within " + absl::FormatDuration(limit));
  }
  bool Revoke(TaskState& task) override {
    asked.push_back("revoke");
    return has_begun ? task.StartPrefetched() : task.Requeue();
  }
  bool KillRunning(TaskState&) override {
    asked.push_back("kill");
    return can_kill;
  }
  void AskToStop(TaskState&) override { asked.push_back("stop"); }
  std::optional<TaskProgress> ProgressOf(TaskState&) override {
    asked.push_back("progress");
    return TaskProgress{.fraction = 0.5};
  }

  std::shared_ptr<const int> pool = std::make_shared<int>(0);
  std::vector<std::string> asked;
  std::function<void()> when_received;
  bool has_begun = false;
  bool can_kill = true;

 private:
  bool Receive(std::string how) {
    asked.push_back(std::move(how));
    if (when_received == nullptr) return false;
    when_received();
    return true;
  }
};

template <typename T>
RemoteOutcome ValueOf(const T& value) {
  Encoder out;
  out.Write(value);
  return {.value = out.Finish()};
}

class RemoteTaskTest : public ::testing::Test {
 protected:
  template <typename T>
  StateRef<RemoteTask<T>> Make(bool stoppable = false) {
    EncodedCall call;
    call.name = "test.task";
    call.arguments = Payload::OfBytes("arguments");
    return StateRef<RemoteTask<T>>::Adopt(
        new RemoteTask<T>(&owner_, 0, stoppable, std::move(call)));
  }
  // As a pool does it, whose reference Deliver() gives up.
  template <typename T>
  static void Start(RemoteTask<T>& task) {
    task.AddReference();
    ASSERT_TRUE(task.Start());
  }

  RecordingOwner owner_;
  std::shared_ptr<FakeRunner> runner_ = std::make_shared<FakeRunner>();
};

TEST_F(RemoteTaskTest, IsFoundByItsRunner) {
  const auto task = Make<int>();
  TaskState& state = *task;
  ASSERT_NE(RemoteCall::Of(state), nullptr);
  EXPECT_EQ(RemoteCall::Of(state)->call().name, "test.task");
  const auto local = StateRef<TaskState>::Adopt(NewTask(&owner_, 0, [] {}));
  EXPECT_EQ(RemoteCall::Of(*local), nullptr);
}

TEST_F(RemoteTaskTest, IsSettledWithTheResultThatIsDelivered) {
  const auto task = Make<int>();
  Start(*task);
  task->Deliver(ValueOf(42));
  EXPECT_EQ(task->Get(), 42);
  EXPECT_THAT(owner_.outcomes, ElementsAre(FutureState::kCompleted));
}

TEST_F(RemoteTaskTest, IsSettledWithTheFailureThatIsDelivered) {
  const auto task = Make<int>();
  Start(*task);
  task->Deliver(
      {.failure = std::make_exception_ptr(std::out_of_range("index 7"))});
  EXPECT_THROW(task->Get(), std::out_of_range);
  EXPECT_THAT(owner_.outcomes, ElementsAre(FutureState::kFailed));
}

TEST_F(RemoteTaskTest, FailsWithAResultThatCanNotBeDecoded) {
  const auto task = Make<std::string>();
  Start(*task);
  task->Deliver({.value = Payload::OfBytes("\xff")});
  EXPECT_THROW(task->Get(), SerializationError);
}

TEST_F(RemoteTaskTest, TakesAnyResultWhereNobodyWantsOne) {
  const auto task = Make<Discarded>();
  Start(*task);
  task->Deliver({.value = Payload::OfBytes("\xff")});
  EXPECT_EQ(task->state(), FutureState::kCompleted);
}

TEST_F(RemoteTaskTest, DropsWhatComesAfterItWasSettled) {
  const auto task = Make<int>();
  Start(*task);
  EXPECT_TRUE(task->Settle(FutureState::kCancelled, nullptr));
  task->Deliver(ValueOf(42));
  EXPECT_EQ(task->state(), FutureState::kCancelled);
  EXPECT_THAT(owner_.outcomes, ElementsAre(FutureState::kCancelled));
}

// As in a pool whose tasks run on other machines: one thread for all outcomes,
// in whatever order they come.
TEST_F(RemoteTaskTest, NeedsNoThreadThatWaitsForIt) {
  std::map<int, StateRef<RemoteTask<int>>> sent;
  for (int id = 0; id < 100; ++id) {
    const auto& task = sent.emplace(id, Make<int>()).first->second;
    task->SetRunner(runner_.get());
    Start(*task);
  }
  std::thread receiver([&] {
    for (auto entry = sent.rbegin(); entry != sent.rend(); ++entry) {
      RemoteCall::Of(*entry->second)->Deliver(ValueOf(2 * entry->first));
    }
  });
  for (const auto& [id, task] : sent) {
    ASSERT_TRUE(task->Wait(absl::Seconds(30)));
    EXPECT_EQ(task->Get(), 2 * id);
  }
  receiver.join();
}

// ------------------------------------------------------------- Its runner

TEST_F(RemoteTaskTest, PassesOnWhatIsWantedOfIt) {
  const auto task = Make<int>(/*stoppable=*/true);
  task->SetRunner(runner_.get());
  Start(*task);
  EXPECT_FALSE(task->Cancel());
  EXPECT_THAT(runner_->asked, ElementsAre("stop"));
  task->Deliver(ValueOf(1));
}

TEST_F(RemoteTaskTest, AsksNobodyToStopWhatDoesNotLookAtAToken) {
  const auto task = Make<int>();
  task->SetRunner(runner_.get());
  Start(*task);
  EXPECT_FALSE(task->Cancel());
  EXPECT_THAT(runner_->asked, IsEmpty());
  task->Deliver(ValueOf(1));
}

TEST_F(RemoteTaskTest, IsReceivedByTheOneWhoWaits) {
  const auto task = Make<int>();
  task->SetRunner(runner_.get());
  Start(*task);
  runner_->when_received = [&] { task->Deliver(ValueOf(1)); };
  EXPECT_TRUE(task->Wait(absl::InfiniteDuration()));
  EXPECT_THAT(runner_->asked, ElementsAre("receive"));
}

TEST_F(RemoteTaskTest, IsReceivedWithinALimitByTheOneWhoWaitsThatLong) {
  const auto task = Make<int>();
  EXPECT_FALSE(task->ReceiveWithin(*task, absl::Seconds(1))) << "nobody has it";
  task->SetRunner(runner_.get());
  Start(*task);
  EXPECT_FALSE(task->ReceiveWithin(*task, absl::Seconds(2)));
  runner_->when_received = [&] { task->Deliver(ValueOf(1)); };
  EXPECT_TRUE(task->ReceiveWithin(*task, absl::Seconds(3)));
  EXPECT_THAT(runner_->asked,
              ElementsAre("receive within 2s", "receive within 3s"));
}

TEST_F(RemoteTaskTest, IsRevokedWhenItIsCancelled) {
  const auto task = Make<int>();
  task->Prefetch();
  task->SetRunner(runner_.get());
  EXPECT_TRUE(task->Cancel());
  EXPECT_THAT(runner_->asked, ElementsAre("revoke"));
  EXPECT_THAT(owner_.outcomes, ElementsAre(FutureState::kCancelled));
}

TEST_F(RemoteTaskTest, IsNotCancelledWhereItHasBegun) {
  const auto task = Make<int>();
  task->Prefetch();
  task->SetRunner(runner_.get());
  runner_->has_begun = true;
  EXPECT_FALSE(task->Cancel());
  EXPECT_EQ(task->state(), FutureState::kRunning);
  task->AddReference();
  task->Deliver(ValueOf(1));
}

TEST_F(RemoteTaskTest, IsCancelledByAKill) {
  const auto task = Make<int>();
  task->SetRunner(runner_.get());
  Start(*task);
  EXPECT_TRUE(task->Kill());
  EXPECT_EQ(task->state(), FutureState::kCancelled);
  EXPECT_THAT(runner_->asked, ::testing::Contains("kill"));
  task->Deliver({.failure = std::make_exception_ptr(CancelledError("killed"))});
}

TEST_F(RemoteTaskTest, GoesOnAfterAKillThatCameTooLate) {
  const auto task = Make<int>();
  task->SetRunner(runner_.get());
  runner_->can_kill = false;
  Start(*task);
  EXPECT_FALSE(task->Kill());
  task->Deliver(ValueOf(1));
  EXPECT_EQ(task->Get(), 1);
}

TEST_F(RemoteTaskTest, IsCancelledByAKillBeforeAnybodyHasIt) {
  const auto task = Make<int>();
  Start(*task);
  EXPECT_TRUE(task->Kill());
  EXPECT_EQ(task->state(), FutureState::kCancelled);
  task->Deliver(ValueOf(1));
}

TEST_F(RemoteTaskTest, HasNoRunnerOnceItIsDone) {
  const auto task = Make<int>(/*stoppable=*/true);
  task->SetRunner(runner_.get());
  Start(*task);
  task->Deliver(ValueOf(1));
  runner_.reset();
  EXPECT_FALSE(task->Kill());
  EXPECT_FALSE(task->Cancel());
}

TEST_F(RemoteTaskTest, KeepsRunnerAndPoolWhileTheyAreAsked) {
  const auto task = Make<int>();
  task->SetRunner(runner_.get());
  const std::weak_ptr<const int> pool = runner_->pool;
  Start(*task);
  // As a driver that goes in the middle of a call from outside.
  const RemoteRunner::Hold hold = runner_->GetHold();
  task->Deliver(ValueOf(1));
  runner_.reset();
  EXPECT_FALSE(pool.expired());
}

TEST_F(RemoteTaskTest, WaitsForAnybodyWhoSendsItBeforeItDropsItsArguments) {
  const auto task = Make<int>();
  Start(*task);
  task->BeginSend();
  std::atomic<bool> is_sent{false};
  std::thread sender([&] {
    std::this_thread::yield();
    EXPECT_EQ(task->call().arguments.size(), 9u);
    is_sent.store(true);
    task->EndSend();
  });
  task->Deliver(ValueOf(1));
  EXPECT_TRUE(is_sent.load());
  sender.join();
}

TEST_F(RemoteTaskTest, PassesNothingOnInAProcessThatWasForked) {
  const auto task = Make<int>(/*stoppable=*/true);
  task->Prefetch();
  task->SetRunner(runner_.get());
  const pid_t pid = fork();
  if (pid == 0) {
    alarm(30);
    const bool cancelled = task->Cancel();
    _exit(!cancelled && runner_->asked.empty() ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(task->Cancel());
}

}  // namespace
}  // namespace asyncpal::internal
