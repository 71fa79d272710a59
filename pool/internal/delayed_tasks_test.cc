#include "asyncpal/pool/internal/delayed_tasks.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "asyncpal/future/internal/task.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class DelayedTasksTest : public ::testing::Test {
 protected:
  // The queue has one reference, the test another.
  TaskState* Add(int64_t due) {
    auto* const task = NewTask(nullptr, 0, [] {});
    tasks_.push_back(StateRef<TaskState>::ShareNew(task));
    delayed_.Add(task, due);
    return task;
  }
  // Takes one out that is due by `now`, and gives up its reference.
  const TaskState* PopDue(int64_t now) { return Dropped(delayed_.PopDue(now)); }
  static const TaskState* Dropped(TaskState* task) {
    if (task != nullptr) task->Release();
    return task;
  }
  std::vector<const TaskState*> PopAll(DelayedTasks& delayed) {
    std::vector<const TaskState*> all;
    while (const TaskState* const task = Dropped(delayed.Pop())) {
      all.push_back(task);
    }
    return all;
  }

  std::vector<StateRef<TaskState>> tasks_;
  DelayedTasks delayed_;
};

TEST_F(DelayedTasksTest, HasNothingAtFirst) {
  EXPECT_TRUE(delayed_.empty());
  EXPECT_EQ(delayed_.first_due(), DelayedTasks::kNever);
  EXPECT_EQ(delayed_.First(), nullptr);
  EXPECT_EQ(PopDue(1'000'000), nullptr);
}

TEST_F(DelayedTasksTest, GivesOutWhatIsDueAndNothingElse) {
  const TaskState* const task = Add(10);
  EXPECT_EQ(PopDue(9), nullptr);
  EXPECT_EQ(PopDue(10), task);
  EXPECT_TRUE(delayed_.empty());
}

TEST_F(DelayedTasksTest, GivesThemOutByTheirTimes) {
  const TaskState* const third = Add(30);
  const TaskState* const first = Add(10);
  const TaskState* const second = Add(20);
  EXPECT_EQ(delayed_.first_due(), 10);
  EXPECT_EQ(delayed_.First(), first);
  EXPECT_THAT(PopAll(delayed_), ElementsAre(first, second, third));
}

TEST_F(DelayedTasksTest, SameTimeIsGivenOutInOrderOfSubmission) {
  std::vector<const TaskState*> added;
  for (int i = 0; i < 100; ++i) added.push_back(Add(7));
  EXPECT_EQ(PopAll(delayed_), added);
}

TEST_F(DelayedTasksTest, MovedTaskComesAtItsNewTime) {
  TaskState* const first = Add(10);
  TaskState* const second = Add(20);
  TaskState* const third = Add(30);
  EXPECT_TRUE(delayed_.Move(third, 5));
  EXPECT_EQ(delayed_.first_due(), 5);
  EXPECT_TRUE(delayed_.Move(first, 20));  // after the one that is there
  EXPECT_THAT(PopAll(delayed_), ElementsAre(third, second, first));
  EXPECT_FALSE(delayed_.Move(first, 1));
  EXPECT_TRUE(delayed_.empty());
}

TEST_F(DelayedTasksTest, RemovedTaskIsGoneAtOnce) {
  Add(10);
  TaskState* const task = Add(20);
  Add(30);
  ASSERT_TRUE(delayed_.Remove(task));
  task->Release();
  EXPECT_TRUE(task->is_unique());  // only the test has it
  EXPECT_EQ(delayed_.size(), 2u);
  EXPECT_FALSE(delayed_.Remove(task));
}

TEST_F(DelayedTasksTest, TaskThatHasComeOutCanNotBeRemoved) {
  TaskState* const task = Add(10);
  PopDue(10);
  EXPECT_FALSE(delayed_.Remove(task));
  Add(20);  // perhaps in its place
  EXPECT_FALSE(delayed_.Remove(task));
}

TEST_F(DelayedTasksTest, ReleasesWhatIsLeft) {
  {
    DelayedTasks delayed;
    delayed.swap(delayed_);
    Add(10);
    delayed.swap(delayed_);
  }
  delayed_.swap(delayed_);
  EXPECT_THAT(tasks_, ::testing::SizeIs(1));
}

TEST_F(DelayedTasksTest, ClaimsWhatIsMeantAndKeepsTheRest) {
  const TaskState* const first = Add(10);
  const TaskState* const kept = Add(20);
  const TaskState* const last = Add(30);
  DelayedTasks claimed;
  DroppedStates dropped;
  delayed_.ClaimInto(claimed, dropped,
                     [&](const TaskState& task) { return &task != kept; });
  EXPECT_THAT(PopAll(claimed), ElementsAre(first, last));
  EXPECT_FALSE(tasks_[0]->can_start());
  EXPECT_TRUE(tasks_[1]->can_start());
  EXPECT_EQ(delayed_.first_due(), 20);
  EXPECT_THAT(PopAll(delayed_), ElementsAre(kept));
}

TEST_F(DelayedTasksTest, ClaimsNothingThatSomebodyElseHas) {
  TaskState* const mine = Add(10);
  ASSERT_TRUE(mine->ClaimPending());
  Add(20);
  DelayedTasks claimed;
  {
    DroppedStates dropped;
    delayed_.ClaimInto(claimed, dropped, [](const TaskState&) { return true; });
    EXPECT_FALSE(delayed_.Remove(mine));
  }
  EXPECT_TRUE(mine->is_unique());
  EXPECT_THAT(PopAll(claimed), ElementsAre(tasks_[1].get()));
}

TEST_F(DelayedTasksTest, AgreesWithASortedListOverManySteps) {
  std::mt19937 random(1);
  // By time and number, as what is here.
  std::map<std::pair<int64_t, int>, TaskState*> expected;
  std::map<const TaskState*, std::pair<int64_t, int>> places;
  int number = 0;
  int64_t now = 0;
  for (int step = 0; step < 20'000; ++step) {
    const unsigned what = random() % 8;
    if (what < 4) {
      const int64_t due = now + random() % 100;
      TaskState* const task = Add(due);
      places[task] = {due, ++number};
      expected[places[task]] = task;
    } else if (what < 6 && !expected.empty()) {
      auto it = expected.begin();
      std::advance(it, random() % expected.size());
      TaskState* const task = it->second;
      ASSERT_TRUE(delayed_.Remove(task));
      task->Release();
      expected.erase(it);
    } else {
      now += random() % 10;
      while (const TaskState* const task = PopDue(now)) {
        ASSERT_FALSE(expected.empty());
        ASSERT_EQ(expected.begin()->second, task);
        ASSERT_LE(expected.begin()->first.first, now);
        expected.erase(expected.begin());
      }
      ASSERT_TRUE(expected.empty() || expected.begin()->first.first > now);
    }
    ASSERT_EQ(delayed_.size(), expected.size());
  }
  for (const auto& [place, task] : expected) {
    ASSERT_EQ(Dropped(delayed_.Pop()), task);
  }
  EXPECT_THAT(PopAll(delayed_), IsEmpty());
}

}  // namespace
}  // namespace asyncpal::internal
