#include "asyncpal/pool/internal/task_classes.h"

#include <cstdint>
#include <optional>
#include <vector>

#include "asyncpal/future/internal/task.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::testing::ElementsAre;

constexpr int kBackground = 0;
constexpr int kLow = 1;
constexpr int kNormal = TaskClasses::kNormalClass;
constexpr int kHigh = 3;
constexpr int kUrgent = 4;
constexpr int64_t kStep = 1600;

class TaskClassesTest : public ::testing::Test {
 protected:
  TaskState* Add(int c, int64_t now, uint64_t pushed = 0) {
    auto* const task = NewTask(nullptr, 0, [] {});
    task->set_task_id(tasks_.size() + 1);
    tasks_.push_back(StateRef<TaskState>::ShareNew(task));
    classes_.Add(task, c, now, pushed);
    return task;
  }
  std::optional<int> Next(std::optional<uint64_t> front, int64_t now) {
    DroppedStates dropped;
    return classes_.Next(front, now, dropped);
  }
  // Takes the next one out, as if the normal class had none.
  const TaskState* Take(int64_t now) {
    const std::optional<int> next = Next(std::nullopt, now);
    if (!next.has_value()) return nullptr;
    TaskState* const task = classes_.Pop(*next);
    task->Release();
    return task;
  }

  std::vector<StateRef<TaskState>> tasks_;
  TaskClasses classes_{kStep};
};

TEST_F(TaskClassesTest, HasNothingAtFirst) {
  EXPECT_TRUE(classes_.empty());
  EXPECT_EQ(Next(std::nullopt, 0), std::nullopt);
  EXPECT_EQ(Next(1, 0), kNormal);
}

TEST_F(TaskClassesTest, HigherClassesGoFirst) {
  const TaskState* const background = Add(kBackground, 1);
  const TaskState* const low = Add(kLow, 2);
  const TaskState* const high = Add(kHigh, 3);
  const TaskState* const urgent = Add(kUrgent, 4);
  EXPECT_TRUE(classes_.has_above_normal());
  std::vector<const TaskState*> order;
  while (const TaskState* const task = Take(5)) order.push_back(task);
  EXPECT_THAT(order, ElementsAre(urgent, high, low, background));
  EXPECT_TRUE(classes_.empty());
}

TEST_F(TaskClassesTest, ClassKeepsItsOrder) {
  const TaskState* const first = Add(kHigh, 1);
  const TaskState* const second = Add(kHigh, 1);
  const TaskState* const third = Add(kHigh, 2);
  EXPECT_EQ(Take(3), first);
  EXPECT_EQ(Take(3), second);
  EXPECT_EQ(Take(3), third);
}

TEST_F(TaskClassesTest, TaskWaitsFourStepsBehindLaterUrgentOnesAndNoMore) {
  const TaskState* const background = Add(kBackground, 100);
  const TaskState* const early = Add(kUrgent, 100 + 4 * kStep);
  Add(kUrgent, 101 + 4 * kStep);
  EXPECT_EQ(Take(100 + 5 * kStep), early);
  EXPECT_EQ(Take(100 + 5 * kStep), background);
}

TEST_F(TaskClassesTest, InfiniteStepIsStrict) {
  const int64_t late = int64_t{1} << 60;
  TaskClasses strict(TaskClasses::kStrict);
  DroppedStates dropped;
  strict.Add(NewTask(nullptr, 0, [] {}), kBackground, 0, 0);
  EXPECT_EQ(strict.Next(7, late, dropped), kNormal);
  strict.Add(NewTask(nullptr, 0, [] {}), kLow, late, 0);
  EXPECT_EQ(strict.Next(std::nullopt, late, dropped), kLow);
  strict.Add(NewTask(nullptr, 0, [] {}), kUrgent, late, 0);
  EXPECT_EQ(strict.Next(7, late, dropped), kUrgent);
}

TEST_F(TaskClassesTest, NormalTaskThatWasThereBeforeGoesBeforeLowerOnes) {
  Add(kLow, 100, /*pushed=*/7);
  EXPECT_EQ(Next(7, 100), kNormal);
  EXPECT_EQ(Next(8, 101), kNormal);  // a later one: within the step
}

TEST_F(TaskClassesTest, LowTaskGoesBeforeNormalOnesThatCameAStepLater) {
  Add(kLow, 100, /*pushed=*/7);
  EXPECT_EQ(Next(7, 100 + 2 * kStep), kNormal);  // it was there at 100
  EXPECT_EQ(Next(8, 99 + kStep), kNormal);
  EXPECT_EQ(Next(8, 101 + kStep), kLow);
}

TEST_F(TaskClassesTest, MarksTellWhenNormalTasksCame) {
  Add(kLow, 100, /*pushed=*/7);
  classes_.Mark(100 + kStep / 2, 9);
  classes_.Mark(100 + 3 * kStep, 20);
  EXPECT_EQ(Next(9, 100 + 4 * kStep), kNormal);
  EXPECT_EQ(Next(10, 100 + 4 * kStep), kLow);
}

TEST_F(TaskClassesTest, MarksOfTasksThatHaveLeftAreForgotten) {
  Add(kLow, 0);
  for (uint64_t i = 1; i <= 1000; ++i) {
    const auto now = static_cast<int64_t>(i) * kStep;
    classes_.Mark(now, i);
    Next(i % 10 == 0 ? std::nullopt : std::optional<uint64_t>(i), now);
    ASSERT_LE(classes_.marks(), 2u);
  }
}

TEST_F(TaskClassesTest, StrictClassesNeedOneMark) {
  TaskClasses strict(TaskClasses::kStrict);
  strict.Add(NewTask(nullptr, 0, [] {}), kUrgent, 0, 0);
  for (uint64_t i = 1; i <= 1000; ++i) {
    strict.Mark(static_cast<int64_t>(i) * kStep, i);
  }
  EXPECT_LE(strict.marks(), 1u);
}

TEST_F(TaskClassesTest, UrgentTasksDoNotStarveNormalOnes) {
  Add(kUrgent, 100, /*pushed=*/7);
  EXPECT_EQ(Next(7, 100), kUrgent);
  classes_.Pop(kUrgent)->Release();
  // The queue has lost its marks with its last task: they begin anew.
  Add(kUrgent, 200, /*pushed=*/7);
  Add(kUrgent, 201 + 2 * kStep, /*pushed=*/9);
  classes_.Pop(kUrgent)->Release();
  EXPECT_EQ(Next(7, 300 + 2 * kStep), kNormal);
  EXPECT_EQ(Next(8, 300 + 2 * kStep), kUrgent);
}

TEST_F(TaskClassesTest, FloodOfUrgentTasksLetsABackgroundOneBegin) {
  const TaskState* const background = Add(kBackground, 0);
  int64_t now = 0;
  const TaskState* taken = nullptr;
  for (int i = 0; taken != background; ++i) {
    ASSERT_LT(i, 1000);
    now += kStep / 10;
    Add(kUrgent, now);
    Add(kUrgent, now);
    taken = Take(now);
  }
  EXPECT_GE(now, 4 * kStep);
  EXPECT_LE(now, 9 * kStep);
}

TEST_F(TaskClassesTest, ClaimedTaskIsSkipped) {
  TaskState* const first = Add(kHigh, 1);
  const TaskState* const second = Add(kHigh, 2);
  ASSERT_TRUE(first->ClaimPending());
  EXPECT_EQ(Take(3), second);
  EXPECT_TRUE(first->is_unique());
  EXPECT_EQ(Take(3), nullptr);
}

TEST_F(TaskClassesTest, OldestOfAllCanBeTaken) {
  Add(kUrgent, 3);
  const TaskState* const oldest = Add(kLow, 1);
  Add(kBackground, 2);
  TaskState* const task = classes_.PopOldest();
  EXPECT_EQ(task, oldest);
  task->Release();
}

TEST_F(TaskClassesTest, TellsWhetherOneIsOlderThanANormalTask) {
  EXPECT_FALSE(classes_.HasOlderThan(std::nullopt));
  Add(kUrgent, 100, /*pushed=*/7);
  EXPECT_TRUE(classes_.HasOlderThan(std::nullopt));
  EXPECT_FALSE(classes_.HasOlderThan(7));
  EXPECT_TRUE(classes_.HasOlderThan(8));
}

TEST_F(TaskClassesTest, TaskIsFoundByItsId) {
  Add(kUrgent, 1);
  const TaskState* const low = Add(kLow, 1);
  TaskState* const task = classes_.Remove(low->task_id());
  EXPECT_EQ(task, low);
  task->Release();
  EXPECT_EQ(classes_.Remove(low->task_id()), nullptr);
}

TEST_F(TaskClassesTest, TasksAreTakenByWhatTheyAre) {
  Add(kUrgent, 1);
  Add(kLow, 1);
  std::vector<const TaskState*> taken;
  classes_.TakeIf([&](const TaskState& task) { return task.task_id() == 2; },
                  [&](TaskState* task) {
                    taken.push_back(task);
                    task->Release();
                  });
  EXPECT_THAT(taken, ElementsAre(tasks_[1].get()));
  EXPECT_TRUE(classes_.has_above_normal());
}

TEST_F(TaskClassesTest, BackgroundTaskGoesBeforeTasksThatComeNowAfterTwoSteps) {
  Add(kBackground, 100);
  EXPECT_FALSE(classes_.IsDueBeforeNormal(kBackground, 99 + 2 * kStep));
  EXPECT_TRUE(classes_.IsDueBeforeNormal(kBackground, 100 + 2 * kStep));
  Add(kHigh, 100);
  EXPECT_TRUE(classes_.IsDueBeforeNormal(kHigh, 100));
}

}  // namespace
}  // namespace asyncpal::internal
