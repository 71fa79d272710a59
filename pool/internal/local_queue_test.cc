#include "asyncpal/pool/internal/local_queue.h"

#include <cstdint>
#include <vector>

#include "asyncpal/future/internal/task.h"
#include "asyncpal/pool/internal/posted_call.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

class LocalQueueTest : public ::testing::Test {
 protected:
  // A task of which the queue gets one reference, and the test keeps one.
  TaskState* Push() {
    TaskState* const task = NewTask(nullptr, 0, [] {});
    tasks_.push_back(StateRef<TaskState>::Share(task));
    MakeRoom();
    queue_.Push(Slot::Of(task), tasks_.size());
    return task;
  }
  void MakeRoom() {
    if (queue_.HasRoom()) return;
    DroppedStates dropped;
    queue_.Grow(LocalQueue::Ring(queue_.wanted_capacity()), dropped);
  }
  TaskState* PopFront() {
    TaskState* const task = queue_.Front().slot.task;
    queue_.PopFront();
    task->Release();
    return task;
  }
  void ClaimAndForget(size_t i) { ASSERT_TRUE(tasks_[i]->ClaimPending()); }

  std::vector<StateRef<TaskState>> tasks_;
  LocalQueue queue_;
};

TEST_F(LocalQueueTest, HasNoRoomAtFirst) {
  EXPECT_TRUE(queue_.empty());
  EXPECT_FALSE(queue_.HasRoom());
}

TEST_F(LocalQueueTest, GivesTheOldestFirstHoweverManyThereAre) {
  for (int i = 0; i < 1000; ++i) Push();
  for (const auto& task : tasks_) ASSERT_EQ(PopFront(), task.get());
  EXPECT_TRUE(queue_.empty());
}

TEST_F(LocalQueueTest, KeepsItsOrderWhereTheRingWraps) {
  for (int i = 0; i < 50; ++i) Push();
  for (size_t i = 0; i < 50; ++i) ASSERT_EQ(PopFront(), tasks_[i].get());
  for (int i = 0; i < 200; ++i) Push();
  for (size_t i = 50; i < 250; ++i) ASSERT_EQ(PopFront(), tasks_[i].get());
}

TEST_F(LocalQueueTest, OldestIsTheFirstThatHasNotLeft) {
  Push();
  ClaimAndForget(0);
  MakeRoom();
  const auto call = [] {};
  queue_.Push(Slot::Of(kPostedCall<decltype(call)>, &call, sizeof(call)), 7);
  Push();
  OldestTask oldest;
  queue_.FindOldest(oldest);
  EXPECT_EQ(oldest.call_id(), 7u);
  EXPECT_EQ(oldest.waited(), absl::ZeroDuration());
}

TEST_F(LocalQueueTest, KeepsTheIdsOfPostedCalls) {
  MakeRoom();
  const auto call = [] {};
  queue_.Push(Slot::Of(kPostedCall<decltype(call)>, &call, sizeof(call)), 42);
  EXPECT_FALSE(queue_.Front().slot.is_task());
  EXPECT_EQ(queue_.Front().id, 42u);
}

TEST_F(LocalQueueTest, NewestCallOfAGroupLeavesFirst) {
  static constexpr PostedCall kOfGroup = {
      .run = nullptr, .to_task = nullptr, .drop = [](void*) {}};
  const int group = 0;
  const int other = 0;
  const auto push = [&](const int* of, uint64_t id) {
    MakeRoom();
    queue_.Push(Slot::Of(kOfGroup, &of, sizeof(of)), id);
  };
  push(&group, 1);
  push(&group, 2);
  push(&other, 3);
  Push();
  LocalQueue::Entry taken;
  ASSERT_TRUE(queue_.TakeOfGroup(&group, &taken));
  EXPECT_EQ(taken.id, 2u);
  ASSERT_TRUE(queue_.TakeOfGroup(&group, &taken));
  EXPECT_EQ(taken.id, 1u);
  EXPECT_FALSE(queue_.TakeOfGroup(&group, &taken));
  ASSERT_TRUE(queue_.TakeOfGroup(&other, &taken));
  EXPECT_EQ(taken.id, 3u);
}

TEST_F(LocalQueueTest, NewestAndOldestLeaveToThoseWhoWaitForThem) {
  TaskState* const oldest = Push();
  TaskState* const middle = Push();
  TaskState* const newest = Push();
  EXPECT_FALSE(queue_.PopIfAtAnEnd(middle));
  EXPECT_TRUE(queue_.PopIfAtAnEnd(newest));
  EXPECT_TRUE(queue_.PopIfAtAnEnd(oldest));
  newest->Release();
  oldest->Release();
  EXPECT_EQ(PopFront(), middle);
  EXPECT_FALSE(queue_.PopIfAtAnEnd(middle));
}

TEST_F(LocalQueueTest, ForgetsWhatIsStaleAtItsBack) {
  for (int i = 0; i < 4; ++i) Push();
  ClaimAndForget(0);
  ClaimAndForget(2);
  ClaimAndForget(3);
  {
    DroppedStates dropped;
    queue_.TrimBack(dropped);
  }
  EXPECT_TRUE(tasks_[2]->is_unique());
  EXPECT_TRUE(tasks_[3]->is_unique());
  EXPECT_EQ(queue_.Back().slot.task, tasks_[1].get());
}

TEST_F(LocalQueueTest, ForgetsWhatIsStaleInsteadOfGrowing) {
  for (int i = 0; i < 64; ++i) Push();
  for (size_t i = 0; i < 63; ++i) ClaimAndForget(i);
  ASSERT_FALSE(queue_.HasRoom());
  DroppedStates dropped;
  const LocalQueue::Ring unused =
      queue_.Grow(LocalQueue::Ring(queue_.wanted_capacity()), dropped);
  EXPECT_TRUE(queue_.HasRoom());
  EXPECT_EQ(unused.capacity, 128u);
  EXPECT_TRUE(tasks_[0]->is_unique());
  EXPECT_EQ(PopFront(), tasks_[63].get());
  EXPECT_TRUE(queue_.empty());
}

TEST_F(LocalQueueTest, ReleasesWhatIsInsideAtItsEnd) {
  const auto task = StateRef<TaskState>::Adopt(NewTask(nullptr, 0, [] {}));
  {
    LocalQueue queue;
    DroppedStates dropped;
    queue.Grow(LocalQueue::Ring(queue.wanted_capacity()), dropped);
    task->AddReference();
    queue.Push(Slot::Of(task.get()), 1);
    EXPECT_FALSE(task->is_unique());
  }
  EXPECT_TRUE(task->is_unique());
}

}  // namespace
}  // namespace asyncpal::internal
