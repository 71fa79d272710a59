#include <malloc.h>

#include <atomic>
#include <cstdint>
#include <exception>
#include <latch>
#include <memory>
#include <random>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/testing/notification.h"
#include "asyncpal/pool/testing/pool_contract_views.h"
#include "asyncpal/pool/thread_pool.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::testing {
namespace {

using ::testing::HasSubstr;

struct ThreadPoolTraits {
  using Pool = ThreadPool;
};
INSTANTIATE_TYPED_TEST_SUITE_P(Threads, PoolViewsContract, ThreadPoolTraits);

TEST(ThreadPoolViewsTest, WaitForOneBehindInTheSameSerialViewIsAnError) {
  ThreadPool pool({.max_workers = 2, .name = "p"});
  PoolView view = pool.Serial("mail");
  Notification submitted;
  Future<int> behind;
  const auto waiter = view.Submit(TaskOptions{.name = "first"}, [&] {
    EXPECT_TRUE(submitted.Wait(kLong));
    behind.Collect();
  });
  behind = view.Submit(TaskOptions{.name = "second"}, [] { return 1; });
  submitted.Notify();
  EXPECT_EQ(ThrownChain([&] { waiter.Collect(kLong); }),
            "task 1 \"first\" waits for task 2 \"second\", which can't start "
            "before it ends: both were submitted to serial view 'mail' of pool "
            "'p'");
  EXPECT_EQ(behind.Collect(kLong), 1);
}

TEST(ThreadPoolViewsTest, LimitedWaitForOneBehindIsTheSameError) {
  ThreadPool pool(2);
  PoolView view = pool.Serial();
  Notification submitted;
  Future<int> behind;
  const auto waiter = view.Submit([&] {
    EXPECT_TRUE(submitted.Wait(kLong));
    behind.Collect(absl::Seconds(20));
  });
  behind = view.Submit([] { return 1; });
  submitted.Notify();
  EXPECT_THROW(waiter.Collect(kLong), InvalidStateError);
}

TEST(ThreadPoolViewsTest, WaitForOneBehindTheSameKeyIsAnError) {
  ThreadPool pool(2);
  auto keyed = pool.Keyed<int>();
  Notification submitted;
  Future<int> behind;
  const auto waiter = keyed.Submit(7, [&] {
    EXPECT_TRUE(submitted.Wait(kLong));
    behind.Collect();
  });
  behind = keyed.Submit(7, [] { return 1; });
  submitted.Notify();
  EXPECT_THAT(ThrownChain([&] { waiter.Collect(kLong); }),
              HasSubstr("the same serial view or key"));
}

TEST(ThreadPoolViewsTest, TaskOfASerialViewMayWaitForAnotherView) {
  ThreadPool pool(1);
  PoolView a = pool.Serial();
  PoolView b = pool.Serial();
  const auto outer = a.Submit([&] {
    return b.Submit([] { return 1; }).Collect() +
           pool.Submit([] { return 2; }).Collect();
  });
  EXPECT_EQ(outer.Collect(kLong), 3);
}

TEST(ThreadPoolViewsTest, TaskOfALimitedViewRunsTheOneItWaitsForInItsPlace) {
  ThreadPool pool(4);
  PoolView view = pool.Limited(2);
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  std::atomic<int> at_once = 0;
  const auto outer = [&] {
    // Both places are taken, so what is submitted here waits.
    ++at_once;
    while (at_once < 2) std::this_thread::yield();
    const std::thread::id here = std::this_thread::get_id();
    return view
        .Submit([&, here] {
          most = std::max<int>(most, ++running);
          --running;
          return std::this_thread::get_id() == here;
        })
        .Collect();
  };
  const auto first = view.Submit(outer);
  const auto second = view.Submit(outer);
  EXPECT_TRUE(first.Collect(kLong));
  EXPECT_TRUE(second.Collect(kLong));
  EXPECT_EQ(view.Run([] { return 5; }), 5);
  EXPECT_TRUE(pool.Join(kLong));
}

TEST(ThreadPoolViewsTest, TaskThatMissedItsTimeoutKeepsItsPlace) {
  ThreadPool pool(2);
  PoolView view = pool.Serial();
  Notification go;
  std::atomic<bool> is_inside = false;
  const auto slow =
      view.Submit(TaskOptions{.timeout = absl::Milliseconds(1)}, [&] {
        is_inside = true;
        EXPECT_TRUE(go.Wait(kLong));
        is_inside = false;
      });
  const auto next = view.Submit([&] { return is_inside.load(); });
  EXPECT_THROW(slow.Collect(kLong), TimeoutError);
  EXPECT_FALSE(next.Wait(absl::Milliseconds(20)));
  go.Notify();
  EXPECT_FALSE(next.Collect(kLong));
}

TEST(ThreadPoolViewsTest, CallbackOfATaskMayWaitForTheNext) {
  ThreadPool pool(2);
  PoolView view = pool.Serial();
  Notification go;
  const auto first = view.Submit([&] { EXPECT_TRUE(go.Wait(kLong)); });
  const auto next = view.Submit([] { return 2; });
  const auto then = first.Then([&] { return next.Collect(); });
  go.Notify();
  EXPECT_EQ(then.Collect(kLong), 2);
}

TEST(ThreadPoolViewsTest, FailureOfAPostedTaskIsToldAndTheNextOneRuns) {
  std::atomic<int> failures = 0;
  ThreadPool pool({.max_workers = 2,
                   .unobserved_failure_handler =
                       [&](const std::exception_ptr&) { ++failures; }});
  PoolView view = pool.Serial();
  view.Post([] { throw std::runtime_error("no"); });
  EXPECT_EQ(view.Run([] { return 3; }), 3);
  EXPECT_EQ(failures, 1);
}

TEST(ThreadPoolViewsTest, EmptyCallableIsRefused) {
  ThreadPool pool({.max_workers = 1, .name = "p"});
  PoolView view = pool.Serial();
  void (*nothing)() = nullptr;
  EXPECT_EQ(ThrownChain([&] { view.Submit(nothing); }),
            "Submit on pool 'p': the callable is empty");
  EXPECT_EQ(view.Run([] { return 1; }), 1);
}

TEST(ThreadPoolViewsTest, StopTokenWorks) {
  ThreadPool pool(1);
  PoolView view = pool.Serial();
  Notification started;
  auto future = view.Submit([&](const std::stop_token& stop) {
    started.Notify();
    while (!stop.stop_requested()) absl::SleepFor(absl::Milliseconds(1));
  });
  ASSERT_TRUE(started.Wait(kLong));
  future.Cancel();
  EXPECT_TRUE(future.Wait(kLong));
}

TEST(ThreadPoolViewsTest, RunsPostsOfOneThreadInOrderAndNeverTwoAtOnce) {
  constexpr int kPosts = 100'000;
  ThreadPool pool(4);
  PoolView view = pool.Serial();
  std::atomic<int> inside = 0;
  int next = 0;  // what runs one after the other needs no lock
  int wrong = 0;
  for (int i = 0; i < kPosts; ++i) {
    view.Post([&, i] {
      wrong += inside.fetch_add(1) != 0 || next++ != i;
      inside.fetch_sub(1);
    });
  }
  EXPECT_TRUE(pool.Join(kLong));
  EXPECT_EQ(next, kPosts);
  EXPECT_EQ(wrong, 0);
  const PoolStats stats = pool.Stats();
  EXPECT_EQ(stats.completed, kPosts);
  EXPECT_EQ(stats.submitted, kPosts);
}

// Several threads submit to views of several sizes, and cancel, at random.
TEST(ThreadPoolViewsTest, EachFutureEndsOnceInRandomSchedules) {
  for (uint32_t seed = 0; seed < 20; ++seed) {
    ThreadPool pool(3);
    std::vector<PoolView<>> views = {pool.Serial(), pool.Limited(2)};
    auto keyed = pool.Keyed<int>();
    std::atomic<int64_t> ran = 0;
    std::atomic<int64_t> cancelled = 0;
    std::atomic<int> inside = 0;
    std::atomic<int> wrong = 0;
    constexpr int kEach = 300;
    std::vector<std::jthread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&, t] {
        std::minstd_rand random(seed * 3 + static_cast<uint32_t>(t));
        std::vector<Future<void>> futures;
        for (int i = 0; i < kEach; ++i) {
          const auto plain = [&] { ++ran; };
          switch (random() % 3) {
            case 0:
              futures.push_back(views[0].Submit([&] {
                wrong += ++inside != 1;
                --inside;
                ++ran;
              }));
              break;
            case 1:
              futures.push_back(views[1].Submit(plain));
              break;
            default:
              futures.push_back(
                  keyed.Submit(static_cast<int>(random() % 4), plain));
          }
          if (random() % 4 == 0) {
            cancelled += futures[random() % futures.size()].Cancel();
          }
        }
        for (const auto& future : futures) EXPECT_TRUE(future.Wait(kLong));
      });
    }
    threads.clear();
    EXPECT_TRUE(pool.Join(kLong));
    EXPECT_EQ(ran + cancelled, 3 * kEach) << "seed " << seed;
    EXPECT_EQ(wrong, 0) << "seed " << seed;
    const PoolStats stats = pool.Stats();
    EXPECT_EQ(stats.submitted, 3 * kEach);
    EXPECT_EQ(stats.completed, ran);
    EXPECT_EQ(stats.cancelled, cancelled);
    EXPECT_EQ(stats.pending, 0);
  }
}

TEST(ThreadPoolViewsTest, ShutdownInTheMiddleEndsEachFuture) {
  for (int round = 0; round < 50; ++round) {
    std::vector<Future<int>> futures;
    size_t handed_back;
    std::atomic<int> ran = 0;
    {
      ThreadPool pool(3);
      PoolView view = pool.Serial();
      auto keyed = pool.Keyed<int>();
      for (int i = 0; i < 50; ++i) {
        futures.push_back(view.Submit([&] { return ++ran; }));
        futures.push_back(keyed.Submit(i % 3, [&] { return ++ran; }));
      }
      pool.Shutdown();
      EXPECT_TRUE(pool.is_terminated());
      handed_back = pool.TakeCancelledTasks().size();
    }
    size_t cancelled = 0;
    for (const auto& future : futures) {
      ASSERT_TRUE(future.is_done());
      cancelled += future.is_cancelled();
    }
    EXPECT_EQ(cancelled, handed_back);
    EXPECT_EQ(cancelled + static_cast<size_t>(ran), futures.size());
  }
}

TEST(ThreadPoolViewsTest, QuietKeysHoldNoMemory) {
  constexpr int kKeys = 10'000;
  ThreadPool pool(2);
  auto keyed = pool.Keyed<std::string>();
  const auto post = [&](const std::string& prefix, std::atomic<int64_t>& ran) {
    for (int i = 0; i < 10; ++i) {
      for (int key = 0; key < kKeys; ++key) {
        keyed.Post(
            prefix + " key of some length, number " + std::to_string(key),
            [&ran] { ++ran; });
      }
    }
  };
  const auto finish = [&](const std::atomic<int64_t>& ran) {
    EXPECT_TRUE(pool.Join(absl::Minutes(2)));
    EXPECT_EQ(ran, int64_t{10} * kKeys);
  };
  {
    // All are pending at once: the pool will keep no more for other tasks than
    // for these.
    std::atomic<int64_t> ran = 0;
    pool.Pause();
    post("a", ran);
    pool.Resume();
    finish(ran);
  }
  const size_t before = mallinfo2().uordblks;
  std::atomic<int64_t> ran = 0;
  post("another", ran);
  finish(ran);
  EXPECT_LT(mallinfo2().uordblks, before + (size_t{1} << 20));
}

}  // namespace
}  // namespace asyncpal::testing
