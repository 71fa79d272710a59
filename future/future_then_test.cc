#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/future.h"
#include "asyncpal/future/testing/fake_clock.h"
#include "asyncpal/future/testing/manual_executor.h"
#include "asyncpal/future/testing/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal {
namespace {

using internal::DescribeException;
using testing::FakeClock;
using testing::kDeadline;
using testing::ManualExecutor;

// --- Results ---

TEST(Then, GivesTheResultToTheFunction) {
  ManualExecutor executor;
  const auto future = executor.Submit([] { return 7; });
  const Future<std::string> text =
      future.Then([](int number) { return std::to_string(number); });
  executor.RunOne();
  EXPECT_EQ(text.Collect(), "7");
}

TEST(Then, CallsAFunctionWithoutParametersForAVoidFuture) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  const Future<int> next = future.Then([] { return 7; });
  executor.RunOne();
  EXPECT_EQ(next.Collect(), 7);
}

TEST(Then, GivesAVoidFutureForAFunctionThatReturnsNothing) {
  ManualExecutor executor;
  const auto future = executor.Submit([] { return 7; });
  int seen = 0;
  const Future<void> next = future.Then([&](int number) { seen = number; });
  executor.RunOne();
  EXPECT_TRUE(next.is_completed());
  EXPECT_EQ(seen, 7);
}

TEST(Then, RunsAtOnceWhenTheFutureIsDone) {
  ManualExecutor executor;
  const auto future = executor.Submit([] { return 7; });
  executor.RunOne();
  EXPECT_EQ(future.Then([](int number) { return number + 1; })
                .Collect(absl::ZeroDuration()),
            8);
}

TEST(Then, IsPendingUntilTheFutureIsDone) {
  ManualExecutor executor;
  const auto next = executor.Submit([] {}).Then([] {});
  EXPECT_TRUE(next.is_pending());
}

TEST(Then, LeavesTheResultToOtherCollectors) {
  ManualExecutor executor;
  const auto future = executor.Submit([] { return std::string(100, 'x'); });
  const auto next = future.Then([](std::string text) { return text.size(); });
  executor.RunOne();
  EXPECT_EQ(future.Collect(), std::string(100, 'x'));
}

TEST(Then, MovesAResultThatCannotBeCopiedIntoTheFunction) {
  ManualExecutor executor;
  const auto future = executor.Submit([] { return std::make_unique<int>(7); });
  const auto next =
      future.Then([](std::unique_ptr<int> number) { return *number; });
  executor.RunOne();
  EXPECT_EQ(next.Collect(), 7);
}

TEST(Then, ShowsAResultThatCannotBeCopiedByReference) {
  ManualExecutor executor;
  auto future = executor.Submit([] { return std::make_unique<int>(7); });
  const auto next =
      future.Then([](const std::unique_ptr<int>& number) { return *number; });
  executor.RunOne();
  EXPECT_EQ(next.Collect(), 7);
  EXPECT_EQ(*std::move(future).Collect(), 7);
}

TEST(Then, MovesAContainerOfWhatCannotBeCopiedIntoTheFunction) {
  ManualExecutor executor;
  const auto future =
      executor.Submit([] { return std::vector<std::unique_ptr<int>>(3); });
  const auto next = future.Then(
      [](std::vector<std::unique_ptr<int>> numbers) { return numbers.size(); });
  executor.RunOne();
  EXPECT_EQ(next.Collect(), 3u);
}

TEST(Then, FailsWhereTheResultWasMovedOutBefore) {
  ManualExecutor executor;
  auto future = executor.Submit([] { return std::make_unique<int>(7); });
  executor.RunOne();
  std::move(future).Collect();
  const auto next = future.Then(  // NOLINT(bugprone-use-after-move)
      [](const std::unique_ptr<int>&) {});
  EXPECT_THROW(next.Collect(), InvalidStateError);
}

TEST(Then, ReturnsAResultThatCannotBeCopied) {
  ManualExecutor executor;
  auto next = executor.Submit([] { return 7; }).Then([](int number) {
    return std::make_unique<int>(number);
  });
  executor.RunOne();
  EXPECT_EQ(*std::move(next).Collect(), 7);
}

TEST(Then, TakesAFunctionThatCannotBeCopied) {
  ManualExecutor executor;
  const auto next = executor.Submit([] { return 7; })
                        .Then([more = std::make_unique<int>(1)](int number) {
                          return number + *more;
                        });
  executor.RunOne();
  EXPECT_EQ(next.Collect(), 8);
}

TEST(Then, TakesAFunctionWithState) {
  struct Adder {
    int sum = 1;
    int operator()(int number) { return sum += number; }
  };
  ManualExecutor executor;
  const auto next = executor.Submit([] { return 7; }).Then(Adder());
  executor.RunOne();
  EXPECT_EQ(next.Collect(), 8);
}

int AddOne(int number) { return number + 1; }

TEST(Then, TakesAPlainFunction) {
  ManualExecutor executor;
  const auto next = executor.Submit([] { return 7; }).Then(AddOne);
  executor.RunOne();
  EXPECT_EQ(next.Collect(), 8);
}

TEST(Then, TakesAGenericFunction) {
  ManualExecutor executor;
  const auto next = executor.Submit([] { return 7; }).Then([](auto number) {
    static_assert(std::is_same_v<decltype(number), int>);
    return number + 1;
  });
  executor.RunOne();
  EXPECT_EQ(next.Collect(), 8);
}

TEST(Then, ThrowsInvalidArgumentForAnEmptyFunction) {
  ManualExecutor executor;
  const auto future = executor.Submit([] { return 7; });
  EXPECT_THROW((void)future.Then(std::function<void(int)>()),
               std::invalid_argument);
}

TEST(Then, FormsAChainInWhichEachStepSeesTheOneBefore) {
  ManualExecutor executor;
  const auto last = executor.Submit([] { return 1; })
                        .Then([](int number) { return number + 1; })
                        .Then([](int number) { return number * 10; })
                        .Then([](int number) { return number + 3; });
  executor.RunOne();
  EXPECT_EQ(last.Collect(), 23);
}

TEST(Then, BearsAChainOfAThousandSteps) {
  ManualExecutor executor;
  Future<int> last = executor.Submit([] { return 0; });
  for (int i = 0; i < 1000; ++i) last = last.Then(AddOne);
  executor.RunOne();
  EXPECT_EQ(last.Collect(), 1000);
}

TEST(Then, LetsSeveralFollowOneFuture) {
  ManualExecutor executor;
  const auto future = executor.Submit([] { return 7; });
  const auto more = future.Then([](int number) { return number + 1; });
  const auto less = future.Then([](int number) { return number - 1; });
  executor.RunOne();
  EXPECT_EQ(more.Collect() - less.Collect(), 2);
}

TEST(Then, DestroysTheFunctionWhenItHasRun) {
  ManualExecutor executor;
  auto resource = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = resource;
  const auto next = executor.Submit([] {}).Then(
      [resource = std::move(resource)] { return *resource; });
  executor.RunOne();
  EXPECT_TRUE(watch.expired());
}

TEST(Then, GivesAFutureWithoutATaskId) {
  ManualExecutor executor;
  EXPECT_EQ(executor.Submit([] {}).Then([] {}).task_id(), 0u);
}

TEST(Then, CountsTheTimeUntilItsFunctionRunsAsPending) {
  FakeClock clock;
  ManualExecutor executor;
  const auto next =
      executor.Submit([&] { clock.Advance(absl::Seconds(3)); }).Then([&] {
        clock.Advance(absl::Seconds(5));
      });
  executor.RunOne();
  EXPECT_EQ(next.duration().pending, absl::Seconds(3));
}

TEST(Then, CountsTheTimeOfItsFunctionAsRunning) {
  FakeClock clock;
  ManualExecutor executor;
  const auto next =
      executor.Submit([&] { clock.Advance(absl::Seconds(3)); }).Then([&] {
        clock.Advance(absl::Seconds(5));
      });
  executor.RunOne();
  EXPECT_EQ(next.duration().running, absl::Seconds(5));
}

// --- Failure and cancellation ---

TEST(Then, PassesAFailureThroughWithoutTheFunction) {
  ManualExecutor executor;
  bool called = false;
  const auto next =
      executor.Submit([]() -> int { throw std::out_of_range("row 7"); })
          .Then([&](int) { called = true; });
  executor.RunOne();
  EXPECT_THROW(next.Collect(), std::out_of_range);
  EXPECT_FALSE(called);
}

TEST(Then, PassesACancellationThroughWithoutTheFunction) {
  ManualExecutor executor;
  bool called = false;
  auto future = executor.Submit([] { return 7; });
  const auto next = future.Then([&](int) { called = true; });
  future.Cancel();
  EXPECT_TRUE(next.is_cancelled());
  EXPECT_FALSE(called);
}

TEST(Then, DestroysTheFunctionThatWillNotRun) {
  ManualExecutor executor;
  auto resource = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = resource;
  auto future = executor.Submit([] {});
  const auto next = future.Then([resource = std::move(resource)] {});
  future.Cancel();
  EXPECT_TRUE(watch.expired());
}

TEST(Then, FailsWithWhatTheFunctionThrows) {
  ManualExecutor executor;
  const auto next = executor.Submit([] { return 7; }).Then([](int) -> int {
    throw std::out_of_range("row 7");
  });
  executor.RunOne();
  EXPECT_THROW(next.Collect(), std::out_of_range);
}

TEST(Then, LeavesTheFutureCompletedWhenTheFunctionThrows) {
  ManualExecutor executor;
  const auto future = executor.Submit([] { return 7; });
  const auto next =
      future.Then([](int) -> int { throw std::out_of_range("row 7"); });
  executor.RunOne();
  EXPECT_EQ(future.Collect(), 7);
}

TEST(Then, GivesBothFuturesAnExceptionOfTheirOwn) {
  ManualExecutor executor;
  const auto future = executor.Submit([] { throw std::out_of_range("row"); });
  const auto next = future.Then([] {});
  executor.RunOne();
  const auto thrown_by = [](const Future<void>& collected) {
    try {
      collected.Collect();
    } catch (...) {
      return std::current_exception();
    }
    return std::exception_ptr();
  };
  EXPECT_NE(thrown_by(future), thrown_by(next));
}

TEST(ThenWithFuture, IsCalledWithAResult) {
  ManualExecutor executor;
  const auto next =
      executor.Submit([] { return 7; }).Then([](const Future<int>& done) {
        return done.Collect() + 1;
      });
  executor.RunOne();
  EXPECT_EQ(next.Collect(), 8);
}

TEST(ThenWithFuture, IsCalledWithAFailure) {
  ManualExecutor executor;
  const auto next =
      executor.Submit([]() -> int { throw std::out_of_range("row 7"); })
          .Then([](const Future<int>& done) {
            return DescribeException(done.exception());
          });
  executor.RunOne();
  EXPECT_EQ(next.Collect(), "std::out_of_range: row 7");
}

TEST(ThenWithFuture, IsCalledWithACancellation) {
  ManualExecutor executor;
  auto future = executor.Submit([] { return 7; });
  const auto next =
      future.Then([](const Future<int>& done) { return done.is_cancelled(); });
  future.Cancel();
  EXPECT_TRUE(next.Collect());
}

TEST(ThenWithFuture, FailsWithWhatItsCollectThrows) {
  ManualExecutor executor;
  const auto next = executor.Submit([] { throw std::out_of_range("row 7"); })
                        .Then([](const Future<void>& done) { done.Collect(); });
  executor.RunOne();
  EXPECT_THROW(next.Collect(), std::out_of_range);
}

// --- Cancelling the new future ---

TEST(CancelThen, ReturnsTrueWhileTheFunctionHasNotRun) {
  ManualExecutor executor;
  EXPECT_TRUE(executor.Submit([] {}).Then([] {}).Cancel());
}

TEST(CancelThen, KeepsTheFunctionFromRunning) {
  ManualExecutor executor;
  bool called = false;
  auto next = executor.Submit([] {}).Then([&] { called = true; });
  next.Cancel();
  executor.RunOne();
  EXPECT_FALSE(called);
}

TEST(CancelThen, LeavesTheFirstFutureAlone) {
  ManualExecutor executor;
  const auto future = executor.Submit([] { return 7; });
  auto next = future.Then([](int) {});
  next.Cancel();
  executor.RunOne();
  EXPECT_EQ(future.Collect(), 7);
}

TEST(CancelThen, ReturnsFalseInsideTheFunction) {
  ManualExecutor executor;
  Future<void> next;
  bool answer = true;
  next = executor.Submit([] {}).Then([&] { answer = next.Cancel(); });
  executor.RunOne();
  EXPECT_FALSE(answer);
}

TEST(WaitInThen, ThrowsInTheFunctionThatWouldProduceTheResult) {
  ManualExecutor executor;
  Future<void> next;
  next = executor.Submit([] {}).Then(
      [&] { EXPECT_TRUE(next.Wait(absl::Milliseconds(1))); });
  executor.RunOne();
  EXPECT_THROW(next.Collect(), InvalidStateError);
}

// --- A function that returns a future ---

TEST(ThenUnwraps, TheResultOfTheReturnedFuture) {
  ManualExecutor executor;
  const Future<std::string> next =
      executor.Submit([] { return 7; }).Then([&](int number) {
        return executor.Submit([number] { return std::to_string(number); });
      });
  executor.RunAll();
  EXPECT_EQ(next.Collect(), "7");
}

TEST(ThenUnwraps, AVoidFuture) {
  ManualExecutor executor;
  const Future<void> next =
      executor.Submit([] {}).Then([&] { return executor.Submit([] {}); });
  executor.RunAll();
  EXPECT_TRUE(next.is_completed());
}

TEST(ThenUnwraps, AFutureThatIsDoneAlready) {
  ManualExecutor executor;
  const auto inner = executor.Submit([] { return 7; });
  executor.RunOne();
  const Future<int> next = executor.Submit([] {}).Then([&] { return inner; });
  executor.RunOne();
  EXPECT_EQ(next.Collect(), 7);
}

TEST(ThenUnwraps, AResultThatCannotBeCopied) {
  ManualExecutor executor;
  Future<std::unique_ptr<int>> next = executor.Submit([] {}).Then(
      [&] { return executor.Submit([] { return std::make_unique<int>(7); }); });
  executor.RunAll();
  EXPECT_EQ(*std::move(next).Collect(), 7);
}

TEST(ThenUnwraps, AContainerOfWhatCannotBeCopied) {
  ManualExecutor executor;
  Future<std::vector<std::unique_ptr<int>>> next =
      executor.Submit([] {}).Then([&] {
        return executor.Submit(
            [] { return std::vector<std::unique_ptr<int>>(3); });
      });
  executor.RunAll();
  EXPECT_EQ(std::move(next).Collect().size(), 3u);
}

TEST(ThenUnwraps, OneLevelOnly) {
  ManualExecutor executor;
  const Future<int> inner = executor.Submit([] { return 7; });
  const auto next = executor.Submit([] {}).Then(
      [&] { return executor.Submit([&] { return inner; }); });
  static_assert(std::is_same_v<decltype(next), const Future<Future<int>>>);
  executor.RunAll();
  EXPECT_EQ(next.Collect(), inner);
}

TEST(ThenUnwraps, IsRunningUntilTheReturnedFutureIsDone) {
  ManualExecutor executor;
  const auto next =
      executor.Submit([] {}).Then([&] { return executor.Submit([] {}); });
  executor.RunOne();
  EXPECT_TRUE(next.is_running());
}

TEST(ThenUnwraps, AFailure) {
  ManualExecutor executor;
  const Future<void> next = executor.Submit([] {}).Then([&] {
    return executor.Submit([] { throw std::out_of_range("row 7"); });
  });
  executor.RunAll();
  EXPECT_THROW(next.Collect(), std::out_of_range);
}

TEST(ThenUnwraps, ACancellation) {
  ManualExecutor executor;
  const Future<void> first = executor.Submit([] {});
  Future<void> inner = executor.Submit([] {});
  const Future<void> next = first.Then([&] { return inner; });
  executor.RunOne();
  inner.Cancel();
  EXPECT_TRUE(next.is_cancelled());
}

TEST(ThenUnwraps, FailsForAnEmptyFuture) {
  ManualExecutor executor;
  const Future<int> next =
      executor.Submit([] {}).Then([] { return Future<int>(); });
  executor.RunOne();
  EXPECT_THROW(next.Collect(), InvalidStateError);
}

TEST(ThenUnwraps, FailsWithWhatTheFunctionThrows) {
  ManualExecutor executor;
  const Future<int> next = executor.Submit([] {}).Then(
      []() -> Future<int> { throw std::out_of_range("row 7"); });
  executor.RunOne();
  EXPECT_THROW(next.Collect(), std::out_of_range);
}

// Its move throws the given number of moves after its making.
struct ThrowsOnMove {
  explicit ThrowsOnMove(int moves) : moves_left(moves) {}
  ThrowsOnMove(ThrowsOnMove&& other) : moves_left(other.moves_left - 1) {
    if (moves_left < 0) throw std::runtime_error("no move");
  }
  int moves_left;
};

TEST(ThenUnwraps, IsDoneWhateverMoveOfTheResultThrows) {
  for (int moves = 0; moves < 6; ++moves) {
    ManualExecutor executor;
    const Future<ThrowsOnMove> next = executor.Submit([] {}).Then([&] {
      return executor.Submit([moves] { return ThrowsOnMove(moves); });
    });
    executor.RunAll();
    EXPECT_TRUE(next.is_done()) << moves << " moves";
  }
}

}  // namespace
}  // namespace asyncpal
