#include "asyncpal/future/wait.h"

#include <array>
#include <cstddef>
#include <list>
#include <memory>
#include <ranges>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/future.h"
#include "asyncpal/future/testing/fake_clock.h"
#include "asyncpal/future/testing/manual_executor.h"
#include "asyncpal/future/testing/notification.h"
#include "asyncpal/future/testing/sample_tasks.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal {
namespace {

using ::testing::ElementsAre;
using testing::FakeClock;
using ::testing::IsEmpty;
using testing::kDeadline;
using testing::ManualExecutor;
using testing::SubmitFailure;
using testing::SubmitNumbers;
using testing::ThrownBy;

// --- Wait ---

TEST(Wait, ReturnsTrueForAnEmptyRange) {
  EXPECT_TRUE(Wait(std::vector<Future<int>>{}, absl::ZeroDuration()));
}

TEST(Wait, ReturnsTrueWhenAllAreDone) {
  ManualExecutor executor;
  const auto futures = SubmitNumbers(executor, 3);
  executor.RunAll();
  EXPECT_TRUE(Wait(futures));
}

TEST(Wait, ReturnsTrueWhenOneHasFailed) {
  ManualExecutor executor;
  const std::vector futures{SubmitFailure(executor, "row 7")};
  executor.RunAll();
  EXPECT_TRUE(Wait(futures));
}

TEST(Wait, ReturnsFalseWhenOneIsNotDoneInTime) {
  ManualExecutor executor;
  const auto futures = SubmitNumbers(executor, 3);
  executor.RunOne();
  executor.RunOne();
  EXPECT_FALSE(Wait(futures, absl::Milliseconds(1)));
}

TEST(Wait, PollsForANegativeTimeout) {
  ManualExecutor executor;
  EXPECT_FALSE(Wait(SubmitNumbers(executor, 1), -absl::InfiniteDuration()));
}

TEST(Wait, BlocksUntilAllAreDone) {
  ManualExecutor executor;
  const auto futures = SubmitNumbers(executor, 10);
  std::thread runner([&] { executor.RunAll(); });
  EXPECT_TRUE(Wait(futures, kDeadline));
  runner.join();
}

TEST(Wait, NamesTheIndexOfAnEmptyFuture) {
  ManualExecutor executor;
  std::vector futures{executor.Submit([] { return 1; }), Future<int>()};
  executor.RunAll();
  EXPECT_EQ(ThrownBy([&] { Wait(futures); }),
            "asyncpal::InvalidStateError: Wait: the future at index 1 is "
            "empty");
}

TEST(Wait, TakesRangesOfEveryKind) {
  ManualExecutor executor;
  const auto futures = SubmitNumbers(executor, 2);
  executor.RunAll();
  EXPECT_TRUE(Wait(std::list<Future<int>>(futures.begin(), futures.end())));
  EXPECT_TRUE(Wait(std::array<Future<int>, 2>{futures[0], futures[1]}));
  EXPECT_TRUE(Wait(absl::MakeConstSpan(futures)));
  const Future<int> array[] = {futures[0], futures[1]};
  EXPECT_TRUE(Wait(array));
}

// --- Collect ---

TEST(CollectAll, ReturnsTheResultsInTheOrderOfTheRange) {
  ManualExecutor executor;
  const auto futures = SubmitNumbers(executor, 4);
  executor.RunAll();
  EXPECT_THAT(Collect(futures), ElementsAre(0, 1, 2, 3));
}

TEST(CollectAll, ReturnsNothingForAnEmptyRange) {
  EXPECT_THAT(Collect(std::vector<Future<int>>{}), IsEmpty());
}

TEST(CollectAll, LeavesTheResultsInPlace) {
  ManualExecutor executor;
  const auto futures = SubmitNumbers(executor, 2);
  executor.RunAll();
  Collect(futures);
  EXPECT_THAT(Collect(futures), ElementsAre(0, 1));
}

TEST(CollectAll, MovesOutResultsThatCannotBeCopied) {
  ManualExecutor executor;
  const std::vector futures{
      executor.Submit([] { return std::make_unique<int>(7); })};
  executor.RunAll();
  const std::vector<std::unique_ptr<int>> results = Collect(futures);
  EXPECT_EQ(*results.front(), 7);
}

TEST(CollectAll, ThrowsTheFailureOfAFutureWhoseResultCannotBeCopied) {
  ManualExecutor executor;
  const std::vector futures{executor.Submit(
      []() -> std::unique_ptr<int> { throw std::out_of_range("row 7"); })};
  executor.RunAll();
  EXPECT_THROW(Collect(futures), std::out_of_range);
}

TEST(CollectAll, ReturnsNothingForVoidFutures) {
  ManualExecutor executor;
  const std::vector futures{executor.Submit([] {}), executor.Submit([] {})};
  executor.RunAll();
  static_assert(std::is_void_v<decltype(Collect(futures))>);
  EXPECT_NO_THROW(Collect(futures));
}

TEST(CollectAll, CollectsBools) {
  ManualExecutor executor;
  const std::vector futures{executor.Submit([] { return true; }),
                            executor.Submit([] { return false; })};
  executor.RunAll();
  EXPECT_THAT(Collect(futures), ElementsAre(true, false));
}

TEST(CollectAll, ThrowsTheFirstFailureInTheOrderOfTheRange) {
  ManualExecutor executor;
  const auto second = SubmitFailure(executor, "second");
  const auto first = SubmitFailure(executor, "first");
  executor.RunAll();
  EXPECT_EQ(ThrownBy([&] {
              Collect(std::vector{first, second});
            }),
            "std::out_of_range: first");
}

TEST(CollectAll, ThrowsAFailureBeforeTheRestIsDone) {
  ManualExecutor executor;
  const std::vector futures{SubmitFailure(executor, "row 7"),
                            executor.Submit([] { return 1; })};
  executor.RunOne();
  EXPECT_THROW(Collect(futures, kDeadline), std::out_of_range);
}

TEST(CollectAll, ThrowsCancelledErrorForACancelledFuture) {
  ManualExecutor executor;
  auto futures = SubmitNumbers(executor, 2);
  futures[1].Cancel();
  executor.RunAll();
  EXPECT_THROW(Collect(futures), CancelledError);
}

TEST(CollectAll, SaysHowManyWereDoneWhenItTimesOut) {
  ManualExecutor executor;
  const auto futures = SubmitNumbers(executor, 3);
  executor.RunOne();
  EXPECT_EQ(ThrownBy([&] { Collect(futures, absl::Milliseconds(1)); }),
            "asyncpal::TimeoutError: Collect: 1 of 3 futures were done in "
            "1ms");
}

TEST(CollectAll, NamesTheIndexOfAnEmptyFuture) {
  EXPECT_EQ(ThrownBy([] { Collect(std::vector<Future<int>>(1)); }),
            "asyncpal::InvalidStateError: Collect: the future at index 0 is "
            "empty");
}

// --- AsDone ---

// The results of `range`, in its order.
template <typename Range>
std::vector<int> ResultsOf(Range range) {
  std::vector<int> results;
  for (auto& future : range) results.push_back(future.Collect());
  return results;
}

TEST(AsDone, IsAnInputRange) {
  using Range = decltype(AsDone(std::vector<Future<int>>{}));
  static_assert(std::ranges::input_range<Range>);
  static_assert(std::is_same_v<std::ranges::range_value_t<Range>, Future<int>>);
}

TEST(AsDone, IsEmptyForAnEmptyRange) {
  EXPECT_THAT(ResultsOf(AsDone(std::vector<Future<int>>{})), IsEmpty());
}

TEST(AsDone, HandsOutInTheOrderInWhichTheyAreDone) {
  ManualExecutor executor;
  auto futures = SubmitNumbers(executor, 3);
  auto done = AsDone(futures, {.timeout = kDeadline});
  futures[2].Cancel();
  executor.RunAll();
  std::vector<Future<int>> order;
  for (const Future<int>& future : done) order.push_back(future);
  EXPECT_THAT(order, ElementsAre(futures[2], futures[0], futures[1]));
}

TEST(AsDone, HandsOutWhatIsDoneAlreadyInTheOrderOfTheRange) {
  ManualExecutor executor;
  const auto futures = SubmitNumbers(executor, 3);
  executor.RunAll();
  const std::vector reversed(futures.rbegin(), futures.rend());
  EXPECT_THAT(ResultsOf(AsDone(reversed)), ElementsAre(2, 1, 0));
}

TEST(AsDone, HandsOutTheFirstThatIsDoneWhileOthersArePending) {
  ManualExecutor executor;
  auto futures = SubmitNumbers(executor, 3);
  auto done = AsDone(futures, {.timeout = kDeadline});
  futures[2].Cancel();
  EXPECT_EQ(*done.begin(), futures[2]);
}

TEST(AsDone, HandsOutFailuresAndCancellations) {
  ManualExecutor executor;
  std::vector futures{SubmitFailure(executor, "row 7"),
                      executor.Submit([] { return 1; })};
  futures[1].Cancel();
  executor.RunAll();
  size_t count = 0;
  for (const auto& future : AsDone(futures)) count += !future.is_completed();
  EXPECT_EQ(count, 2u);
}

TEST(AsDone, WaitsForEachInTurn) {
  ManualExecutor executor;
  const auto futures = SubmitNumbers(executor, 20);
  std::thread runner([&] { executor.RunAll(); });
  EXPECT_EQ(ResultsOf(AsDone(futures, {.timeout = kDeadline})).size(), 20u);
  runner.join();
}

TEST(AsDone, ThrowsTimeoutErrorWhenTheNextIsNotDoneInTime) {
  ManualExecutor executor;
  auto done =
      AsDone(SubmitNumbers(executor, 2), {.timeout = absl::Milliseconds(1)});
  EXPECT_EQ(ThrownBy([&] { done.begin(); }),
            "asyncpal::TimeoutError: none of 2 futures was done in 1ms");
}

TEST(AsDone, CountsItsTimeoutFromTheCall) {
  FakeClock clock;
  ManualExecutor executor;
  const auto futures = SubmitNumbers(executor, 2);
  auto done = AsDone(futures, {.timeout = absl::Seconds(10)});
  executor.RunOne();
  auto it = done.begin();
  clock.Advance(absl::Seconds(11));
  EXPECT_THROW(++it, TimeoutError);
}

TEST(AsDone, IsAtItsEndAfterATimeout) {
  ManualExecutor executor;
  auto done =
      AsDone(SubmitNumbers(executor, 2), {.timeout = absl::ZeroDuration()});
  EXPECT_THROW(done.begin(), TimeoutError);
  EXPECT_TRUE(done.begin() == done.end());
}

TEST(AsDone, NamesTheIndexOfAnEmptyFuture) {
  EXPECT_EQ(ThrownBy([] { AsDone(std::vector<Future<int>>(1)); }),
            "asyncpal::InvalidStateError: AsDone: the future at index 0 is "
            "empty");
}

TEST(AsDone, LetsTheFuturesGoWhenItIsLeftEarly) {
  ManualExecutor executor;
  auto resource = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = resource;
  {
    std::vector futures{
        executor.Submit([resource = std::move(resource)] { return resource; })};
    auto done = AsDone(futures);
    executor.RunAll();
  }
  EXPECT_TRUE(watch.expired());
}

TEST(AsDoneInOrder, HandsOutInTheOrderOfTheRange) {
  ManualExecutor executor;
  const auto futures = SubmitNumbers(executor, 3);
  const std::vector reversed(futures.rbegin(), futures.rend());
  executor.RunAll();
  EXPECT_THAT(ResultsOf(AsDone(reversed, {.keep_order = true})),
              ElementsAre(2, 1, 0));
}

TEST(AsDoneInOrder, WaitsForTheFirstThoughALaterOneIsDone) {
  ManualExecutor executor;
  auto futures = SubmitNumbers(executor, 2);
  futures[1].Cancel();
  auto done =
      AsDone(futures, {.keep_order = true, .timeout = absl::ZeroDuration()});
  EXPECT_EQ(ThrownBy([&] { done.begin(); }),
            "asyncpal::TimeoutError: AsDone: the future at index 0 was not "
            "done in 0");
}

}  // namespace
}  // namespace asyncpal
