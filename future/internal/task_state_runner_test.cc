#include <exception>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/result_state.h"
#include "asyncpal/future/internal/task_runner.h"
#include "asyncpal/future/internal/task_state.h"
#include "asyncpal/future/testing/recording_owner.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// Tasks that something else than a thread of their pool runs: they are killed,
// prefetched, revoked, and received by the thread that waits for them.

namespace asyncpal::internal {
namespace {

using ::asyncpal::testing::RecordingOwner;
using ::testing::ElementsAre;

// A task that runs elsewhere: somebody else may start it while it is
// prefetched, and what runs it can be ended.
class RemoteState final : public ResultState<int>, private TaskRunner {
 public:
  explicit RemoteState(TaskOwner* owner) : ResultState(owner, kPoolTask) {}

  TaskRunner* runner() override { return this; }

  int revokes = 0;
  int waits = 0;
  bool started_elsewhere = false;
  bool can_be_revoked = true;
  bool can_be_killed = true;
  bool comes_while_waiting = false;

 private:
  bool ReceiveOnWaiter(TaskState& task) override {
    ++waits;
    if (!comes_while_waiting) return false;
    return task.Settle(FutureState::kCancelled, nullptr);
  }
  bool Revoke(TaskState& task) override {
    ++revokes;
    if (!can_be_revoked) return false;
    return started_elsewhere ? task.StartPrefetched() : task.Requeue();
  }
  bool KillRunning(TaskState&) override { return can_be_killed; }
  void AskToStop(TaskState&) override {}
  std::optional<TaskProgress> ProgressOf(TaskState&) override { return {}; }
};

class TaskStateWithRunner : public ::testing::Test {
 protected:
  StateRef<RemoteState> Make() {
    return StateRef<RemoteState>::Adopt(new RemoteState(&owner_));
  }

  static std::exception_ptr MakeError(const char* message) {
    return std::make_exception_ptr(Error(message));
  }

  RecordingOwner owner_;
};

// --- Kill ---

TEST_F(TaskStateWithRunner, IsCancelledByKillWhereItsWorkerCanBeEnded) {
  const auto task = Make();
  task->Start();
  EXPECT_TRUE(task->Kill());
  EXPECT_EQ(task->state(), FutureState::kCancelled);
}

TEST_F(TaskStateWithRunner, GoesOnAfterAKillThatCameTooLate) {
  const auto task = Make();
  task->Start();
  task->can_be_killed = false;
  EXPECT_FALSE(task->Kill());
  EXPECT_EQ(task->state(), FutureState::kRunning);
}

TEST_F(TaskStateWithRunner, IsCancelledByKillWhilePending) {
  const auto task = Make();
  EXPECT_TRUE(task->Kill());
  EXPECT_THAT(owner_.claimed, ElementsAre(FutureState::kCancelled));
}

// --- Prefetched ---

TEST_F(TaskStateWithRunner, LooksPendingWhilePrefetched) {
  const auto task = Make();
  EXPECT_TRUE(task->Prefetch());
  EXPECT_EQ(task->state(), FutureState::kPending);
}

TEST_F(TaskStateWithRunner, IsPrefetchedOnce) {
  const auto task = Make();
  task->Prefetch();
  EXPECT_FALSE(task->Prefetch());
}

TEST_F(TaskStateWithRunner, IsNotPrefetchedOnceCancelled) {
  const auto task = Make();
  task->Cancel();
  EXPECT_FALSE(task->Prefetch());
}

TEST_F(TaskStateWithRunner, IsNotStartedHereWhilePrefetched) {
  const auto task = Make();
  task->Prefetch();
  EXPECT_FALSE(task->Start());
}

TEST_F(TaskStateWithRunner, RunsWhereItWasPrefetched) {
  const auto task = Make();
  task->Prefetch();
  EXPECT_TRUE(task->StartPrefetched());
  EXPECT_EQ(task->state(), FutureState::kRunning);
}

TEST_F(TaskStateWithRunner, CanBeStartedHereAfterItWasRequeued) {
  const auto task = Make();
  task->Prefetch();
  EXPECT_TRUE(task->Requeue());
  EXPECT_TRUE(task->Start());
}

TEST_F(TaskStateWithRunner, IsRevokedAndCancelledWhilePrefetched) {
  const auto task = Make();
  task->Prefetch();
  EXPECT_TRUE(task->Cancel());
  EXPECT_EQ(task->revokes, 1);
  EXPECT_EQ(task->state(), FutureState::kCancelled);
}

TEST_F(TaskStateWithRunner, IsNotCancelledOnceStartedElsewhere) {
  const auto task = Make();
  task->Prefetch();
  task->started_elsewhere = true;
  EXPECT_FALSE(task->Cancel());
  EXPECT_EQ(task->state(), FutureState::kRunning);
}

TEST_F(TaskStateWithRunner, CanFailAfterItWasStartedElsewhere) {
  const auto task = Make();
  task->Prefetch();
  task->started_elsewhere = true;
  EXPECT_TRUE(task->Fail(MakeError("lost")));
  EXPECT_THAT(owner_.finished, ElementsAre(FutureState::kFailed));
}

TEST_F(TaskStateWithRunner, IsNotCancelledWhereItCanNotBeRevoked) {
  const auto task = Make();
  task->Prefetch();
  task->can_be_revoked = false;
  EXPECT_FALSE(task->Cancel());
  EXPECT_EQ(task->state(), FutureState::kPending);
}

TEST_F(TaskStateWithRunner, IsReceivedByTheOneWhoWaitsForIt) {
  const auto task = Make();
  task->comes_while_waiting = true;
  EXPECT_TRUE(task->Wait(absl::InfiniteDuration()));
  EXPECT_EQ(task->waits, 1);
}

TEST_F(TaskStateWithRunner, IsNotReceivedByOneWhoWaitsForALimitedTime) {
  const auto task = Make();
  task->comes_while_waiting = true;
  EXPECT_FALSE(task->Wait(absl::Milliseconds(1)));
  EXPECT_EQ(task->waits, 0);
}

}  // namespace
}  // namespace asyncpal::internal
