#include "asyncpal/pool/internal/pending_tasks.h"

#include <vector>

#include "asyncpal/future/internal/task.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class PendingTasksTest : public ::testing::Test {
 protected:
  // A task of which the queue gets one reference, and the test keeps one.
  StateBase* Submit(uint32_t flags = 0) {
    StateBase* const task = NewTask(nullptr, flags, [] {});
    tasks_.push_back(StateRef<StateBase>::Share(task));
    task->set_task_id(inbox_.next_task_id());
    inbox_.Push(task);
    flow_.set_has_new(true);
    return task;
  }
  // The next task is started; the test takes over the queue's reference.
  StateBase* StartNext(bool only_plain = false) {
    StateBase* const task = outbox_.StartNext(only_plain, flow_);
    if (task != nullptr) task->Release();
    return task;
  }
  int64_t pending() const { return inbox_.CountPending(flow_); }
  int64_t waiting() const { return inbox_.CountWaiting(flow_); }

  void TearDown() override {
    outbox_.TakeAll(inbox_, flow_);
    while (StateBase* const task = outbox_.PopFront()) task->Release();
  }

  std::vector<StateRef<StateBase>> tasks_;
  TaskFlow flow_;
  TaskInbox inbox_;
  TaskOutbox outbox_;
};

TEST_F(PendingTasksTest, IdsBeginAtOneAndGrow) {
  EXPECT_EQ(Submit()->task_id(), 1u);
  EXPECT_EQ(Submit()->task_id(), 2u);
}

TEST_F(PendingTasksTest, TaskThatWasDismissedWasNeverSubmitted) {
  StateBase* const task = Submit();
  inbox_.Remove(task);
  inbox_.Dismiss();
  task->Release();
  EXPECT_EQ(inbox_.submitted(), 0);
  EXPECT_EQ(pending(), 0);
}

TEST_F(PendingTasksTest, NewTasksAreSeenWithoutALockUntilTheyAreMoved) {
  EXPECT_FALSE(flow_.has_new());
  Submit();
  EXPECT_TRUE(flow_.has_new());
  outbox_.TakeAll(inbox_, flow_);
  EXPECT_FALSE(flow_.has_new());
  EXPECT_TRUE(inbox_.empty());
}

TEST_F(PendingTasksTest, OlderTasksStartBeforeThoseThatCameIn) {
  StateBase* const first = Submit();
  outbox_.TakeAll(inbox_, flow_);
  StateBase* const second = Submit();
  outbox_.TakeAll(inbox_, flow_);
  EXPECT_EQ(StartNext(), first);
  EXPECT_EQ(StartNext(), second);
  EXPECT_EQ(StartNext(), nullptr);
}

TEST_F(PendingTasksTest, StartedTaskIsNeitherPendingNorWaiting) {
  Submit();
  Submit();
  outbox_.TakeAll(inbox_, flow_);
  ASSERT_NE(StartNext(), nullptr);
  EXPECT_EQ(pending(), 1);
  EXPECT_EQ(waiting(), 1);
}

TEST_F(PendingTasksTest, TaskThatSomebodyHasClaimedIsSkippedAndNotCounted) {
  StateBase* const claimed = Submit();
  StateBase* const other = Submit();
  outbox_.TakeAll(inbox_, flow_);
  ASSERT_TRUE(claimed->ClaimPending());
  EXPECT_EQ(StartNext(), other);
  EXPECT_EQ(flow_.started(), 1);
}

TEST_F(PendingTasksTest, OnlyPlainTasksAreTakenByThoseWhoCanRunNoOthers) {
  Submit(StateBase::kTracked);
  outbox_.TakeAll(inbox_, flow_);
  EXPECT_EQ(StartNext(/*only_plain=*/true), nullptr);
  EXPECT_FALSE(outbox_.empty());
  EXPECT_NE(StartNext(), nullptr);
}

TEST_F(PendingTasksTest, PrefetchedTaskIsPendingButWaitsForNobody) {
  StateBase* const task = Submit();
  outbox_.TakeAll(inbox_, flow_);
  ASSERT_EQ(outbox_.PrefetchNext(flow_), task);
  EXPECT_EQ(pending(), 1);
  EXPECT_EQ(waiting(), 0);
  task->StartOffered();
  flow_.CountStarted();
  EXPECT_EQ(pending(), 0);
  task->Release();
}

TEST_F(PendingTasksTest, TaskThatIsPutBackIsTheFirstAgain) {
  StateBase* const first = Submit();
  StateBase* const second = Submit();
  outbox_.TakeAll(inbox_, flow_);
  ASSERT_EQ(outbox_.PrefetchNext(flow_), first);
  outbox_.PutBack(first, flow_);
  EXPECT_EQ(waiting(), 2);
  EXPECT_EQ(StartNext(), first);
  EXPECT_EQ(StartNext(), second);
}

TEST_F(PendingTasksTest, TaskThatWentToAWorkerAtOnceIsCounted) {
  inbox_.CountDirect();
  flow_.CountTaken();
  EXPECT_EQ(inbox_.submitted(), 1);
  EXPECT_EQ(pending(), 0);
  EXPECT_EQ(waiting(), 0);
}

TEST_F(PendingTasksTest, TrackedTaskIsFoundUntilItIsRemoved) {
  StateBase* const task = Submit(StateBase::kTracked);
  TrackedTasks tracked;
  tracked.Add(task);
  EXPECT_EQ(tracked.Find(1), task);
  EXPECT_EQ(tracked.Remove(1).get(), task);
  EXPECT_EQ(tracked.Find(1), nullptr);
  EXPECT_FALSE(tracked.Remove(1));
}

TEST_F(PendingTasksTest, TrackedTasksAreVisitedOnceEach) {
  StateBase* const task = Submit(StateBase::kTracked);
  TrackedTasks tracked;
  std::vector<const StateBase*> seen;
  const auto see = [&](const auto& one) { seen.push_back(one.get()); };
  tracked.ForEach(see);
  EXPECT_THAT(seen, IsEmpty());
  tracked.Add(task);
  tracked.ForEach(see);
  EXPECT_THAT(seen, ElementsAre(task));
}

}  // namespace
}  // namespace asyncpal::internal
