#include <cstdint>
#include <memory>
#include <stdexcept>

#include "asyncpal/bindings/facade/fake_host.h"
#include "asyncpal/bindings/facade/thread_pool.h"
#include "asyncpal/future/error.h"
#include "asyncpal/pool/testing/eventually.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::facade {
namespace {

using ::asyncpal::testing::Eventually;
using ::testing::ElementsAre;

using ThreadPoolLimitsTest = FakeHostTest;

// --- Settings of a task ---

TEST_F(ThreadPoolLimitsTest, ATaskWithinItsLimitsEndsAsAnyOther) {
  MakePool(1);
  Submit(1, {.timeout = 30000000000, .queue_deadline = 30000000000},
         [] { return kTaskCompleted; });
  Submit(2, {.timeout = 30000000000}, [] { return kTaskFailed; });
  ASSERT_TRUE(CloseAndWait());
  EXPECT_EQ(pool_->Stats().completed, 1);
  EXPECT_EQ(pool_->Stats().failed, 1);
  EXPECT_THAT(journal_->Dropped(), ElementsAre());
  EXPECT_THAT(journal_->Expired(), ElementsAre());
  EXPECT_TRUE(journal_->settled);
}

TEST_F(ThreadPoolLimitsTest, ARunningTaskIsListedByItsName) {
  MakePool(1);
  Submit(1, {.name = "load"}, [&] {
    started_.Notify();
    go_on_.Wait();
    return kTaskCompleted;
  });
  ASSERT_TRUE(started_.Wait());
  EXPECT_EQ(pool_->Workers().at(0).current_task, "load");
  go_on_.Notify();
}

TEST_F(ThreadPoolLimitsTest, ATaskThatMissesItsQueueDeadlineIsDropped) {
  MakePool(1);
  ASSERT_TRUE(Occupy(1));
  Submit(2, {.queue_deadline = 1}, [] {
    ADD_FAILURE() << "a task that came too late has run";
    return kTaskCompleted;
  });
  EXPECT_TRUE(Eventually([&] { return !journal_->Dropped().empty(); }));
  EXPECT_THAT(journal_->Dropped(), ElementsAre(2));
  EXPECT_EQ(journal_->Why().link(0).kind, kTimeout);
  EXPECT_EQ(pool_->Stats().failed, 1);
  EXPECT_EQ(pool_->Stats().pending, 0);
  go_on_.Notify();
}

TEST_F(ThreadPoolLimitsTest, ATaskThatOutrunsItsTimeoutExpires) {
  MakePool(1);
  Submit(1, {.timeout = 20000000}, [&] {
    go_on_.Wait();
    return kTaskCompleted;
  });
  // It may not have begun by then, on a slow machine.
  EXPECT_TRUE(Eventually([&] {
    return !journal_->Expired().empty() || !journal_->Dropped().empty();
  }));
  EXPECT_EQ(journal_->Why().link(0).kind, kTimeout);
  EXPECT_EQ(pool_->Stats().failed, 1);
  go_on_.Notify();
  ASSERT_TRUE(CloseAndWait());
  EXPECT_EQ(pool_->Stats().completed, 0);
  EXPECT_EQ(journal_->settled, journal_->Expired().empty());
}

TEST_F(ThreadPoolLimitsTest, ATaskThatHasExpiredKeepsItsHandle) {
  journal_->host_keeps_handles = true;
  MakePool(1);
  const int64_t handle = Submit(1, {.timeout = 1}, [&] {
    go_on_.Wait();
    return kTaskCompleted;
  });
  EXPECT_TRUE(Eventually([&] { return pool_->Stats().failed == 1; }));
  go_on_.Notify();
  ASSERT_TRUE(CloseAndWait());
  EXPECT_FALSE(ThreadPool::Cancel(handle));
  ThreadPool::Release(handle);
}

TEST_F(ThreadPoolLimitsTest, AHostThatGoesOnLeavesTasksWithSettingsToThePool) {
  journal_->host_goes_on = true;
  MakePool(1);
  ASSERT_TRUE(Occupy(1));
  Submit(2, {.name = "second", .timeout = 30000000000}, [&] {
    EXPECT_EQ(pool_->Workers().at(0).current_task, "second");
    return kTaskCompleted;
  });
  Submit(3, [] { return kTaskCompleted; });
  go_on_.Notify();
  ASSERT_TRUE(CloseAndWait());
  EXPECT_EQ(pool_->Stats().completed, 3);
  EXPECT_EQ(journal_->calls_of_run, 2);
}

TEST_F(ThreadPoolLimitsTest, ATaskWithSettingsIsCancelledAndDroppedAsAnyOther) {
  MakePool(1);
  ASSERT_TRUE(Occupy(1));
  const int64_t handle =
      Submit(2, {.name = "x"}, [] { return kTaskCompleted; });
  Submit(3, {.name = "y"}, [] { return kTaskCompleted; });
  EXPECT_TRUE(ThreadPool::Cancel(handle));
  ThreadPool::Release(handle);
  pool_->Close(kCloseCancelPending);
  EXPECT_THAT(journal_->Dropped(), ElementsAre(3));
  EXPECT_TRUE(journal_->Why().empty());
  go_on_.Notify();
}

TEST_F(ThreadPoolLimitsTest, BadSettingsOfATaskAreRefused) {
  MakePool(1);
  const auto task = [] { return kTaskCompleted; };
  EXPECT_THROW(Submit(1, {.timeout = -1}, task), std::invalid_argument);
  EXPECT_THROW(Submit(2, {.queue_deadline = -1}, task), std::invalid_argument);
  EXPECT_THROW(Submit(3, {.max_attempts = 0}, task), std::invalid_argument);
  EXPECT_EQ(pool_->Stats().submitted, 0);
}

// --- Join ---

TEST_F(ThreadPoolLimitsTest, AJoinOfAQuietPoolEndsAtOnce) {
  MakePool(1);
  const int64_t join = pool_->StartJoin(7);
  EXPECT_EQ(journal_->joined, 1);
  EXPECT_EQ(journal_->last_join, 7);
  EXPECT_FALSE(pool_->EndJoin(join));
}

TEST_F(ThreadPoolLimitsTest, AJoinEndsWhenAllIsDoneAndNoWorkerIsLeft) {
  MakePool(1);
  ASSERT_TRUE(Occupy(1));
  Submit(2, [] { return kTaskCompleted; });
  pool_->StartJoin(7);
  EXPECT_EQ(journal_->joined, 0);
  go_on_.Notify();
  EXPECT_TRUE(Eventually([&] { return journal_->joined == 1; }));
  EXPECT_EQ(pool_->Stats().workers, 0);
  EXPECT_EQ(pool_->Stats().completed, 2);
  Submit(3, [&] {
    done_.Notify();
    return kTaskCompleted;
  });
  EXPECT_TRUE(done_.Wait());
}

TEST_F(ThreadPoolLimitsTest, AJoinSendsIdleWorkersHome) {
  pool_ = std::make_unique<ThreadPool>(
      new FakeHost(journal_),
      NativePoolOptions{.max_workers = 1, .idle_timeout = kForever});
  pool_->SpawnMaxWorkers();
  pool_->StartJoin(7);
  EXPECT_TRUE(Eventually([&] { return journal_->joined == 1; }));
}

TEST_F(ThreadPoolLimitsTest, AJoinThatIsGivenUpIsNotTold) {
  MakePool(1);
  ASSERT_TRUE(Occupy(1));
  EXPECT_TRUE(pool_->EndJoin(pool_->StartJoin(7)));
  go_on_.Notify();
  ASSERT_TRUE(CloseAndWait());
  EXPECT_EQ(journal_->joined, 0);
}

TEST_F(ThreadPoolLimitsTest, AJoinInsideAWorkerIsRefused) {
  MakePool(1);
  Submit(1, [&] {
    EXPECT_THROW(pool_->StartJoin(7), InvalidStateError);
    done_.Notify();
    return kTaskCompleted;
  });
  EXPECT_TRUE(done_.Wait());
}

}  // namespace
}  // namespace asyncpal::facade
