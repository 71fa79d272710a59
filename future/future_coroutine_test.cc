#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/future.h"
#include "asyncpal/future/testing/manual_executor.h"
#include "asyncpal/future/testing/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal {
namespace {

using internal::DescribeException;
using testing::kDeadline;
using testing::ManualExecutor;

// The coroutines here are functions, not lambdas: their parameters live as long
// as they run.

Future<int> Return(int number) { co_return number; }

Future<int> AddOne(Future<int> future) { co_return co_await future + 1; }

Future<void> Append(Future<int> future, std::vector<int>* log) {
  log->push_back(0);
  log->push_back(co_await future);
}

// --- Results ---

TEST(Coroutine, IsDoneAtOnceWhenItAwaitsNothing) {
  EXPECT_EQ(Return(7).Collect(absl::ZeroDuration()), 7);
}

TEST(Coroutine, StartsOnTheCallersThread) {
  ManualExecutor executor;
  std::vector<int> log;
  const auto future = Append(executor.Submit([] { return 7; }), &log);
  EXPECT_THAT(log, ::testing::ElementsAre(0));
  executor.RunOne();
}

TEST(Coroutine, IsPendingWhileItAwaits) {
  ManualExecutor executor;
  const auto future = AddOne(executor.Submit([] { return 7; }));
  EXPECT_TRUE(future.is_pending());
  executor.RunOne();
}

TEST(Coroutine, GoesOnWhenTheAwaitedFutureIsDone) {
  ManualExecutor executor;
  const auto future = AddOne(executor.Submit([] { return 7; }));
  executor.RunOne();
  EXPECT_EQ(future.Collect(absl::ZeroDuration()), 8);
}

TEST(Coroutine, DoesNotStopAtAFutureThatIsDone) {
  ManualExecutor executor;
  const auto awaited = executor.Submit([] { return 7; });
  executor.RunOne();
  EXPECT_EQ(AddOne(awaited).Collect(absl::ZeroDuration()), 8);
}

Future<std::thread::id> ThreadAfter(Future<void> future) {
  co_await future;
  co_return std::this_thread::get_id();
}

TEST(Coroutine, GoesOnOnTheThreadThatFinishedTheAwaitedFuture) {
  ManualExecutor executor;
  const auto id = ThreadAfter(executor.Submit([] {}));
  std::thread runner([&] { executor.RunOne(); });
  const std::thread::id runner_id = runner.get_id();
  EXPECT_EQ(id.Collect(kDeadline), runner_id);
  runner.join();
}

TEST(Coroutine, CompletesAVoidFuture) {
  ManualExecutor executor;
  std::vector<int> log;
  const auto future = Append(executor.Submit([] { return 7; }), &log);
  executor.RunOne();
  EXPECT_TRUE(future.is_completed());
}

Future<int> Dereference(Future<std::unique_ptr<int>> future) {
  co_return *co_await future;
}

TEST(Coroutine, AwaitsAResultThatCannotBeCopied) {
  ManualExecutor executor;
  const auto future =
      Dereference(executor.Submit([] { return std::make_unique<int>(7); }));
  executor.RunOne();
  EXPECT_EQ(future.Collect(), 7);
}

Future<std::unique_ptr<int>> MakeUnique(Future<int> future) {
  co_return std::make_unique<int>(co_await future);
}

TEST(Coroutine, ReturnsAResultThatCannotBeCopied) {
  ManualExecutor executor;
  auto future = MakeUnique(executor.Submit([] { return 7; }));
  executor.RunOne();
  EXPECT_EQ(*std::move(future).Collect(), 7);
}

Future<std::string> ReturnLiteral() { co_return "text"; }

TEST(Coroutine, ConvertsWhatItReturns) {
  EXPECT_EQ(ReturnLiteral().Collect(), "text");
}

Future<std::vector<int>> ReturnBraces() { co_return {1, 2, 3}; }

TEST(Coroutine, ReturnsABracedList) {
  EXPECT_THAT(ReturnBraces().Collect(), ::testing::ElementsAre(1, 2, 3));
}

Future<int> Sum(std::vector<Future<int>> futures) {
  int sum = 0;
  for (const Future<int>& future : futures) sum += co_await future;
  co_return sum;
}

TEST(Coroutine, AwaitsManyFuturesInTurn) {
  ManualExecutor executor;
  std::vector<Future<int>> futures;
  for (int i = 1; i <= 100; ++i) {
    futures.push_back(executor.Submit([i] { return i; }));
  }
  const auto sum = Sum(std::move(futures));
  executor.RunAll();
  EXPECT_EQ(sum.Collect(), 5050);
}

TEST(Coroutine, AwaitsManyDoneFuturesWithoutDeepeningTheStack) {
  ManualExecutor executor;
  const auto done = executor.Submit([] { return 1; });
  executor.RunOne();
  EXPECT_EQ(Sum(std::vector<Future<int>>(100'000, done)).Collect(), 100'000);
}

Future<int> Nested(Future<int> future) {
  const int inner = co_await AddOne(AddOne(std::move(future)));
  co_return inner * 10;
}

TEST(Coroutine, AwaitsAnotherCoroutine) {
  ManualExecutor executor;
  const auto future = Nested(executor.Submit([] { return 5; }));
  executor.RunOne();
  EXPECT_EQ(future.Collect(), 70);
}

TEST(Coroutine, GivesAFutureWithoutATaskId) {
  EXPECT_EQ(Return(7).task_id(), 0u);
}

// --- Failure and cancellation ---

Future<int> Throw() {
  throw std::out_of_range("row 7");
  co_return 0;
}

TEST(Coroutine, FailsWithWhatItThrows) {
  EXPECT_THROW(Throw().Collect(), std::out_of_range);
}

TEST(Coroutine, FailsWithWhatTheAwaitedTaskThrew) {
  ManualExecutor executor;
  const auto future =
      AddOne(executor.Submit([]() -> int { throw std::out_of_range("row"); }));
  executor.RunOne();
  EXPECT_THROW(future.Collect(), std::out_of_range);
}

Future<std::string> Catch(Future<void> future) {
  try {
    co_await future;
  } catch (const std::exception& error) {
    co_return error.what();
  }
  co_return "nothing";
}

TEST(Coroutine, CanCatchWhatTheAwaitedTaskThrew) {
  ManualExecutor executor;
  const auto future =
      Catch(executor.Submit([] { throw std::out_of_range("row 7"); }));
  executor.RunOne();
  EXPECT_EQ(future.Collect(), "row 7");
}

TEST(Coroutine, GetsCancelledErrorFromACancelledFuture) {
  ManualExecutor executor;
  auto awaited = executor.Submit([] {});
  const auto future = Catch(awaited);
  awaited.Cancel();
  EXPECT_EQ(future.Collect(), "task 1 was cancelled");
}

TEST(Coroutine, FailsThatAwaitsAnEmptyFuture) {
  EXPECT_THROW(AddOne(Future<int>()).Collect(), InvalidStateError);
}

TEST(Coroutine, RunsToItsEndAfterItsFutureWasCancelled) {
  ManualExecutor executor;
  std::vector<int> log;
  auto future = Append(executor.Submit([] { return 7; }), &log);
  EXPECT_TRUE(future.Cancel());
  executor.RunOne();
  EXPECT_THAT(log, ::testing::ElementsAre(0, 7));
}

TEST(Coroutine, StaysCancelledWhenItReturnsAfterwards) {
  ManualExecutor executor;
  auto future = AddOne(executor.Submit([] { return 7; }));
  future.Cancel();
  executor.RunOne();
  EXPECT_TRUE(future.is_cancelled());
}

TEST(Coroutine, RunsToItsEndThoughItsFutureIsGone) {
  ManualExecutor executor;
  std::vector<int> log;
  (void)Append(executor.Submit([] { return 7; }), &log);
  executor.RunOne();
  EXPECT_THAT(log, ::testing::ElementsAre(0, 7));
}

// --- What is left when the future is done ---

Future<int> HoldLocal(Future<int> future, std::shared_ptr<int> resource) {
  const std::shared_ptr<int> local = std::move(resource);
  co_return co_await future;
}

TEST(Coroutine, HasDestroyedItsLocalsWhenTheFutureIsDone) {
  ManualExecutor executor;
  auto resource = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = resource;
  const auto future =
      HoldLocal(executor.Submit([] { return 7; }), std::move(resource));
  bool expired_when_done = false;
  future.AddCallback(
      [&](const Future<int>&) { expired_when_done = watch.expired(); });
  executor.RunOne();
  EXPECT_TRUE(expired_when_done);
}

Future<int> HoldParameter(Future<int> future, std::shared_ptr<int>) {
  co_return co_await future;
}

TEST(Coroutine, HasDestroyedItsParametersWhenTheFutureIsDone) {
  ManualExecutor executor;
  auto resource = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = resource;
  const auto future =
      HoldParameter(executor.Submit([] { return 7; }), std::move(resource));
  bool expired_when_done = false;
  future.AddCallback(
      [&](const Future<int>&) { expired_when_done = watch.expired(); });
  executor.RunOne();
  EXPECT_TRUE(expired_when_done);
}

Future<int> ThrowHoldingLocal(Future<int> future,
                              std::shared_ptr<int> resource) {
  const std::shared_ptr<int> local = std::move(resource);
  co_await future;
  throw std::out_of_range("row 7");
}

TEST(Coroutine, HasDestroyedItsLocalsWhenTheFutureFails) {
  ManualExecutor executor;
  auto resource = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = resource;
  const auto future =
      ThrowHoldingLocal(executor.Submit([] { return 7; }), std::move(resource));
  bool expired_when_done = false;
  future.AddCallback(
      [&](const Future<int>&) { expired_when_done = watch.expired(); });
  executor.RunOne();
  EXPECT_TRUE(expired_when_done);
}

// Its move throws the given number of moves after its making.
struct ThrowsOnMove {
  explicit ThrowsOnMove(int moves) : moves_left(moves) {}
  ThrowsOnMove(ThrowsOnMove&& other) : moves_left(other.moves_left - 1) {
    if (moves_left < 0) throw std::runtime_error("no move");
  }
  int moves_left;
};

Future<ThrowsOnMove> ReturnThrowsOnMove(int moves, std::shared_ptr<int>) {
  co_return ThrowsOnMove(moves);
}

TEST(Coroutine, IsDoneWhateverMoveOfItsResultThrows) {
  for (int moves = 0; moves < 6; ++moves) {
    EXPECT_TRUE(ReturnThrowsOnMove(moves, nullptr).is_done()) << moves;
  }
}

TEST(Coroutine, HasDestroyedItsParametersWhateverMoveOfItsResultThrows) {
  for (int moves = 0; moves < 6; ++moves) {
    auto resource = std::make_shared<int>(1);
    const std::weak_ptr<int> watch = resource;
    const auto future = ReturnThrowsOnMove(moves, std::move(resource));
    EXPECT_TRUE(watch.expired()) << moves;
  }
}

class ThrowsAtScopeEnd {
 public:
  ~ThrowsAtScopeEnd() noexcept(false) { throw std::out_of_range("row 7"); }
};

Future<int> ReturnAndThrow() {
  ThrowsAtScopeEnd last;
  co_return 7;
}

TEST(Coroutine, FailsWithWhatALocalsDestructorThrows) {
  EXPECT_THROW(ReturnAndThrow().Collect(), std::out_of_range);
}

}  // namespace
}  // namespace asyncpal
