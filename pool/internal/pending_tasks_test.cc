#include "asyncpal/pool/internal/pending_tasks.h"

#include <thread>
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
  TaskState* Submit(uint32_t flags = 0) {
    TaskState* const task = NewTask(nullptr, flags, [] {});
    tasks_.push_back(StateRef<TaskState>::Share(task));
    MakeRoom();
    task->set_task_id(tail_.NewId());
    tail_.Push(task);
    return task;
  }
  void Post() {
    MakeRoom();
    const auto call = [] {};
    tail_.Push(kPostedCall<decltype(call)>, &call, sizeof(call));
  }
  void MakeRoom() {
    if (!tail_.HasRoom()) tail_.Grow(SlotChunk::Make(tail_.wanted_bytes()));
  }
  // The next task is started; the test takes over the queue's reference.
  TaskState* StartNext(bool only_plain = false) {
    TakenTask taken;
    if (!outbox_.StartNext(only_plain, counts_, &taken)) return nullptr;
    taken.task->Release();
    return taken.task;
  }

  std::vector<StateRef<TaskState>> tasks_;
  TakeCounts counts_;
  SlotChain chain_;
  SlotTail tail_{chain_};
  TaskOutbox outbox_{chain_};
};

TEST_F(PendingTasksTest, OlderTasksStartFirst) {
  TaskState* const first = Submit();
  TaskState* const second = Submit();
  EXPECT_EQ(StartNext(), first);
  EXPECT_EQ(StartNext(), second);
  EXPECT_EQ(StartNext(), nullptr);
}

TEST_F(PendingTasksTest, OldestIsTheFirstThatCanStartStill) {
  ASSERT_TRUE(Submit()->ClaimPending());
  TaskState* const first = Submit(TaskState::kDetached);
  Post();
  OldestTask oldest;
  outbox_.FindOldest(oldest);
  EXPECT_EQ(oldest.call_id(), first->task_id());
}

TEST_F(PendingTasksTest, OldestIsWhatWasPutBack) {
  TaskState* const first = Submit(TaskState::kDetached);
  Submit(TaskState::kDetached);
  ASSERT_EQ(outbox_.PrefetchNext(counts_), first);
  outbox_.Requeue(first, counts_);
  OldestTask oldest;
  outbox_.FindOldest(oldest);
  EXPECT_EQ(oldest.call_id(), first->task_id());
}

TEST_F(PendingTasksTest, OldestOfAnEmptyQueueIsNone) {
  OldestTask oldest;
  outbox_.FindOldest(oldest);
  EXPECT_EQ(oldest.call_id(), 0u);
  EXPECT_EQ(oldest.waited(), absl::ZeroDuration());
}

TEST_F(PendingTasksTest, OldestCallOfAGroupIsFoundWithItsId) {
  static constexpr PostedCall kOfGroup = {
      .run = nullptr, .to_task = nullptr, .drop = [](void*) {}};
  const int group = 0;
  const int* const of = &group;
  Submit();
  MakeRoom();
  tail_.NewIds(10);  // given away to others
  tail_.Push(kOfGroup, &of, sizeof(of));
  Submit();
  MakeRoom();
  tail_.Push(kOfGroup, &of, sizeof(of));
  TakenTask taken;
  ASSERT_TRUE(outbox_.TakeOfGroup(&group, &taken));
  EXPECT_EQ(taken.call_info.id, 12u);
  ASSERT_TRUE(outbox_.TakeOfGroup(&group, &taken));
  EXPECT_EQ(taken.call_info.id, 14u);
  EXPECT_FALSE(outbox_.TakeOfGroup(&group, &taken));
  EXPECT_EQ(StartNext(), tasks_[0].get());
  EXPECT_EQ(StartNext(), tasks_[1].get());
}

TEST_F(PendingTasksTest, StartsTheFirstTaskThatIsMeant) {
  TaskState* const first = Submit();
  TaskState* const second = Submit();
  TakenTask taken;
  const auto is_second = [&](const TaskState& task) { return &task == second; };
  ASSERT_TRUE(outbox_.StartFirst(is_second, &taken));
  EXPECT_EQ(taken.task, second);
  second->Release();
  EXPECT_FALSE(outbox_.StartFirst(is_second, &taken));
  EXPECT_EQ(StartNext(), first);
  EXPECT_EQ(StartNext(), nullptr);
}

TEST_F(PendingTasksTest, StartedTaskIsNeitherPendingNorWaiting) {
  Submit();
  Submit();
  ASSERT_NE(StartNext(), nullptr);
  EXPECT_EQ(counts_.started(), 1);
  EXPECT_EQ(counts_.left(), 1);
}

TEST_F(PendingTasksTest, PostedCallStartsInItsTurnAndHasItsId) {
  Submit();
  Post();
  ASSERT_NE(StartNext(), nullptr);
  TakenTask taken;
  ASSERT_TRUE(outbox_.StartNext(/*only_plain=*/false, counts_, &taken));
  EXPECT_EQ(taken.task, nullptr);
  EXPECT_NE(taken.posted, nullptr);
  EXPECT_EQ(taken.call_info.id, 2u);
  EXPECT_EQ(counts_.started(), 2);
}

// Something that came in between two looks was taken for a posted call.
TEST_F(PendingTasksTest, TaskThatComesInMeanwhileIsTakenForATask) {
  constexpr int kTasks = 50'000;
  std::thread submitter([this] {
    for (int i = 0; i < kTasks; ++i) {
      MakeRoom();
      tail_.Push(NewTask(nullptr, 0, [] {}));
    }
  });
  for (int started = 0; started < kTasks;) {
    TakenTask taken;
    if (!outbox_.StartNext(/*only_plain=*/false, counts_, &taken)) {
      std::this_thread::yield();
      continue;
    }
    ++started;
    ASSERT_NE(taken.task, nullptr);
    taken.task->Release();
  }
  submitter.join();
}

TEST_F(PendingTasksTest, TaskThatSomebodyHasClaimedIsSkippedAndNotCounted) {
  TaskState* const claimed = Submit();
  TaskState* const other = Submit();
  ASSERT_TRUE(claimed->ClaimPending());
  EXPECT_EQ(StartNext(), other);
  EXPECT_EQ(counts_.started(), 1);
  EXPECT_TRUE(claimed->is_unique());
}

TEST_F(PendingTasksTest, LastReferenceToASkippedTaskIsKeptForLater) {
  TaskState* const claimed = Submit();
  ASSERT_TRUE(claimed->ClaimPending());
  tasks_.clear();
  EXPECT_EQ(StartNext(), nullptr);
  EXPECT_TRUE(outbox_.has_dropped());
  outbox_.TakeDropped();
  EXPECT_FALSE(outbox_.has_dropped());
}

TEST_F(PendingTasksTest, OnlyPlainTasksAreTakenByThoseWhoCanRunNoOthers) {
  Submit(TaskState::kTracked);
  Post();
  EXPECT_EQ(StartNext(/*only_plain=*/true), nullptr);
  EXPECT_NE(StartNext(), nullptr);
  EXPECT_EQ(StartNext(/*only_plain=*/true), nullptr);
}

TEST_F(PendingTasksTest, PrefetchedTaskIsPendingButWaitsForNobody) {
  TaskState* const task = Submit();
  ASSERT_EQ(outbox_.PrefetchNext(counts_), task);
  EXPECT_EQ(counts_.started(), 0);
  EXPECT_EQ(counts_.left(), 1);
  task->StartPrefetched();
  counts_.CountStarted();
  outbox_.EndPrefetch();
  EXPECT_EQ(counts_.started(), 1);
  task->Release();
}

TEST_F(PendingTasksTest, RequeuedTasksAreTheFirstAgain) {
  TaskState* const first = Submit();
  TaskState* const second = Submit();
  TaskState* const third = Submit();
  ASSERT_EQ(outbox_.PrefetchNext(counts_), first);
  ASSERT_EQ(outbox_.PrefetchNext(counts_), second);
  outbox_.Requeue(second, counts_);
  outbox_.Requeue(first, counts_);
  EXPECT_EQ(counts_.left(), 0);
  EXPECT_EQ(StartNext(), first);
  EXPECT_EQ(StartNext(), second);
  EXPECT_EQ(StartNext(), third);
}

TEST_F(PendingTasksTest, TaskThatLeavesOutOfTurnGivesItsReference) {
  Submit();
  TaskState* const task = Submit();
  TaskState* const last = Submit();
  EXPECT_TRUE(outbox_.LeaveOutOfTurn(task));
  task->Release();
  EXPECT_TRUE(task->is_unique());
  EXPECT_NE(StartNext(), nullptr);
  EXPECT_EQ(StartNext(), last);
}

TEST_F(PendingTasksTest, TaskThatIsNotThereDoesNotLeave) {
  Submit();
  const auto other = StateRef<TaskState>::Adopt(NewTask(nullptr, 0, [] {}));
  EXPECT_FALSE(outbox_.LeaveOutOfTurn(other.get()));
}

TEST_F(PendingTasksTest, StaleTasksAreForgottenOnceThereAreManyOfThem) {
  constexpr size_t kTasks = 1000;
  for (size_t i = 0; i < kTasks; ++i) Submit();
  // The last first, so that they are not found near the front.
  for (size_t i = kTasks - 1; i > 0; --i) {
    ASSERT_TRUE(tasks_[i]->ClaimPending());
    if (outbox_.LeaveOutOfTurn(tasks_[i].get())) tasks_[i]->Release();
    outbox_.SweepIfStale(static_cast<int64_t>(i));
  }
  size_t forgotten = 0;
  for (const auto& task : tasks_) forgotten += task->is_unique();
  EXPECT_GT(forgotten, kTasks - 200);
  EXPECT_EQ(StartNext(), tasks_[0].get());
}

TEST_F(PendingTasksTest, EverythingIsClaimedInOrderBesidesWhatOthersHave) {
  TaskState* const first = Submit();
  TaskState* const second = Submit();
  TaskState* const third = Submit();
  Post();
  ASSERT_EQ(outbox_.PrefetchNext(counts_), first);
  outbox_.Requeue(first, counts_);
  ASSERT_TRUE(second->ClaimPending());

  SlotChain chain;
  TaskOutbox all(chain);
  outbox_.TakeAll(tail_, all);
  EXPECT_EQ(StartNext(), nullptr);
  std::vector<TaskState*> claimed;
  all.ClaimAll([&](TaskState* task) { claimed.push_back(task); });
  EXPECT_THAT(claimed, ElementsAre(first, third, nullptr));

  std::vector<TaskState*> seen;
  for (TakenTask next; all.PopNext(&next);) {
    seen.push_back(next.task);
    if (next.task != nullptr) next.task->Release();
  }
  EXPECT_THAT(seen, ElementsAre(first, third, nullptr));
  EXPECT_TRUE(second->is_unique());
}

TEST_F(PendingTasksTest, TrackedTaskIsFoundUntilItIsRemoved) {
  TaskState* const task = Submit(TaskState::kTracked);
  TrackedTasks tracked;
  tracked.Add(task);
  EXPECT_EQ(tracked.Find(1), task);
  EXPECT_EQ(tracked.Remove(1).get(), task);
  EXPECT_EQ(tracked.Find(1), nullptr);
  EXPECT_FALSE(tracked.Remove(1));
}

TEST_F(PendingTasksTest, TrackedTasksAreVisitedOnceEach) {
  TaskState* const task = Submit(TaskState::kTracked);
  TrackedTasks tracked;
  std::vector<const TaskState*> seen;
  const auto see = [&](const auto& one) { seen.push_back(one.get()); };
  tracked.ForEach(see);
  EXPECT_THAT(seen, IsEmpty());
  tracked.Add(task);
  tracked.ForEach(see);
  EXPECT_THAT(seen, ElementsAre(task));
}

}  // namespace
}  // namespace asyncpal::internal
