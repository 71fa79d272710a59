#include "asyncpal/future/future_filter.h"

#include <atomic>
#include <memory>
#include <optional>
#include <set>
#include <thread>
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

using ::testing::ElementsAre;
using testing::FakeClock;
using testing::kDeadline;
using testing::ManualExecutor;
using testing::Notification;
using ::testing::Optional;

// --- Get ---

TEST(FutureFilterGet, ReturnsNulloptWhenNothingWasPutIn) {
  FutureFilter<int> filter;
  EXPECT_EQ(filter.Get(kDeadline), std::nullopt);
}

TEST(FutureFilterGet, ReturnsNulloptWhenAllWereHandedOut) {
  ManualExecutor executor;
  FutureFilter<int> filter;
  filter.Put(executor.Submit([] { return 1; }));
  executor.RunOne();
  filter.Get(kDeadline);
  EXPECT_EQ(filter.Get(kDeadline), std::nullopt);
}

TEST(FutureFilterGet, ReturnsAFutureThatWasDoneBeforeThePut) {
  ManualExecutor executor;
  FutureFilter<int> filter;
  const auto future = executor.Submit([] { return 1; });
  executor.RunOne();
  filter.Put(future);
  EXPECT_THAT(filter.Get(kDeadline), Optional(future));
}

TEST(FutureFilterGet, ReturnsAFailedFuture) {
  ManualExecutor executor;
  FutureFilter<void> filter;
  const auto future = executor.Submit([] { throw Error("x"); });
  filter.Put(future);
  executor.RunOne();
  EXPECT_THAT(filter.Get(kDeadline), Optional(future));
}

TEST(FutureFilterGet, ReturnsACancelledFuture) {
  ManualExecutor executor;
  FutureFilter<int> filter;
  auto future = executor.Submit([] { return 1; });
  filter.Put(future);
  future.Cancel();
  EXPECT_THAT(filter.Get(kDeadline), Optional(future));
}

TEST(FutureFilterGet, HandsOutInTheOrderInWhichTheyAreDone) {
  ManualExecutor executor;
  FutureFilter<int> filter;
  auto first = executor.Submit([] { return 1; });
  auto second = executor.Submit([] { return 2; });
  auto third = executor.Submit([] { return 3; });
  filter.Populate(std::vector{first, second, third});
  third.Cancel();
  executor.RunAll();
  std::vector<Future<int>> out;
  while (auto future = filter.Get(kDeadline)) out.push_back(*future);
  EXPECT_THAT(out, ElementsAre(third, first, second));
}

TEST(FutureFilterGet, HandsOutAFutureAsOftenAsItWasPutIn) {
  ManualExecutor executor;
  FutureFilter<int> filter;
  const auto future = executor.Submit([] { return 1; });
  filter.Put(future);
  filter.Put(future);
  executor.RunOne();
  EXPECT_THAT(filter.Get(kDeadline), Optional(future));
  EXPECT_THAT(filter.Get(kDeadline), Optional(future));
  EXPECT_EQ(filter.Get(kDeadline), std::nullopt);
}

TEST(FutureFilterGet, KeepsTheOrderOfAWindowThatMovesOn) {
  constexpr int kTasks = 1000;
  ManualExecutor executor;
  FutureFilter<int> filter;
  for (int i = 0; i < kTasks; ++i) {
    filter.Put(executor.Submit([i] { return i; }));
    executor.RunAll();
    // Up to ten wait to be handed out.
    if (i >= 10) {
      EXPECT_EQ(filter.Get(kDeadline).value().Collect(), i - 10);
    }
  }
}

TEST(FutureFilterGet, HoldsResultsThatCannotBeCopied) {
  ManualExecutor executor;
  FutureFilter<std::unique_ptr<int>> filter;
  filter.Put(executor.Submit([] { return std::make_unique<int>(7); }));
  executor.RunOne();
  EXPECT_EQ(**filter.Get(kDeadline).value().result(), 7);
}

TEST(FutureFilterGet, ThrowsTimeoutErrorWhenNothingIsDoneInTime) {
  ManualExecutor executor;
  FutureFilter<int> filter;
  filter.Put(executor.Submit([] { return 1; }));
  EXPECT_THROW(filter.Get(absl::Milliseconds(1)), TimeoutError);
}

TEST(FutureFilterGet, PollsForAZeroTimeout) {
  ManualExecutor executor;
  FutureFilter<int> filter;
  filter.Put(executor.Submit([] { return 1; }));
  EXPECT_THROW(filter.Get(absl::ZeroDuration()), TimeoutError);
}

TEST(FutureFilterGet, PollsForANegativeTimeout) {
  ManualExecutor executor;
  FutureFilter<int> filter;
  filter.Put(executor.Submit([] { return 1; }));
  EXPECT_THROW(filter.Get(-absl::InfiniteDuration()), TimeoutError);
}

TEST(FutureFilterGet, ReturnsWhatIsDoneForAZeroTimeout) {
  ManualExecutor executor;
  FutureFilter<int> filter;
  const auto future = executor.Submit([] { return 1; });
  filter.Put(future);
  executor.RunOne();
  EXPECT_THAT(filter.Get(absl::ZeroDuration()), Optional(future));
}

TEST(FutureFilterGet, LosesNothingByATimeout) {
  ManualExecutor executor;
  FutureFilter<int> filter;
  const auto future = executor.Submit([] { return 1; });
  filter.Put(future);
  EXPECT_THROW(filter.Get(absl::ZeroDuration()), TimeoutError);
  executor.RunOne();
  EXPECT_THAT(filter.Get(kDeadline), Optional(future));
}

TEST(FutureFilterGet, BlocksUntilOneIsDone) {
  ManualExecutor executor;
  FutureFilter<int> filter;
  const auto future = executor.Submit([] { return 1; });
  filter.Put(future);
  std::thread runner([&] { executor.RunOne(); });
  EXPECT_THAT(filter.Get(kDeadline), Optional(future));
  runner.join();
}

TEST(FutureFilterGet, SleepsForTheLargestTimeouts) {
  ManualExecutor executor;
  FutureFilter<int> filter;
  const auto future = executor.Submit([] { return 1; });
  filter.Put(future);
  Notification started;
  std::thread runner([&] {
    EXPECT_TRUE(started.Wait());
    executor.RunOne();
  });
  started.Notify();
  EXPECT_THAT(filter.Get(absl::Seconds(int64_t{1} << 62)), Optional(future));
  runner.join();
}

TEST(FutureFilterGet, TellsEveryWaiterWhenTheLastOneIsOut) {
  ManualExecutor executor;
  FutureFilter<int> filter;
  filter.Put(executor.Submit([] { return 1; }));
  constexpr int kWaiters = 4;
  std::atomic<int> found{0};
  std::atomic<int> empty{0};
  std::vector<std::thread> waiters;
  for (int i = 0; i < kWaiters; ++i) {
    waiters.emplace_back(
        [&] { ++(filter.Get(kDeadline).has_value() ? found : empty); });
  }
  executor.RunOne();
  for (std::thread& waiter : waiters) waiter.join();
  EXPECT_EQ(found, 1);
  EXPECT_EQ(empty, kWaiters - 1);
}

// --- Put ---

TEST(FutureFilterPut, ThrowsInvalidStateErrorForAnEmptyFuture) {
  FutureFilter<int> filter;
  EXPECT_THROW(filter.Put(Future<int>()), InvalidStateError);
}

TEST(FutureFilterPut, LeavesTheFilterEmptyWhenItThrows) {
  FutureFilter<int> filter;
  EXPECT_THROW(filter.Put(Future<int>()), InvalidStateError);
  EXPECT_EQ(filter.Get(kDeadline), std::nullopt);
}

// --- GetAll ---

TEST(FutureFilterGetAll, IsEmptyForAnEmptyFilter) {
  FutureFilter<int> filter;
  int count = 0;
  for ([[maybe_unused]] auto& future : filter.GetAll(kDeadline)) ++count;
  EXPECT_EQ(count, 0);
}

TEST(FutureFilterGetAll, HandsOutAllInTheOrderInWhichTheyAreDone) {
  ManualExecutor executor;
  FutureFilter<int> filter;
  filter.Put(executor.Submit([] { return 1; }));
  auto second = executor.Submit([] { return 2; });
  filter.Put(second);
  second.Cancel();
  executor.RunAll();
  std::vector<FutureState> states;
  for (Future<int>& future : filter.GetAll(kDeadline)) {
    states.push_back(future.state());
  }
  EXPECT_THAT(states,
              ElementsAre(FutureState::kCancelled, FutureState::kCompleted));
}

TEST(FutureFilterGetAll, GoesOnWithWhatIsPutInMeanwhile) {
  ManualExecutor executor;
  FutureFilter<int> filter;
  filter.Put(executor.Submit([] { return 3; }));
  executor.RunAll();
  std::vector<int> results;
  for (Future<int>& future : filter.GetAll(kDeadline)) {
    results.push_back(future.Collect());
    if (results.back() == 1) continue;
    filter.Put(executor.Submit([next = results.back() - 1] { return next; }));
    executor.RunAll();
  }
  EXPECT_THAT(results, ElementsAre(3, 2, 1));
}

TEST(FutureFilterGetAll, CountsItsTimeoutFromTheCall) {
  FakeClock clock;
  ManualExecutor executor;
  FutureFilter<int> filter;
  filter.Put(executor.Submit([] { return 1; }));
  auto all = filter.GetAll(absl::Seconds(10));
  clock.Advance(absl::Seconds(11));
  EXPECT_THROW(all.begin(), TimeoutError);
}

TEST(FutureFilterGetAll, NamesItsWholeTimeoutWhenThatHasPassed) {
  FakeClock clock;
  ManualExecutor executor;
  FutureFilter<int> filter;
  filter.Put(executor.Submit([] { return 1; }));
  auto all = filter.GetAll(absl::Seconds(10));
  clock.Advance(absl::Seconds(11));
  try {
    all.begin();
    ADD_FAILURE() << "begin() returned";
  } catch (const TimeoutError& error) {
    EXPECT_STREQ(error.what(), "none of 1 futures was done in 10s");
  }
}

TEST(FutureFilterGetAll, LeavesTheRestToTheNextGetAll) {
  ManualExecutor executor;
  FutureFilter<int> filter;
  for (int i = 0; i < 3; ++i) {
    filter.Put(executor.Submit([i] { return i; }));
  }
  executor.RunAll();
  for (Future<int>& future : filter.GetAll(kDeadline)) {
    if (future.Collect() == 0) break;
  }
  std::vector<int> rest;
  for (Future<int>& future : filter.GetAll(kDeadline)) {
    rest.push_back(future.Collect());
  }
  EXPECT_THAT(rest, ElementsAre(1, 2));
}

// --- The filter's end ---

TEST(FutureFilter, LetsGoOfItsFuturesWhenItEnds) {
  ManualExecutor executor;
  auto resource = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = resource;
  {
    FutureFilter<std::shared_ptr<int>> filter;
    filter.Put(executor.Submit([resource = std::move(resource)]() mutable {
      return std::move(resource);
    }));
    executor.RunOne();
  }
  EXPECT_TRUE(watch.expired());
}

TEST(FutureFilter, LetsItsFuturesRunOnWhenItEnds) {
  ManualExecutor executor;
  const auto future = executor.Submit([] { return 7; });
  {
    FutureFilter<int> filter;
    filter.Put(future);
  }
  executor.RunOne();
  EXPECT_EQ(future.Collect(), 7);
}

TEST(FutureFilter, EndsItsGetAllWithIt) {
  ManualExecutor executor;
  auto filter = std::make_unique<FutureFilter<int>>();
  filter->Put(executor.Submit([] { return 7; }));
  auto all = filter->GetAll(kDeadline);
  filter.reset();
  EXPECT_TRUE(all.begin() == all.end());
}

TEST(FutureFilter, HandsOutEachFutureOnceToManyThreads) {
  constexpr int kTasks = 2000;
  constexpr int kThreads = 4;
  ManualExecutor executor;
  FutureFilter<int> filter;
  for (int i = 0; i < kTasks; ++i) {
    filter.Put(executor.Submit([i] { return i; }));
  }
  std::vector<std::vector<int>> taken(kThreads);
  std::vector<std::thread> takers;
  for (int i = 0; i < kThreads; ++i) {
    takers.emplace_back([&, i] {
      while (const auto future = filter.Get(kDeadline)) {
        taken[i].push_back(future->Collect());
      }
    });
  }
  executor.RunAll();
  for (std::thread& taker : takers) taker.join();
  std::set<int> results;
  size_t count = 0;
  for (const std::vector<int>& one : taken) {
    results.insert(one.begin(), one.end());
    count += one.size();
  }
  EXPECT_EQ(results.size(), size_t{kTasks});
  EXPECT_EQ(count, size_t{kTasks});
}

}  // namespace
}  // namespace asyncpal
