#include <cstdint>
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
