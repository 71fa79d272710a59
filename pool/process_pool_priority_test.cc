#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/log.h"
#include "asyncpal/pool/process_pool.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/testing/pool_contract_pause.h"
#include "asyncpal/pool/testing/pool_contract_priority.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// Priorities, pauses and sizes of process pools: the contracts; and workers
// that grow too large.

namespace asyncpal::testing {
namespace {

struct ProcessPoolTraits {
  using Pool = ProcessPool;
  using Options = ProcessPoolOptions;
  using Dual = DualProcessPool;
};
INSTANTIATE_TYPED_TEST_SUITE_P(Processes, PoolPriorityContract,
                               ProcessPoolTraits);
INSTANTIATE_TYPED_TEST_SUITE_P(Processes, PoolPauseContract, ProcessPoolTraits);

// Keeps that much memory until its process ends.
int64_t Leak(int64_t bytes) {
  static std::vector<std::string> kept;
  kept.emplace_back(static_cast<size_t>(bytes), 'x');
  return static_cast<int64_t>(kept.back().size());
}

TEST(ProcessPoolRecycling, WorkerThatHasGrownTooLargeIsReplaced) {
  constexpr int64_t kMebibyte = 1 << 20;
  ProcessPool pool({.max_workers = 1, .max_worker_bytes = 256 * kMebibyte});
  for (int i = 0; i < 3; ++i) pool.Run(DoNothing);
  EXPECT_EQ(pool.Stats().workers_started, 1);
  ASSERT_EQ(pool.Run(Leak, 300 * kMebibyte), 300 * kMebibyte);
  for (int i = 0; i < 3; ++i) pool.Run(DoNothing);
  EXPECT_EQ(pool.Stats().workers_started, 2);
  EXPECT_EQ(pool.Stats().workers_lost, 0);
}

// Leaks, and returns how much memory of its own the process has.
int64_t LeakAndMeasure(int64_t bytes) {
  Leak(bytes);
  std::ifstream statm("/proc/self/statm");
  int64_t size = 0;
  int64_t resident = 0;
  int64_t shared = 0;
  statm >> size >> resident >> shared;
  return (resident - shared) * sysconf(_SC_PAGESIZE);
}

TEST(ProcessPoolRecycling, MemoryOfLeakingTasksIsBounded) {
  constexpr int64_t kMebibyte = 1 << 20;
  constexpr int64_t kLimit = 256 * kMebibyte;
  constexpr int64_t kLeak = 100 << 10;
  constexpr int kTasks = 10'000;  // a gigabyte in all
  // Some run after the one that goes beyond, as they were handed out before.
  constexpr int64_t kMost = kLimit + 32 * kLeak + 32 * kMebibyte;
  ProcessPool pool({.max_workers = 2, .max_worker_bytes = kLimit});
  int64_t most = 0;
  for (const int64_t bytes : pool.Map({.buffer_size = 64}, LeakAndMeasure,
                                      std::vector<int64_t>(kTasks, kLeak))) {
    most = std::max(most, bytes);
  }
  EXPECT_LT(most, kMost);
  EXPECT_GE(pool.Stats().workers_started, kTasks * kLeak / kMost);
  EXPECT_EQ(pool.Stats().workers_lost, 0);
}

TEST(ProcessPoolRecycling, LimitBelowAFreshWorkerIsSaidOnceAndIgnored) {
  static std::mutex mu;
  static std::string said;
  SetLogSink([](LogSeverity, std::string_view text) {
    const std::lock_guard lock(mu);
    said.append(text).append("\n");
  });
  {
    ProcessPool pool({.max_workers = 2, .max_worker_bytes = 1});
    for (int i = 0; i < 20; ++i) pool.Run(DoNothing);
    EXPECT_LE(pool.Stats().workers_started, 2);
  }
  SetLogSink(nullptr);
  const std::lock_guard lock(mu);
  EXPECT_THAT(said, ::testing::HasSubstr("max_worker_bytes is 1, but a new"));
  EXPECT_EQ(said.find("max_worker_bytes"), said.rfind("max_worker_bytes"));
}

TEST(ProcessPoolRecycling, WorkersAge) {
  ProcessPool pool({.max_workers = 1,
                    .idle_timeout = absl::InfiniteDuration(),
                    .max_worker_age = absl::Milliseconds(50)});
  pool.Run(DoNothing);
  EXPECT_TRUE(Eventually([&] { return pool.CountWorkers() == 0; }));
}

TEST(ProcessPoolRecycling, NegativeLimitIsRefused) {
  EXPECT_EQ(ThrownChain([] { ProcessPool({.max_worker_bytes = -1}); }),
            "max_worker_bytes is -1; it must not be negative (0: no limit)");
}

}  // namespace
}  // namespace asyncpal::testing
