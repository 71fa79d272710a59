#include "asyncpal/pool/thread_pool.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/testing/fake_clock.h"
#include "asyncpal/future/testing/notification.h"
#include "asyncpal/future/wait.h"
#include "asyncpal/pool/testing/eventually.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// What only threads can show; the rest is in thread_pool_contract_test.cc.

namespace asyncpal {
namespace {

using ::testing::ElementsAre;
using testing::Eventually;
using testing::FakeClock;
using ::testing::HasSubstr;
using testing::kDeadline;
using testing::Notification;
using ::testing::ThrowsMessage;

// A task that says when it has started, and ends when it may.
struct Step {
  Notification started;
  Notification go_on;

  auto Task() {
    return [this] {
      started.Notify();
      return go_on.Wait();
    };
  }
};

// --- Arguments and results ---

TEST(ThreadPool, TakesArgumentsThatOnlyMove) {
  ThreadPool pool(1);
  EXPECT_EQ(pool.Run([](std::unique_ptr<int> n) { return *n; },
                     std::make_unique<int>(7)),
            7);
}

TEST(ThreadPool, TakesACallableThatOnlyMoves) {
  ThreadPool pool(1);
  EXPECT_EQ(pool.Run([n = std::make_unique<int>(7)] { return *n; }), 7);
}

TEST(ThreadPool, GivesAResultThatOnlyMoves) {
  ThreadPool pool(1);
  EXPECT_EQ(*pool.Run([] { return std::make_unique<int>(7); }), 7);
}

TEST(ThreadPool, PassesAReferenceByStdRef) {
  ThreadPool pool(1);
  int n = 1;
  pool.Run([](int& number) { number = 7; }, std::ref(n));
  EXPECT_EQ(n, 7);
}

TEST(ThreadPool, CopiesArgumentsAtTheSubmission) {
  Step step;
  ThreadPool pool(1);
  pool.Post(step.Task());
  int n = 1;
  const auto future = pool.Submit([](int number) { return number; }, n);
  n = 2;
  step.go_on.Notify();
  EXPECT_EQ(future.Collect(kDeadline), 1);
}

TEST(ThreadPool, CopiesAnArrayOfCharactersAsAPointer) {
  ThreadPool pool(1);
  EXPECT_EQ(pool.Run([](std::string text) { return text; }, "text"), "text");
}

TEST(ThreadPool, CallsAMemberFunction) {
  ThreadPool pool(1);
  const std::string text = "four";
  EXPECT_EQ(pool.Run(&std::string::size, &text), 4u);
}

TEST(ThreadPool, ResultOfAReferenceIsACopy) {
  ThreadPool pool(1);
  int n = 7;
  const Future<int> future = pool.Submit([&]() -> int& { return n; });
  ASSERT_TRUE(future.Wait(kDeadline));
  n = 8;
  EXPECT_EQ(future.Collect(), 7);
}

TEST(ThreadPool, TaskRunsThoughItsFutureIsGone) {
  Notification ran;
  ThreadPool pool(1);
  pool.Submit([&] { ran.Notify(); });
  EXPECT_TRUE(ran.Wait());
}

TEST(ThreadPool, ResultOfATaskWithoutFuturesIsReleased) {
  Step step;
  ThreadPool pool(1);
  std::weak_ptr<int> result;
  pool.Submit([&, run = step.Task()] {
    run();
    auto made = std::make_shared<int>(7);
    result = made;
    return made;
  });
  step.go_on.Notify();
  ASSERT_TRUE(pool.Join(kDeadline));
  EXPECT_TRUE(result.expired());
}

TEST(ThreadPool, ResultIsReleasedThoughALimitOfItsTaskHasNotPassed) {
  ThreadPool pool(1);
  auto made = std::make_shared<int>(7);
  const std::weak_ptr<int> result = made;
  pool.Submit(TaskOptions{.timeout = absl::Hours(1),
                          .queue_deadline = absl::Hours(1)},
              [made = std::move(made)]() mutable { return std::move(made); })
      .Collect(kDeadline);
  EXPECT_TRUE(Eventually([&] { return result.expired(); }));
}

// --- What a task captures ---

TEST(ThreadPool, CapturesAreGoneWhenAWaiterSeesTheResult) {
  ThreadPool pool(2);
  for (int i = 0; i < 200; ++i) {
    auto capture = std::make_shared<int>(i);
    const std::weak_ptr<int> weak = capture;
    pool.Submit([capture = std::move(capture)] { return *capture; }).Collect();
    ASSERT_TRUE(weak.expired());
  }
}

TEST(ThreadPool, ArgumentsAreGoneWhenAWaiterSeesTheResult) {
  ThreadPool pool(2);
  for (int i = 0; i < 200; ++i) {
    auto argument = std::make_shared<int>(i);
    const std::weak_ptr<int> weak = argument;
    pool.Submit([](const std::shared_ptr<int>& n) { return *n; },
                std::move(argument))
        .Collect();
    ASSERT_TRUE(weak.expired());
  }
}

TEST(ThreadPool, CapturesAreGoneWhenAWaiterSeesAnError) {
  ThreadPool pool(2);
  for (int i = 0; i < 200; ++i) {
    auto capture = std::make_shared<int>(i);
    const std::weak_ptr<int> weak = capture;
    pool.Submit([capture = std::move(capture)] { throw Error("x"); }).Wait();
    ASSERT_TRUE(weak.expired());
  }
}

TEST(ThreadPool, CapturesAreGoneWhenACallbackRuns) {
  Step step;
  ThreadPool pool(1);
  auto capture = std::make_shared<int>(7);
  const std::weak_ptr<int> weak = capture;
  const auto future =
      pool.Submit([capture = std::move(capture), run = step.Task()] { run(); });
  std::atomic<bool> expired = false;
  Notification called;
  future.AddCallback([&](const auto&) {
    expired = weak.expired();
    called.Notify();
  });
  step.go_on.Notify();
  ASSERT_TRUE(called.Wait());
  EXPECT_TRUE(expired);
}

TEST(ThreadPool, CapturesAreGoneWhenCancelReturns) {
  Step step;
  ThreadPool pool(1);
  pool.Post(step.Task());
  auto capture = std::make_shared<int>(7);
  const std::weak_ptr<int> weak = capture;
  auto future = pool.Submit([capture = std::move(capture)] {});
  ASSERT_TRUE(future.Cancel());
  EXPECT_TRUE(weak.expired());
  step.go_on.Notify();
}

TEST(ThreadPool, DestructorOfACallableMayThrow) {
  struct Thrower {
    bool armed = true;
    Thrower() = default;
    Thrower(Thrower&& other) : armed(std::exchange(other.armed, false)) {}
    ~Thrower() noexcept(false) {
      if (armed) throw std::runtime_error("thrown by a destructor");
    }
    int operator()() { return 7; }
  };
  ThreadPool pool(1);
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(pool.Submit(Thrower()).Collect(kDeadline), 7);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              HasSubstr("thrown by a destructor"));
  EXPECT_EQ(pool.Run([] { return 8; }), 8);
}

// --- Stop tokens ---

// Tells how it was ended: true if by its token.
bool WaitForStop(const std::stop_token& token, Notification& started) {
  Notification stopped;
  const std::stop_callback callback(token, [&] { stopped.Notify(); });
  started.Notify();
  return stopped.Wait();
}

TEST(ThreadPool, CancelRequestsStop) {
  Notification started;
  ThreadPool pool(1);
  auto future = pool.Submit(WaitForStop, std::ref(started));
  ASSERT_TRUE(started.Wait());
  future.Cancel();
  EXPECT_TRUE(future.Collect(kDeadline));
}

TEST(ThreadPool, TimeoutRequestsStop) {
  Notification started;
  std::atomic<bool> stopped = false;
  ThreadPool pool(1);
  pool.Submit(
      TaskOptions{.timeout = absl::Milliseconds(1)},
      [&](std::stop_token token) { stopped = WaitForStop(token, started); });
  ASSERT_TRUE(pool.Join(kDeadline));
  EXPECT_TRUE(stopped);
}

TEST(ThreadPool, ShutdownRequestsStop) {
  Notification started;
  ThreadPool pool(1);
  const auto future = pool.Submit(WaitForStop, std::ref(started));
  ASSERT_TRUE(started.Wait());
  pool.Shutdown();
  EXPECT_TRUE(future.Collect(absl::ZeroDuration()));
}

TEST(ThreadPool, DestructorRequestsStop) {
  Notification started;
  Future<bool> future;
  {
    ThreadPool pool(1);
    future = pool.Submit(WaitForStop, std::ref(started));
    ASSERT_TRUE(started.Wait());
  }
  EXPECT_TRUE(future.Collect(absl::ZeroDuration()));
}

TEST(ThreadPool, StopTokenComesBeforeTheArguments) {
  ThreadPool pool(1);
  EXPECT_EQ(pool.Run([](std::stop_token, int a, int b) { return a - b; }, 5, 2),
            3);
}

TEST(ThreadPool, TaskMayIgnoreItsStopToken) {
  Step step;
  ThreadPool pool(1);
  auto future = pool.Submit(
      [run = step.Task()](std::stop_token) { return run() ? 7 : 0; });
  ASSERT_TRUE(step.started.Wait());
  future.Cancel();
  step.go_on.Notify();
  EXPECT_EQ(future.Collect(kDeadline), 7);
}

TEST(ThreadPool, WorkerOfATimedOutTaskIsBusyUntilItReturns) {
  Step step;
  ThreadPool pool(1);
  const auto future =
      pool.Submit(TaskOptions{.timeout = absl::Milliseconds(1)}, step.Task());
  ASSERT_TRUE(step.started.Wait());
  ASSERT_TRUE(future.Wait(kDeadline));
  EXPECT_EQ(pool.CountBusyWorkers(), 1);
  step.go_on.Notify();
  EXPECT_TRUE(Eventually([&] { return pool.CountBusyWorkers() == 0; }));
}

// --- Failures that nobody collects ---

TEST(ThreadPool, HandlerGetsWhatAPostedTaskThrew) {
  std::exception_ptr got;
  Notification called;
  ThreadPool pool({.max_workers = 1,
                   .unobserved_failure_handler = [&](std::exception_ptr error) {
                     got = std::move(error);
                     called.Notify();
                   }});
  pool.Post([] { throw std::out_of_range("posted"); });
  ASSERT_TRUE(called.Wait());
  EXPECT_THROW(std::rethrow_exception(got), std::out_of_range);
}

TEST(ThreadPool, HandlerRunsOnTheWorker) {
  std::thread::id task_thread;
  std::thread::id handler_thread;
  Notification called;
  ThreadPool pool(
      {.max_workers = 1, .unobserved_failure_handler = [&](std::exception_ptr) {
         handler_thread = std::this_thread::get_id();
         called.Notify();
       }});
  pool.Post([&] {
    task_thread = std::this_thread::get_id();
    throw Error("x");
  });
  ASSERT_TRUE(called.Wait());
  EXPECT_EQ(handler_thread, task_thread);
}

TEST(ThreadPool, HandlerGetsNothingFromATaskWithAFuture) {
  std::atomic<int> calls = 0;
  ThreadPool pool(
      {.max_workers = 1,
       .unobserved_failure_handler = [&](std::exception_ptr) { ++calls; }});
  pool.Submit([] { throw Error("x"); });
  ASSERT_TRUE(pool.Join(kDeadline));
  EXPECT_EQ(calls, 0);
}

TEST(ThreadPool, HandlerThatThrowsIsReportedAndHurtsNobody) {
  ThreadPool pool(
      {.max_workers = 1, .unobserved_failure_handler = [](std::exception_ptr) {
         throw std::runtime_error("bad handler");
       }});
  ::testing::internal::CaptureStderr();
  pool.Post([] { throw Error("first"); });
  ASSERT_TRUE(pool.Join(kDeadline));
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              HasSubstr("bad handler"));
  EXPECT_EQ(pool.Run([] { return 7; }), 7);
}

TEST(ThreadPool, WithoutAHandlerAPostedFailureIsOneLineOnStderr) {
  ThreadPool pool({.max_workers = 1, .name = "poster"});
  ::testing::internal::CaptureStderr();
  pool.Post(TaskOptions{.name = "fail"}, [] { throw Error("posted"); });
  ASSERT_TRUE(pool.Join(kDeadline));
  const std::string line = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(line, HasSubstr("pool 'poster'"));
  EXPECT_THAT(line, HasSubstr("\"fail\""));
  EXPECT_THAT(line, HasSubstr("posted"));
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
}

// --- Threads ---

TEST(ThreadPool, TaskRunsOnAnotherThread) {
  ThreadPool pool(1);
  EXPECT_NE(pool.Run([] { return std::this_thread::get_id(); }),
            std::this_thread::get_id());
}

TEST(ThreadPool, ThreadIsNamedAfterThePoolAndItsNumber) {
  ThreadPool pool({.max_workers = 1, .name = "a name too long for Linux"});
  const std::string name = pool.Run([] {
    char text[16] = "";
    pthread_getname_np(pthread_self(), text, sizeof(text));
    return std::string(text);
  });
  EXPECT_EQ(name, "a name too lo-1");
}

TEST(ThreadPool, TaskThatExitsItsThreadFailsWithInvalidStateError) {
  ThreadPool pool(1);
  const auto future = pool.Submit([] { pthread_exit(nullptr); });
  EXPECT_THAT([&] { future.Collect(kDeadline); },
              ThrowsMessage<InvalidStateError>(HasSubstr("pthread_exit")));
}

TEST(ThreadPool, PoolGoesOnAfterATaskThatExitsItsThread) {
  ThreadPool pool(1);
  for (int i = 0; i < 5; ++i) pool.Submit([] { pthread_exit(nullptr); });
  EXPECT_EQ(pool.Submit([] { return 7; }).Collect(kDeadline), 7);
}

TEST(ThreadPool, TaskThatExitsItsThreadDoesNotHoldUpJoin) {
  ThreadPool pool(1);
  pool.Submit([] { pthread_exit(nullptr); });
  EXPECT_TRUE(pool.Join(kDeadline));
  EXPECT_EQ(pool.Stats().failed, 1);
  EXPECT_EQ(pool.Stats().workers_lost, 1);
}

TEST(ThreadPool, SingleThreadPoolRunsInTheOrderOfSubmission) {
  SingleThreadPool pool;
  std::vector<int> order;
  for (int i = 0; i < 1000; ++i) pool.Post([&order, i] { order.push_back(i); });
  ASSERT_TRUE(pool.Join(kDeadline));
  ASSERT_EQ(order.size(), 1000u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(ThreadPool, TaskMaySubmitToItsOwnPool) {
  ThreadPool pool(1);
  const auto inner = pool.Run([&] { return pool.Submit([] { return 7; }); });
  EXPECT_EQ(inner.Collect(kDeadline), 7);
}

TEST(ThreadPool, CallbackMaySubmitToTheSamePool) {
  Step step;
  ThreadPool pool(1);
  const auto first = pool.Submit(step.Task());
  Future<int> second;
  Notification called;
  first.AddCallback([&](const auto&) {
    second = pool.Submit([] { return 7; });
    called.Notify();
  });
  step.go_on.Notify();
  ASSERT_TRUE(called.Wait());
  EXPECT_EQ(second.Collect(kDeadline), 7);
}

TEST(ThreadPool, CallbackThatThrowsHurtsNobody) {
  Step step;
  ThreadPool pool(1);
  const auto future = pool.Submit(step.Task());
  Notification called;
  future.AddCallback([](const auto&) { throw std::runtime_error("callback"); });
  future.AddCallback([&](const auto&) { called.Notify(); });
  ::testing::internal::CaptureStderr();
  step.go_on.Notify();
  EXPECT_TRUE(called.Wait());
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("callback"));
  EXPECT_EQ(pool.Run([] { return 7; }), 7);
}

TEST(ThreadPool, CallsFromManyThreadsAreAllServed) {
  ThreadPool pool(2);
  std::atomic<int> sum = 0;
  {
    std::vector<std::jthread> callers;
    for (int i = 0; i < 4; ++i) {
      callers.emplace_back([&] {
        for (int n = 0; n < 100; ++n) sum += pool.Run([] { return 1; });
      });
    }
  }
  EXPECT_EQ(sum, 400);
}

// --- Times ---

TEST(ThreadPool, PendingTimeGrowsUntilTheTaskStarts) {
  FakeClock clock;
  Step first;
  Step second;
  ThreadPool pool(1);
  pool.Post(first.Task());
  const auto future = pool.Submit(second.Task());
  ASSERT_TRUE(first.started.Wait());
  clock.Advance(absl::Seconds(5));
  EXPECT_EQ(future.duration().pending, absl::Seconds(5));
  EXPECT_EQ(future.duration().running, absl::ZeroDuration());
  first.go_on.Notify();
  ASSERT_TRUE(second.started.Wait());
  clock.Advance(absl::Seconds(3));
  EXPECT_EQ(future.duration().pending, absl::Seconds(5));
  second.go_on.Notify();
}

TEST(ThreadPool, RunningTimeGrowsUntilTheTaskIsDone) {
  FakeClock clock;
  Step step;
  ThreadPool pool(1);
  const auto future = pool.Submit(step.Task());
  ASSERT_TRUE(step.started.Wait());
  clock.Advance(absl::Seconds(3));
  EXPECT_EQ(future.duration().running, absl::Seconds(3));
  step.go_on.Notify();
  ASSERT_TRUE(future.Wait());
  clock.Advance(absl::Seconds(4));
  EXPECT_EQ(future.duration().running, absl::Seconds(3));
}

TEST(ThreadPool, CancelledTaskHasNoRunningTime) {
  FakeClock clock;
  Step step;
  ThreadPool pool(1);
  pool.Post(step.Task());
  auto future = pool.Submit([] {});
  clock.Advance(absl::Seconds(5));
  future.Cancel();
  clock.Advance(absl::Seconds(4));
  EXPECT_EQ(future.duration().pending, absl::Seconds(5));
  EXPECT_EQ(future.duration().running, absl::ZeroDuration());
  step.go_on.Notify();
}

TEST(ThreadPool, TimesAddUpToWhatTheClockSays) {
  using Clock = std::chrono::steady_clock;
  Step step;
  ThreadPool pool(1);
  Clock::time_point end_of_task;
  Clock::time_point seen_done;
  Notification called;
  const auto before_submit = Clock::now();
  const auto future = pool.Submit([&] {
    step.Task()();
    end_of_task = Clock::now();
  });
  const auto after_submit = Clock::now();
  future.AddCallback([&](const auto&) {
    seen_done = Clock::now();
    called.Notify();
  });
  step.go_on.Notify();
  ASSERT_TRUE(called.Wait());
  const TaskTimes times = future.duration();
  const absl::Duration total = times.pending + times.running;
  EXPECT_GE(total, absl::FromChrono(end_of_task - after_submit));
  EXPECT_LE(total, absl::FromChrono(seen_done - before_submit));
}

}  // namespace
}  // namespace asyncpal
