#include "asyncpal/pool/internal/task_queue.h"

#include <vector>

#include "asyncpal/future/internal/task.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Three tasks, each with the one reference that a queue owns.
class TaskQueueTest : public ::testing::Test {
 protected:
  static StateBase* Make() {
    return NewTask(nullptr, 0, [] {});
  }

  // Takes everything out, oldest first.
  std::vector<StateBase*> Drain(TaskQueue& queue) {
    std::vector<StateBase*> tasks;
    while (StateBase* const task = queue.PopFront()) tasks.push_back(task);
    return tasks;
  }

  void TearDown() override {
    for (StateBase* const task : {a_, b_, c_}) task->Release();
  }

  StateBase* const a_ = Make();
  StateBase* const b_ = Make();
  StateBase* const c_ = Make();
  TaskQueue queue_;
};

TEST_F(TaskQueueTest, IsEmptyAtFirst) {
  EXPECT_TRUE(queue_.empty());
  EXPECT_EQ(queue_.PopFront(), nullptr);
}

TEST_F(TaskQueueTest, GivesTheOldestFirst) {
  for (StateBase* const task : {a_, b_, c_}) queue_.PushBack(task);
  EXPECT_THAT(Drain(queue_), ElementsAre(a_, b_, c_));
}

TEST_F(TaskQueueTest, IsEmptyAgainAfterTheLast) {
  queue_.PushBack(a_);
  EXPECT_FALSE(queue_.empty());
  queue_.PopFront();
  EXPECT_TRUE(queue_.empty());
}

TEST_F(TaskQueueTest, TaskLeavesFromTheMiddle) {
  for (StateBase* const task : {a_, b_, c_}) queue_.PushBack(task);
  EXPECT_TRUE(queue_.Remove(b_));
  EXPECT_THAT(Drain(queue_), ElementsAre(a_, c_));
}

TEST_F(TaskQueueTest, TaskLeavesFromEitherEnd) {
  for (StateBase* const task : {a_, b_, c_}) queue_.PushBack(task);
  EXPECT_TRUE(queue_.Remove(a_));
  EXPECT_TRUE(queue_.Remove(c_));
  EXPECT_THAT(Drain(queue_), ElementsAre(b_));
}

TEST_F(TaskQueueTest, OnlyTaskLeaves) {
  queue_.PushBack(a_);
  EXPECT_TRUE(queue_.Remove(a_));
  EXPECT_TRUE(queue_.empty());
}

TEST_F(TaskQueueTest, TaskThatIsInNoQueueDoesNotLeave) {
  queue_.PushBack(a_);
  EXPECT_FALSE(queue_.Remove(b_));
  EXPECT_THAT(Drain(queue_), ElementsAre(a_));
}

TEST_F(TaskQueueTest, TaskLeavesOnlyOnce) {
  queue_.PushBack(a_);
  queue_.PopFront();
  EXPECT_FALSE(queue_.Remove(a_));
}

TEST_F(TaskQueueTest, TaskLeavesThatHasBecomeTheFirst) {
  for (StateBase* const task : {a_, b_, c_}) queue_.PushBack(task);
  queue_.PopFront();
  EXPECT_TRUE(queue_.Remove(b_));
  EXPECT_THAT(Drain(queue_), ElementsAre(c_));
}

TEST_F(TaskQueueTest, TaskLeavesThatIsBehindTheFirst) {
  for (StateBase* const task : {a_, b_, c_}) queue_.PushBack(task);
  queue_.PopFront();
  EXPECT_TRUE(queue_.Remove(c_));
  EXPECT_THAT(Drain(queue_), ElementsAre(b_));
}

TEST_F(TaskQueueTest, TaskComesInFrontOfOneThatHasBecomeTheFirst) {
  queue_.PushBack(a_);
  queue_.PushBack(b_);
  queue_.PopFront();
  queue_.PushFront(c_);
  EXPECT_TRUE(queue_.Remove(b_));
  EXPECT_THAT(Drain(queue_), ElementsAre(c_));
}

TEST_F(TaskQueueTest, TaskOfAnotherQueueLeavesThatOne) {
  TaskQueue other;
  other.PushBack(a_);
  other.PushBack(b_);
  queue_.PushBack(c_);
  EXPECT_TRUE(queue_.Remove(a_));
  EXPECT_THAT(Drain(other), ElementsAre(b_));
}

TEST_F(TaskQueueTest, QueueThatWasEmptiedTakesTasksAgain) {
  queue_.PushBack(a_);
  queue_.PopFront();
  queue_.PushBack(b_);
  queue_.PushBack(c_);
  EXPECT_THAT(Drain(queue_), ElementsAre(b_, c_));
}

TEST_F(TaskQueueTest, TaskComesBackAtTheEnd) {
  queue_.PushBack(a_);
  queue_.PushBack(b_);
  queue_.Remove(a_);
  queue_.PushBack(a_);
  EXPECT_THAT(Drain(queue_), ElementsAre(b_, a_));
}

TEST_F(TaskQueueTest, ContainsWhatIsInside) {
  queue_.PushBack(a_);
  queue_.PushBack(b_);
  EXPECT_TRUE(queue_.Contains(b_));
  EXPECT_FALSE(queue_.Contains(c_));
  Drain(queue_);
  EXPECT_FALSE(queue_.Contains(b_));
}

TEST_F(TaskQueueTest, TakesAllOfAnotherBehindItsOwn) {
  TaskQueue other;
  queue_.PushBack(a_);
  other.PushBack(b_);
  other.PushBack(c_);
  queue_.TakeAll(other);
  EXPECT_TRUE(other.empty());
  EXPECT_THAT(Drain(queue_), ElementsAre(a_, b_, c_));
}

TEST_F(TaskQueueTest, TakesNothingFromAnEmptyOne) {
  TaskQueue other;
  queue_.PushBack(a_);
  queue_.TakeAll(other);
  EXPECT_THAT(Drain(queue_), ElementsAre(a_));
}

TEST_F(TaskQueueTest, EmptyOneTakesAllOfAnother) {
  TaskQueue other;
  other.PushBack(a_);
  queue_.TakeAll(other);
  EXPECT_THAT(Drain(queue_), ElementsAre(a_));
  EXPECT_THAT(Drain(other), IsEmpty());
}

TEST_F(TaskQueueTest, QueueThatGaveAllAwayTakesTasksAgain) {
  TaskQueue other;
  other.PushBack(a_);
  queue_.TakeAll(other);
  other.PushBack(b_);
  EXPECT_THAT(Drain(other), ElementsAre(b_));
  EXPECT_THAT(Drain(queue_), ElementsAre(a_));
}

}  // namespace
}  // namespace asyncpal::internal
