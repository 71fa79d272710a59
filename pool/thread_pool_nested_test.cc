#include <atomic>
#include <cstdint>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/future.h"
#include "asyncpal/future/testing/notification.h"
#include "asyncpal/future/wait.h"
#include "asyncpal/pool/thread_pool.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// Tasks that tasks submit: in pools of two workers and more they go to the
// submitting worker's own queue. Nothing of that may show.

namespace asyncpal {
namespace {

using testing::kDeadline;
using testing::Notification;

// A pool of two, one of whose workers is kept busy while this lives.
class NestedTasks : public ::testing::Test {
 protected:
  void KeepOneBusy() {
    busy_ = pool_->Submit([this] {
      started_.Notify();
      release_.Wait();
    });
    ASSERT_TRUE(started_.Wait());
  }
  void TearDown() override {
    release_.Notify();
    EXPECT_TRUE(!busy_.valid() || busy_.Wait(kDeadline));
  }

  Notification started_;
  Notification release_;
  Future<void> busy_;
  std::unique_ptr<ThreadPool> pool_ = std::make_unique<ThreadPool>(2);
};

TEST_F(NestedTasks, StartInTheOrderOfTheirSubmission) {
  KeepOneBusy();
  std::vector<int> order;  // one worker is left
  std::vector<Future<void>> inner;
  pool_
      ->Submit([&] {
        for (int i = 0; i < 1000; ++i) {
          inner.push_back(pool_->Submit([&order, i] { order.push_back(i); }));
        }
      })
      .Collect(kDeadline);
  ASSERT_TRUE(Wait(inner, kDeadline));
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(order[static_cast<size_t>(i)], i);
}

TEST_F(NestedTasks, StartInTheirOrderWhetherTheyHaveOptionsOrNot) {
  KeepOneBusy();
  std::vector<int> order;
  std::vector<Future<void>> inner;
  pool_
      ->Submit([&] {
        for (int i = 0; i < 300; ++i) {
          const auto note = [&order, i] { order.push_back(i); };
          inner.push_back(i % 3 == 1 ? pool_->Submit(TaskOptions{}, note)
                                     : pool_->Submit(note));
        }
      })
      .Collect(kDeadline);
  ASSERT_TRUE(Wait(inner, kDeadline));
  ASSERT_EQ(order.size(), 300u);
  for (int i = 0; i < 300; ++i) ASSERT_EQ(order[static_cast<size_t>(i)], i);
}

TEST_F(NestedTasks, HaveIdsThatAreUniqueAndGrowOnEachThread) {
  std::vector<Future<void>> outer;
  std::vector<std::vector<uint64_t>> ids(8);
  for (auto& mine : ids) {
    outer.push_back(pool_->Submit([this, &mine] {
      for (int i = 0; i < 600; ++i) {
        const auto task = i % 50 == 7 ? pool_->Submit(TaskOptions{}, [] {})
                                      : pool_->Submit([] {});
        mine.push_back(task.task_id());
      }
    }));
  }
  ASSERT_TRUE(Wait(outer, kDeadline));
  std::set<uint64_t> all;
  for (const auto& task : outer) all.insert(task.task_id());
  for (const auto& mine : ids) {
    for (size_t i = 1; i < mine.size(); ++i) ASSERT_LT(mine[i - 1], mine[i]);
    all.insert(mine.begin(), mine.end());
  }
  EXPECT_EQ(all.size(), 8u + 8 * 600);
}

TEST_F(NestedTasks, RunOnAnotherWorkerWhileTheirSubmitterIsBusy) {
  const bool other_has_run = pool_
                                 ->Submit([this] {
                                   Notification done;
                                   pool_->Post([&done] { done.Notify(); });
                                   return done.Wait();
                                 })
                                 .Collect(kDeadline);
  EXPECT_TRUE(other_has_run);
}

TEST_F(NestedTasks, AsManyAsWorkersMeetManyTimes) {
  ThreadPool pool(4);
  for (int round = 0; round < 500; ++round) {
    std::atomic<int> there = 0;
    std::vector<Future<void>> inner;
    const auto meet = [&there] {
      ++there;
      while (there < 4) std::this_thread::yield();
    };
    auto outer = pool.Submit([&] {
      for (int i = 0; i < 3; ++i) inner.push_back(pool.Submit(meet));
      meet();
    });
    ASSERT_TRUE(outer.Wait(kDeadline)) << "in round " << round;
    ASSERT_TRUE(Wait(inner, kDeadline)) << "in round " << round;
  }
}

TEST_F(NestedTasks, AreCancelledWhileTheyWait) {
  KeepOneBusy();
  std::atomic<int> ran = 0;
  Future<void> cancelled;
  Future<void> other;
  pool_
      ->Submit([&] {
        cancelled = pool_->Submit([&ran] { ran += 1; });
        other = pool_->Submit([&ran] { ran += 10; });
        EXPECT_TRUE(cancelled.Cancel());
      })
      .Collect(kDeadline);
  ASSERT_TRUE(other.Wait(kDeadline));
  EXPECT_TRUE(cancelled.is_cancelled());
  EXPECT_EQ(ran, 10);
  EXPECT_EQ(pool_->Stats().cancelled, 1);
  EXPECT_EQ(pool_->Stats().pending, 0);
}

TEST_F(NestedTasks, AreHandedBackByAShutdown) {
  KeepOneBusy();
  std::atomic<int> ran = 0;
  Future<void> inner;
  Notification submitted;
  Notification closed;
  auto outer = pool_->Submit([&] {
    inner = pool_->Submit([&ran] { ran += 1; });
    pool_->Post([&ran] { ran += 10; });
    submitted.Notify();
    closed.Wait();
  });
  ASSERT_TRUE(submitted.Wait());
  std::thread closer([this] { pool_->Shutdown(); });
  EXPECT_TRUE(inner.Wait(kDeadline));
  closed.Notify();
  release_.Notify();
  closer.join();
  EXPECT_TRUE(inner.is_cancelled());
  EXPECT_EQ(ran, 0);
  auto handed_back = pool_->TakeCancelledTasks();
  ASSERT_EQ(handed_back.size(), 2u);
  for (auto& task : handed_back) task();
  EXPECT_EQ(ran, 11);
  EXPECT_EQ(pool_->Stats().cancelled, 2);
}

TEST_F(NestedTasks, AreRunByADrain) {
  std::atomic<int> ran = 0;
  pool_
      ->Submit([this, &ran] {
        for (int i = 0; i < 100; ++i) pool_->Post([&ran] { ++ran; });
      })
      .Collect(kDeadline);
  pool_->Shutdown({.mode = ShutdownMode::kDrain});
  EXPECT_EQ(ran, 100);
}

TEST_F(NestedTasks, OutliveTheWorkerThatHasSubmittedThem) {
  // Its finalizer submits as it goes.
  std::atomic<int> ran = 0;
  ThreadPool* self = nullptr;
  std::atomic<bool> submits = true;
  PoolOptions options = {.max_workers = 2,
                         .idle_timeout = absl::Milliseconds(1)};
  options.finalizer = [&] {
    if (submits.exchange(false)) self->Post([&ran] { ++ran; });
  };
  ThreadPool pool(std::move(options));
  self = &pool;
  pool.Run([] {});
  ASSERT_TRUE(pool.Join(kDeadline));
  EXPECT_EQ(ran, 1);
}

TEST_F(NestedTasks, AreWaitedForInAnyOrder) {
  const auto sum_of = [this](auto collect) {
    return pool_
        ->Submit([this, collect] {
          std::vector<Future<int>> inner;
          for (int i = 0; i < 200; ++i) {
            inner.push_back(pool_->Submit([i] { return i; }));
          }
          return collect(inner);
        })
        .Collect(kDeadline);
  };
  EXPECT_EQ(sum_of([](std::vector<Future<int>>& inner) {
              int sum = 0;
              for (auto& one : inner) sum += std::move(one).Collect();
              return sum;
            }),
            19900);
  EXPECT_EQ(sum_of([](std::vector<Future<int>>& inner) {
              int sum = 0;
              for (size_t i = inner.size(); i > 0; --i) {
                sum += inner[i - 1].Collect();
              }
              return sum;
            }),
            19900);
  EXPECT_EQ(sum_of([](std::vector<Future<int>>& inner) {
              int sum = 0;
              for (size_t i = 0; i < inner.size(); ++i) {
                sum += inner[i * 77 % inner.size()].Collect();
              }
              return sum;
            }),
            19900);
  EXPECT_EQ(pool_->Stats().pending, 0);
}

TEST_F(NestedTasks, SnapshotsAddUpAtAnyTime) {
  std::atomic<bool> stop = false;
  for (int i = 0; i < 2; ++i) {
    pool_->Post([this, &stop] {
      while (!stop) {
        std::vector<Future<void>> inner;
        for (int k = 0; k < 20; ++k) inner.push_back(pool_->Submit([] {}));
        inner[3].Cancel();
        for (auto& one : inner) one.Wait();
      }
    });
  }
  for (int i = 0; i < 3000; ++i) {
    const PoolStats stats = pool_->Stats();
    ASSERT_GE(stats.pending, 0);
    ASSERT_GE(stats.running, 0);
    ASSERT_LE(stats.running, 64);
    ASSERT_EQ(stats.submitted, stats.pending + stats.running + stats.completed +
                                   stats.failed + stats.cancelled);
  }
  stop = true;
  ASSERT_TRUE(pool_->Join(kDeadline));
  EXPECT_EQ(pool_->Stats().pending, 0);
  EXPECT_EQ(pool_->Stats().running, 0);
}

// A result lives as long as the futures that share it, and no longer.
TEST_F(NestedTasks, ResultsAreGoneWithTheLastFuture) {
  const auto resource = std::make_shared<int>(7);
  pool_
      ->Submit([&] {
        Future<std::shared_ptr<int>> inner =
            pool_->Submit([resource] { return resource; });
        EXPECT_EQ(*inner.Collect(), 7);
        inner = {};
        EXPECT_EQ(resource.use_count(), 1);
      })
      .Collect(kDeadline);
}

}  // namespace
}  // namespace asyncpal
