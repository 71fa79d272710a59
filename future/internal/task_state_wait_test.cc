#include <exception>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/future.h"
#include "asyncpal/future/internal/clock.h"
#include "asyncpal/future/internal/execution_context.h"
#include "asyncpal/future/internal/task.h"
#include "asyncpal/future/internal/task_state.h"
#include "asyncpal/future/testing/no_owner.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// Workers that wait for tasks.

namespace asyncpal::internal {
namespace {

using ::asyncpal::testing::NoOwner;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A worker's context that notes what a wait asks of it.
class RecordingContext final : public ExecutionContext {
 public:
  RecordingContext() { SetCurrent(this); }
  ~RecordingContext() { SetCurrent(nullptr); }

  bool RunInline(TaskState& task, bool) override {
    if (!runs_inline || !task.Start()) return false;
    task.AddReference();
    task.Run(NowTicks());
    return true;
  }
  bool BeginBlocking(const TaskState* task) override {
    awaited.push_back(task);
    return stands_in;
  }
  void EndBlocking() override { ++ended; }
  bool RecheckStandIn() override { return true; }
  void LeaveForExit() override {}

  bool runs_inline = false;
  bool stands_in = true;
  std::vector<const TaskState*> awaited;
  int ended = 0;
};

template <typename F>
auto MakeTask(F f) {
  static NoOwner owner;
  auto* const task = NewTask(&owner, 0, std::move(f));
  using State = std::remove_pointer_t<decltype(task)>;
  return StateRef<State>::Adopt(task);
}

TEST(TaskStateOnAWorker, IsRunByAWorkerThatWaitsForItWithoutALimit) {
  RecordingContext context;
  context.runs_inline = true;
  std::thread::id id;
  const auto task = MakeTask([&] { id = std::this_thread::get_id(); });
  EXPECT_TRUE(task->Wait(absl::InfiniteDuration()));
  EXPECT_EQ(id, std::this_thread::get_id());
}

TEST(TaskStateOnAWorker, IsNotRunByAWorkerThatWaitsForItWithALimit) {
  RecordingContext context;
  context.runs_inline = true;
  const auto task = MakeTask([] {});
  EXPECT_FALSE(task->Wait(absl::Milliseconds(1)));
  EXPECT_EQ(task->state(), FutureState::kPending);
  task->Cancel();
}

TEST(TaskStateOnAWorker, TellsTheWorkerWhatItBlocksFor) {
  RecordingContext context;
  const auto task = MakeTask([] {});
  task->Wait(absl::Milliseconds(1));
  EXPECT_THAT(context.awaited, ElementsAre(task.get()));
  task->Cancel();
}

TEST(TaskStateOnAWorker, TellsTheWorkerThatItBlocksNoMore) {
  RecordingContext context;
  const auto task = MakeTask([] {});
  task->Wait(absl::Milliseconds(1));
  EXPECT_EQ(context.ended, 1);
  task->Cancel();
}

TEST(TaskStateOnAWorker, EndsNoBlockingThatTheWorkerDeclined) {
  RecordingContext context;
  context.stands_in = false;
  const auto task = MakeTask([] {});
  task->Wait(absl::Milliseconds(1));
  EXPECT_EQ(context.ended, 0);
  task->Cancel();
}

TEST(TaskStateOnAWorker, DoesNotBlockAWorkerForAPoll) {
  RecordingContext context;
  const auto task = MakeTask([] {});
  task->Wait(absl::ZeroDuration());
  EXPECT_THAT(context.awaited, IsEmpty());
  task->Cancel();
}

TEST(TaskStateOnAWorker, DoesNotBlockAWorkerOnceDone) {
  RecordingContext context;
  const auto task = MakeTask([] {});
  task->Cancel();
  task->Wait(absl::InfiniteDuration());
  EXPECT_THAT(context.awaited, IsEmpty());
}

// Two tasks that wait for each other, on one worker that runs what it waits
// for: the second finds out.
TEST(TaskStateOnAWorker, FindsTwoTasksThatWaitForEachOtherOnOneWorker) {
  RecordingContext context;
  context.runs_inline = true;
  TaskState* other = nullptr;
  const auto first = MakeTask([&] { other->Wait(absl::InfiniteDuration()); });
  const auto second = MakeTask([&] { first->Wait(absl::InfiniteDuration()); });
  other = second.get();
  first->Start();
  first->AddReference();
  first->Run(NowTicks());
  EXPECT_EQ(first->state(), FutureState::kCompleted);
  EXPECT_THROW(second->Get(), InvalidStateError);
}

}  // namespace
}  // namespace asyncpal::internal
