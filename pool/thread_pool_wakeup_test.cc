#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/countdown.h"
#include "asyncpal/future/future_filter.h"
#include "asyncpal/future/testing/notification.h"
#include "asyncpal/future/wait.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/thread_pool.h"
#include "gtest/gtest.h"

// No task waits beside a worker that is idle or could be started. Threads of
// this test are started by its own pthread_create(), which fails or takes its
// time when it is told to.

namespace {

// How many of the next threads can't be started.
std::atomic<int> failing_starts = 0;
// Called by a thread that is about to start one; null: nothing is to be done.
std::atomic<void (*)()> before_start = nullptr;

}  // namespace

extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attr,
                              void* (*start)(void*), void* argument) {
  using Create = decltype(&pthread_create);
  static const auto create =
      reinterpret_cast<Create>(dlsym(RTLD_NEXT, "pthread_create"));
  if (const auto hook = before_start.load()) hook();
  if (failing_starts.fetch_sub(1) > 0) return EAGAIN;
  failing_starts.fetch_add(1);
  return create(thread, attr, start, argument);
}

namespace asyncpal {
namespace {

using testing::Eventually;
using testing::kDeadline;
using testing::Notification;

// ------------------------------------------------------------- The barrier

// `n` tasks that are over only when all of them run.
class Meeting {
 public:
  explicit Meeting(int n) : expected_(n) {}

  // False: not all of them came in time.
  bool Join() {
    if (++arrived_ == expected_) all_here_.Notify();
    return all_here_.Wait();
  }

 private:
  const int expected_;
  std::atomic<int> arrived_{0};
  Notification all_here_;
};

::testing::AssertionResult Meet(ThreadPool& pool, int n) {
  Meeting meeting(n);
  std::vector<Future<bool>> futures;
  for (int i = 0; i < n; ++i) {
    futures.push_back(pool.Submit([&] { return meeting.Join(); }));
  }
  int missed = 0;
  for (const auto& future : futures) missed += future.Collect() ? 0 : 1;
  if (missed == 0) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure()
         << missed << " of " << n << " tasks waited for one that never started";
}

class ThreadPoolBarrier : public ::testing::TestWithParam<int> {};

// A worker that had just taken a task still counted as on its way to the queue:
// a submission in that moment woke nobody, and nobody looked again. With four
// workers, one round in 1700 hung.
TEST_P(ThreadPoolBarrier, AsManyTasksAsWorkersAlwaysMeet) {
  constexpr int kRounds = 20'000;
  const Countdown budget(
      absl::Seconds(12));  // for slow machines and sanitizers
  ThreadPool pool(GetParam());
  for (int round = 0; round < kRounds; ++round) {
    ASSERT_TRUE(Meet(pool, GetParam())) << "in round " << round;
    if (budget.Remaining() == absl::ZeroDuration()) break;
  }
}

INSTANTIATE_TEST_SUITE_P(, ThreadPoolBarrier, ::testing::Values(2, 4, 8),
                         ::testing::PrintToStringParamName());

TEST(ThreadPoolWakeup, BurstOfTasksSpreadsOverAllIdleWorkers) {
  for (const int workers : {2, 8, 64}) {
    ThreadPool pool(workers);
    pool.SpawnMaxWorkers();
    for (int round = 0; round < 20; ++round) {
      ASSERT_TRUE(
          Eventually([&] { return pool.CountFreeWorkers() == workers; }));
      ASSERT_TRUE(Meet(pool, workers)) << workers << " workers";
    }
  }
}

// ------------------------------------------------------- Starts that fail

TEST(ThreadPoolWakeup, TaskRunsOnAnIdleWorkerWhileAStartFails) {
  static Notification is_starting, may_fail;
  Notification may_end;
  ThreadPool pool(2);
  const auto first = pool.Submit([&] { may_end.Wait(); });
  ASSERT_TRUE(Eventually([&] { return first.is_running(); }));
  std::thread other([&] {
    before_start = [] {
      before_start = nullptr;
      failing_starts = 1;
      is_starting.Notify();
      may_fail.Wait();
    };
    pool.Submit([] {}).Wait(kDeadline);
  });
  ASSERT_TRUE(is_starting.Wait());
  // The first worker runs both, and is idle beside the one that never comes.
  may_end.Notify();
  ASSERT_TRUE(Eventually([&] { return pool.Stats().completed == 2; }));
  const auto third = pool.Submit([] {});
  EXPECT_TRUE(third.Wait(kDeadline));
  may_fail.Notify();
  other.join();
  EXPECT_TRUE(pool.Submit([] {}).Wait(kDeadline));
}

// A future that no worker can run, that belongs to no pool, and that is done
// when the test says so.
class Outside {
 public:
  Future<void> future() const { return future_; }
  void Finish() { finish_.Notify(); }
  ~Outside() { Finish(); }

 private:
  Notification finish_;
  ThreadPool first_{1};
  ThreadPool second_{1};
  Future<void> future_ =
      WhenAll(std::vector{first_.Submit([this] { finish_.Wait(); }),
                          second_.Submit([] {})})
          .Then([](const auto&) {});
};

// What a worker that is blocked waits for, in both ways that there are.
using WaitFor = void (*)(const Future<void>&);

void WaitForState(const Future<void>& future) { future.Wait(); }

void WaitForFilter(const Future<void>& future) {
  FutureFilter<void> filter;
  filter.Put(future);
  filter.Get();
}

class ThreadPoolStandIn : public ::testing::TestWithParam<WaitFor> {};

TEST_P(ThreadPoolStandIn, IsTriedAgainWhenItsStartHasFailed) {
  Notification ready;
  std::optional<Future<void>> chained;
  ThreadPool pool(1);
  const auto first = pool.Submit([&] {
    ready.Wait();
    failing_starts = 3;
    GetParam()(*chained);
  });
  chained.emplace(pool.Submit([] {}).Then([](const auto&) {}));
  ready.Notify();
  EXPECT_TRUE(chained->Wait(kDeadline));
  EXPECT_TRUE(first.Wait(kDeadline));
  EXPECT_EQ(failing_starts, 0);
}

TEST_P(ThreadPoolStandIn, IsTriedAgainWhenASubmissionCouldNotStartIt) {
  Outside outside;
  Notification is_running;
  ThreadPool pool(1);
  const auto first = pool.Submit([&] {
    is_running.Notify();
    GetParam()(outside.future());
  });
  ASSERT_TRUE(is_running.Wait());
  // Whether it is asleep already is its own affair: both ways must do.
  failing_starts = 1;
  EXPECT_TRUE(pool.Submit([] {}).Wait(kDeadline));
  EXPECT_FALSE(first.is_done());
  outside.Finish();
}

INSTANTIATE_TEST_SUITE_P(, ThreadPoolStandIn,
                         ::testing::Values(WaitForState, WaitForFilter),
                         [](const auto& info) {
                           return info.param == &WaitForState ? "State"
                                                              : "Filter";
                         });

TEST(ThreadPoolWakeup,
     WorkerAtItsTaskLimitGoesOnIfAllOthersWaitAndNoneCanBeStarted) {
  Notification ready, may_end;
  std::optional<Future<void>> chained;
  ThreadPool pool({.max_workers = 2, .max_tasks_per_worker = 1});
  const auto first = pool.Submit([&] {
    ready.Wait();
    chained->Wait();
  });
  const auto second = pool.Submit([&] { may_end.Wait(); });
  ASSERT_TRUE(Eventually([&] { return second.is_running(); }));
  chained.emplace(pool.Submit([] {}).Then([](const auto&) {}));
  failing_starts = 3;
  ready.Notify();
  may_end.Notify();
  EXPECT_TRUE(chained->Wait(kDeadline));
  EXPECT_TRUE(first.Wait(kDeadline));
  failing_starts = 0;  // how many it takes depends on who comes first
}

// ------------------------------------------------------------ Slow starts

TEST(ThreadPoolWakeup, TaskDoesNotWaitForAnInitializerBesideAnIdleWorker) {
  std::atomic<int> workers{0};
  Notification may_end, may_start;
  ThreadPool pool({.max_workers = 2, .initializer = [&] {
                     if (++workers == 2) may_start.Wait();
                   }});
  const auto first = pool.Submit([&] { may_end.Wait(); });
  ASSERT_TRUE(Eventually([&] { return first.is_running(); }));
  const auto second = pool.Submit([] {});  // starts the other worker
  ASSERT_TRUE(Eventually([&] { return workers == 2; }));
  may_end.Notify();
  ASSERT_TRUE(second.Wait(kDeadline));
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(pool.Submit([] {}).Wait(kDeadline)) << i;
  }
  EXPECT_FALSE(may_start.HasBeenNotified());
  may_start.Notify();
}

// ------------------------------------------------------- Workers that leave

// Stand-ins that were no longer needed left all at once, with the worker that
// was to stay, and the next task had to start one more.
TEST(ThreadPoolWakeup, OneWorkerStaysWhenStandInsGoTogether) {
  constexpr int kWorkers = 3;
  std::atomic<int> started{0};
  std::atomic<int> ended{0};
  Notification may_go;
  Outside outside;
  Meeting all_awake(kWorkers);
  ThreadPool pool({.max_workers = 1,
                   .initializer = [&] { ++started; },
                   .finalizer =
                       [&] {
                         ++ended;
                         may_go.Wait();
                       }});
  std::vector<Future<void>> futures;
  for (int i = 0; i < kWorkers; ++i) {
    futures.push_back(pool.Submit([&] {
      outside.future().Wait();
      EXPECT_TRUE(all_awake.Join());
    }));
  }
  EXPECT_TRUE(Eventually([&] { return started == kWorkers; }));
  outside.Finish();
  ASSERT_TRUE(Wait(futures, kDeadline));
  EXPECT_TRUE(pool.Submit([] {}).Wait(kDeadline));
  EXPECT_EQ(started, kWorkers);
  EXPECT_TRUE(Eventually([&] { return ended == kWorkers - 1; }));
  may_go.Notify();
}

}  // namespace
}  // namespace asyncpal
