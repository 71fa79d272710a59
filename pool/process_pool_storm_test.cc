#include <signal.h>
#include <sys/types.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "asyncpal/future/countdown.h"
#include "asyncpal/future/error.h"
#include "asyncpal/pool/process_pool.h"
#include "asyncpal/pool/testing/process_faults.h"
#include "gtest/gtest.h"

// Workers that are killed at random moments, a thousand times: what no list of
// moments would contain.

namespace asyncpal {
namespace {

using ::asyncpal::testing::ExecutionLedger;
using ::asyncpal::testing::kIsSanitized;
using ::asyncpal::testing::StillWorks;

constexpr int kKills = kIsSanitized ? 100 : 1'000;
constexpr int kWorkers = 4;
// Less than what breaks a pool if none of them finishes a task.
constexpr int kKillsWithoutProgress = 4;
// Of a machine that others load, too.
constexpr absl::Duration kPatience = absl::Seconds(240);

int64_t Work(std::string ledger, int task) {
  ExecutionLedger::Note(ledger, task);
  const absl::Time end = absl::Now() + absl::Microseconds(task % 7 * 100);
  while (absl::Now() < end) {
  }
  return int64_t{3} * task + 1;
}

// Kills workers of `pool`, busy and idle ones, until it has killed so many
// processes. Returns how many that were.
int KillWorkers(const ProcessPool& pool, int kills, std::mt19937 random) {
  const Countdown countdown(kPatience);
  std::set<int64_t> killed;
  int64_t finished_before = 0;
  int without_progress = 0;
  while (static_cast<int>(killed.size()) < kills &&
         countdown.Remaining() > absl::ZeroDuration()) {
    absl::SleepFor(absl::Microseconds(random() % 6'000));
    const int64_t finished = pool.Stats().completed;
    if (finished != finished_before) {
      finished_before = finished;
      without_progress = 0;
    } else if (without_progress >= kKillsWithoutProgress) {
      continue;
    }
    const std::vector<WorkerInfo> workers = pool.Workers();
    if (workers.empty()) continue;
    const int64_t pid = workers[random() % workers.size()].pid.value_or(0);
    // It may have no process at the moment, or still have one that was killed.
    if (pid <= 0 || !killed.insert(pid).second) continue;
    kill(static_cast<pid_t>(pid), SIGKILL);
    ++without_progress;
  }
  return static_cast<int>(killed.size());
}

TEST(ProcessPoolStorm, KillsCostNoMoreThanTheTaskThatRan) {
  const auto seed =
      static_cast<uint32_t>(::testing::UnitTest::GetInstance()->random_seed());
  SCOPED_TRACE(::testing::Message() << "--gtest_random_seed=" << seed);
  std::mt19937 random(seed);
  ExecutionLedger ledger;
  // As many as come cost no wait.
  ProcessPool pool({.max_workers = kWorkers, .max_restarts = kKills});
  std::vector<Future<int64_t>> futures;
  const absl::Time start = absl::Now();
  std::atomic<int> kills = -1;
  std::thread killer(
      [&, random] { kills = KillWorkers(pool, kKills, random); });
  while (kills < 0) {
    const auto batch = static_cast<int>(1 + random() % 64);
    for (int i = 0; i < batch; ++i) {
      futures.push_back(
          pool.Submit(Work, ledger.path(), static_cast<int>(futures.size())));
    }
    // Sometimes the pool runs dry, and then idle workers are killed as well.
    const bool run_dry = random() % 4 == 0;
    const size_t behind = run_dry ? 1 : std::min<size_t>(futures.size(), 100);
    ASSERT_TRUE(futures[futures.size() - behind].Wait(kPatience));
    if (run_dry) absl::SleepFor(absl::Microseconds(random() % 4'000));
  }
  killer.join();

  ASSERT_TRUE(pool.Join(kPatience));
  const auto tasks = static_cast<int>(futures.size());
  const std::vector<int> executions = ledger.CountEach(tasks);
  int failed = 0;
  for (int i = 0; i < tasks; ++i) {
    ASSERT_TRUE(futures[i].is_done());
    ASSERT_LE(executions[i], 1) << "task " << i;
    try {
      ASSERT_EQ(futures[i].Collect(), int64_t{3} * i + 1);
      ASSERT_EQ(executions[i], 1) << "task " << i;
    } catch (const WorkerLostError& error) {
      EXPECT_EQ(error.signal(), SIGKILL) << error.what();
      ++failed;
    }
  }
  EXPECT_EQ(kills, kKills);
  EXPECT_LE(failed, kills);
  const PoolStats stats = pool.Stats();
  EXPECT_EQ(stats.submitted, tasks);
  EXPECT_EQ(stats.completed, tasks - failed);
  EXPECT_EQ(stats.failed, failed);
  EXPECT_EQ(stats.lost, failed);
  EXPECT_FALSE(pool.is_broken());
  EXPECT_TRUE(StillWorks(pool));
  std::printf(
      "storm: %d kills, %d tasks, %d failed, %d kills that cost no task, "
      "0 unresolved, 0 run twice, %.1f s, seed %u\n",
      kills.load(), tasks, failed, kills.load() - failed,
      absl::ToDoubleSeconds(absl::Now() - start), seed);
}

}  // namespace
}  // namespace asyncpal
