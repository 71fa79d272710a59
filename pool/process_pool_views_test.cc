#include <unistd.h>

#include <csignal>

#include "asyncpal/future/error.h"
#include "asyncpal/pool/process_pool.h"
#include "asyncpal/pool/testing/pool_contract_views.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::testing {
namespace {

struct ProcessPoolTraits {
  using Pool = ProcessPool;
};
INSTANTIATE_TYPED_TEST_SUITE_P(Processes, PoolViewsContract, ProcessPoolTraits);

int Die() { return kill(getpid(), SIGKILL); }

TEST(ProcessPoolViewsTest, LostWorkerPassesItsPlaceOn) {
  ProcessPool pool(2);
  PoolView view = pool.Serial();
  const auto lost = view.Submit(Die);
  const auto next = view.Submit(Square, 3);
  EXPECT_THROW(lost.Collect(kLong), WorkerLostError);
  EXPECT_EQ(next.Collect(kLong), 9);
}

TEST(ProcessPoolViewsTest, KilledTaskPassesItsPlaceOn) {
  ProcessPool pool(2);
  Gate gate;
  PoolView view = pool.Serial();
  auto killed = view.Submit(PassGate, gate.path(), 1);
  const auto next = view.Submit(Square, 3);
  ASSERT_TRUE(gate.WaitForArrivals(1));
  EXPECT_TRUE(killed.Kill());
  EXPECT_EQ(next.Collect(kLong), 9);
}

TEST(ProcessPoolViewsTest, TaskThatMissedItsTimeoutPassesItsPlaceOn) {
  ProcessPool pool(2);
  Gate gate;
  PoolView view = pool.Serial();
  const auto slow = view.Submit(TaskOptions{.timeout = absl::Milliseconds(20)},
                                PassGate, gate.path(), 1);
  EXPECT_EQ(view.Submit(Square, 3).Collect(kLong), 9);
  EXPECT_THROW(slow.Collect(kLong), TimeoutError);
}

}  // namespace
}  // namespace asyncpal::testing
