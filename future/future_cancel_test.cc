// Cancelling, stopping and letting go of tasks.

#include <pthread.h>

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/future.h"
#include "asyncpal/future/testing/manual_executor.h"
#include "asyncpal/future/testing/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal {
namespace {

using testing::kDeadline;
using testing::ManualExecutor;
using testing::Notification;

// --- A pending future ---

TEST(CancelPending, ReturnsTrue) {
  ManualExecutor executor;
  EXPECT_TRUE(executor.Submit([] {}).Cancel());
}

TEST(CancelPending, KeepsTheTaskFromRunning) {
  ManualExecutor executor;
  bool ran = false;
  auto future = executor.Submit([&] { ran = true; });
  future.Cancel();
  executor.RunAll();
  EXPECT_FALSE(ran);
}

TEST(CancelPending, LeavesOtherTasksAlone) {
  ManualExecutor executor;
  auto cancelled = executor.Submit([] {});
  const auto other = executor.Submit([] { return 7; });
  cancelled.Cancel();
  executor.RunAll();
  EXPECT_EQ(other.Collect(), 7);
}

TEST(CancelPending, DestroysTheCallableAtOnce) {
  ManualExecutor executor;
  auto resource = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = resource;
  auto future = executor.Submit([resource = std::move(resource)] {});
  future.Cancel();
  EXPECT_TRUE(watch.expired());
}

TEST(CancelPending, TellsTheExecutor) {
  ManualExecutor executor;
  auto future = executor.Submit([] {});
  future.Cancel();
  EXPECT_EQ(executor.cancelled(), 1);
}

TEST(CancelPending, SetsCancelRequested) {
  ManualExecutor executor;
  auto future = executor.Submit([] {});
  future.Cancel();
  EXPECT_TRUE(future.cancel_requested());
}

TEST(CancelPending, ReturnsFalseTheSecondTime) {
  ManualExecutor executor;
  auto future = executor.Submit([] {});
  future.Cancel();
  EXPECT_FALSE(future.Cancel());
}

TEST(CancelPending, IsWhatKillDoesToo) {
  ManualExecutor executor;
  auto future = executor.Submit([] {});
  EXPECT_TRUE(future.Kill());
  EXPECT_TRUE(future.is_cancelled());
}

TEST(CancelPending, MayComeFromTheDestructorOfAnotherCallable) {
  ManualExecutor executor;
  auto second = executor.Submit([] {});
  struct CancelsOther {
    Future<void> other;
    ~CancelsOther() { other.Cancel(); }
  };
  auto first = executor.Submit(
      [last = std::make_unique<CancelsOther>(CancelsOther{second})] {});
  first.Cancel();
  EXPECT_TRUE(second.is_cancelled());
}

TEST(CancelPending, MayFindItselfInTheDestructorOfItsCallable) {
  ManualExecutor executor;
  struct CancelsSelf {
    std::shared_ptr<Future<void>> self;
    bool* answer;
    CancelsSelf(std::shared_ptr<Future<void>> future, bool* cancelled)
        : self(std::move(future)), answer(cancelled) {}
    ~CancelsSelf() { *answer = self->Cancel(); }
  };
  bool answer = true;
  const auto self = std::make_shared<Future<void>>();
  *self =
      executor.Submit([last = std::make_unique<CancelsSelf>(self, &answer)] {});
  EXPECT_TRUE(self->Cancel());
  EXPECT_FALSE(answer);
}

// --- A running future ---

TEST(CancelRunning, ReturnsFalse) {
  ManualExecutor executor;
  Future<void> future;
  bool answer = true;
  future = executor.Submit([&] { answer = future.Cancel(); });
  executor.RunOne();
  EXPECT_FALSE(answer);
}

TEST(CancelRunning, SetsCancelRequested) {
  ManualExecutor executor;
  Future<void> future;
  bool requested = false;
  future = executor.Submit([&] {
    future.Cancel();
    requested = future.cancel_requested();
  });
  executor.RunOne();
  EXPECT_TRUE(requested);
}

TEST(CancelRunning, LetsTheTaskComplete) {
  ManualExecutor executor;
  Future<int> future;
  future = executor.Submit([&] {
    future.Cancel();
    return 7;
  });
  executor.RunOne();
  EXPECT_EQ(future.Collect(), 7);
}

TEST(CancelRunning, RequestsStopOnTheTasksToken) {
  ManualExecutor executor;
  Future<bool> future;
  future = executor.Submit([&](std::stop_token stop) {
    future.Cancel();
    return stop.stop_requested();
  });
  executor.RunOne();
  EXPECT_TRUE(future.Collect());
}

TEST(CancelRunning, ReachesATaskOnAnotherThread) {
  ManualExecutor executor;
  Notification started;
  auto future = executor.Submit([&](std::stop_token stop) {
    Notification stopped;
    const std::stop_callback on_stop(stop, [&] { stopped.Notify(); });
    started.Notify();
    return stopped.Wait();
  });
  std::thread runner([&] { executor.RunOne(); });
  EXPECT_TRUE(started.Wait());
  EXPECT_FALSE(future.Cancel());
  EXPECT_TRUE(future.Collect(kDeadline));
  runner.join();
}

TEST(CancelRunning, IsWhatKillDoesWhereTheExecutorCannotKill) {
  ManualExecutor executor;
  Future<bool> future;
  bool answer = true;
  future = executor.Submit([&](std::stop_token stop) {
    answer = future.Kill();
    return stop.stop_requested();
  });
  executor.RunOne();
  EXPECT_FALSE(answer);
  EXPECT_TRUE(future.Collect());
}

// --- A future that is done ---

TEST(CancelDone, ReturnsFalse) {
  ManualExecutor executor;
  auto future = executor.Submit([] {});
  executor.RunOne();
  EXPECT_FALSE(future.Cancel());
}

TEST(CancelDone, LeavesTheResult) {
  ManualExecutor executor;
  auto future = executor.Submit([] { return 7; });
  executor.RunOne();
  future.Cancel();
  EXPECT_EQ(future.Collect(), 7);
}

TEST(CancelDone, DoesNotSetCancelRequested) {
  ManualExecutor executor;
  auto future = executor.Submit([] {});
  executor.RunOne();
  future.Cancel();
  EXPECT_FALSE(future.cancel_requested());
}

TEST(CancelRequested, IsFalseForATaskThatNobodyCancelled) {
  ManualExecutor executor;
  auto future = executor.Submit([] {});
  executor.RunOne();
  EXPECT_FALSE(future.cancel_requested());
}

// --- The stop token ---

TEST(StopToken, ComesBeforeTheArguments) {
  ManualExecutor executor;
  const auto future =
      executor.Submit([](std::stop_token stop, int a,
                         int b) { return stop.stop_possible() ? a + b : 0; },
                      10, 2);
  executor.RunOne();
  EXPECT_EQ(future.Collect(), 12);
}

TEST(StopToken, IsNotStoppedForATaskThatNobodyCancelled) {
  ManualExecutor executor;
  const auto future = executor.Submit(
      [](std::stop_token stop) { return stop.stop_requested(); });
  executor.RunOne();
  EXPECT_FALSE(future.Collect());
}

// --- Callables of every kind ---

int AddOne(int number) { return number + 1; }

struct Counter {
  int count = 0;
  int Add(int more) { return count += more; }
};

TEST(Submit, TakesAFunction) {
  ManualExecutor executor;
  const auto future = executor.Submit(AddOne, 6);
  executor.RunOne();
  EXPECT_EQ(future.Collect(), 7);
}

TEST(Submit, TakesAMemberFunctionAndItsObject) {
  ManualExecutor executor;
  Counter counter;
  const auto future = executor.Submit(&Counter::Add, &counter, 7);
  executor.RunOne();
  EXPECT_EQ(counter.count, 7);
}

TEST(Submit, TakesACallableThatCannotBeCopied) {
  ManualExecutor executor;
  const auto future =
      executor.Submit([number = std::make_unique<int>(7)] { return *number; });
  executor.RunOne();
  EXPECT_EQ(future.Collect(), 7);
}

TEST(Submit, MovesAnArgumentThatCannotBeCopiedIntoTheTask) {
  ManualExecutor executor;
  const auto future =
      executor.Submit([](std::unique_ptr<int> number) { return *number; },
                      std::make_unique<int>(7));
  executor.RunOne();
  EXPECT_EQ(future.Collect(), 7);
}

TEST(Submit, CopiesAnLvalueArgument) {
  ManualExecutor executor;
  std::string text = "before";
  const auto future =
      executor.Submit([](const std::string& s) { return s; }, text);
  text = "after";
  executor.RunOne();
  EXPECT_EQ(future.Collect(), "before");
}

TEST(Submit, PassesAReferenceThroughStdRef) {
  ManualExecutor executor;
  int number = 1;
  const auto future =
      executor.Submit([](int& target) { target = 7; }, std::ref(number));
  executor.RunOne();
  EXPECT_EQ(number, 7);
}

// --- Lifetimes ---

TEST(Task, RunsThoughItsFutureIsGone) {
  ManualExecutor executor;
  bool ran = false;
  (void)executor.Submit([&] { ran = true; });
  executor.RunOne();
  EXPECT_TRUE(ran);
}

TEST(Task, DestroysAResultThatNoFutureLooksAt) {
  ManualExecutor executor;
  auto resource = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = resource;
  (void)executor.Submit([resource = std::move(resource)] { return resource; });
  executor.RunOne();
  EXPECT_TRUE(watch.expired());
}

TEST(Task, MayDropItsOwnLastFuture) {
  ManualExecutor executor;
  Future<int> future;
  future = executor.Submit([&] {
    future = {};
    return 7;
  });
  executor.RunOne();
  EXPECT_EQ(executor.finished(), 1);
}

TEST(Task, HasDestroyedItsCallableWhenTheFutureIsDone) {
  ManualExecutor executor;
  auto resource = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = resource;
  const auto future = executor.Submit([resource = std::move(resource)] {});
  bool expired_when_done = false;
  future.AddCallback(
      [&](const Future<void>&) { expired_when_done = watch.expired(); });
  executor.RunOne();
  EXPECT_TRUE(expired_when_done);
}

TEST(Task, HasDestroyedItsArgumentsWhenTheFutureIsDone) {
  ManualExecutor executor;
  auto resource = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = resource;
  const auto future =
      executor.Submit([](const std::shared_ptr<int>&) {}, std::move(resource));
  bool expired_when_done = false;
  future.AddCallback(
      [&](const Future<void>&) { expired_when_done = watch.expired(); });
  executor.RunOne();
  EXPECT_TRUE(expired_when_done);
}

TEST(Task, KeepsTheResultForAFutureThatOutlivesTheExecutor) {
  Future<std::string> future;
  {
    ManualExecutor executor;
    future = executor.Submit([] { return std::string("text"); });
    executor.RunOne();
  }
  EXPECT_EQ(future.Collect(), "text");
}

TEST(Task, IsCancelledWhenItsExecutorGoesBeforeItRan) {
  Future<int> future;
  {
    ManualExecutor executor;
    future = executor.Submit([] { return 7; });
  }
  EXPECT_TRUE(future.is_cancelled());
}

// --- pthread_exit ---

void* RunOneOn(void* executor) {
  static_cast<ManualExecutor*>(executor)->RunOne();
  return nullptr;
}

TEST(Task, FailsWhenItEndsItsThreadByPthreadExit) {
  ManualExecutor executor;
  const auto future = executor.Submit([]() -> int { pthread_exit(nullptr); });
  pthread_t thread;
  ASSERT_EQ(pthread_create(&thread, nullptr, RunOneOn, &executor), 0);
  EXPECT_TRUE(future.Wait(kDeadline));
  pthread_join(thread, nullptr);
  EXPECT_THROW(future.Collect(), InvalidStateError);
}

TEST(Task, DestroysItsCallableWhenItEndsItsThreadByPthreadExit) {
  ManualExecutor executor;
  auto resource = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = resource;
  const auto future = executor.Submit(
      [resource = std::move(resource)]() -> int { pthread_exit(nullptr); });
  pthread_t thread;
  ASSERT_EQ(pthread_create(&thread, nullptr, RunOneOn, &executor), 0);
  pthread_join(thread, nullptr);
  EXPECT_TRUE(watch.expired());
}

}  // namespace
}  // namespace asyncpal
