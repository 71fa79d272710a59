#include <unistd.h>

#include <string>
#include <thread>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/pool/process_pool.h"
#include "asyncpal/pool/testing/gate.h"
#include "asyncpal/pool/testing/process_faults.h"
#include "gtest/gtest.h"

// Tasks that a worker has prefetched do not wait behind a long one once another
// worker is free for them. Here they wait for each other, so that the pool
// would hang.

namespace asyncpal {
namespace {

using ::asyncpal::testing::CollectLoss;
using ::asyncpal::testing::Gate;
using ::asyncpal::testing::PassGate;

constexpr absl::Duration kLong = absl::Seconds(30);

int PassGateAndExit(std::string path) {
  PassGate(path, 0);
  _exit(3);
}

// Two workers, of which one is busy until `other` is opened, and the other one
// runs the first of two tasks that meet at `meeting`, and has prefetched the
// second one.
class ProcessPoolPrefetch : public ::testing::Test {
 protected:
  // `occupy` has a worker pass `other_`.
  template <typename Occupy>
  void Arrange(Occupy occupy) {
    pool_.SpawnMaxWorkers();
    ASSERT_EQ(pool_.Submit(PassGate, open_.path(), 1).Collect(kLong), 1);
    auto before = pool_.Submit(PassGate, before_.path(), 0);
    ASSERT_TRUE(before_.WaitForArrivals(1));
    occupy();
    ASSERT_TRUE(other_.WaitForArrivals(1));
    first_ = pool_.Submit(PassGate, meeting_.path(), 1);
    second_ = pool_.Submit(PassGate, meeting_.path(), 2);
    before_.Open();
    ASSERT_EQ(before.Collect(kLong), 0);
    ASSERT_TRUE(meeting_.WaitForArrivals(1));
    ASSERT_EQ(pool_.CountPendingTasks(), 1);
  }
  void ExpectThatTheyMeet() {
    other_.Open();
    ASSERT_TRUE(meeting_.WaitForArrivals(1)) << "the second has not come";
    meeting_.Open();
    EXPECT_EQ(first_.Collect(kLong), 1);
    EXPECT_EQ(second_.Collect(kLong), 2);
  }

  ProcessPoolPrefetch() { open_.Open(); }

  ProcessPool pool_{2};
  Gate open_, before_, other_, meeting_;
  Future<int> first_, second_;
};

TEST_F(ProcessPoolPrefetch, GoesToAWorkerThatHasEndedItsTask) {
  Future<int> other;
  Arrange([&] { other = pool_.Submit(PassGate, other_.path(), 0); });
  ExpectThatTheyMeet();
  EXPECT_EQ(other.Collect(kLong), 0);
}

TEST_F(ProcessPoolPrefetch, GoesToAWorkerWhoseResultTheWaiterHasReceived) {
  std::thread waiter;
  Arrange([&] {
    waiter = std::thread(
        [this] { EXPECT_EQ(pool_.Run(PassGate, other_.path(), 7), 7); });
  });
  ExpectThatTheyMeet();
  waiter.join();
}

TEST_F(ProcessPoolPrefetch, GoesToAWorkerInPlaceOfADeadOne) {
  Future<int> other;
  Arrange([&] { other = pool_.Submit(PassGateAndExit, other_.path()); });
  ExpectThatTheyMeet();
  EXPECT_EQ(CollectLoss(other).exit_code(), 3);
}

TEST_F(ProcessPoolPrefetch, GoesToAnotherWorkerWhenThePoolIsClosed) {
  Future<int> other;
  Arrange([&] { other = pool_.Submit(PassGate, other_.path(), 0); });
  std::thread closer(
      [this] { pool_.Shutdown({.mode = ShutdownMode::kDrain}); });
  while (!pool_.is_closed()) std::this_thread::yield();
  ExpectThatTheyMeet();
  closer.join();
}

}  // namespace
}  // namespace asyncpal
