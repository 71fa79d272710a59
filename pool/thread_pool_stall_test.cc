#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/log.h"
#include "asyncpal/future/testing/notification.h"
#include "asyncpal/future/wait.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/thread_pool.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// Pools whose workers are all blocked while tasks are pending: waits for other
// pools' futures are stood in for, and what can't be helped is said and
// counted.

namespace asyncpal {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::Eventually;
using ::testing::HasSubstr;
using testing::kDeadline;
using testing::Notification;
using ::testing::internal::CaptureStderr;
using ::testing::internal::GetCapturedStderr;

// As many as stand in at most, and how often a task is to be pending then.
constexpr int kStandIns = 256;

int CountOf(const std::string& text, const std::string& part) {
  int count = 0;
  for (size_t at = text.find(part); at != std::string::npos;
       at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

// --- Waits for other pools ---

int PlayPingPong(ThreadPool& mine, ThreadPool& other, int rounds) {
  if (rounds == 0) return 0;
  return 1 + other
                 .Submit([&other, &mine, rounds] {
                   return PlayPingPong(other, mine, rounds - 1);
                 })
                 .Collect();
}

TEST(ThreadPoolStall, TwoPoolsOfOneWorkerPlayFivePingPongs) {
  ThreadPool first(1);
  ThreadPool second(1);
  EXPECT_EQ(first.Submit([&] { return PlayPingPong(first, second, 10); })
                .Collect(kDeadline),
            10);
}

TEST(ThreadPoolStall, StandInForAWaitElsewhereRetires) {
  ThreadPool first(
      {.max_workers = 1, .idle_timeout = absl::InfiniteDuration()});
  ThreadPool second(1);
  first
      .Submit([&] {
        return second.Submit([&] { first.Submit([] {}).Collect(); }).Collect();
      })
      .Collect(kDeadline);
  EXPECT_TRUE(Eventually([&] { return first.CountWorkers() <= 1; }));
}

TEST(ThreadPoolStall, NobodyStandsInForAWaitElsewhereWithNothingPending) {
  Notification may_end;
  ThreadPool first(1);
  ThreadPool second(1);
  const auto outer =
      first.Submit([&] { second.Submit([&] { may_end.Wait(); }).Collect(); });
  ASSERT_TRUE(Eventually([&] { return second.CountBusyWorkers() == 1; }));
  absl::SleepFor(absl::Milliseconds(200));
  EXPECT_EQ(first.CountWorkers(), 1);
  may_end.Notify();
  EXPECT_TRUE(outer.Wait(kDeadline));
}

// --- What can't be helped ---

TEST(ThreadPoolStall, BoundOnStandInsIsReportedAndCountedOnce) {
  constexpr int kWaiters = kStandIns + 44;
  Notification submitted;
  std::optional<Future<void>> awaited;
  CaptureStderr();
  {
    ThreadPool pool({.max_workers = 1, .name = "crowded"});
    std::vector<Future<bool>> waiters;
    for (int i = 0; i < kWaiters; ++i) {
      waiters.push_back(pool.Submit(TaskOptions{.name = "waiter"}, [&] {
        submitted.Wait();
        return awaited->Wait();
      }));
    }
    auto last = pool.Submit([] {});
    awaited.emplace(last.Then([](const auto&) {}));
    submitted.Notify();
    EXPECT_TRUE(Eventually([&] { return pool.Stats().stalls == 1; }));
    EXPECT_EQ(pool.CountWorkers(), 1 + kStandIns);
    last.Cancel();  // then so is what follows it
    EXPECT_TRUE(Wait(waiters, kDeadline));
    EXPECT_EQ(pool.Stats().stalls, 1);
  }
  const std::string said = GetCapturedStderr();
  EXPECT_THAT(said, AllOf(HasSubstr("pool 'crowded' may wait for itself"),
                          HasSubstr("all 257 worker(s)"),
                          HasSubstr("256 of them already stand in"),
                          HasSubstr("44 task(s) are pending"),
                          HasSubstr("in crowded-worker-257, running for ")));
  EXPECT_EQ(CountOf(said, "may wait for itself"), 1);
  EXPECT_EQ(CountOf(said, "'waiter' in"), 257);
  EXPECT_EQ(CountOf(said, "waits for a future that depends on others"), 257);
}

TEST(ThreadPoolStall, TasksThatWaitInConditionVariablesAreReportedAndCounted) {
  std::mutex mu;
  std::condition_variable changed;
  bool may_end = false;
  CaptureStderr();
  {
    ThreadPool pool({.max_workers = 2, .name = "blind"});
    const auto block = [&] {
      std::unique_lock lock(mu);
      changed.wait(lock, [&] { return may_end; });
    };
    const auto first = pool.Submit(TaskOptions{.name = "one"}, block);
    const auto second = pool.Submit(TaskOptions{.name = "two"}, block);
    const auto third = pool.Submit([] {});
    EXPECT_TRUE(Eventually([&] { return pool.Stats().stalls == 1; }));
    EXPECT_FALSE(third.is_done());
    {
      std::lock_guard lock(mu);
      may_end = true;
    }
    changed.notify_all();
    EXPECT_TRUE(third.Wait(kDeadline));
  }
  EXPECT_THAT(
      GetCapturedStderr(),
      AllOf(HasSubstr("pool 'blind' may wait for itself: all 2 worker(s)"),
            HasSubstr("'one' in blind-worker-"),
            HasSubstr("'two' in blind-worker-"),
            HasSubstr("waits for a lock, or what no pool knows of")));
}

TEST(ThreadPoolStall, SecondStallIsCountedAndNotSaid) {
  std::vector<std::string> warnings;
  SetLogSink([&](LogSeverity severity, std::string_view message) {
    if (severity == LogSeverity::kWarning) warnings.emplace_back(message);
  });
  {
    ThreadPool pool(1);
    for (int stall = 1; stall <= 2; ++stall) {
      Notification may_end;
      std::mutex mu;
      mu.lock();
      const auto blocked = pool.Submit([&] { std::lock_guard lock(mu); });
      const auto pending = pool.Submit([] {});
      EXPECT_TRUE(Eventually([&] { return pool.Stats().stalls == stall; }));
      mu.unlock();
      EXPECT_TRUE(pending.Wait(kDeadline));
      EXPECT_TRUE(blocked.Wait(kDeadline));
    }
  }
  SetLogSink(nullptr);
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("may wait for itself")));
}

// A second and a half, in which the others must not be taken for stalls.
void ExpectNoStall(const std::function<void()>& task) {
  CaptureStderr();
  {
    ThreadPool pool(1);
    const auto slow = pool.Submit(task);
    const auto pending = pool.Submit([] {});
    EXPECT_TRUE(slow.Wait(kDeadline));
    EXPECT_TRUE(pending.Wait(kDeadline));
    EXPECT_EQ(pool.Stats().stalls, 0);
  }
  EXPECT_EQ(GetCapturedStderr(), "");
}

TEST(ThreadPoolStall, TaskThatSleepsIsNoStall) {
  ExpectNoStall([] { absl::SleepFor(absl::Milliseconds(1500)); });
}

TEST(ThreadPoolStall, TaskThatComputesIsNoStall) {
  ExpectNoStall([] {
    const absl::Time end = absl::Now() + absl::Milliseconds(1500);
    while (absl::Now() < end) {
    }
  });
}

TEST(ThreadPoolStall, BlockedTaskBesideOneAtWorkIsNoStall) {
  CaptureStderr();
  {
    Notification may_end;
    ThreadPool pool(2);
    const auto blocked = pool.Submit([&] { may_end.Wait(); });
    const auto slow =
        pool.Submit([] { absl::SleepFor(absl::Milliseconds(1500)); });
    const auto pending = pool.Submit([] {});
    EXPECT_TRUE(pending.Wait(kDeadline));
    EXPECT_EQ(pool.Stats().stalls, 0);
    may_end.Notify();
  }
  EXPECT_EQ(GetCapturedStderr(), "");
}

TEST(ThreadPoolStall, BlockedTaskWithNothingPendingIsNoStall) {
  CaptureStderr();
  {
    std::mutex mu;
    mu.lock();
    ThreadPool pool(1);
    const auto blocked = pool.Submit([&] { std::lock_guard lock(mu); });
    absl::SleepFor(absl::Milliseconds(1500));
    EXPECT_EQ(pool.Stats().stalls, 0);
    mu.unlock();
  }
  EXPECT_EQ(GetCapturedStderr(), "");
}

}  // namespace
}  // namespace asyncpal
