#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cerrno>
#include <optional>
#include <set>
#include <system_error>
#include <vector>

#include "asyncpal/ipc/testing/descriptors.h"
#include "asyncpal/pool/process_pool.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/testing/gate.h"
#include "asyncpal/pool/testing/launch_faults.h"
#include "asyncpal/pool/testing/process_faults.h"
#include "gtest/gtest.h"

// Systems without processes or descriptors to spare.

namespace asyncpal {
namespace {

using ::asyncpal::testing::Echo;
using ::asyncpal::testing::Eventually;
using ::asyncpal::testing::Gate;
using ::asyncpal::testing::kForEver;
using ::asyncpal::testing::kLong;
using ::asyncpal::testing::ListDescriptors;
using ::asyncpal::testing::PassGate;
using ::asyncpal::testing::ProcessPoolLaunch;
using ::asyncpal::testing::spawns;
using ::asyncpal::testing::StillWorks;

using ProcessPoolShortage = ProcessPoolLaunch;

TEST_F(ProcessPoolShortage, ShortageIsWaitedFor) {
  for (const int error : {EAGAIN, ENOMEM}) {
    spawns = 0;
    FailSpawns(4, error);
    ProcessPool pool(1);
    EXPECT_EQ(pool.Submit(Echo, 7).Collect(kLong), 7);
    EXPECT_EQ(spawns, 5);
    EXPECT_FALSE(pool.is_broken());
  }
  ExpectNothingLeft();
}

TEST_F(ProcessPoolShortage, ShortageWithoutEndBreaksThePoolWithTheReason) {
  FailSpawns(kForEver, EAGAIN);
  {
    ProcessPool pool(1);
    EXPECT_EQ(Break(pool).code, EAGAIN);
    EXPECT_LE(spawns, 10);
  }
  ExpectNothingLeft();
}

TEST_F(ProcessPoolShortage, ShutdownDoesNotWaitForAShortageToEnd) {
  FailSpawns(kForEver, EAGAIN);
  ProcessPool pool(1);
  auto future = pool.Submit(Echo, 1);
  ASSERT_TRUE(Eventually([] { return spawns > 0; }));
  EXPECT_TRUE(pool.Shutdown({.mode = ShutdownMode::kKill}));
  EXPECT_TRUE(future.is_cancelled());
}

TEST_F(ProcessPoolShortage, TasksRunOnTheWorkersThatThereAre) {
  {
    ProcessPool pool(3);
    Gate gate;
    auto first = pool.Submit(PassGate, gate.path(), 1);
    ASSERT_TRUE(gate.WaitForArrivals(1));
    FailSpawns(kForEver, EAGAIN);
    std::vector<Future<int>> futures;
    for (int i = 0; i < 50; ++i) futures.push_back(pool.Submit(Echo, i));
    ASSERT_TRUE(Eventually([] { return spawns > 1; }));
    gate.Open();
    EXPECT_EQ(first.Collect(kLong), 1);
    for (int i = 0; i < 50; ++i) EXPECT_EQ(futures[i].Collect(kLong), i);
    EXPECT_FALSE(pool.is_broken());
    FailSpawns(0, 0);
    EXPECT_TRUE(StillWorks(pool));
  }
  ExpectNothingLeft();
}

// Leaves room for that many descriptors.
class ScopedDescriptorLimit {
 public:
  explicit ScopedDescriptorLimit(int room) {
    getrlimit(RLIMIT_NOFILE, &old_);
    const std::set<int> taken = ListDescriptors();
    // The standard streams' at least: poll() takes no more than are allowed.
    rlim_t limit = 3;
    while (room > 0) {
      room -= taken.count(static_cast<int>(limit)) > 0 ? 0 : 1;
      ++limit;
    }
    const rlimit now = {limit, old_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &now);
  }
  ~ScopedDescriptorLimit() { setrlimit(RLIMIT_NOFILE, &old_); }

 private:
  rlimit old_;
};

// At each step of a start, the step's descriptor is the one that is missing.
TEST_F(ProcessPoolShortage, LackOfDescriptorsAtAnyStepLeavesTheTasksToOthers) {
  for (int room = 0; room <= 10; ++room) {
    ProcessPool pool(2);
    Gate gate;
    auto first = pool.Submit(PassGate, gate.path(), 1);
    ASSERT_TRUE(gate.WaitForArrivals(1));
    std::vector<Future<int>> futures;
    {
      ScopedDescriptorLimit limit(room);
      for (int i = 0; i < 20; ++i) futures.push_back(pool.Submit(Echo, i));
      gate.Open();
      for (int i = 0; i < 20; ++i) {
        ASSERT_EQ(futures[i].Collect(kLong), i) << "room for " << room;
      }
    }
    EXPECT_EQ(first.Collect(kLong), 1);
    EXPECT_FALSE(pool.is_broken());
    EXPECT_TRUE(StillWorks(pool));
  }
  ExpectNothingLeft();
}

TEST_F(ProcessPoolShortage, LackOfDescriptorsRefusesTheFirstTask) {
  ProcessPool pool(1);
  {
    ScopedDescriptorLimit limit(0);
    EXPECT_THROW(pool.Submit(Echo, 1), std::system_error);
  }
  EXPECT_EQ(pool.Stats().submitted, 0);
  EXPECT_TRUE(StillWorks(pool));
}

TEST_F(ProcessPoolShortage, LackOfDescriptorsWithoutEndBreaksThePool) {
  {
    ProcessPool pool(1);
    std::optional<ScopedDescriptorLimit> limit(3);
    const Breaking error = Break(pool);
    limit.reset();
    EXPECT_EQ(error.code, EMFILE);
  }
  ExpectNothingLeft();
}

// The worker whose turn to end it is could have no successor.
TEST_F(ProcessPoolShortage,
       LackOfDescriptorsAtTheChangeOfWorkersLosesNoFuture) {
  ProcessPool pool({.max_workers = 1, .max_tasks_per_worker = 1});
  Gate gate;
  auto first = pool.Submit(PassGate, gate.path(), 1);
  auto second = pool.Submit(Echo, 2);
  ASSERT_TRUE(gate.WaitForArrivals(1));
  {
    ScopedDescriptorLimit limit(0);
    gate.Open();
    EXPECT_EQ(first.Collect(kLong), 1);
    // It has ended, and there were no descriptors for the next.
    ASSERT_TRUE(Eventually([&] {
      siginfo_t child = {};
      return waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) == -1;
    }));
  }
  // The pool does not try for ever.
  ASSERT_TRUE(second.Wait(kLong));
  EXPECT_TRUE(second.is_completed() || pool.is_broken());
}

}  // namespace
}  // namespace asyncpal
