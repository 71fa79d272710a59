#include "asyncpal/bindings/facade/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/future/testing/notification.h"
#include "asyncpal/pool/testing/eventually.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::facade {
namespace {

using ::asyncpal::testing::Eventually;
using ::asyncpal::testing::Notification;
using ::testing::ElementsAre;

// What the fake host has seen, which outlives it.
struct Journal {
  internal::Mutex mu;
  std::map<int64_t, std::function<int()>> tasks ABSL_GUARDED_BY(mu);
  std::vector<int64_t> dropped ABSL_GUARDED_BY(mu);
  std::vector<int64_t> expired ABSL_GUARDED_BY(mu);
  Failure why ABSL_GUARDED_BY(mu);  // of the last one of both
  std::vector<std::string> begun ABSL_GUARDED_BY(mu);
  std::atomic<int> ended{0};
  std::atomic<int> terminated{0};
  std::atomic<int> joined{0};
  std::atomic<int64_t> last_join{0};
  std::atomic<bool> settled{true};  // what the last Settle() said
  std::atomic<bool> host_deleted{false};
  std::atomic<bool> host_keeps_handles{false};
  std::atomic<bool> host_goes_on{false};
  std::atomic<int> calls_of_run{0};
  std::string initializer_error;  // const once shared

  std::vector<int64_t> Dropped() {
    internal::MutexLock lock(mu);
    return dropped;
  }
  std::vector<int64_t> Expired() {
    internal::MutexLock lock(mu);
    return expired;
  }
  Failure Why() {
    internal::MutexLock lock(mu);
    return why;
  }
  std::vector<std::string> Begun() {
    internal::MutexLock lock(mu);
    return begun;
  }
};

// Runs tasks that return a TaskOutcome.
class FakeHost : public Host {
 public:
  explicit FakeHost(std::shared_ptr<Journal> journal)
      : journal_(std::move(journal)) {}
  ~FakeHost() override { journal_->host_deleted = true; }

  void BeginWorker(const std::string& name, Failure& failure) override {
    if (!journal_->initializer_error.empty()) {
      failure.Add(kRemoteFailure, "test.Error", journal_->initializer_error, "",
                  "");
    }
    internal::MutexLock lock(journal_->mu);
    journal_->begun.push_back(name);
  }
  void EndWorker(Failure&) override { ++journal_->ended; }

  bool Run(int64_t task) override {
    ++journal_->calls_of_run;
    const bool keeps = journal_->host_keeps_handles;
    RunOne(task);
    if (!journal_->host_goes_on) return keeps;
    while ((task = ThreadPool::GoOn(keeps)) != kNoTask) RunOne(task);
    return keeps;
  }
  bool Drop(int64_t task, const Failure& why) override {
    internal::MutexLock lock(journal_->mu);
    journal_->dropped.push_back(task);
    journal_->why = why;
    return journal_->host_keeps_handles;
  }
  void Expire(int64_t task, const Failure& why) override {
    internal::MutexLock lock(journal_->mu);
    journal_->expired.push_back(task);
    journal_->why = why;
  }
  void Joined(int64_t join) override {
    journal_->last_join = join;
    ++journal_->joined;
  }
  void Terminated() override { ++journal_->terminated; }

 private:
  void RunOne(int64_t task) {
    std::function<int()> body;
    {
      internal::MutexLock lock(journal_->mu);
      body = std::move(journal_->tasks.at(task));
      journal_->tasks.erase(task);
    }
    journal_->settled = ThreadPool::Settle(body());
  }

  const std::shared_ptr<Journal> journal_;
};

class ThreadPoolTest : public ::testing::Test {
 protected:
  ThreadPool& MakePool(int max_workers) {
    pool_ = std::make_unique<ThreadPool>(
        new FakeHost(journal_),
        PoolSettings{.max_workers = max_workers, .name = "p"});
    return *pool_;
  }
  void Keep(int64_t id, std::function<int()> body) {
    internal::MutexLock lock(journal_->mu);
    journal_->tasks[id] = std::move(body);
  }
  int64_t Submit(int64_t id, std::function<int()> body) {
    Keep(id, std::move(body));
    return pool_->Submit(id);
  }
  int64_t Submit(int64_t id, const TaskSettings& settings,
                 std::function<int()> body) {
    Keep(id, std::move(body));
    return pool_->Submit(id, settings);
  }
  // Keeps the one worker busy until go_on_.
  bool Occupy(int64_t id) {
    Submit(id, [&] {
      started_.Notify();
      go_on_.Wait();
      return kTaskCompleted;
    });
    return started_.Wait();
  }
  bool CloseAndWait() {
    pool_->Close(kCloseDrain);
    return Eventually([&] { return pool_->is_terminated(); });
  }
  void TearDown() override {
    if (pool_ == nullptr) return;
    ASSERT_TRUE(CloseAndWait());
    pool_ = nullptr;
    EXPECT_TRUE(Eventually([&] { return journal_->host_deleted.load(); }));
  }

  std::shared_ptr<Journal> journal_ = std::make_shared<Journal>();
  std::unique_ptr<ThreadPool> pool_;

  // Here, since tasks may look at them until the pool has terminated.
  Notification started_;
  Notification go_on_;
  Notification done_;
};

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
      PoolSettings{.max_workers = 1, .max_tasks_per_worker = 3});
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

// --- Settings of a task ---

TEST_F(ThreadPoolTest, ATaskWithinItsLimitsEndsAsAnyOther) {
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

TEST_F(ThreadPoolTest, ARunningTaskIsListedByItsName) {
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

TEST_F(ThreadPoolTest, ATaskThatMissesItsQueueDeadlineIsDropped) {
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

TEST_F(ThreadPoolTest, ATaskThatOutrunsItsTimeoutExpires) {
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

TEST_F(ThreadPoolTest, ATaskThatHasExpiredKeepsItsHandle) {
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

TEST_F(ThreadPoolTest, AHostThatGoesOnLeavesTasksWithSettingsToThePool) {
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

TEST_F(ThreadPoolTest, ATaskWithSettingsIsCancelledAndDroppedAsAnyOther) {
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

TEST_F(ThreadPoolTest, BadSettingsOfATaskAreRefused) {
  MakePool(1);
  const auto task = [] { return kTaskCompleted; };
  EXPECT_THROW(Submit(1, {.timeout = -1}, task), std::invalid_argument);
  EXPECT_THROW(Submit(2, {.queue_deadline = -1}, task), std::invalid_argument);
  EXPECT_THROW(Submit(3, {.max_attempts = 0}, task), std::invalid_argument);
  EXPECT_EQ(pool_->Stats().submitted, 0);
}

// --- Join ---

TEST_F(ThreadPoolTest, AJoinOfAQuietPoolEndsAtOnce) {
  MakePool(1);
  const int64_t join = pool_->StartJoin(7);
  EXPECT_EQ(journal_->joined, 1);
  EXPECT_EQ(journal_->last_join, 7);
  EXPECT_FALSE(pool_->EndJoin(join));
}

TEST_F(ThreadPoolTest, AJoinEndsWhenAllIsDoneAndNoWorkerIsLeft) {
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

TEST_F(ThreadPoolTest, AJoinSendsIdleWorkersHome) {
  pool_ = std::make_unique<ThreadPool>(
      new FakeHost(journal_),
      PoolSettings{.max_workers = 1, .idle_timeout = kForever});
  pool_->SpawnMaxWorkers();
  pool_->StartJoin(7);
  EXPECT_TRUE(Eventually([&] { return journal_->joined == 1; }));
}

TEST_F(ThreadPoolTest, AJoinThatIsGivenUpIsNotTold) {
  MakePool(1);
  ASSERT_TRUE(Occupy(1));
  EXPECT_TRUE(pool_->EndJoin(pool_->StartJoin(7)));
  go_on_.Notify();
  ASSERT_TRUE(CloseAndWait());
  EXPECT_EQ(journal_->joined, 0);
}

TEST_F(ThreadPoolTest, AJoinInsideAWorkerIsRefused) {
  MakePool(1);
  Submit(1, [&] {
    EXPECT_THROW(pool_->StartJoin(7), InvalidStateError);
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

}  // namespace
}  // namespace asyncpal::facade
