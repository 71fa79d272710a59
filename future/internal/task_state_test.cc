#include "asyncpal/future/internal/task_state.h"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <utility>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/future.h"
#include "asyncpal/future/internal/clock.h"
#include "asyncpal/future/internal/future_access.h"
#include "asyncpal/future/internal/task.h"
#include "asyncpal/future/testing/fake_clock.h"
#include "asyncpal/future/testing/recording_owner.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// What is said here of tasks that run on this process's threads is said of
// those that run elsewhere in task_state_runner_test.cc.

namespace asyncpal::internal {
namespace {

using ::asyncpal::testing::FakeClock;
using ::asyncpal::testing::RecordingOwner;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A small task and its future take one cache line.
static_assert(sizeof(Task<int, int (*)(), false>) == 64);
static_assert(sizeof(Task<void, void (*)(), false>) == 64);

class TaskStateTest : public ::testing::Test {
 protected:
  // A task of `owner_` that nothing but the answer refers to.
  template <typename F>
  auto Make(F f, uint32_t flags = 0) {
    auto* const task = NewTask(&owner_, flags, std::move(f));
    using State = std::remove_pointer_t<decltype(task)>;
    return StateRef<State>::Adopt(task);
  }

  // Runs a started task to its end.
  static void Run(TaskState& task) {
    task.AddReference();
    task.Run(NowTicks());
  }

  static std::exception_ptr MakeError(const char* message) {
    return std::make_exception_ptr(Error(message));
  }

  RecordingOwner owner_;
};

// --- One winner for each change ---

TEST_F(TaskStateTest, StartsOnce) {
  const auto task = Make([] {});
  EXPECT_TRUE(task->Start());
  EXPECT_FALSE(task->Start());
  Run(*task);
}

TEST_F(TaskStateTest, DoesNotStartOnceCancelled) {
  const auto task = Make([] {});
  task->Cancel();
  EXPECT_FALSE(task->Start());
}

TEST_F(TaskStateTest, DoesNotStartOnceClaimed) {
  const auto task = Make([] {});
  ASSERT_TRUE(task->ClaimPending());
  EXPECT_FALSE(task->Start());
  task->SettleClaimed(FutureState::kCancelled, nullptr);
}

TEST_F(TaskStateTest, IsNotCancelledOnceStarted) {
  const auto task = Make([] {});
  task->Start();
  EXPECT_FALSE(task->Cancel());
  Run(*task);
}

TEST_F(TaskStateTest, IsNotCancelledOnceClaimed) {
  const auto task = Make([] {});
  ASSERT_TRUE(task->ClaimPending());
  EXPECT_FALSE(task->Cancel());
  task->SettleClaimed(FutureState::kFailed, MakeError("x"));
  EXPECT_EQ(task->state(), FutureState::kFailed);
}

TEST_F(TaskStateTest, LooksPendingWhileClaimed) {
  const auto task = Make([] {});
  ASSERT_TRUE(task->ClaimPending());
  EXPECT_EQ(task->state(), FutureState::kPending);
  task->SettleClaimed(FutureState::kCancelled, nullptr);
}

TEST_F(TaskStateTest, LooksRunningWhileItIsSettled) {
  FutureState seen{};
  owner_.when_finished = [&](TaskState& task) { seen = task.state(); };
  const auto task = Make([] {});
  task->Start();
  Run(*task);
  EXPECT_EQ(seen, FutureState::kRunning);
}

TEST_F(TaskStateTest, SettlesOnce) {
  const auto task = Make([] {});
  EXPECT_TRUE(task->Fail(MakeError("first")));
  EXPECT_FALSE(task->Fail(MakeError("second")));
  EXPECT_EQ(DescribeException(task->error()), "asyncpal::Error: first");
}

TEST_F(TaskStateTest, KeepsAFailureThatCameWhileTheTaskRan) {
  auto task = Make([] { return 7; });
  task->Start();
  task->Fail(MakeError("too late"));
  Run(*task);
  EXPECT_EQ(DescribeException(task->error()), "asyncpal::Error: too late");
}

TEST_F(TaskStateTest, DestroysAResultThatCameAfterAFailure) {
  auto resource = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = resource;
  auto task = Make([resource = std::move(resource)] { return resource; });
  task->Start();
  task->Fail(MakeError("too late"));
  Run(*task);
  EXPECT_TRUE(watch.expired());
}

TEST_F(TaskStateTest, KeepsACompletionThatCameBeforeAFailure) {
  auto task = Make([] { return 7; });
  task->Start();
  Run(*task);
  EXPECT_FALSE(task->Fail(MakeError("too late")));
  EXPECT_EQ(task->Get(), 7);
}

TEST_F(TaskStateTest, CompletesAPromiseOnce) {
  const auto promise = PromiseState<int>::Make();
  EXPECT_TRUE(promise->Complete(1));
  EXPECT_FALSE(promise->Complete(2));
  EXPECT_EQ(promise->Get(), 1);
}

TEST_F(TaskStateTest, DoesNotCompleteACancelledPromise) {
  const auto promise = PromiseState<int>::Make();
  promise->Cancel();
  EXPECT_FALSE(promise->Complete(1));
}

TEST_F(TaskStateTest, CompletesAStartedPromise) {
  const auto promise = PromiseState<int>::Make();
  promise->Start();
  EXPECT_TRUE(promise->Complete(1));
}

// --- What the owner is told ---

TEST_F(TaskStateTest, TellsItsOwnerOfACancellationOnce) {
  const auto task = Make([] {});
  task->Cancel();
  task->Cancel();
  EXPECT_THAT(owner_.claimed, ElementsAre(FutureState::kCancelled));
}

TEST_F(TaskStateTest, TellsItsOwnerOfAFailureWhilePending) {
  const auto task = Make([] {});
  task->Fail(MakeError("x"));
  EXPECT_THAT(owner_.claimed, ElementsAre(FutureState::kFailed));
}

TEST_F(TaskStateTest, TellsItsOwnerThatItFinished) {
  const auto task = Make([] {});
  task->Start();
  Run(*task);
  EXPECT_THAT(owner_.finished, ElementsAre(FutureState::kCompleted));
}

TEST_F(TaskStateTest, TellsItsOwnerOnceWhenAFailureCameWhileTheTaskRan) {
  const auto task = Make([] {});
  task->Start();
  task->Fail(MakeError("x"));
  Run(*task);
  EXPECT_THAT(owner_.finished, ElementsAre(FutureState::kFailed));
}

TEST_F(TaskStateTest, IsNotKeptByACallbackThatWasRemoved) {
  const auto task = Make([] {});
  const CallbackId first = task->AddCallback([](TaskState&) {});
  const CallbackId second = task->AddCallback([](TaskState&) {});
  EXPECT_TRUE(task->RemoveCallback(first));
  EXPECT_FALSE(task->is_unique());
  EXPECT_TRUE(task->RemoveCallback(second));
  EXPECT_TRUE(task->is_unique());
}

TEST_F(TaskStateTest, RunsACallbackThatCameAfterAllWereRemoved) {
  const auto task = Make([] {});
  EXPECT_TRUE(task->RemoveCallback(task->AddCallback([](TaskState&) {})));
  bool ran = false;
  task->AddCallback([&](TaskState&) { ran = true; });
  task->Start();
  Run(*task);
  EXPECT_TRUE(ran);
  EXPECT_TRUE(task->is_unique());
}

TEST_F(TaskStateTest, HoldsNoLockWhileItTellsItsOwner) {
  bool ran = false;
  owner_.when_claimed = [&](TaskState& task) {
    const CallbackId id = task.AddCallback([](TaskState&) {});
    EXPECT_TRUE(task.RemoveCallback(id));
    task.AddCallback([&](TaskState&) { ran = true; });
  };
  const auto task = Make([] {});
  task->Cancel();
  EXPECT_TRUE(ran);
}

// A pool forgets a claimed task, and the destructor of the task's callable may
// drop the future whose Cancel() is at work: nobody else holds the state then.
TEST_F(TaskStateTest, BearsTheLossOfAllReferencesWhileItIsCancelled) {
  struct DropsFuture {
    Future<int>* future;
    explicit DropsFuture(Future<int>* dropped) : future(dropped) {}
    ~DropsFuture() { *future = {}; }
  };
  Future<int> future;
  auto* const state =
      NewTask(&owner_, 0,
              [drops = std::make_unique<DropsFuture>(&future)] { return 7; });
  state->AddReference();  // the queue's
  owner_.when_claimed = [](TaskState& claimed) { claimed.Release(); };
  future = FutureAccess::Make<int>(StateRef<ResultState<int>>::Adopt(state));
  EXPECT_TRUE(future.Cancel());
}

// --- Tasks without a future ---

TEST_F(TaskStateTest, ReportsTheFailureOfADetachedTask) {
  const auto task =
      Make([] { throw std::out_of_range("row 7"); }, TaskState::kDetached);
  task->Start();
  Run(*task);
  EXPECT_THAT(owner_.unobserved, ElementsAre("std::out_of_range: row 7"));
}

TEST_F(TaskStateTest, ReportsTheFailureOfADetachedTaskThatNeverRan) {
  const auto task = Make([] {}, TaskState::kDetached);
  task->Fail(MakeError("not started in time"));
  EXPECT_THAT(owner_.unobserved,
              ElementsAre("asyncpal::Error: not started in time"));
}

// Accounting for its last task is the last thing that a pool waits for.
TEST_F(TaskStateTest, ReportsAFailureBeforeTheOwnerHasAccountedForTheTask) {
  size_t reported = 0;
  owner_.when_claimed = [&](TaskState&) {
    reported = owner_.unobserved.size();
  };
  const auto task = Make([] {}, TaskState::kDetached);
  task->Fail(MakeError("not started in time"));
  EXPECT_EQ(reported, 1u);
}

TEST_F(TaskStateTest, ReportsNoSuccessOfADetachedTask) {
  const auto task = Make([] {}, TaskState::kDetached);
  task->Start();
  Run(*task);
  EXPECT_THAT(owner_.unobserved, IsEmpty());
}

TEST_F(TaskStateTest, ReportsNoCancellationOfADetachedTask) {
  const auto task = Make([] {}, TaskState::kDetached);
  task->Cancel();
  EXPECT_THAT(owner_.unobserved, IsEmpty());
}

TEST_F(TaskStateTest, ReportsNoFailureThatAFutureCanTell) {
  const auto task = Make([] { throw std::out_of_range("row 7"); });
  task->Start();
  Run(*task);
  EXPECT_THAT(owner_.unobserved, IsEmpty());
}

TEST_F(TaskStateTest, LetsOutWhatADetachedCallThrows) {
  const auto task = Make([] { throw std::out_of_range("row 7"); });
  EXPECT_THROW(task->InvokeDetached(), std::out_of_range);
  task->Cancel();
}

TEST_F(TaskStateTest, DestroysTheCallableAfterADetachedCall) {
  auto resource = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = resource;
  const auto task = Make([resource = std::move(resource)] { return 7; });
  task->InvokeDetached();
  EXPECT_TRUE(watch.expired());
  task->Cancel();
}

// --- Giving a claimed task back ---

TEST_F(TaskStateTest, PublishesAClaimedTaskWithoutTellingItsOwner) {
  const auto task = Make([] {});
  task->ClaimPending();
  task->PublishClaimed(FutureState::kCancelled, nullptr);
  EXPECT_EQ(task->state(), FutureState::kCancelled);
  EXPECT_THAT(owner_.claimed, IsEmpty());
}

TEST_F(TaskStateTest, CanStillBeCalledAfterItWasPublishedAsClaimed) {
  int calls = 0;
  const auto task = Make([&] { ++calls; });
  task->ClaimPending();
  task->PublishClaimed(FutureState::kCancelled, nullptr);
  task->InvokeDetached();
  EXPECT_EQ(calls, 1);
}

TEST_F(TaskStateTest, KeepsTheErrorBesideACallableThatIsGivenBack) {
  int calls = 0;
  const auto task = Make([&] { ++calls; });
  task->ClaimPending();
  task->PublishClaimed(FutureState::kFailed, MakeError("broken"));
  EXPECT_EQ(DescribeException(task->error()), "asyncpal::Error: broken");
  EXPECT_THROW(task->Get(), Error);
  task->InvokeDetached();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(DescribeException(task->error()), "asyncpal::Error: broken");
}

TEST_F(TaskStateTest, DestroysACallableThatWasGivenBackOnce) {
  const auto resource = std::make_shared<int>(1);
  for (const bool is_called : {false, true}) {
    {
      const auto task = Make([copy = resource] {});
      task->ClaimPending();
      task->PublishClaimed(FutureState::kFailed, MakeError("broken"));
      EXPECT_EQ(resource.use_count(), 2);
      if (is_called) task->InvokeDetached();
    }
    EXPECT_EQ(resource.use_count(), 1);
  }
}

// Of a size that fits where the outcome goes, and of one that does not.
TEST_F(TaskStateTest, FailsARunningTaskWhoseCallableIsStillInUse) {
  int seen = 0;
  const auto check = [&](auto task, std::shared_ptr<int>& resource) {
    task->Start();
    task->Fail(MakeError("late"));
    EXPECT_EQ(task->state(), FutureState::kFailed);
    Run(*task);
    EXPECT_EQ(DescribeException(task->error()), "asyncpal::Error: late");
    EXPECT_EQ(resource.use_count(), 1);
  };
  auto resource = std::make_shared<int>(7);
  struct Small {
    std::shared_ptr<int> resource;
    int* seen;
    void operator()() { *seen += *resource; }
  };
  check(Make([call = std::make_unique<Small>(Small{resource, &seen})] {
          (*call)();
        }),
        resource);
  check(Make([call = Small{resource, &seen}]() mutable { call(); }), resource);
  EXPECT_EQ(seen, 14);
}

// --- Kill ---

TEST_F(TaskStateTest, IsAskedToStopWhereItsWorkerCanNotBeEnded) {
  bool stopped = false;
  const auto task =
      Make([&](std::stop_token stop) { stopped = stop.stop_requested(); });
  task->Start();
  EXPECT_FALSE(task->Kill());
  Run(*task);
  EXPECT_TRUE(stopped);
}

// --- References ---

TEST_F(TaskStateTest, IsUniqueForItsOnlyReference) {
  auto task = Make([] {});
  EXPECT_TRUE(task->is_unique());
  const auto other = task;
  EXPECT_FALSE(task->is_unique());
  task->Cancel();
}

TEST_F(TaskStateTest, IsUniqueOnceItsCallbacksHaveRun) {
  const auto task = Make([] {});
  task->AddCallback([](TaskState&) {});
  EXPECT_FALSE(task->is_unique());
  task->Cancel();
  EXPECT_TRUE(task->is_unique());
}

class CountedAttachment : public TaskAttachment {
 public:
  explicit CountedAttachment(int* alive) : alive_(alive) { ++*alive_; }
  ~CountedAttachment() override { --*alive_; }

 private:
  int* alive_;
};

TEST_F(TaskStateTest, DestroysItsAttachmentWithItself) {
  int alive = 0;
  {
    const auto task = Make([] {});
    task->Attach("load", std::make_unique<CountedAttachment>(&alive));
    EXPECT_EQ(alive, 1);
    task->Cancel();
  }
  EXPECT_EQ(alive, 0);
}

// More than operator new gives by itself, and as much as GCC's AddressSanitizer
// keeps to for locals.
struct alignas(32) Aligned {
  char bytes[32] = {};
};

TEST_F(TaskStateTest, KeepsTheAlignmentOfAResult) {
  auto task = Make([] { return Aligned(); });
  task->Start();
  Run(*task);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(task->result()) % alignof(Aligned), 0u);
}

// --- Names ---

TEST_F(TaskStateTest, DescribesATaskByItsId) {
  const auto task = Make([] {});
  task->set_task_id(7);
  EXPECT_EQ(task->Describe(), "task 7");
  task->Cancel();
}

TEST_F(TaskStateTest, DescribesATaskByItsIdAndName) {
  const auto task = Make([] {});
  task->set_task_id(7);
  task->Attach("load", nullptr);
  EXPECT_EQ(task->Describe(), "task 7 \"load\"");
  task->Cancel();
}

TEST_F(TaskStateTest, DescribesAPromiseAsAFuture) {
  EXPECT_EQ(PromiseState<int>::Make()->Describe(), "this future");
}

// --- Times ---

TEST_F(TaskStateTest, HasNoNegativeRunningTimeWhenItFailedBeforeItRan) {
  FakeClock clock;
  const auto task = Make([] {});
  task->Start();
  clock.Advance(absl::Seconds(1));
  task->Fail(MakeError("too late"));
  clock.Advance(absl::Seconds(1));
  Run(*task);
  EXPECT_EQ(task->duration().pending, absl::Seconds(1));
  EXPECT_EQ(task->duration().running, absl::ZeroDuration());
}

// A worker may read the clock once for the end of a task and the start of the
// next, which was submitted in between.
TEST_F(TaskStateTest, HasNoNegativePendingTimeWhenItsStartWasReadBefore) {
  FakeClock clock;
  const int64_t before = NowNanos();
  clock.Advance(absl::Seconds(1));
  const auto task = Make([&] { clock.Advance(absl::Seconds(2)); });
  task->Start();
  task->AddReference();
  task->Run(before);
  EXPECT_EQ(task->duration().pending, absl::ZeroDuration());
  EXPECT_EQ(task->duration().running, absl::Seconds(2));
}

}  // namespace
}  // namespace asyncpal::internal
