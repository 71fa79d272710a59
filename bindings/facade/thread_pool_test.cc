#include "asyncpal/bindings/facade/thread_pool.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "asyncpal/bindings/facade/fake_host.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/pool/testing/eventually.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::facade {
namespace {

using ::asyncpal::testing::Eventually;
using ::testing::ElementsAre;

using ThreadPoolTest = FakeHostTest;

TEST_F(ThreadPoolTest, RunsASubmittedTask) {
  MakePool(1);
  Submit(17, [&] {
    done_.Notify();
    return kTaskCompleted;
  });
  EXPECT_TRUE(done_.Wait());
}

TEST_F(ThreadPoolTest, CountsATaskAsTheHostSettlesIt) {
  MakePool(1);
  Submit(1, [] { return kTaskCompleted; });
  Submit(2, [] { return kTaskFailed; });
  Submit(3, [] { return kTaskCancelled; });
  ASSERT_TRUE(CloseAndWait());
  EXPECT_EQ(pool_->Stats().completed, 1);
  EXPECT_EQ(pool_->Stats().failed, 1);
  EXPECT_EQ(pool_->Stats().cancelled, 1);
}

TEST_F(ThreadPoolTest, HasCountedATaskOnceItIsSettled) {
  MakePool(1);
  Submit(1, [&] {
    ThreadPool::Settle(kTaskFailed);
    started_.Notify();
    go_on_.Wait();
    return kTaskCompleted;  // too late to count
  });
  ASSERT_TRUE(started_.Wait());
  EXPECT_EQ(pool_->Stats().failed, 1);
  EXPECT_EQ(pool_->Stats().running, 0);
  go_on_.Notify();
  ASSERT_TRUE(CloseAndWait());
  EXPECT_EQ(pool_->Stats().completed, 0);
}

TEST_F(ThreadPoolTest, SettleOutsideOfATaskIsRefused) {
  EXPECT_THROW(ThreadPool::Settle(kTaskCompleted), InvalidStateError);
  EXPECT_THROW(ThreadPool::GoOn(false), InvalidStateError);
}

TEST_F(ThreadPoolTest, AHostThatGoesOnRunsAllInOneCall) {
  journal_->host_goes_on = true;
  MakePool(1);
  Submit(0, [&] {
    go_on_.Wait();
    return kTaskCompleted;
  });
  std::vector<int> order;  // its one worker only
  for (int i = 1; i <= 100; ++i) {
    Submit(i, [i, &order] {
      order.push_back(i);
      return i % 2 == 0 ? kTaskCompleted : kTaskFailed;
    });
  }
  go_on_.Notify();
  ASSERT_TRUE(CloseAndWait());
  EXPECT_EQ(journal_->calls_of_run, 1);
  EXPECT_EQ(pool_->Stats().completed, 51);
  EXPECT_EQ(pool_->Stats().failed, 50);
  EXPECT_EQ(order.size(), 100u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST_F(ThreadPoolTest, AHostThatGoesOnStopsWhereItsWorkerMustRetire) {
  journal_->host_goes_on = true;
  pool_ = std::make_unique<ThreadPool>(
      new FakeHost(journal_),
      NativePoolOptions{.max_workers = 1, .max_tasks_per_worker = 3});
  for (int i = 0; i < 9; ++i) Submit(i, [] { return kTaskCompleted; });
  ASSERT_TRUE(CloseAndWait());
  EXPECT_EQ(pool_->Stats().completed, 9);
  EXPECT_EQ(journal_->ended, 3);
}

TEST_F(ThreadPoolTest, AnInlineTaskGoesOnToNoOther) {
  journal_->host_goes_on = true;
  MakePool(1);
  std::atomic<bool> third_ran{false};
  Submit(1, [&] {
    const int64_t inner = Submit(2, [] { return kTaskCompleted; });
    Submit(3, [&] {
      third_ran = true;
      return kTaskCompleted;
    });
    EXPECT_TRUE(ThreadPool::RunInline(inner));
    EXPECT_FALSE(third_ran);
    return kTaskCompleted;
  });
  EXPECT_TRUE(Eventually([&] { return third_ran.load(); }));
  ASSERT_TRUE(CloseAndWait());
  EXPECT_EQ(pool_->Stats().completed, 3);
}

TEST_F(ThreadPoolTest, ACancelledTaskIsCountedAndNeverRuns) {
  MakePool(1);
  Submit(1, [&] {
    started_.Notify();
    go_on_.Wait();
    return kTaskCompleted;
  });
  ASSERT_TRUE(started_.Wait());
  const int64_t handle = Submit(2, [] {
    ADD_FAILURE() << "a cancelled task has run";
    return kTaskCompleted;
  });
  EXPECT_TRUE(ThreadPool::Cancel(handle));
  ThreadPool::Release(handle);
  EXPECT_EQ(pool_->Stats().cancelled, 1);
  EXPECT_EQ(pool_->Stats().pending, 0);
  go_on_.Notify();
}

TEST_F(ThreadPoolTest, CancelOfARunningTaskIsFalse) {
  journal_->host_keeps_handles = true;
  MakePool(1);
  const int64_t handle = Submit(1, [&] {
    started_.Notify();
    go_on_.Wait();
    return kTaskCompleted;
  });
  ASSERT_TRUE(started_.Wait());
  EXPECT_FALSE(ThreadPool::Cancel(handle));
  go_on_.Notify();
  ThreadPool::Release(handle);
}

TEST_F(ThreadPoolTest, ClosingToDrainRunsWhatIsPending) {
  MakePool(1);
  for (int i = 0; i < 10; ++i) Submit(i, [] { return kTaskCompleted; });
  EXPECT_TRUE(pool_->Close(kCloseDrain));
  EXPECT_FALSE(pool_->Close(kCloseDrain));
  EXPECT_TRUE(Eventually([&] { return journal_->terminated == 1; }));
  EXPECT_EQ(pool_->Stats().completed, 10);
}

TEST_F(ThreadPoolTest, ClosingToCancelDropsWhatIsPendingInItsOrder) {
  MakePool(1);
  Submit(1, [&] {
    started_.Notify();
    go_on_.Wait();
    return kTaskCompleted;
  });
  Submit(2, [] { return kTaskCompleted; });
  Submit(3, [] { return kTaskCompleted; });
  ASSERT_TRUE(started_.Wait());
  pool_->Close(kCloseCancelPending);
  EXPECT_THAT(journal_->Dropped(), ElementsAre(2, 3));
  EXPECT_EQ(pool_->Stats().cancelled, 2);
  EXPECT_EQ(journal_->terminated, 0);
  go_on_.Notify();
  EXPECT_TRUE(Eventually([&] { return journal_->terminated == 1; }));
}

TEST_F(ThreadPoolTest, APoolWithoutWorkersTerminatesAsItIsClosed) {
  MakePool(1);
  pool_->Close(kCloseDrain);
  EXPECT_EQ(journal_->terminated, 1);
}

TEST_F(ThreadPoolTest, AClosedPoolRefusesTasks) {
  MakePool(1);
  pool_->Close(kCloseDrain);
  EXPECT_THROW(Submit(1, [] { return kTaskCompleted; }), ClosedPoolError);
}

TEST_F(ThreadPoolTest, BeginsEachWorkerByItsNameAndEndsIt) {
  MakePool(2);
  pool_->SpawnMaxWorkers();
  EXPECT_TRUE(Eventually([&] { return journal_->Begun().size() == 2; }));
  EXPECT_THAT(journal_->Begun(),
              ::testing::UnorderedElementsAre("p-worker-1", "p-worker-2"));
  pool_->Close(kCloseDrain);
  EXPECT_TRUE(Eventually([&] { return journal_->ended == 2; }));
}

TEST_F(ThreadPoolTest, AFailedBeginningBreaksThePoolAndDropsItsTasks) {
  journal_->initializer_error = "no luck";
  MakePool(1);
  Submit(1, [] { return kTaskCompleted; });
  ASSERT_TRUE(Eventually([&] { return !journal_->Dropped().empty(); }));
  {
    internal::MutexLock lock(journal_->mu);
    ASSERT_EQ(journal_->why.size(), 2);
    EXPECT_EQ(journal_->why.link(0).kind, kInitializerFailed);
    EXPECT_EQ(journal_->why.link(1).type, "test.Error");
    EXPECT_EQ(journal_->why.link(1).message, "no luck");
  }
  EXPECT_THROW(Submit(2, [] { return kTaskCompleted; }), InitializerError);
  EXPECT_THROW(pool_->Test(), InitializerError);
}

TEST_F(ThreadPoolTest, AWorkerRunsAPendingTaskInline) {
  MakePool(1);
  Submit(1, [&] {
    const int64_t inner = Submit(2, [&] {
      started_.Notify();
      return kTaskCompleted;
    });
    EXPECT_TRUE(ThreadPool::RunInline(inner));
    EXPECT_TRUE(started_.HasBeenNotified());
    done_.Notify();
    return kTaskCompleted;
  });
  EXPECT_TRUE(done_.Wait());
  ASSERT_TRUE(CloseAndWait());
  EXPECT_EQ(pool_->Stats().completed, 2);
}

TEST_F(ThreadPoolTest, NoOtherThreadRunsATaskInline) {
  journal_->host_keeps_handles = true;
  MakePool(1);
  const int64_t handle = Submit(1, [&] {
    go_on_.Wait();
    return kTaskCompleted;
  });
  EXPECT_FALSE(ThreadPool::RunInline(handle));
  go_on_.Notify();
  ThreadPool::Release(handle);
}

TEST_F(ThreadPoolTest, AnotherWorkerStandsInForABlockedOne) {
  MakePool(1);
  Submit(1, [&] {
    Submit(2, [&] {
      started_.Notify();
      return kTaskCompleted;
    });
    EXPECT_TRUE(ThreadPool::BeginBlocking());
    EXPECT_TRUE(started_.Wait());
    ThreadPool::EndBlocking();
    done_.Notify();
    return kTaskCompleted;
  });
  EXPECT_TRUE(done_.Wait());
}

TEST_F(ThreadPoolTest, OutlivesItsObjectUntilItsTasksAreDone) {
  MakePool(1);
  Submit(1, [&] {
    go_on_.Wait();
    return kTaskCompleted;
  });
  Submit(2, [&] {
    done_.Notify();
    return kTaskCompleted;
  });
  pool_ = nullptr;
  EXPECT_FALSE(journal_->host_deleted);
  go_on_.Notify();
  EXPECT_TRUE(Eventually([&] { return journal_->host_deleted.load(); }));
  EXPECT_TRUE(done_.HasBeenNotified());
  EXPECT_EQ(journal_->terminated, 1);
}

class HostThreadsTest : public FakeHostTest {
 protected:
  void SetUp() override {
    pool_ = std::make_unique<ThreadPool>(
        new FakeHost(journal_),
        NativePoolOptions{
            .max_workers = 2, .name = "p", .host_makes_threads = true});
  }
};

TEST_F(HostThreadsTest, WorkersRunOnThreadsOfTheHost) {
  ASSERT_TRUE(Occupy(1));
  Submit(2, [&] {
    done_.Notify();
    return kTaskCompleted;
  });
  EXPECT_TRUE(done_.Wait());
  EXPECT_EQ(journal_->threads_made, 2);
  EXPECT_THAT(journal_->Begun(), ElementsAre("p-worker-1", "p-worker-2"));
  go_on_.Notify();
  ASSERT_TRUE(CloseAndWait());
  EXPECT_EQ(journal_->ended, 2);
  EXPECT_EQ(pool_->Stats().completed, 2);
}

TEST_F(HostThreadsTest, ATaskIsRefusedWhereTheHostHasNoThread) {
  journal_->has_threads = false;
  EXPECT_THROW(Submit(1, [] { return kTaskCompleted; }), RejectedError);
  journal_->has_threads = true;
  Submit(2, [&] {
    done_.Notify();
    return kTaskCompleted;
  });
  EXPECT_TRUE(done_.Wait());
}

// All of it stays for the worker, whose thread never returns.
TEST(LeaveForExitTest, APoolEndsWithoutTheWorkerThatWasLeft) {
  static auto* const journal =
      new std::shared_ptr<Journal>(std::make_shared<Journal>());
  static auto* const started = new testing::Notification;
  static std::atomic<int64_t> worker{0};
  static auto* const pool = new ThreadPool(new FakeHost(*journal),
                                           NativePoolOptions{.max_workers = 1});
  EXPECT_EQ(ThreadPool::CurrentWorker(), 0);
  {
    internal::MutexLock lock((*journal)->mu);
    (*journal)->tasks[1] = [] {
      worker = ThreadPool::CurrentWorker();
      started->Notify();
      while (true) pause();
      return kTaskCompleted;
    };
  }
  pool->Submit(1);
  ASSERT_TRUE(started->Wait());
  pool->Close(kCloseDrain);
  EXPECT_FALSE(pool->is_terminated());
  ThreadPool::LeaveForExit(worker);
  EXPECT_TRUE(pool->is_terminated());
  EXPECT_EQ((*journal)->terminated, 1);
}

}  // namespace
}  // namespace asyncpal::facade
