#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/future.h"
#include "asyncpal/future/internal/future_access.h"
#include "asyncpal/future/testing/manual_executor.h"
#include "asyncpal/future/testing/notification.h"
#include "asyncpal/future/testing/sample_tasks.h"
#include "asyncpal/future/wait.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::kDeadline;
using testing::ManualExecutor;
using testing::SubmitFailure;
using testing::SubmitNumbers;
using testing::ThrownBy;

// --- WhenAll ---

TEST(WhenAll, CompletesWithTheResultsInTheOrderOfTheRange) {
  ManualExecutor executor;
  const Future<std::vector<int>> all = WhenAll(SubmitNumbers(executor, 3));
  executor.RunAll();
  EXPECT_THAT(all.Collect(absl::ZeroDuration()), ElementsAre(0, 1, 2));
}

TEST(WhenAll, IsPendingUntilTheLastIsDone) {
  ManualExecutor executor;
  const auto all = WhenAll(SubmitNumbers(executor, 2));
  executor.RunOne();
  EXPECT_TRUE(all.is_pending());
}

TEST(WhenAll, IsCompletedForAnEmptyRange) {
  const auto all = WhenAll(std::vector<Future<int>>{});
  EXPECT_THAT(all.Collect(absl::ZeroDuration()), IsEmpty());
}

TEST(WhenAll, IsCompletedForAnEmptyRangeOfVoidFutures) {
  const Future<void> all = WhenAll(std::vector<Future<void>>{});
  EXPECT_TRUE(all.is_completed());
}

TEST(WhenAll, CompletesAVoidFutureForVoidFutures) {
  ManualExecutor executor;
  const Future<void> all =
      WhenAll(std::vector{executor.Submit([] {}), executor.Submit([] {})});
  executor.RunAll();
  EXPECT_TRUE(all.is_completed());
}

TEST(WhenAll, MovesOutResultsThatCannotBeCopied) {
  ManualExecutor executor;
  Future<std::vector<std::unique_ptr<int>>> all = WhenAll(
      std::vector{executor.Submit([] { return std::make_unique<int>(7); })});
  executor.RunAll();
  EXPECT_EQ(*std::move(all).Collect().front(), 7);
}

TEST(WhenAll, LeavesResultsThatCanBeCopied) {
  ManualExecutor executor;
  const std::vector futures{
      executor.Submit([] { return std::string(100, 'x'); })};
  const auto all = WhenAll(futures);
  executor.RunAll();
  EXPECT_EQ(futures[0].Collect(), std::string(100, 'x'));
}

TEST(WhenAll, FailsAsSoonAsOneFails) {
  ManualExecutor executor;
  const auto all = WhenAll(std::vector{SubmitFailure(executor, "row 7"),
                                       executor.Submit([] { return 1; })});
  executor.RunOne();
  EXPECT_EQ(ThrownBy([&] { all.Collect(absl::ZeroDuration()); }),
            "std::out_of_range: row 7");
}

TEST(WhenAll, IsCancelledAsSoonAsOneIs) {
  ManualExecutor executor;
  auto futures = SubmitNumbers(executor, 2);
  const auto all = WhenAll(futures);
  futures[1].Cancel();
  EXPECT_TRUE(all.is_cancelled());
}

TEST(WhenAll, KeepsTheFirstOfSeveralFailures) {
  ManualExecutor executor;
  const auto all = WhenAll(std::vector{SubmitFailure(executor, "first"),
                                       SubmitFailure(executor, "second")});
  executor.RunAll();
  EXPECT_EQ(ThrownBy([&] { all.Collect(); }), "std::out_of_range: first");
}

TEST(WhenAll, LeavesTheFuturesAloneWhenItIsCancelled) {
  ManualExecutor executor;
  const auto futures = SubmitNumbers(executor, 2);
  auto all = WhenAll(futures);
  EXPECT_TRUE(all.Cancel());
  executor.RunAll();
  EXPECT_THAT(Collect(futures), ElementsAre(0, 1));
}

TEST(WhenAll, CountsAFutureThatStandsTwiceInTheRange) {
  ManualExecutor executor;
  const auto future = executor.Submit([] { return 7; });
  const auto all = WhenAll(std::vector{future, future});
  executor.RunAll();
  EXPECT_THAT(all.Collect(absl::ZeroDuration()), ElementsAre(7, 7));
}

TEST(WhenAll, NamesTheIndexOfAnEmptyFuture) {
  EXPECT_EQ(ThrownBy([] { (void)WhenAll(std::vector<Future<int>>(1)); }),
            "asyncpal::InvalidStateError: WhenAll: the future at index 0 is "
            "empty");
}

TEST(WhenAll, LetsTheFuturesGoWhenItIsDone) {
  ManualExecutor executor;
  auto resource = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = resource;
  (void)WhenAll(std::vector{
      executor.Submit([resource = std::move(resource)] { return resource; })});
  executor.RunAll();
  EXPECT_TRUE(watch.expired());
}

// Futures that finish on several threads at once.
TEST(WhenAll, CompletesOnceWhenItsFuturesFinishOnManyThreads) {
  constexpr int kThreads = 4;
  constexpr int kTasks = 50;
  std::array<ManualExecutor, kThreads> executors;
  std::vector<Future<int>> futures;
  for (ManualExecutor& executor : executors) {
    const auto numbers = SubmitNumbers(executor, kTasks);
    futures.insert(futures.end(), numbers.begin(), numbers.end());
  }
  const auto all = WhenAll(futures);
  std::atomic<int> callbacks{0};
  all.AddCallback([&](const auto&) { ++callbacks; });
  std::vector<std::thread> runners;
  for (ManualExecutor& executor : executors) {
    runners.emplace_back([&executor] { executor.RunAll(); });
  }
  EXPECT_EQ(all.Collect(kDeadline).size(), size_t{kThreads * kTasks});
  for (std::thread& runner : runners) runner.join();
  EXPECT_EQ(callbacks, 1);
}

// --- WhenAny ---

TEST(WhenAny, CompletesWithTheIndexOfTheFirstThatIsDone) {
  ManualExecutor executor;
  auto futures = SubmitNumbers(executor, 3);
  const Future<size_t> any = WhenAny(futures);
  futures[2].Cancel();
  executor.RunAll();
  EXPECT_EQ(any.Collect(absl::ZeroDuration()), 2u);
}

TEST(WhenAny, CompletesForAFailure) {
  ManualExecutor executor;
  const auto any = WhenAny(std::vector{SubmitFailure(executor, "row 7")});
  executor.RunAll();
  EXPECT_EQ(any.Collect(absl::ZeroDuration()), 0u);
}

TEST(WhenAny, IsCompletedAtOnceWhenOneIsDone) {
  ManualExecutor executor;
  auto futures = SubmitNumbers(executor, 3);
  futures[1].Cancel();
  EXPECT_EQ(WhenAny(futures).Collect(absl::ZeroDuration()), 1u);
}

TEST(WhenAny, IsPendingWhileNoneIsDone) {
  ManualExecutor executor;
  EXPECT_TRUE(WhenAny(SubmitNumbers(executor, 3)).is_pending());
}

TEST(WhenAny, ThrowsInvalidArgumentForAnEmptyRange) {
  EXPECT_THROW((void)WhenAny(std::vector<Future<int>>{}),
               std::invalid_argument);
}

TEST(WhenAny, NamesTheIndexOfAnEmptyFuture) {
  EXPECT_EQ(ThrownBy([] { (void)WhenAny(std::vector<Future<int>>(1)); }),
            "asyncpal::InvalidStateError: WhenAny: the future at index 0 is "
            "empty");
}

TEST(WhenAny, LeavesTheFuturesAloneWhenItIsCancelled) {
  ManualExecutor executor;
  const auto futures = SubmitNumbers(executor, 2);
  auto any = WhenAny(futures);
  EXPECT_TRUE(any.Cancel());
  executor.RunAll();
  EXPECT_THAT(Collect(futures), ElementsAre(0, 1));
}

TEST(WhenAny, LeavesNoCallbackWithTheOthers) {
  ManualExecutor executor;
  auto futures = SubmitNumbers(executor, 2);
  const auto any = WhenAny(futures);
  futures[0].Cancel();
  // A callback of the other future would hold a reference, too.
  EXPECT_TRUE(internal::FutureAccess::State(any).is_unique());
}

TEST(WhenAny, CompletesOnceWhenItsFuturesFinishOnManyThreads) {
  constexpr int kThreads = 4;
  std::array<ManualExecutor, kThreads> executors;
  std::vector<Future<int>> futures;
  for (ManualExecutor& executor : executors) {
    futures.push_back(executor.Submit([] { return 1; }));
  }
  const auto any = WhenAny(futures);
  std::atomic<int> callbacks{0};
  any.AddCallback([&](const auto&) { ++callbacks; });
  std::vector<std::thread> runners;
  for (ManualExecutor& executor : executors) {
    runners.emplace_back([&executor] { executor.RunAll(); });
  }
  EXPECT_LT(any.Collect(kDeadline), size_t{kThreads});
  for (std::thread& runner : runners) runner.join();
  EXPECT_EQ(callbacks, 1);
}

}  // namespace
}  // namespace asyncpal
