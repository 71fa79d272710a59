#include "asyncpal/pool/internal/group_core.h"

#include <atomic>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "asyncpal/future/error.h"
#include "asyncpal/future/testing/no_owner.h"
#include "asyncpal/future/testing/notification.h"
#include "asyncpal/pool/internal/shutdown_registry.h"
#include "asyncpal/pool/internal/thread_core.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::asyncpal::testing::kDeadline;
using ::asyncpal::testing::NoOwner;
using ::asyncpal::testing::Notification;

// A pool without a worker, whose waiters find what the test has put into
// `calls`.
class HelpingCore final : public ThreadCore {
 public:
  explicit HelpingCore(ShutdownRegistry* registry)
      : ThreadCore({.max_workers = 1, .name = "p"}, /*max_pending_bytes=*/0,
                   registry) {}

  bool HelpGroup(const void* group) override {
    std::function<void()> call;
    {
      MutexLock lock(mu);
      EXPECT_EQ(group, expected);
      if (calls.empty()) return false;
      call = std::move(calls.front());
      calls.pop_front();
    }
    call();
    return true;
  }

  const void* expected = nullptr;
  Mutex mu;
  std::deque<std::function<void()>> calls ABSL_GUARDED_BY(mu);
};

class GroupCoreTest : public ::testing::Test {
 protected:
  GroupCoreTest() { pool_->expected = &group_; }

  // A task that was handed to the pool and is over, having done `f`.
  template <typename F>
  void RunOne(F f) {
    group_.Add();
    GroupCore::Scope(group_).Call(f);
  }
  void WaitOutside() { group_.WaitUntilOver(*pool_, /*is_inside=*/false); }
  void WaitInside() { group_.WaitUntilOver(*pool_, /*is_inside=*/true); }
  static std::exception_ptr ErrorOf(const char* message) {
    return std::make_exception_ptr(std::runtime_error(message));
  }
  std::string TakeMessage() {
    const std::exception_ptr error = group_.TakeError();
    return error == nullptr ? "none" : DescribeException(error);
  }

  ShutdownRegistry registry_;
  const std::shared_ptr<HelpingCore> pool_ =
      std::make_shared<HelpingCore>(&registry_);
  NoOwner owner_;
  GroupCore group_;
};

// --------------------------------------------------------------- Its count

TEST_F(GroupCoreTest, IsOverWithoutTasks) {
  WaitOutside();
  WaitInside();
  EXPECT_EQ(group_.TakeError(), nullptr);
}

TEST_F(GroupCoreTest, IsOverOnceTheLastTaskHasEnded) {
  std::atomic<bool> has_ended{false};
  group_.Add();
  group_.Add();
  ASSERT_TRUE(group_.Begin());
  group_.End();
  std::thread other([&] {
    EXPECT_TRUE(group_.Begin());
    has_ended = true;
    group_.End();
  });
  WaitOutside();
  EXPECT_TRUE(has_ended);
  other.join();
}

TEST_F(GroupCoreTest, DoesNotWaitForATaskThatThePoolRefused) {
  group_.Add();
  group_.Remove();
  WaitOutside();
}

TEST_F(GroupCoreTest, CanBeUsedAgain) {
  RunOne([] {});
  WaitOutside();
  bool ran = false;
  RunOne([&] { ran = true; });
  WaitOutside();
  EXPECT_TRUE(ran);
}

// -------------------------------------------------------------- Its errors

TEST_F(GroupCoreTest, DropsWhatHasNotBegunOnceATaskHasThrown) {
  RunOne([] { throw std::runtime_error("first"); });
  bool ran = false;
  RunOne([&] { ran = true; });
  EXPECT_FALSE(ran);
  WaitOutside();
  EXPECT_EQ(TakeMessage(), "std::runtime_error: first");
}

TEST_F(GroupCoreTest, DropsWhatHasNotBegunWhenItIsTold) {
  group_.DropWhatHasNotBegun();
  bool ran = false;
  RunOne([&] { ran = true; });
  EXPECT_FALSE(ran);
  EXPECT_EQ(group_.TakeError(), nullptr);
}

TEST_F(GroupCoreTest, KeepsTheFirstError) {
  group_.Fail(ErrorOf("first"));
  group_.Fail(ErrorOf("second"));
  EXPECT_EQ(TakeMessage(), "std::runtime_error: first");
}

TEST_F(GroupCoreTest, TellsWhatATaskThrewRatherThanWhatThePoolDid) {
  group_.Add();
  group_.Lose(ErrorOf("cancelled"));
  group_.End();
  group_.Fail(ErrorOf("thrown"));
  EXPECT_EQ(TakeMessage(), "std::runtime_error: thrown");
  EXPECT_EQ(TakeMessage(), "none") << "the other is gone, too";
}

TEST_F(GroupCoreTest, TellsTheFirstThingThatThePoolDid) {
  for (const char* const why : {"first", "second"}) {
    group_.Add();
    group_.Lose(ErrorOf(why));
    group_.End();
  }
  WaitInside();
  EXPECT_EQ(TakeMessage(), "std::runtime_error: first");
}

TEST_F(GroupCoreTest, RunsTasksAgainOnceItsErrorWasTaken) {
  RunOne([] { throw std::runtime_error("first"); });
  group_.TakeError();
  bool ran = false;
  RunOne([&] { ran = true; });
  EXPECT_TRUE(ran);
  EXPECT_EQ(group_.TakeError(), nullptr);
}

// --------------------------------------------------------- Who is inside it

TEST_F(GroupCoreTest, IsOnTheThreadThatRunsATaskOfIt) {
  GroupCore other;
  EXPECT_FALSE(group_.IsOnThisThread());
  RunOne([&] {
    EXPECT_TRUE(group_.IsOnThisThread());
    EXPECT_FALSE(other.IsOnThisThread());
    other.Add();
    auto inner = [&] { EXPECT_TRUE(group_.IsOnThisThread()); };
    GroupCore::Scope(other).Call(inner);
    std::thread([&] { EXPECT_FALSE(group_.IsOnThisThread()); }).join();
  });
  EXPECT_FALSE(group_.IsOnThisThread());
}

TEST_F(GroupCoreTest, WaiterInsideRunsWhatHasNotBegun) {
  const auto here = std::this_thread::get_id();
  int ran_here = 0;
  for (int i = 0; i < 3; ++i) {
    group_.Add();
    MutexLock lock(pool_->mu);
    pool_->calls.emplace_back([&] {
      auto call = [&] { ran_here += std::this_thread::get_id() == here; };
      GroupCore::Scope(group_).Call(call);
    });
  }
  WaitInside();
  EXPECT_EQ(ran_here, 3);
}

// The waiter may be asleep, or about to be: nobody else would run the second.
TEST_F(GroupCoreTest, WaiterInsideIsWokenForATaskThatIsAdded) {
  constexpr int kRounds = 200;
  for (int round = 0; round < kRounds; ++round) {
    Notification has_run;
    group_.Add();
    std::thread first([&] {
      auto call = [&] {
        group_.Add();
        {
          MutexLock lock(pool_->mu);
          pool_->calls.emplace_back([&] {
            auto second = [&] { has_run.Notify(); };
            GroupCore::Scope(group_).Call(second);
          });
        }
        EXPECT_TRUE(has_run.Wait(kDeadline));
      };
      GroupCore::Scope(group_).Call(call);
    });
    WaitInside();
    first.join();
  }
}

// ------------------------------------------------------------- Its callables

// Too large for a slot of the queue, and counted.
struct Large {
  explicit Large(std::shared_ptr<int> shared) : counted(std::move(shared)) {}
  void operator()() { ++*counted; }
  std::shared_ptr<int> counted;
  char more[kPostedCallBytes] = {};
};

TEST_F(GroupCoreTest, DestroysACallableBeforeItsTaskIsOver) {
  const auto counted = std::make_shared<int>(0);
  static_assert(!GroupCall<Large>::kFits);
  group_.Add();
  std::thread other([&] {
    GroupCall<Large> call(group_, Large(counted));
    call.Run();
  });
  WaitOutside();
  EXPECT_EQ(counted.use_count(), 1);
  EXPECT_EQ(*counted, 1);
  other.join();
}

TEST_F(GroupCoreTest, DestroysACallableThatIsDropped) {
  const auto counted = std::make_shared<int>(0);
  GroupCall<Large> call(group_, Large(counted));
  EXPECT_EQ(counted.use_count(), 2);
  call.Drop();
  EXPECT_EQ(counted.use_count(), 1);
  EXPECT_EQ(*counted, 0);
}

// -------------------------------------------- Where calls are made tasks

class GroupTaskTest : public GroupCoreTest {
 protected:
  // Of a task that does so, and has been added.
  StateRef<TaskState> MakeTask() {
    group_.Add();
    const GroupCall<Large> call(group_, Large(counted_));
    return StateRef<TaskState>::Adopt(
        NewGroupTask(kGroupCall<Large>, &call, &owner_));
  }

  const std::shared_ptr<int> counted_ = std::make_shared<int>(0);
};

TEST_F(GroupTaskTest, IsKnownByItsGroup) {
  const auto task = MakeTask();
  const auto other = StateRef<TaskState>::Adopt(NewTask(&owner_, 0, [] {}));
  EXPECT_TRUE(IsGroupTask(*task, &group_));
  EXPECT_FALSE(IsGroupTask(*task, &owner_));
  EXPECT_FALSE(IsGroupTask(*other, &group_));
}

TEST_F(GroupTaskTest, RunsAndIsOver) {
  const auto task = MakeTask();
  ASSERT_TRUE(task->Start());
  task->AddReference();
  task->Run(0);
  WaitOutside();
  EXPECT_EQ(*counted_, 1);
  EXPECT_EQ(counted_.use_count(), 1);
}

TEST_F(GroupTaskTest, IsOverWhenThePoolHasCancelledIt) {
  const auto task = MakeTask();
  task->set_task_id(7);
  ASSERT_TRUE(task->ClaimPending());
  task->PublishClaimed(FutureState::kCancelled, nullptr);
  WaitOutside();
  EXPECT_EQ(TakeMessage(),
            "asyncpal::CancelledError: task 7 of a TaskGroup was cancelled");
  EXPECT_EQ(counted_.use_count(), 1) << "its callable is gone";
  task->InvokeDetached();  // as a CancelledTask does: its group may be gone
  EXPECT_EQ(*counted_, 0);
}

TEST_F(GroupTaskTest, IsOverWhenThePoolHasBroken) {
  const auto task = MakeTask();
  ASSERT_TRUE(task->ClaimPending());
  task->PublishClaimed(FutureState::kFailed, ErrorOf("broken"));
  WaitOutside();
  EXPECT_EQ(TakeMessage(), "std::runtime_error: broken");
}

}  // namespace
}  // namespace asyncpal::internal
