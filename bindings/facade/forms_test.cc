#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "asyncpal/bindings/facade/fake_host.h"
#include "asyncpal/bindings/facade/thread_pool.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/pool/testing/eventually.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// Priorities, pauses, sizes and views, as a host sees them.

namespace asyncpal::facade {
namespace {

using ::asyncpal::testing::Eventually;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FormsTest : public FakeHostTest {
 protected:
  // A task that notes its number.
  std::function<int()> Noting(int64_t id) {
    return [this, id] {
      internal::MutexLock lock(order_mu_);
      order_.push_back(id);
      return kTaskCompleted;
    };
  }
  int64_t SubmitTo(const View& view, int64_t key, int64_t id,
                   std::function<int()> body) {
    Keep(id, std::move(body));
    return pool_->SubmitToView(view, key, id, {});
  }
  std::vector<int64_t> Order() {
    internal::MutexLock lock(order_mu_);
    return order_;
  }

  internal::Mutex order_mu_;
  std::vector<int64_t> order_ ABSL_GUARDED_BY(order_mu_);
};

TEST_F(FormsTest, TasksBeginByTheirPriority) {
  MakePool(1);
  ASSERT_TRUE(Occupy(1));
  Submit(2, {.priority = 0}, Noting(2));
  Submit(3, {.priority = 2}, Noting(3));
  Submit(4, {.priority = 4}, Noting(4));
  go_on_.Notify();
  ASSERT_TRUE(CloseAndWait());
  EXPECT_THAT(Order(), ElementsAre(4, 3, 2));
}

TEST_F(FormsTest, RefusesAPriorityAndAWishThatThereAreNot) {
  MakePool(1);
  EXPECT_THROW(pool_->Submit(1, {.priority = 5}), std::invalid_argument);
  EXPECT_THROW(pool_->Submit(1, {.at_shutdown = -1}), std::invalid_argument);
  EXPECT_EQ(pool_->Stats().submitted, 0);
}

TEST_F(FormsTest, AShutdownDoesWithATaskAsThatAsks) {
  MakePool(1);
  ASSERT_TRUE(Occupy(1));
  Submit(2, {.at_shutdown = 0}, Noting(2));
  Submit(3, {.at_shutdown = 2}, Noting(3));
  pool_->Close(kCloseCancelPending);
  EXPECT_THAT(journal_->Dropped(), ElementsAre(2));
  go_on_.Notify();
  ASSERT_TRUE(Eventually([&] { return pool_->is_terminated(); }));
  EXPECT_THAT(Order(), ElementsAre(3));
}

TEST_F(FormsTest, NothingBeginsInAPausedPool) {
  MakePool(2);
  pool_->Pause();
  pool_->Pause();
  EXPECT_TRUE(pool_->is_paused());
  Submit(1, Noting(1));
  EXPECT_TRUE(pool_->Resume());
  EXPECT_EQ(pool_->Stats().pending, 1);
  EXPECT_THAT(Order(), ElementsAre());
  EXPECT_TRUE(pool_->Resume());
  EXPECT_FALSE(pool_->Resume());
  EXPECT_TRUE(Eventually([&] { return pool_->Stats().completed == 1; }));
}

TEST_F(FormsTest, APausedPoolSaysWhenNothingRunsAnyMore) {
  MakePool(1);
  ASSERT_TRUE(Occupy(1));
  pool_->Pause();
  EXPECT_FALSE(pool_->IsQuiet());
  go_on_.Notify();
  EXPECT_TRUE(Eventually([&] { return pool_->IsQuiet(); }));
  EXPECT_TRUE(pool_->is_paused());
  EXPECT_TRUE(pool_->Resume());
  EXPECT_FALSE(pool_->is_paused());
}

TEST_F(FormsTest, APoolChangesItsSize) {
  MakePool(1);
  ASSERT_TRUE(Occupy(1));
  Submit(2, [&] {
    done_.Notify();
    return kTaskCompleted;
  });
  pool_->set_max_workers(2);
  EXPECT_EQ(pool_->max_workers(), 2);
  EXPECT_TRUE(done_.Wait());
  EXPECT_THROW(pool_->set_max_workers(0), std::invalid_argument);
  EXPECT_THROW(pool_->set_min_workers(3), std::invalid_argument);
  pool_->set_min_workers(2);
  EXPECT_EQ(pool_->min_workers(), 2);
  go_on_.Notify();
}

TEST_F(FormsTest, ViewsRunTheirTasksOneAtATimeAndInOrder) {
  MakePool(4);
  const std::unique_ptr<View> view(pool_->NewView(1, "log"));
  testing::Notification& first = go_on_;
  SubmitTo(*view, 0, 1, [&] {
    started_.Notify();
    first.Wait();
    return kTaskCompleted;
  });
  ASSERT_TRUE(started_.Wait());
  for (int64_t id = 2; id < 20; ++id) SubmitTo(*view, 0, id, Noting(id));
  Submit(20, [&] {
    done_.Notify();
    return kTaskCompleted;
  });
  EXPECT_TRUE(done_.Wait());  // the pool has other workers
  EXPECT_EQ(pool_->Stats().pending, 18);
  first.Notify();
  ASSERT_TRUE(CloseAndWait());  // a drain runs what the view holds
  std::vector<int64_t> expected;
  for (int64_t id = 2; id < 20; ++id) expected.push_back(id);
  EXPECT_EQ(Order(), expected);
}

TEST_F(FormsTest, KeysRunBesideEachOther) {
  MakePool(2);
  const std::unique_ptr<View> keyed(pool_->NewKeyedView());
  SubmitTo(*keyed, 1, 1, [&] {
    started_.Notify();
    go_on_.Wait();
    return kTaskCompleted;
  });
  ASSERT_TRUE(started_.Wait());
  SubmitTo(*keyed, 1, 2, Noting(2));
  SubmitTo(*keyed, 2, 3, [&] {
    done_.Notify();
    return kTaskCompleted;
  });
  EXPECT_TRUE(done_.Wait());
  EXPECT_THAT(Order(), ElementsAre());
  go_on_.Notify();
  EXPECT_TRUE(Eventually([&] { return pool_->Stats().completed == 3; }));
}

TEST_F(FormsTest, APlaceThatIsKeptHoldsUpTheNextTask) {
  MakePool(2);
  const std::unique_ptr<View> view(pool_->NewView(1, ""));
  int64_t kept = 0;
  SubmitTo(*view, 0, 1, [&] {
    kept = ThreadPool::KeepPlace();
    return kTaskCompleted;
  });
  ASSERT_TRUE(Eventually([&] { return pool_->Stats().completed == 1; }));
  ASSERT_NE(kept, 0);
  SubmitTo(*view, 0, 2, Noting(2));
  EXPECT_EQ(pool_->Stats().pending, 1);
  ThreadPool::EndPlace(kept);
  EXPECT_TRUE(Eventually([&] { return pool_->Stats().completed == 2; }));
}

TEST_F(FormsTest, ATaskHasNoPlaceOutsideOfViews) {
  MakePool(1);
  Submit(1, [&] {
    EXPECT_EQ(ThreadPool::KeepPlace(), 0);
    return kTaskCompleted;
  });
  ASSERT_TRUE(CloseAndWait());
}

TEST_F(FormsTest, AWaitForATaskBehindInASerialViewIsRefused) {
  journal_->host_keeps_handles = true;
  MakePool(2);
  const std::unique_ptr<View> view(pool_->NewView(1, "log"));
  std::string error;
  int64_t behind = 0;
  const int64_t first = SubmitTo(*view, 0, 1, [&] {
    behind = SubmitTo(*view, 0, 2, Noting(2));
    try {
      ThreadPool::RunInline(behind);
    } catch (const InvalidStateError& e) {
      error = e.what();
    }
    done_.Notify();
    return kTaskCompleted;
  });
  ASSERT_TRUE(done_.Wait());
  ASSERT_TRUE(CloseAndWait());
  EXPECT_THAT(error, AllOf(HasSubstr("serial view 'log'"), HasSubstr("waits")));
  ThreadPool::Release(first);
  ThreadPool::Release(behind);
}

TEST_F(FormsTest, ATaskRunsOneBehindItInItsOwnPlaceWhereThereAreMore) {
  journal_->host_keeps_handles = true;
  MakePool(1);
  const std::unique_ptr<View> view(pool_->NewView(2, ""));
  int64_t second = 0;
  int64_t third = 0;
  bool has_run = false;
  const int64_t first = SubmitTo(*view, 0, 1, [&] {
    // Takes the other place, so that the next one is held.
    second = SubmitTo(*view, 0, 2, Noting(2));
    third = SubmitTo(*view, 0, 3, Noting(3));
    has_run = ThreadPool::RunInline(third);
    done_.Notify();
    return kTaskCompleted;
  });
  ASSERT_TRUE(done_.Wait());
  ASSERT_TRUE(CloseAndWait());
  EXPECT_TRUE(has_run);
  EXPECT_THAT(Order(), ElementsAre(3, 2));
  for (const int64_t handle : {first, second, third}) {
    ThreadPool::Release(handle);
  }
}

TEST_F(FormsTest, AFullPoolCountsWhatAViewHolds) {
  pool_ = std::make_unique<ThreadPool>(
      new FakeHost(journal_),
      NativePoolOptions{.max_workers = 1, .name = "p", .max_pending = 1});
  const std::unique_ptr<View> view(pool_->NewView(1, ""));
  SubmitTo(*view, 0, 1, [&] {
    started_.Notify();
    go_on_.Wait();
    return kTaskCompleted;
  });
  ASSERT_TRUE(started_.Wait());
  EXPECT_NE(SubmitTo(*view, 0, 2, Noting(2)), kNoHandle);
  EXPECT_EQ(SubmitTo(*view, 0, 3, Noting(3)), kNoHandle);
  EXPECT_FALSE(pool_->WaitForRoom(1));
  go_on_.Notify();
  EXPECT_TRUE(Eventually([&] { return pool_->WaitForRoom(1000000); }));
  EXPECT_NE(pool_->SubmitToView(*view, 0, 3, {}), kNoHandle);
  ASSERT_TRUE(CloseAndWait());
  EXPECT_THAT(Order(), ElementsAre(2, 3));
}

TEST_F(FormsTest, AFullPoolCountsWhatWaitsInTheHost) {
  pool_ = std::make_unique<ThreadPool>(
      new FakeHost(journal_),
      NativePoolOptions{.max_workers = 1, .name = "p", .max_pending = 1});
  const std::unique_ptr<View> view(pool_->NewView(1, ""));
  EXPECT_TRUE(pool_->Reserve(/*needs_room=*/true, /*now=*/false));
  EXPECT_FALSE(pool_->Reserve(/*needs_room=*/true, /*now=*/false));
  EXPECT_FALSE(pool_->WaitForReservation(1));
  EXPECT_TRUE(pool_->Reserve(/*needs_room=*/true, /*now=*/true))
      << "a worker is free";
  EXPECT_TRUE(pool_->Reserve(/*needs_room=*/false, /*now=*/false));
  SubmitTo(*view, 0, 1, [&] {
    started_.Notify();
    go_on_.Wait();
    return kTaskCompleted;
  });
  ASSERT_TRUE(started_.Wait());
  EXPECT_EQ(SubmitTo(*view, 0, 2, Noting(2)), kNoHandle);
  for (int i = 0; i < 3; ++i) pool_->FreeReserved();
  EXPECT_TRUE(pool_->WaitForReservation(1));
  EXPECT_NE(pool_->SubmitToView(*view, 0, 2, {}), kNoHandle);
  go_on_.Notify();
  ASSERT_TRUE(CloseAndWait());
  EXPECT_THAT(Order(), ElementsAre(2));
}

TEST_F(FormsTest, AFullPoolThatRejectsRefusesWhatIsToWaitInTheHost) {
  pool_ = std::make_unique<ThreadPool>(
      new FakeHost(journal_), NativePoolOptions{.max_workers = 1,
                                                .name = "p",
                                                .max_pending = 1,
                                                .when_full = 1});  // rejects
  EXPECT_TRUE(pool_->Reserve(/*needs_room=*/true, /*now=*/false));
  EXPECT_THROW(pool_->Reserve(/*needs_room=*/true, /*now=*/false),
               RejectedError);
  EXPECT_EQ(pool_->Stats().rejected, 1);
  pool_->FreeReserved();
  ASSERT_TRUE(CloseAndWait());
  EXPECT_THROW(pool_->Reserve(/*needs_room=*/true, /*now=*/false),
               ClosedPoolError);
}

TEST_F(FormsTest, AClosedPoolRefusesTasksOfItsViews) {
  MakePool(1);
  const std::unique_ptr<View> view(pool_->NewView(1, ""));
  ASSERT_TRUE(CloseAndWait());
  EXPECT_THROW(SubmitTo(*view, 0, 1, Noting(1)), ClosedPoolError);
}

TEST_F(FormsTest, ATaskThatMissesItsTimeoutHasItsPlaceUntilItReturns) {
  MakePool(2);
  const std::unique_ptr<View> view(pool_->NewView(1, ""));
  Keep(1, [&] {
    started_.Notify();
    go_on_.Wait();
    return kTaskCompleted;
  });
  pool_->SubmitToView(*view, 0, 1, {.timeout = 50000000});
  // It may not have begun by then, on a slow machine.
  ASSERT_TRUE(Eventually([&] {
    return !journal_->Expired().empty() || !journal_->Dropped().empty();
  }));
  SubmitTo(*view, 0, 2, Noting(2));
  if (!journal_->Expired().empty()) {
    EXPECT_EQ(pool_->Stats().pending, 1);
  }
  go_on_.Notify();
  EXPECT_TRUE(Eventually([&] { return pool_->Stats().completed == 1; }));
}

TEST_F(FormsTest, CountsWhatTheHostTriesAgain) {
  MakePool(1);
  pool_->CountRetry();
  EXPECT_EQ(pool_->Stats().retried, 1);
}

TEST_F(FormsTest, AViewHasAPlaceAtLeast) {
  MakePool(1);
  EXPECT_THROW(pool_->NewView(0, ""), std::invalid_argument);
}

}  // namespace
}  // namespace asyncpal::facade
