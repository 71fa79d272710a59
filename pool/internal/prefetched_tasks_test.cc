#include "asyncpal/pool/internal/prefetched_tasks.h"

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "asyncpal/future/internal/task.h"
#include "asyncpal/future/testing/no_owner.h"
#include "asyncpal/ipc/call.h"
#include "asyncpal/ipc/payload.h"
#include "asyncpal/pool/internal/remote_task.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::asyncpal::testing::NoOwner;

// A process that has begun what a test says.
struct FakeConnection {
  struct Ticket {
    int slot = 0;
    uint64_t attempt = 0;
  };
  bool Revoke(const Ticket& ticket) const {
    return begun.count(ticket.attempt) == 0;
  }

  std::set<uint64_t> begun;
};

using Tasks = PrefetchedTasks<FakeConnection>;
using Revoked = Tasks::Revoked;

class PrefetchedTasksTest : public ::testing::Test {
 protected:
  TaskState& Make(size_t bytes = 0, uint32_t flags = 0) {
    EncodedCall call;
    call.arguments = Payload::OfBytes(std::string(bytes, 'x'));
    kept_.push_back(StateRef<TaskState>::Adopt(new RemoteTask<void>(
        &owner_, flags, /*stoppable=*/false, std::move(call))));
    return *kept_.back();
  }
  // Adds one in the next free slot.
  TaskState& Add(size_t bytes = 0, uint32_t flags = 0) {
    TaskState& task = Make(bytes, flags);
    EXPECT_TRUE(task.Prefetch());
    tasks_.Add({&task, child_, {.slot = next_slot_++, .attempt = ++attempt_}});
    return task;
  }

  NoOwner owner_;
  std::vector<StateRef<TaskState>> kept_;
  std::shared_ptr<FakeConnection> child_ = std::make_shared<FakeConnection>();
  Tasks tasks_;
  int next_slot_ = 1;  // the running task has slot 0
  uint64_t attempt_ = 1;
};

TEST_F(PrefetchedTasksTest, AreOneWhereTasksTakeLong) {
  EXPECT_EQ(tasks_.CountWanted(/*is_quick=*/false), 1u);
  Add();
  EXPECT_EQ(tasks_.CountWanted(/*is_quick=*/false), 0u);
}

TEST_F(PrefetchedTasksTest, AreFilledUpOnceHalfOfThemAreDone) {
  EXPECT_EQ(tasks_.CountWanted(/*is_quick=*/true), 15u);
  for (int i = 0; i < 8; ++i) Add();
  EXPECT_EQ(tasks_.CountWanted(/*is_quick=*/true), 0u);
  tasks_.TakeFirst();
  EXPECT_EQ(tasks_.CountWanted(/*is_quick=*/true), 8u);
}

TEST_F(PrefetchedTasksTest, EndWithATaskThatHasOptions) {
  Add(0, TaskState::kTracked);
  EXPECT_EQ(tasks_.CountWanted(/*is_quick=*/true), 0u);
  EXPECT_FALSE(tasks_.Fits(Make()));
}

TEST_F(PrefetchedTasksTest, TakeATaskWithOptionsAlone) {
  EXPECT_TRUE(tasks_.Fits(Make(0, TaskState::kTracked)));
  Add();
  EXPECT_FALSE(tasks_.Fits(Make(0, TaskState::kTracked)));
  EXPECT_TRUE(tasks_.Fits(Make()));
}

TEST_F(PrefetchedTasksTest, FitIntoTheSocketTogether) {
  EXPECT_TRUE(tasks_.Fits(Make(kMaxInlineBytes)));
  EXPECT_FALSE(tasks_.Fits(Make(kMaxInlineBytes + 1)));
  Add(kMaxInlineBytes - 10);
  EXPECT_TRUE(tasks_.Fits(Make(10)));
  EXPECT_FALSE(tasks_.Fits(Make(11)));
}

TEST_F(PrefetchedTasksTest, TakeOneSlotEach) {
  EXPECT_EQ(tasks_.BusySlots({.slot = 0}), 0b1u);
  Add();
  Add();
  EXPECT_EQ(tasks_.BusySlots({.slot = 0}), 0b111u);
  tasks_.TakeFirst();
  EXPECT_EQ(tasks_.BusySlots({.slot = 0}), 0b101u);
}

TEST_F(PrefetchedTasksTest, NotifyFromTheMiddle) {
  EXPECT_EQ(tasks_.MiddleAttempt(), 0u);
  Add();  // attempt 2
  EXPECT_EQ(tasks_.MiddleAttempt(), 0u);
  Add();
  Add();
  Add();
  EXPECT_EQ(tasks_.MiddleAttempt(), 4u);
}

TEST_F(PrefetchedTasksTest, StartInTheirOrder) {
  TaskState& first = Add();
  TaskState& second = Add();
  EXPECT_TRUE(tasks_.IsFirst(first));
  EXPECT_FALSE(tasks_.IsFirst(second));
  const Tasks::First taken = tasks_.TakeFirst();
  EXPECT_EQ(taken.handed.task, &first);
  EXPECT_EQ(taken.handed.child, child_);
  EXPECT_EQ(taken.handed.ticket.attempt, 2u);
  EXPECT_TRUE(taken.newly_started);
  EXPECT_EQ(first.state(), FutureState::kRunning);
  EXPECT_TRUE(tasks_.IsFirst(second));
}

TEST_F(PrefetchedTasksTest, LeaveByRevocation) {
  TaskState& first = Add();
  TaskState& second = Add();
  EXPECT_EQ(tasks_.Revoke(first), Revoked::kPending);
  EXPECT_EQ(tasks_.size(), 1u);
  EXPECT_TRUE(tasks_.IsFirst(second));
  EXPECT_EQ(tasks_.Revoke(first), Revoked::kNothing);
}

TEST_F(PrefetchedTasksTest, StayWhereTheProcessWasFaster) {
  TaskState& task = Add();
  child_->begun.insert(attempt_);
  EXPECT_EQ(tasks_.FindStarted(task), nullptr) << "nobody has looked yet";
  EXPECT_EQ(tasks_.Revoke(task), Revoked::kStarted);
  EXPECT_EQ(task.state(), FutureState::kRunning);
  ASSERT_NE(tasks_.FindStarted(task), nullptr);
  EXPECT_EQ(tasks_.FindStarted(task)->ticket.attempt, attempt_);
  EXPECT_EQ(tasks_.Revoke(task), Revoked::kNothing) << "it was counted";
  EXPECT_FALSE(tasks_.TakeFirst().newly_started);
}

TEST_F(PrefetchedTasksTest, AreRevokedFromTheLastOne) {
  TaskState& first = Add();
  TaskState& second = Add();
  TaskState& third = Add();
  EXPECT_EQ(tasks_.LastPending(), &third);
  child_->begun.insert(attempt_);
  tasks_.Revoke(third);
  EXPECT_EQ(tasks_.LastPending(), &second);
  EXPECT_EQ(tasks_.LastPending(/*rest=*/1), &second);
  EXPECT_EQ(tasks_.LastPending(/*rest=*/2), nullptr);
  tasks_.Revoke(second);
  EXPECT_EQ(tasks_.LastPending(), &first);
}

TEST_F(PrefetchedTasksTest, PendingOnesHaveNotBegun) {
  const auto pending = [this] {
    std::vector<TaskState*> seen;
    tasks_.ForEachPending([&](TaskState& task) { seen.push_back(&task); });
    return seen;
  };
  TaskState& first = Add();
  child_->begun.insert(attempt_);
  TaskState& second = Add();
  EXPECT_THAT(pending(), ::testing::ElementsAre(&first, &second));
  tasks_.Revoke(first);  // the process was faster
  EXPECT_THAT(pending(), ::testing::ElementsAre(&second));
}

TEST_F(PrefetchedTasksTest, KeepTheConnectionThatTheyWereSentOver) {
  Add();
  const std::weak_ptr<FakeConnection> old = child_;
  child_ = std::make_shared<FakeConnection>();
  EXPECT_FALSE(old.expired());
  tasks_.TakeFirst();
  EXPECT_TRUE(old.expired());
}

}  // namespace
}  // namespace asyncpal::internal
