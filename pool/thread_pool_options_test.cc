#include <time.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/testing/notification.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/testing/stack_size.h"
#include "asyncpal/pool/thread_pool.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// Options, bad input, and what workers do while there is nothing to do.

namespace asyncpal {
namespace {

using ::testing::AllOf;
using testing::Eventually;
using ::testing::HasSubstr;
using testing::kDeadline;
using testing::Notification;
using testing::StackSizeOfThisThread;
using ::testing::ThrowsMessage;

// --- Bad input ---

// Hands an empty callable in to every function that takes one.
template <typename F>
void ExpectEmptyCallableIsRefused(F make_empty) {
  ThreadPool pool({.max_workers = 1, .name = "picky"});
  const auto refused = [](const char* function) {
    return ThrowsMessage<std::invalid_argument>(
        AllOf(HasSubstr(function), HasSubstr("pool 'picky'"),
              HasSubstr("the callable is empty")));
  };
  EXPECT_THAT([&] { pool.Submit(make_empty()); }, refused("Submit"));
  EXPECT_THAT([&] { pool.Submit(TaskOptions{.name = "x"}, make_empty()); },
              refused("Submit"));
  EXPECT_THAT([&] { pool.Run(make_empty()); }, refused("Submit"));
  EXPECT_THAT([&] { pool.Post(make_empty()); }, refused("Post"));
  EXPECT_THAT([&] { pool.Post(TaskOptions{.name = "x"}, make_empty()); },
              refused("Post"));
  EXPECT_EQ(pool.Stats().submitted, 0);
  EXPECT_EQ(pool.Run([] { return 7; }), 7);
}

TEST(ThreadPoolOptions, EmptyFunctionPointerIsRefused) {
  ExpectEmptyCallableIsRefused([] { return static_cast<int (*)()>(nullptr); });
}

TEST(ThreadPoolOptions, EmptyStdFunctionIsRefused) {
  ExpectEmptyCallableIsRefused([] { return std::function<int()>(); });
}

TEST(ThreadPoolOptions, EmptyAnyInvocableIsRefused) {
  ExpectEmptyCallableIsRefused([] { return absl::AnyInvocable<int()>(); });
}

TEST(ThreadPoolOptions, EmptyMemberFunctionPointerIsRefused) {
  ThreadPool pool(1);
  const std::string text = "four";
  size_t (std::string::*empty)() const noexcept = nullptr;
  EXPECT_THROW(pool.Submit(empty, &text), std::invalid_argument);
}

TEST(ThreadPoolOptions, EmptyCallableOnAClosedPoolIsStillABadArgument) {
  ThreadPool pool(1);
  pool.Shutdown();
  EXPECT_THROW(pool.Submit(std::function<int()>()), std::invalid_argument);
}

TEST(ThreadPoolOptions, PoolGoesOnAfterBadCalls) {
  ThreadPool pool(2);
  EXPECT_THROW(pool.SpawnWorkers(-1), std::invalid_argument);
  EXPECT_THROW(pool.set_idle_timeout(-absl::Seconds(1)), std::invalid_argument);
  EXPECT_THROW(pool.Submit(TaskOptions{.timeout = -absl::Seconds(1)}, [] {}),
               std::invalid_argument);
  EXPECT_THROW(pool.Shutdown({.deadline = -absl::Seconds(1)}),
               std::invalid_argument);
  EXPECT_EQ(pool.Run([] { return 7; }), 7);
  EXPECT_EQ(pool.Stats().submitted, 1);
}

TEST(ThreadPoolOptions, RefusedArgumentIsNotMovedFrom) {
  ThreadPool pool(1);
  pool.Shutdown();
  auto argument = std::make_unique<int>(7);
  EXPECT_THROW(pool.Submit([](std::unique_ptr<int>) {}, std::move(argument)),
               ClosedPoolError);
  EXPECT_NE(argument, nullptr);
}

TEST(ThreadPoolOptions, RefusedCallableIsDestroyed) {
  ThreadPool pool(1);
  auto capture = std::make_shared<int>(7);
  const std::weak_ptr<int> weak = capture;
  EXPECT_THROW(pool.Submit(TaskOptions{.max_attempts = 0},
                           [capture = std::move(capture)] {}),
               std::invalid_argument);
  EXPECT_TRUE(weak.expired());
}

TEST(ThreadPoolOptions, ConstructorWithASizeTakesZeroForTheDefault) {
  EXPECT_EQ(ThreadPool(0).max_workers(), ThreadPool().max_workers());
}

TEST(ThreadPoolOptions, ConstructorWithASizeRefusesANegativeOne) {
  EXPECT_THAT([] { ThreadPool pool(-3); }, ThrowsMessage<std::invalid_argument>(
                                               HasSubstr("max_workers is -3")));
}

TEST(ThreadPoolOptions, HugeTimeoutsNeverOverflow) {
  const absl::Duration huge[] = {
      absl::InfiniteDuration(), absl::Nanoseconds(INT64_MAX),
      absl::Hours(std::numeric_limits<int64_t>::max() / 7200)};
  for (const absl::Duration timeout : huge) {
    ThreadPool pool({.max_workers = 1, .idle_timeout = timeout});
    EXPECT_EQ(
        pool.Submit(TaskOptions{.timeout = timeout, .queue_deadline = timeout},
                    [] { return 7; })
            .Collect(timeout),
        7);
    EXPECT_TRUE(pool.Join(timeout));
    EXPECT_TRUE(pool.Shutdown({.deadline = timeout}));
  }
}

TEST(ThreadPoolOptions, QueueDeadlineOfZeroFailsWhatCantStartAtOnce) {
  Notification go_on;
  ThreadPool pool(1);
  pool.Post([&] { go_on.Wait(); });
  const auto future =
      pool.Submit(TaskOptions{.queue_deadline = absl::ZeroDuration()}, [] {});
  EXPECT_THROW(future.Collect(kDeadline), TimeoutError);
  go_on.Notify();
}

TEST(ThreadPoolOptions, TaskMayRunOnAfterItsQueueDeadline) {
  ThreadPool pool(1);
  static constexpr absl::Duration kShort = absl::Milliseconds(100);
  Future<absl::Duration> future;
  do {
    future = pool.Submit(TaskOptions{.queue_deadline = kShort}, [] {
      const absl::Time start = absl::Now();
      absl::SleepFor(2 * kShort);
      return absl::Now() - start;
    });
    ASSERT_TRUE(future.Wait(kDeadline));
    // On a busy machine it may not even start.
  } while (future.is_failed());
  EXPECT_GE(future.Collect(), kShort);
}

// --- Hooks ---

TEST(ThreadPoolOptions, InitializerRunsOnTheThreadOfTheTasks) {
  std::thread::id initialized;
  ThreadPool pool({.max_workers = 1, .initializer = [&] {
                     initialized = std::this_thread::get_id();
                   }});
  EXPECT_EQ(pool.Run([] { return std::this_thread::get_id(); }), initialized);
}

TEST(ThreadPoolOptions, EachWorkerRunsBothHooksOnce) {
  std::atomic<int> initialized = 0;
  std::atomic<int> finalized = 0;
  ThreadPool pool({.max_workers = 3,
                   .initializer = [&] { ++initialized; },
                   .finalizer = [&] { ++finalized; }});
  pool.SpawnMaxWorkers();
  ASSERT_TRUE(pool.Join(kDeadline));
  EXPECT_EQ(initialized, 3);
  EXPECT_EQ(finalized, 3);
}

TEST(ThreadPoolOptions, FinalizerRunsAfterTheLastTask) {
  std::vector<std::string> events;
  ThreadPool pool(
      {.max_workers = 1, .finalizer = [&] { events.push_back("finalizer"); }});
  for (int i = 0; i < 3; ++i) pool.Post([&] { events.push_back("task"); });
  pool.Shutdown({.mode = ShutdownMode::kDrain});
  EXPECT_THAT(events,
              ::testing::ElementsAre("task", "task", "task", "finalizer"));
}

TEST(ThreadPoolOptions, HooksRunForEachShortLivedWorker) {
  std::atomic<int> initialized = 0;
  std::atomic<int> finalized = 0;
  ThreadPool pool({.max_workers = 1,
                   .initializer = [&] { ++initialized; },
                   .finalizer = [&] { ++finalized; },
                   .max_tasks_per_worker = 1});
  for (int i = 0; i < 5; ++i) pool.Post([] {});
  ASSERT_TRUE(pool.Join(kDeadline));
  EXPECT_GE(initialized, 5);
  EXPECT_EQ(finalized, initialized);
}

TEST(ThreadPoolOptions, TestRunsBothHooksOnAThreadOfItsOwn) {
  std::vector<std::thread::id> threads;
  const auto note = [&] { threads.push_back(std::this_thread::get_id()); };
  ThreadPool pool({.max_workers = 1, .initializer = note, .finalizer = note});
  pool.Test();
  ASSERT_EQ(threads.size(), 2u);
  EXPECT_EQ(threads[0], threads[1]);
  EXPECT_NE(threads[0], std::this_thread::get_id());
}

TEST(ThreadPoolOptions, InitializerMaySubmitToItsPool) {
  ThreadPool* self = nullptr;
  std::atomic<bool> submitted = false;
  Notification ran;
  ThreadPool pool({.max_workers = 1, .initializer = [&] {
                     if (!submitted.exchange(true)) {
                       self->Post([&] { ran.Notify(); });
                     }
                   }});
  self = &pool;
  pool.SpawnWorkers(1);
  EXPECT_TRUE(ran.Wait());
}

TEST(ThreadPoolOptions, TasksGoOnWhileAnotherWorkerInitializes) {
  std::atomic<int> initializing = 0;
  Notification go_on;
  ThreadPool pool({.max_workers = 2, .initializer = [&] {
                     if (++initializing == 1) go_on.Wait();
                   }});
  const auto first = pool.Submit([] { return 1; });
  const auto second = pool.Submit([] { return 2; });
  // Two workers for two tasks, so the second one runs both.
  EXPECT_EQ(second.Collect(kDeadline), 2);
  EXPECT_EQ(first.Collect(kDeadline), 1);
  go_on.Notify();
}

// --- Initializers that take too long ---

TEST(ThreadPoolOptions, WorkerInASlowInitializerIsNamedAndLeft) {
  static Notification may_end;
  static std::atomic<bool> is_over = false;
  static std::atomic<int> finalized = 0;
  ::testing::internal::CaptureStderr();
  {
    ThreadPool pool({.max_workers = 1,
                     .name = "slow",
                     .initializer =
                         [] {
                           may_end.Wait();
                           is_over = true;
                         },
                     .finalizer = [] { ++finalized; },
                     .initializer_timeout = absl::Milliseconds(50)});
    EXPECT_THROW(pool.Submit([] {}).Collect(kDeadline), InitializerError);
    EXPECT_TRUE(Eventually([&] { return pool.CountWorkers() == 0; }));
    EXPECT_TRUE(pool.Shutdown());
    EXPECT_TRUE(pool.is_terminated());
    EXPECT_FALSE(is_over);
  }
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              AllOf(HasSubstr("pool 'slow': the initializer in slow-worker-1 "
                              "has not ended within 50ms"),
                    HasSubstr("its thread is left behind")));
  may_end.Notify();  // it ends then, and does nothing else
  EXPECT_TRUE(Eventually([&] { return is_over.load(); }));
  EXPECT_EQ(finalized, 0);
}

TEST(ThreadPoolOptions, OneSlowInitializerBreaksThePoolForAllWorkers) {
  static Notification may_end;
  std::atomic<int> begun = 0;
  ThreadPool pool({.max_workers = 2,
                   .initializer =
                       [&begun] {
                         if (++begun == 2) may_end.Wait();
                       },
                   .initializer_timeout = absl::Milliseconds(50)});
  pool.SpawnMaxWorkers();
  EXPECT_TRUE(Eventually([&] { return pool.is_broken(); }));
  EXPECT_TRUE(Eventually([&] { return pool.CountWorkers() == 0; }));
  may_end.Notify();
}

TEST(ThreadPoolOptions, InitializerThatThrowsInTimeIsToldAsItIs) {
  ThreadPool pool({.max_workers = 1,
                   .initializer = [] { throw Error("bad start"); },
                   .initializer_timeout = kDeadline});
  EXPECT_THAT([&] { pool.Submit([] {}).Collect(kDeadline); },
              ThrowsMessage<InitializerError>(HasSubstr("bad start")));
}

// --- Stacks ---

TEST(ThreadPoolOptions, WorkersHaveTheStackThatTheyAreGiven) {
  ThreadPool pool({.max_workers = 1, .stack_size = size_t{48} << 20});
  EXPECT_EQ(pool.Run(StackSizeOfThisThread), size_t{48} << 20);
}

TEST(ThreadPoolOptions, StackThatNoThreadCanHaveIsRejectedAtTheCall) {
  ThreadPool pool(
      {.max_workers = 1, .stack_size = std::numeric_limits<size_t>::max() / 4});
  EXPECT_THROW(pool.Submit([] {}), RejectedError);
}

// --- Idle workers ---

absl::Duration CpuTimeOfThisProcess() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return absl::DurationFromTimespec(time);
}

TEST(ThreadPoolOptions, IdleWorkersUseNoCpu) {
  ThreadPool pool({.max_workers = 8});
  pool.SpawnMaxWorkers();
  pool.Run([] {});
  absl::SleepFor(absl::Milliseconds(100));  // until they have parked
  const absl::Duration before = CpuTimeOfThisProcess();
  absl::SleepFor(absl::Seconds(1));
  // One that spins or polls would take much more.
  EXPECT_LT(CpuTimeOfThisProcess() - before, absl::Milliseconds(50));
  EXPECT_EQ(pool.CountWorkers(), 8);
}

// Any other order of waking would keep all four from ever being idle for long.
TEST(ThreadPoolOptions, NewestIdleWorkerTakesTheWorkSoThatOthersCanRetire) {
  ThreadPool pool({.max_workers = 4, .idle_timeout = absl::Milliseconds(300)});
  pool.SpawnMaxWorkers();
  EXPECT_TRUE(Eventually([&] {
    pool.Run([] {});
    return pool.CountWorkers() == 1;
  }));
}

TEST(ThreadPoolOptions, LongerIdleTimeoutReachesIdleWorkers) {
  ThreadPool pool({.max_workers = 1, .idle_timeout = absl::Milliseconds(300)});
  const auto worker = pool.Run([] { return std::this_thread::get_id(); });
  pool.set_idle_timeout(absl::InfiniteDuration());
  absl::SleepFor(absl::Milliseconds(600));
  EXPECT_EQ(pool.Run([] { return std::this_thread::get_id(); }), worker);
}

}  // namespace
}  // namespace asyncpal
