#include "asyncpal/future/future.h"

#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/testing/fake_clock.h"
#include "asyncpal/future/testing/manual_executor.h"
#include "asyncpal/future/testing/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal {
namespace {

using testing::FakeClock;
using testing::kDeadline;
using testing::ManualExecutor;
using testing::Notification;

static_assert(std::is_nothrow_move_constructible_v<Future<int>>);
static_assert(std::copyable<Future<std::unique_ptr<int>>>);
static_assert(sizeof(Future<std::string>) == sizeof(void*));

// --- An empty future ---

TEST(EmptyFuture, IsNotValid) { EXPECT_FALSE(Future<int>().valid()); }

TEST(EmptyFuture, EqualsAnother) { EXPECT_EQ(Future<int>(), Future<int>()); }

TEST(EmptyFuture, IsLeftBehindByAMove) {
  ManualExecutor executor;
  Future<int> from = executor.Submit([] { return 1; });
  const Future<int> to = std::move(from);
  EXPECT_FALSE(from.valid());  // NOLINT(bugprone-use-after-move)
}

struct MethodCase {
  std::string name;
  void (*call)(Future<int>& empty);
};

class MethodOfAnEmptyFuture : public ::testing::TestWithParam<MethodCase> {};

TEST_P(MethodOfAnEmptyFuture, ThrowsInvalidStateError) {
  Future<int> empty;
  EXPECT_THROW(GetParam().call(empty), InvalidStateError);
}

INSTANTIATE_TEST_SUITE_P(
    Each, MethodOfAnEmptyFuture,
    ::testing::Values(
        MethodCase{"Wait", [](Future<int>& f) { f.Wait(); }},
        MethodCase{"Poll", [](Future<int>& f) { f.Wait(absl::Seconds(0)); }},
        MethodCase{"Collect", [](Future<int>& f) { f.Collect(); }},
        MethodCase{"CollectByMove",
                   [](Future<int>& f) { std::move(f).Collect(); }},
        MethodCase{"State", [](Future<int>& f) { f.state(); }},
        MethodCase{"IsPending", [](Future<int>& f) { f.is_pending(); }},
        MethodCase{"IsRunning", [](Future<int>& f) { f.is_running(); }},
        MethodCase{"IsCompleted", [](Future<int>& f) { f.is_completed(); }},
        MethodCase{"IsFailed", [](Future<int>& f) { f.is_failed(); }},
        MethodCase{"IsCancelled", [](Future<int>& f) { f.is_cancelled(); }},
        MethodCase{"IsDone", [](Future<int>& f) { f.is_done(); }},
        MethodCase{"CancelRequested",
                   [](Future<int>& f) { f.cancel_requested(); }},
        MethodCase{"Result", [](Future<int>& f) { f.result(); }},
        MethodCase{"Exception", [](Future<int>& f) { f.exception(); }},
        MethodCase{"Duration", [](Future<int>& f) { f.duration(); }},
        MethodCase{"TaskId", [](Future<int>& f) { f.task_id(); }},
        MethodCase{"Cancel", [](Future<int>& f) { f.Cancel(); }},
        MethodCase{"Kill", [](Future<int>& f) { f.Kill(); }},
        MethodCase{"AddCallback",
                   [](Future<int>& f) { f.AddCallback([](const auto&) {}); }},
        MethodCase{"RemoveCallback",
                   [](Future<int>& f) { f.RemoveCallback(1); }},
        MethodCase{"Then", [](Future<int>& f) { (void)f.Then([](int) {}); }},
        MethodCase{"CoAwait",
                   [](Future<int>& f) { (void)f.operator co_await(); }}),
    [](const auto& info) { return info.param.name; });

// --- Identity ---

TEST(Future, EqualsItsCopy) {
  ManualExecutor executor;
  const Future<int> future = executor.Submit([] { return 1; });
  const Future<int> copy = future;
  EXPECT_EQ(future, copy);
}

TEST(Future, DiffersFromTheFutureOfAnotherTask) {
  ManualExecutor executor;
  const Future<int> one = executor.Submit([] { return 1; });
  const Future<int> other = executor.Submit([] { return 1; });
  EXPECT_NE(one, other);
}

TEST(Future, HasTheNumberOfItsSubmissionAsTaskId) {
  ManualExecutor executor;
  const auto first = executor.Submit([] {});
  const auto second = executor.Submit([] {});
  const auto third = executor.Submit([] {});
  EXPECT_THAT((std::vector{first.task_id(), second.task_id(), third.task_id()}),
              ::testing::ElementsAre(1, 2, 3));
}

// --- States ---

TEST(FutureState, IsPendingUntilItsTaskStarts) {
  ManualExecutor executor;
  const Future<int> future = executor.Submit([] { return 1; });
  EXPECT_EQ(future.state(), FutureState::kPending);
}

TEST(FutureState, IsRunningInsideItsTask) {
  ManualExecutor executor;
  Future<void> future;
  FutureState inside{};
  future = executor.Submit([&] { inside = future.state(); });
  executor.RunOne();
  EXPECT_EQ(inside, FutureState::kRunning);
}

TEST(FutureState, IsCompletedWhenTheTaskHasReturned) {
  ManualExecutor executor;
  const Future<int> future = executor.Submit([] { return 1; });
  executor.RunOne();
  EXPECT_EQ(future.state(), FutureState::kCompleted);
}

TEST(FutureState, IsFailedWhenTheTaskHasThrown) {
  ManualExecutor executor;
  const Future<void> future = executor.Submit([] { throw Error("x"); });
  executor.RunOne();
  EXPECT_EQ(future.state(), FutureState::kFailed);
}

TEST(FutureState, IsCancelledAfterCancel) {
  ManualExecutor executor;
  Future<int> future = executor.Submit([] { return 1; });
  future.Cancel();
  EXPECT_EQ(future.state(), FutureState::kCancelled);
}

struct Predicates {
  bool pending, running, completed, failed, cancelled, done;
  bool operator==(const Predicates&) const = default;
};

template <typename T>
Predicates PredicatesOf(const Future<T>& future) {
  return {future.is_pending(), future.is_running(),   future.is_completed(),
          future.is_failed(),  future.is_cancelled(), future.is_done()};
}

TEST(FuturePredicates, SayPendingAloneForAPendingFuture) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  EXPECT_EQ(PredicatesOf(future), (Predicates{.pending = true}));
}

TEST(FuturePredicates, SayRunningAloneForARunningFuture) {
  ManualExecutor executor;
  Future<void> future;
  Predicates inside{};
  future = executor.Submit([&] { inside = PredicatesOf(future); });
  executor.RunOne();
  EXPECT_EQ(inside, (Predicates{.running = true}));
}

TEST(FuturePredicates, SayCompletedAndDoneForACompletedFuture) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  executor.RunOne();
  EXPECT_EQ(PredicatesOf(future),
            (Predicates{.completed = true, .done = true}));
}

TEST(FuturePredicates, SayFailedAndDoneForAFailedFuture) {
  ManualExecutor executor;
  const auto future = executor.Submit([] { throw Error("x"); });
  executor.RunOne();
  EXPECT_EQ(PredicatesOf(future), (Predicates{.failed = true, .done = true}));
}

TEST(FuturePredicates, SayCancelledAndDoneForACancelledFuture) {
  ManualExecutor executor;
  auto future = executor.Submit([] {});
  future.Cancel();
  EXPECT_EQ(PredicatesOf(future),
            (Predicates{.cancelled = true, .done = true}));
}

// --- result() and exception() ---

TEST(FutureResult, IsNullWhilePending) {
  ManualExecutor executor;
  EXPECT_EQ(executor.Submit([] { return 1; }).result(), nullptr);
}

TEST(FutureResult, PointsToTheResultOfACompletedFuture) {
  ManualExecutor executor;
  const auto future = executor.Submit([] { return std::string("text"); });
  executor.RunOne();
  ASSERT_NE(future.result(), nullptr);
  EXPECT_EQ(*future.result(), "text");
}

TEST(FutureResult, IsTheSameObjectForEveryCopy) {
  ManualExecutor executor;
  const auto future = executor.Submit([] { return std::string("text"); });
  const auto copy = future;
  executor.RunOne();
  EXPECT_EQ(future.result(), copy.result());
}

TEST(FutureResult, IsNullForAFailedFuture) {
  ManualExecutor executor;
  const auto future = executor.Submit([]() -> int { throw Error("x"); });
  executor.RunOne();
  EXPECT_EQ(future.result(), nullptr);
}

TEST(FutureResult, IsNullForACancelledFuture) {
  ManualExecutor executor;
  auto future = executor.Submit([] { return 1; });
  future.Cancel();
  EXPECT_EQ(future.result(), nullptr);
}

TEST(FutureResult, IsNullOnceItWasMovedOut) {
  ManualExecutor executor;
  auto future = executor.Submit([] { return 1; });
  executor.RunOne();
  std::move(future).Collect();
  EXPECT_EQ(future.result(), nullptr);  // NOLINT(bugprone-use-after-move)
}

TEST(FutureException, IsNullWhilePending) {
  ManualExecutor executor;
  EXPECT_EQ(executor.Submit([] {}).exception(), nullptr);
}

TEST(FutureException, IsNullForACompletedFuture) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  executor.RunOne();
  EXPECT_EQ(future.exception(), nullptr);
}

TEST(FutureException, IsNullForACancelledFuture) {
  ManualExecutor executor;
  auto future = executor.Submit([] {});
  future.Cancel();
  EXPECT_EQ(future.exception(), nullptr);
}

TEST(FutureException, IsWhatTheTaskThrew) {
  ManualExecutor executor;
  const auto future = executor.Submit([] { throw std::out_of_range("row"); });
  executor.RunOne();
  EXPECT_EQ(internal::DescribeException(future.exception()),
            "std::out_of_range: row");
}

// --- duration() ---

TEST(FutureDuration, CountsPendingTimeUntilTheTaskStarts) {
  FakeClock clock;
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  clock.Advance(absl::Seconds(3));
  EXPECT_EQ(future.duration().pending, absl::Seconds(3));
}

TEST(FutureDuration, HasNoRunningTimeWhilePending) {
  FakeClock clock;
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  clock.Advance(absl::Seconds(3));
  EXPECT_EQ(future.duration().running, absl::ZeroDuration());
}

TEST(FutureDuration, CountsRunningTimeWhileTheTaskRuns) {
  FakeClock clock;
  ManualExecutor executor;
  Future<void> future;
  absl::Duration running;
  future = executor.Submit([&] {
    clock.Advance(absl::Seconds(5));
    running = future.duration().running;
  });
  executor.RunOne();
  EXPECT_EQ(running, absl::Seconds(5));
}

TEST(FutureDuration, KeepsPendingTimeOnceTheTaskHasStarted) {
  FakeClock clock;
  ManualExecutor executor;
  const auto future = executor.Submit([&] { clock.Advance(absl::Seconds(5)); });
  clock.Advance(absl::Seconds(3));
  executor.RunOne();
  EXPECT_EQ(future.duration().pending, absl::Seconds(3));
}

TEST(FutureDuration, KeepsRunningTimeOnceDone) {
  FakeClock clock;
  ManualExecutor executor;
  const auto future = executor.Submit([&] { clock.Advance(absl::Seconds(5)); });
  executor.RunOne();
  clock.Advance(absl::Seconds(100));
  EXPECT_EQ(future.duration().running, absl::Seconds(5));
}

TEST(FutureDuration, KeepsPendingTimeOnceCancelled) {
  FakeClock clock;
  ManualExecutor executor;
  auto future = executor.Submit([] {});
  clock.Advance(absl::Seconds(3));
  future.Cancel();
  clock.Advance(absl::Seconds(100));
  EXPECT_EQ(future.duration().pending, absl::Seconds(3));
}

TEST(FutureDuration, HasNoRunningTimeOnceCancelled) {
  FakeClock clock;
  ManualExecutor executor;
  auto future = executor.Submit([] {});
  clock.Advance(absl::Seconds(3));
  future.Cancel();
  EXPECT_EQ(future.duration().running, absl::ZeroDuration());
}

// --- Wait ---

TEST(FutureWait, ReturnsTrueWhenDone) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  executor.RunOne();
  EXPECT_TRUE(future.Wait());
}

TEST(FutureWait, ReturnsTrueForAFailure) {
  ManualExecutor executor;
  const auto future = executor.Submit([] { throw Error("x"); });
  executor.RunOne();
  EXPECT_TRUE(future.Wait());
}

TEST(FutureWait, ReturnsFalseWhenTheTimeoutPasses) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  EXPECT_FALSE(future.Wait(absl::Milliseconds(1)));
}

TEST(FutureWait, LastsForTheWholeTimeout) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  const auto before = std::chrono::steady_clock::now();
  future.Wait(absl::Milliseconds(20));
  // The library's own clock may be off by some microseconds.
  EXPECT_GE(std::chrono::steady_clock::now() - before,
            std::chrono::milliseconds(19));
}

// What a timeout does to a future that is not done, and to one that is.
class EndedTimeout : public ::testing::TestWithParam<absl::Duration> {};

TEST_P(EndedTimeout, PollsAPendingFuture) {
  ManualExecutor executor;
  EXPECT_FALSE(executor.Submit([] {}).Wait(GetParam()));
}

TEST_P(EndedTimeout, SeesThatAFutureIsDone) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  executor.RunOne();
  EXPECT_TRUE(future.Wait(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Each, EndedTimeout,
                         ::testing::Values(absl::ZeroDuration(),
                                           absl::Nanoseconds(-1),
                                           absl::Seconds(-3600),
                                           -absl::InfiniteDuration()));

// Timeouts that no test outlives, up to what arithmetic can bear.
class HugeTimeout : public ::testing::TestWithParam<absl::Duration> {};

TEST_P(HugeTimeout, LetsAWaiterSleepUntilTheFutureIsDone) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  Notification waiting;
  bool done = false;
  std::thread waiter([&] {
    waiting.Notify();
    done = future.Wait(GetParam());
  });
  EXPECT_TRUE(waiting.Wait());
  executor.RunOne();
  waiter.join();
  EXPECT_TRUE(done);
}

constexpr int64_t kMaxInt64 = std::numeric_limits<int64_t>::max();

INSTANTIATE_TEST_SUITE_P(Each, HugeTimeout,
                         ::testing::Values(absl::Hours(24 * 365),
                                           absl::Nanoseconds(kMaxInt64),
                                           absl::Milliseconds(kMaxInt64),
                                           absl::Seconds(kMaxInt64),
                                           absl::InfiniteDuration()));

TEST(FutureWait, WakesEveryWaiter) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  constexpr int kWaiters = 8;
  std::vector<int> woken(kWaiters, 0);
  std::vector<Notification> waiting(kWaiters);
  std::vector<std::thread> waiters;
  for (int i = 0; i < kWaiters; ++i) {
    waiters.emplace_back([&, i] {
      waiting[i].Notify();
      woken[i] = future.Wait(kDeadline);
    });
  }
  for (const Notification& one : waiting) EXPECT_TRUE(one.Wait());
  executor.RunOne();
  for (std::thread& waiter : waiters) waiter.join();
  EXPECT_THAT(woken, ::testing::Each(1));
}

TEST(FutureWait, ReturnsWhenAnotherThreadCancels) {
  ManualExecutor executor;
  auto future = executor.Submit([] {});
  std::thread canceller([future]() mutable { future.Cancel(); });
  EXPECT_TRUE(future.Wait(kDeadline));
  canceller.join();
}

TEST(FutureWait, ShowsWhatTheTaskWrote) {
  ManualExecutor executor;
  int written = 0;
  const auto future = executor.Submit([&] { written = 7; });
  std::thread runner([&] { executor.RunOne(); });
  EXPECT_TRUE(future.Wait(kDeadline));
  EXPECT_EQ(written, 7);
  runner.join();
}

TEST(FutureWait, ThrowsInTheTaskThatWouldProduceTheResult) {
  ManualExecutor executor;
  Future<void> self;
  self = executor.Submit([&] { self.Wait(); });
  executor.RunOne();
  EXPECT_THROW(self.Collect(), InvalidStateError);
}

TEST(FutureWait, ThrowsInTheOuterTaskOfOneThatRunsInIt) {
  ManualExecutor executor;
  Future<void> outer;
  outer = executor.Submit([&] { executor.RunOne(); });
  const Future<void> inner = executor.Submit([&] { outer.Wait(); });
  executor.RunOne();
  EXPECT_THROW(inner.Collect(), InvalidStateError);
}

TEST(FutureWait, NamesTheTaskThatWaitsForItself) {
  ManualExecutor executor;
  Future<void> self;
  self = executor.Submit([&] { self.Wait(kDeadline); });
  executor.RunOne();
  EXPECT_THAT(internal::DescribeException(self.exception()),
              ::testing::HasSubstr("task 1 waits for its own result"));
}

}  // namespace
}  // namespace asyncpal
