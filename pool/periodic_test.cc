#include "asyncpal/pool/periodic.h"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <exception>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "absl/time/time.h"
#include "asyncpal/future/countdown.h"
#include "asyncpal/pool/manual_clock.h"
#include "asyncpal/pool/process_pool.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/testing/gate.h"
#include "asyncpal/pool/testing/pool_contract_periodic.h"
#include "asyncpal/pool/testing/pool_contract_tools.h"
#include "asyncpal/pool/testing/run_counter.h"
#include "asyncpal/pool/thread_pool.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// Periodic tasks in both kinds of pools: the contract, and what is one kind's
// own.

namespace asyncpal::testing {
namespace {

struct ThreadPoolTraits {
  using Pool = ThreadPool;
  using Options = PoolOptions;
};
INSTANTIATE_TYPED_TEST_SUITE_P(Threads, PoolPeriodicContract, ThreadPoolTraits);

struct ProcessPoolTraits {
  using Pool = ProcessPool;
  using Options = ProcessPoolOptions;
};
INSTANTIATE_TYPED_TEST_SUITE_P(Processes, PoolPeriodicContract,
                               ProcessPoolTraits);

TEST(ThreadPoolPeriodicTest, RunsAreOnTheirTicks) {
  constexpr int kRuns = 10'000;
  const auto clock = std::make_shared<ManualClock>();
  std::atomic<int> runs = 0;
  std::atomic<int> off = 0;
  ThreadPool pool({.max_workers = 2, .clock = clock});
  const Periodic periodic = pool.Every(absl::Milliseconds(7), [&] {
    if (clock->Now() != absl::Milliseconds(7) * runs++) ++off;
  });
  // Each step is to the time that the pool has set, so a drift would show.
  for (int run = 1; run <= kRuns; ++run) {
    const Countdown countdown(absl::Seconds(30));
    while (periodic.stats().runs < run || pool.Stats().delayed != 1) {
      ASSERT_GT(countdown.Remaining(), absl::ZeroDuration());
      std::this_thread::yield();
    }
    if (run < kRuns) clock->Advance(*clock->UntilNextTimer());
  }
  EXPECT_EQ(runs, kRuns);
  EXPECT_EQ(off, 0);
  EXPECT_EQ(periodic.stats().skipped, 0);
}

TEST(ThreadPoolPeriodicTest, RunThatHasMissedItsTimeoutIsNotOvertaken) {
  const auto clock = std::make_shared<ManualClock>();
  ThreadPool pool({.max_workers = 2,
                   .unobserved_failure_handler = [](std::exception_ptr) {},
                   .clock = clock});
  Gate gate;
  const Periodic periodic =
      pool.Every(absl::Seconds(1), {.task = {.timeout = absl::Seconds(2)}},
                 PassGate, gate.path(), 1);
  ASSERT_TRUE(gate.WaitForArrivals(1));
  clock->Advance(absl::Milliseconds(5'500));
  ASSERT_TRUE(Eventually([&] { return pool.Stats().timed_out == 1; }));
  EXPECT_EQ(pool.CountPendingTasks(), 0);
  EXPECT_EQ(periodic.stats().runs, 0);
  gate.Open(1);
  ASSERT_TRUE(Eventually([&] { return pool.Stats().delayed == 1; }));
  EXPECT_EQ(gate.CountArrivals(), 0);
  EXPECT_EQ(periodic.stats().runs, 1);
  EXPECT_EQ(periodic.stats().failed, 1);
  EXPECT_EQ(periodic.stats().skipped, 5);
  pool.Shutdown();
}

TEST(ThreadPoolPeriodicTest, RunIsAskedToStopByCancel) {
  std::atomic<bool> began = false;
  ThreadPool pool(1);
  Periodic periodic =
      pool.Every(absl::Seconds(1), [&began](const std::stop_token& token) {
        began = true;
        Eventually([&] { return token.stop_requested(); });
      });
  ASSERT_TRUE(Eventually([&] { return began.load(); }));
  periodic.Cancel();
  EXPECT_TRUE(periodic.done().Wait(kLong));
}

TEST(ThreadPoolPeriodicTest, RunMayEndIt) {
  std::shared_ptr<Periodic> self;
  std::atomic<bool> ready = false;
  std::atomic<int> runs = 0;
  ThreadPool pool(2);
  self = std::make_shared<Periodic>(pool.Every(absl::Milliseconds(1), [&] {
    if (ready && ++runs == 3) self->Cancel();
  }));
  ready = true;
  ASSERT_TRUE(self->done().Wait(kLong));
  EXPECT_EQ(runs, 3);
}

TEST(ThreadPoolPeriodicTest, KeepsNothingAfterItsEnd) {
  ThreadPool pool(1);
  auto held = std::make_shared<int>(7);
  const std::weak_ptr<int> weak = held;
  pool.Every(absl::Milliseconds(1), {.max_runs = 2},
             [held = std::move(held)] {})
      .done()
      .Collect(kLong);
  EXPECT_TRUE(Eventually([&] { return weak.expired(); }));
}

// Everything at once, from many threads: it ends, and nothing is left.
TEST(ThreadPoolPeriodicTest, CallsMayRace) {
  for (int round = 0; round < 30; ++round) {
    std::atomic<int> inside = 0;
    std::atomic<int> overlaps = 0;
    ThreadPool pool(2);
    Periodic periodic = pool.Every(absl::Microseconds(20), [&] {
      if (inside++ != 0) ++overlaps;
      --inside;
    });
    {
      const JoiningThread triggers([&] {
        for (int i = 0; i < 200; ++i) periodic.Trigger();
      });
      const JoiningThread changes([&] {
        for (int i = 1; i < 200; ++i) {
          periodic.set_period(absl::Microseconds(i));
        }
      });
      const JoiningThread ends([&] {
        Eventually([&] { return periodic.stats().runs > 10; });
        if (round % 2 == 0) {
          periodic.Cancel();
        } else {
          pool.Shutdown();
        }
      });
    }
    ASSERT_TRUE(periodic.done().Wait(kLong));
    EXPECT_TRUE(periodic.done().is_cancelled());
    EXPECT_EQ(pool.CountPendingTasks(), 0);
    EXPECT_EQ(overlaps, 0);
  }
}

int DieFirst(std::string file) {
  const int run = RunCounter::Add(file);
  return run == 1 ? kill(getpid(), SIGKILL) : run;
}

TEST(ProcessPoolPeriodicTest, LostWorkerIsAFailedRun) {
  const auto failures = std::make_shared<Failures>();
  ProcessPool pool(
      {.max_workers = 1,
       .unobserved_failure_handler = [failures](std::exception_ptr error) {
         failures->Add(error);
       }});
  const RunCounter counter;
  const Periodic periodic = pool.Every(absl::Milliseconds(1), {.max_runs = 2},
                                       DieFirst, counter.file());
  periodic.done().Collect(kLong);
  EXPECT_EQ(periodic.stats().failed, 1);
  EXPECT_EQ(counter.runs(), 2);
  ASSERT_EQ(failures->chains().size(), 1);
  EXPECT_THAT(failures->chains()[0],
              ::testing::HasSubstr("run 1 of a periodic task"));
}

}  // namespace
}  // namespace asyncpal::testing
