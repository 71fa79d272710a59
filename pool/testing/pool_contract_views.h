#ifndef ASYNCPAL_POOL_TESTING_POOL_CONTRACT_VIEWS_H_
#define ASYNCPAL_POOL_TESTING_POOL_CONTRACT_VIEWS_H_

#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/future.h"
#include "asyncpal/pool/options.h"
#include "asyncpal/pool/pool_view.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/testing/gate.h"
#include "asyncpal/pool/testing/pool_contract_tools.h"
#include "asyncpal/pool/testing/view_contract.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// What the views of every pool do.

namespace asyncpal::testing {

// Appends `n`, of one byte, to a file.
inline int Record(std::string file, int n) {
  std::ofstream(file, std::ios::app | std::ios::binary) << static_cast<char>(n);
  return n;
}

// A file for Record(), which tells in which order tasks ran.
class RunOrder {
 public:
  RunOrder() : file_(::testing::TempDir() + "/run_order_XXXXXX") {
    const int fd = mkstemp(file_.data());
    EXPECT_GE(fd, 0);
    close(fd);
  }
  ~RunOrder() { std::remove(file_.c_str()); }
  RunOrder(const RunOrder&) = delete;
  RunOrder& operator=(const RunOrder&) = delete;

  const std::string& file() const { return file_; }
  std::vector<int> Read() const {
    std::ifstream in(file_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in),
            std::istreambuf_iterator<char>()};
  }

 private:
  std::string file_;
};

template <typename Traits>
class PoolViewsContract : public ViewContract<Traits> {};
TYPED_TEST_SUITE_P(PoolViewsContract);

TYPED_TEST_P(PoolViewsContract, SerialViewRunsOneAtATime) {
  typename TypeParam::Pool pool({.max_workers = 2});
  Gate gate;
  Gate second;
  auto view = this->BusySerial(pool, gate);
  const auto waiting = view.Submit(PassGate, second.path(), 1);
  EXPECT_EQ(pool.Run(Square, 3), 9);  // a worker was free all the time
  EXPECT_EQ(second.CountArrivals(), 0);
  EXPECT_TRUE(waiting.is_pending());
  gate.Open();
  EXPECT_TRUE(second.WaitForArrivals(1));
  second.Open();
  EXPECT_EQ(waiting.Collect(kLong), 1);
}

TYPED_TEST_P(PoolViewsContract, SerialViewKeepsTheOrderOfSubmission) {
  typename TypeParam::Pool pool({.max_workers = 4});
  auto view = pool.Serial();
  const RunOrder order;
  std::vector<Future<int>> futures;
  for (int i = 0; i < 100; ++i) {
    futures.push_back(view.Submit(Record, order.file(), i));
  }
  for (const auto& future : futures) future.Collect(kLong);
  EXPECT_EQ(order.Read(), Numbers(100));
}

TYPED_TEST_P(PoolViewsContract, LimitedViewRunsSoManyAtOnceAndNoMore) {
  typename TypeParam::Pool pool({.max_workers = 3});
  Gate gate;
  auto view = pool.Limited(2);
  std::vector<Future<int>> futures;
  for (int i = 0; i < 4; ++i) {
    futures.push_back(view.Submit(PassGate, gate.path(), i));
  }
  ASSERT_TRUE(gate.WaitForArrivals(2));
  EXPECT_EQ(pool.Run(Square, 3), 9);
  EXPECT_EQ(gate.CountArrivals(), 0);
  const PoolStats stats = pool.Stats();
  EXPECT_EQ(stats.pending, 2);
  EXPECT_EQ(stats.running, 2);
  gate.Open();
  for (int i = 0; i < 4; ++i) EXPECT_EQ(futures[i].Collect(kLong), i);
}

TYPED_TEST_P(PoolViewsContract, LimitBelowOneIsRefusedByItsName) {
  typename TypeParam::Pool pool({.max_workers = 1});
  for (const int n : {0, -1}) {
    EXPECT_EQ(ThrownChain([&] { pool.Limited(n); }),
              "Limited: n is " + std::to_string(n) + "; it must be at least 1");
  }
}

TYPED_TEST_P(PoolViewsContract, ViewTellsItsNameAndLimit) {
  typename TypeParam::Pool pool({.max_workers = 1});
  EXPECT_EQ(pool.Serial("mail").name(), "mail");
  EXPECT_EQ(pool.Serial().limit(), 1);
  EXPECT_EQ(pool.Limited(7).limit(), 7);
}

TYPED_TEST_P(PoolViewsContract, ViewGoesToTheBackOfTheQueueEachTime) {
  typename TypeParam::Pool pool({.max_workers = 1});
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  auto view = pool.Serial();
  const RunOrder order;
  std::vector<Future<int>> futures;
  for (const int i : {1, 2, 3}) {
    futures.push_back(view.Submit(Record, order.file(), i));
  }
  for (const int i : {11, 12}) {
    futures.push_back(pool.Submit(Record, order.file(), i));
  }
  gate.Open();
  for (const auto& future : futures) future.Collect(kLong);
  EXPECT_THAT(order.Read(), ::testing::ElementsAre(1, 11, 12, 2, 3));
}

TYPED_TEST_P(PoolViewsContract, FailedTaskPassesItsPlaceOn) {
  typename TypeParam::Pool pool({.max_workers = 2});
  auto view = pool.Serial();
  const auto failing = view.Submit(ThrowOutOfRange);
  EXPECT_EQ(view.Submit(Square, 5).Collect(kLong), 25);
  EXPECT_THROW(failing.Collect(kLong), std::out_of_range);
}

TYPED_TEST_P(PoolViewsContract, WaitingTaskIsCancelledAtOnce) {
  typename TypeParam::Pool pool({.max_workers = 2});
  Gate gate;
  auto view = this->BusySerial(pool, gate);
  auto cancelled = view.Submit(Square, 2);
  const auto kept = view.Submit(Square, 3);
  EXPECT_TRUE(cancelled.Cancel());
  EXPECT_TRUE(cancelled.is_cancelled());
  const PoolStats stats = pool.Stats();
  EXPECT_EQ(stats.cancelled, 1);
  EXPECT_EQ(stats.pending, 1);
  EXPECT_EQ(stats.submitted, 3);
  gate.Open();
  EXPECT_EQ(kept.Collect(kLong), 9);
}

TYPED_TEST_P(PoolViewsContract, CancelledTaskInTheQueuePassesItsPlaceOn) {
  typename TypeParam::Pool pool({.max_workers = 1});
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  auto view = pool.Serial();
  auto first = view.Submit(Square, 2);
  const auto second = view.Submit(Square, 3);
  EXPECT_TRUE(first.Cancel());
  gate.Open();
  EXPECT_EQ(second.Collect(kLong), 9);
}

TYPED_TEST_P(PoolViewsContract, CountsWhatWaitsAsPending) {
  typename TypeParam::Pool pool({.max_workers = 2});
  Gate gate;
  auto view = this->BusySerial(pool, gate);
  std::vector<Future<int>> futures;
  for (int i = 0; i < 3; ++i) futures.push_back(view.Submit(Square, i));
  const PoolStats stats = pool.Stats();
  EXPECT_EQ(stats.submitted, 4);
  EXPECT_EQ(stats.pending, 3);
  EXPECT_EQ(stats.running, 1);
  EXPECT_EQ(pool.CountPendingTasks(), 3);
  gate.Open();
  for (const auto& future : futures) future.Wait(kLong);
  EXPECT_TRUE(Eventually([&] { return pool.Stats().completed == 4; }));
  EXPECT_EQ(pool.Stats().pending, 0);
}

TYPED_TEST_P(PoolViewsContract, JoinWaitsForWhatWaits) {
  typename TypeParam::Pool pool({.max_workers = 2});
  Gate gate;
  auto view = this->BusySerial(pool, gate);
  const auto waiting = view.Submit(Square, 2);
  EXPECT_FALSE(pool.Join(absl::Milliseconds(20)));
  gate.Open();
  EXPECT_TRUE(pool.Join(kLong));
  EXPECT_TRUE(waiting.is_completed());
}

TYPED_TEST_P(PoolViewsContract, ShutdownCancelsWhatWaitsAndHandsItBack) {
  typename TypeParam::Pool other({.max_workers = 1});
  typename TypeParam::Pool pool({.max_workers = 2});
  Gate gate;
  Gate touched;
  auto view = this->BusySerial(pool, gate);
  std::vector<Future<int>> waiting;
  for (int i = 0; i < 3; ++i) {
    waiting.push_back(view.Submit(TouchGate, touched.path(), i));
  }
  JoiningThread closer([&] { pool.Shutdown(); });
  for (const auto& future : waiting) {
    EXPECT_TRUE(future.Wait(kLong));
    EXPECT_TRUE(future.is_cancelled());
  }
  gate.Open();
  closer.Join();
  EXPECT_TRUE(pool.is_terminated());
  auto tasks = pool.TakeCancelledTasks();
  EXPECT_EQ(tasks.size(), 3u);
  for (auto& task : tasks) other.Post(std::move(task));
  EXPECT_TRUE(touched.WaitForArrivals(3));
}

TYPED_TEST_P(PoolViewsContract, DrainRunsWhatWaits) {
  typename TypeParam::Pool pool({.max_workers = 2});
  Gate gate;
  auto view = this->BusySerial(pool, gate);
  std::vector<Future<int>> waiting;
  for (int i = 0; i < 5; ++i) waiting.push_back(view.Submit(Square, i));
  JoiningThread closer([&] { pool.Shutdown({.mode = ShutdownMode::kDrain}); });
  ASSERT_TRUE(Eventually([&] { return pool.is_closed(); }));
  EXPECT_THROW(view.Submit(Square, 9), ClosedPoolError);
  gate.Open();
  closer.Join();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(waiting[i].Collect(kLong), i * i);
}

TYPED_TEST_P(PoolViewsContract, ViewOutlivesItsPoolAndRefusesTasks) {
  std::optional<PoolView<typename TypeParam::Pool>> view;
  {
    typename TypeParam::Pool pool({.max_workers = 1, .name = "gone"});
    view.emplace(pool.Serial());
  }
  EXPECT_THROW(view->Submit(Square, 2), ClosedPoolError);
  EXPECT_THROW(view->Post(DoNothing), ClosedPoolError);
}

TYPED_TEST_P(PoolViewsContract, TasksOutliveTheirView) {
  typename TypeParam::Pool pool({.max_workers = 2});
  Gate gate;
  Future<int> last;
  {
    auto view = this->BusySerial(pool, gate);
    view.Submit(Square, 2);
    last = view.Submit(Square, 3);
  }
  gate.Open();
  EXPECT_EQ(last.Collect(kLong), 9);
}

TYPED_TEST_P(PoolViewsContract, FullPoolCountsWhatWaits) {
  typename TypeParam::Pool pool(
      {.max_workers = 1, .max_pending = 2, .when_full = WhenFull::kReject});
  Gate gate;
  auto view = this->BusySerial(pool, gate);
  const auto first = view.Submit(Square, 2);
  const auto second = view.Submit(Square, 3);
  EXPECT_THROW(view.Submit(Square, 4), RejectedError);
  EXPECT_THROW(pool.Submit(Square, 4), RejectedError);
  EXPECT_EQ(pool.Stats().rejected, 2);
  gate.Open();
  EXPECT_EQ(second.Collect(kLong), 9);
}

TYPED_TEST_P(PoolViewsContract, FullPoolBlocksASubmissionToAView) {
  typename TypeParam::Pool pool({.max_workers = 1, .max_pending = 1});
  Gate gate;
  auto view = this->BusySerial(pool, gate);
  const auto first = view.Submit(Square, 2);
  Future<int> second;
  JoiningThread submitter([&] { second = view.Submit(Square, 3); });
  EXPECT_EQ(pool.CountPendingTasks(), 1);
  gate.Open();
  submitter.Join();
  EXPECT_EQ(second.Collect(kLong), 9);
}

TYPED_TEST_P(PoolViewsContract, OldestMakesRoomAlsoWhereItWaitsInAView) {
  typename TypeParam::Pool pool(
      {.max_workers = 1, .max_pending = 2, .when_full = WhenFull::kDropOldest});
  Gate gate;
  auto view = this->BusySerial(pool, gate);
  const auto first = view.Submit(Square, 2);
  const auto second = view.Submit(Square, 3);
  const auto third = view.Submit(Square, 4);
  EXPECT_THROW(first.Collect(kLong), RejectedError);
  gate.Open();
  EXPECT_EQ(third.Collect(kLong), 16);
  EXPECT_EQ(second.Collect(kLong), 9);
}

TYPED_TEST_P(PoolViewsContract, QueueDeadlineCountsFromTheSubmission) {
  typename TypeParam::Pool pool({.max_workers = 2});
  Gate gate;
  auto view = this->BusySerial(pool, gate);
  const auto late = view.Submit(
      TaskOptions{.queue_deadline = absl::Milliseconds(1)}, Square, 2);
  EXPECT_THROW(late.Collect(kLong), TimeoutError);
  EXPECT_EQ(pool.Stats().expired, 1);
  gate.Open();
  EXPECT_EQ(view.Submit(Square, 3).Collect(kLong), 9);
}

TYPED_TEST_P(PoolViewsContract, ViewRunsPostsAndMaps) {
  typename TypeParam::Pool pool({.max_workers = 2});
  auto view = pool.Limited(2);
  view.Post(DoNothing);
  EXPECT_EQ(view.Run(Square, 4), 16);
  EXPECT_EQ(view.MapAll(Square, Numbers(5)),
            (std::vector<int>{0, 1, 4, 9, 16}));
  EXPECT_EQ(ToVector(view.Map(Square, Numbers(3))),
            (std::vector<int>{0, 1, 4}));
  EXPECT_TRUE(pool.Join(kLong));
  EXPECT_EQ(pool.Stats().completed, 1 + 1 + 5 + 3);
}

TYPED_TEST_P(PoolViewsContract, OneKeyRunsOneAtATimeAndKeysSideBySide) {
  typename TypeParam::Pool pool({.max_workers = 3});
  auto keyed = pool.template Keyed<std::string>();
  Gate a;
  Gate b;
  std::vector<Future<int>> futures;
  for (int i = 0; i < 2; ++i) {
    futures.push_back(keyed.Submit("a", PassGate, a.path(), i));
    futures.push_back(keyed.Submit("b", PassGate, b.path(), i));
  }
  EXPECT_TRUE(a.WaitForArrivals(1));
  EXPECT_TRUE(b.WaitForArrivals(1));
  EXPECT_EQ(pool.Run(Square, 3), 9);
  EXPECT_EQ(a.CountArrivals(), 0);
  EXPECT_EQ(b.CountArrivals(), 0);
  a.Open();
  b.Open();
  for (int i = 0; i < 4; ++i) EXPECT_EQ(futures[i].Collect(kLong), i / 2);
}

TYPED_TEST_P(PoolViewsContract, KeyKeepsTheOrderOfSubmission) {
  typename TypeParam::Pool pool({.max_workers = 3});
  auto keyed = pool.template Keyed<int>();
  const std::array<RunOrder, 5> orders;
  std::vector<Future<int>> futures;
  for (int i = 0; i < 20; ++i) {
    for (size_t key = 0; key < orders.size(); ++key) {
      futures.push_back(
          keyed.Submit(static_cast<int>(key), Record, orders[key].file(), i));
    }
  }
  for (const auto& future : futures) future.Collect(kLong);
  for (const RunOrder& order : orders) EXPECT_EQ(order.Read(), Numbers(20));
}

TYPED_TEST_P(PoolViewsContract, KeyHasAViewOfItsOwn) {
  typename TypeParam::Pool pool({.max_workers = 2});
  auto keyed = pool.template Keyed<std::string>();
  keyed.Post("a", DoNothing);
  EXPECT_EQ(keyed.Run("a", Square, 3), 9);
  EXPECT_EQ(keyed.Key("a").MapAll(Square, Numbers(3)),
            (std::vector<int>{0, 1, 4}));
}

REGISTER_TYPED_TEST_SUITE_P(
    PoolViewsContract, SerialViewRunsOneAtATime,
    SerialViewKeepsTheOrderOfSubmission, LimitedViewRunsSoManyAtOnceAndNoMore,
    LimitBelowOneIsRefusedByItsName, ViewTellsItsNameAndLimit,
    ViewGoesToTheBackOfTheQueueEachTime, FailedTaskPassesItsPlaceOn,
    WaitingTaskIsCancelledAtOnce, CancelledTaskInTheQueuePassesItsPlaceOn,
    CountsWhatWaitsAsPending, JoinWaitsForWhatWaits,
    ShutdownCancelsWhatWaitsAndHandsItBack, DrainRunsWhatWaits,
    ViewOutlivesItsPoolAndRefusesTasks, TasksOutliveTheirView,
    FullPoolCountsWhatWaits, FullPoolBlocksASubmissionToAView,
    OldestMakesRoomAlsoWhereItWaitsInAView,
    QueueDeadlineCountsFromTheSubmission, ViewRunsPostsAndMaps,
    OneKeyRunsOneAtATimeAndKeysSideBySide, KeyKeepsTheOrderOfSubmission,
    KeyHasAViewOfItsOwn);

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_POOL_TESTING_POOL_CONTRACT_VIEWS_H_
