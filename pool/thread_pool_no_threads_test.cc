#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/sanitizers.h"
#include "asyncpal/future/testing/notification.h"
#include "asyncpal/future/wait.h"
#include "asyncpal/pool/thread_pool.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// A system without threads or memory to spare: this test's own pthread_create()
// and operator new fail when they are told to.

namespace {

constexpr int kNever = 1 << 30;

// How many more threads may be started.
std::atomic<int> threads_left = kNever;

}  // namespace

extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attr,
                              void* (*start)(void*), void* argument) {
  using Create = decltype(&pthread_create);
  static const auto create =
      reinterpret_cast<Create>(dlsym(RTLD_NEXT, "pthread_create"));
  if (threads_left.fetch_sub(1) <= 0) {
    threads_left.fetch_add(1);
    return EAGAIN;
  }
  return create(thread, attr, start, argument);
}

#if !ASYNCPAL_TSAN && !ASYNCPAL_ASAN

#define CAN_FAIL_ALLOCATIONS 1

namespace {

// How many more allocations of this thread succeed; one fails then.
thread_local int allocations_left = kNever;

void* Allocate(std::size_t size) {
  if (allocations_left-- <= 0) {
    allocations_left = kNever;
    throw std::bad_alloc();
  }
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) { return Allocate(size); }
void* operator new[](std::size_t size) { return Allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}

#endif

namespace asyncpal {
namespace {

using ::testing::HasSubstr;
using testing::kDeadline;
using testing::Notification;
using ::testing::ThrowsMessage;

// While it lives, the system starts only so many threads more.
class OnlyThreads {
 public:
  explicit OnlyThreads(int n) { threads_left = n; }
  ~OnlyThreads() { threads_left = kNever; }
};

TEST(ThreadPoolWithoutThreads, SubmissionIsRejected) {
  ThreadPool pool({.max_workers = 4, .name = "starved"});
  const OnlyThreads none(0);
  EXPECT_THAT([&] { pool.Submit([] {}); },
              ThrowsMessage<RejectedError>(HasSubstr("pool 'starved'")));
}

TEST(ThreadPoolWithoutThreads, RejectedTaskWasNotSubmitted) {
  ThreadPool pool(4);
  const OnlyThreads none(0);
  EXPECT_THROW(pool.Submit([] {}), RejectedError);
  const PoolStats stats = pool.Stats();
  EXPECT_EQ(stats.submitted, 0);
  EXPECT_EQ(stats.pending, 0);
  EXPECT_EQ(stats.workers, 0);
}

TEST(ThreadPoolWithoutThreads, RejectedTaskIsDestroyed) {
  ThreadPool pool(4);
  const OnlyThreads none(0);
  auto capture = std::make_shared<int>(7);
  const std::weak_ptr<int> weak = capture;
  EXPECT_THROW(pool.Submit([capture = std::move(capture)] {}), RejectedError);
  EXPECT_TRUE(weak.expired());
}

TEST(ThreadPoolWithoutThreads, LaterSubmissionWorksWhenThereAreThreadsAgain) {
  ThreadPool pool(4);
  {
    const OnlyThreads none(0);
    EXPECT_THROW(pool.Submit([] {}), RejectedError);
  }
  EXPECT_EQ(pool.Submit([] { return 7; }).Collect(kDeadline), 7);
}

TEST(ThreadPoolWithoutThreads, RunAndPostAreRejectedToo) {
  ThreadPool pool(4);
  const OnlyThreads none(0);
  EXPECT_THROW(pool.Run([] {}), RejectedError);
  EXPECT_THROW(pool.Post([] {}), RejectedError);
}

TEST(ThreadPoolWithoutThreads, MapIsRejectedAndSettlesWhatItSubmitted) {
  ThreadPool pool(4);
  const OnlyThreads none(0);
  const std::vector<int> numbers = {1, 2, 3};
  EXPECT_THROW(pool.MapAll([](int n) { return n; }, numbers), RejectedError);
  EXPECT_EQ(pool.Stats().pending, 0);
}

TEST(ThreadPoolWithoutThreads, FewWorkersRunWhatManyWereMeantFor) {
  ThreadPool pool(8);
  const OnlyThreads two(2);
  std::vector<Future<int>> futures;
  for (int i = 0; i < 50; ++i) futures.push_back(pool.Submit([] { return 1; }));
  EXPECT_EQ(Collect(futures, kDeadline).size(), 50u);
  EXPECT_LE(pool.CountWorkers(), 2);
}

TEST(ThreadPoolWithoutThreads, TaskThatFindsOnlyBusyWorkersWaitsForThem) {
  Notification started;
  Notification go_on;
  ThreadPool pool(8);
  pool.Post([&] {
    started.Notify();
    go_on.Wait();
  });
  ASSERT_TRUE(started.Wait());
  const OnlyThreads none(0);
  const auto future = pool.Submit([] { return 7; });
  EXPECT_TRUE(future.is_pending());
  go_on.Notify();
  EXPECT_EQ(future.Collect(kDeadline), 7);
}

TEST(ThreadPoolWithoutThreads, SpawnWorkersTellsHowManyThereWere) {
  ThreadPool pool(8);
  const OnlyThreads three(3);
  EXPECT_EQ(pool.SpawnMaxWorkers(), 3);
  EXPECT_EQ(pool.CountWorkers(), 3);
}

TEST(ThreadPoolWithoutThreads, SpawnWorkersThrowsWhenThereWasNone) {
  ThreadPool pool(8);
  const OnlyThreads none(0);
  EXPECT_THROW(pool.SpawnWorkers(2), RejectedError);
  EXPECT_EQ(pool.CountWorkers(), 0);
}

TEST(ThreadPoolWithoutThreads, TestThrowsRejectedError) {
  ThreadPool pool(8);
  const OnlyThreads none(0);
  EXPECT_THROW(pool.Test(), RejectedError);
}

TEST(ThreadPoolWithoutThreads, WorkerAtItsTaskLimitGoesOnWhenNoneCanReplaceIt) {
  Notification go_on;
  ThreadPool pool({.max_workers = 1, .max_tasks_per_worker = 1});
  pool.Post([&] { go_on.Wait(); });
  std::vector<Future<int>> futures;
  for (int i = 0; i < 5; ++i) futures.push_back(pool.Submit([] { return 1; }));
  const OnlyThreads none(0);
  go_on.Notify();
  EXPECT_EQ(Collect(futures, kDeadline).size(), 5u);
}

TEST(ThreadPoolWithoutThreads, TaskWithATimeoutFailsWhenNoneCanKeepIt) {
  ThreadPool pool(1);
  pool.SpawnWorkers(1);
  const OnlyThreads none(0);
  const auto future =
      pool.Submit(TaskOptions{.timeout = absl::Seconds(1)}, [] {});
  EXPECT_THROW(future.Collect(kDeadline), RejectedError);
}

TEST(ThreadPoolWithoutThreads, TaskWithADeadlineIsRefusedWhenNoneCanKeepIt) {
  ThreadPool pool(1);
  pool.SpawnWorkers(1);
  const OnlyThreads none(0);
  EXPECT_ANY_THROW(
      pool.Submit(TaskOptions{.queue_deadline = absl::Seconds(1)}, [] {}));
  EXPECT_EQ(pool.Stats().submitted, 0);
}

#ifdef CAN_FAIL_ALLOCATIONS

// Fault 77: fails one allocation of `submit` after the other, until all of them
// are through. What threw was not submitted, and what did not throw runs.
template <typename Submit>
void SweepAllocations(Submit submit) {
  for (int n = 0; n < 1000; ++n) {
    ThreadPool pool(2);
    auto capture = std::make_shared<int>(7);
    const std::weak_ptr<int> weak = capture;
    auto task = [capture = std::move(capture)] { return *capture; };
    bool thrown = false;
    allocations_left = n;
    try {
      submit(pool, std::move(task));
    } catch (const std::bad_alloc&) {
      thrown = true;
    } catch (const RejectedError&) {  // no memory for a thread
      thrown = true;
    }
    const bool failed = allocations_left > n || thrown;
    allocations_left = kNever;
    EXPECT_EQ(pool.Stats().submitted, thrown ? 0 : 1) << n;
    EXPECT_EQ(
        pool.Stats().pending + pool.Stats().running + pool.Stats().completed,
        thrown ? 0 : 1)
        << n;
    EXPECT_EQ(pool.Submit([] { return 8; }).Collect(kDeadline), 8) << n;
    EXPECT_TRUE(pool.Join(kDeadline)) << n;
    { const auto dropped = std::move(task); }
    EXPECT_TRUE(weak.expired()) << n;
    if (!failed) return;
  }
  FAIL() << "there is no end of allocations";
}

TEST(ThreadPoolWithoutMemory, SubmitThatThrowsHasSubmittedNothing) {
  SweepAllocations(
      [](ThreadPool& pool, auto task) { pool.Submit(std::move(task)); });
}

TEST(ThreadPoolWithoutMemory, SubmitWithOptionsThatThrowsHasSubmittedNothing) {
  SweepAllocations([](ThreadPool& pool, auto task) {
    pool.Submit(TaskOptions{.name = "a name that is too long for its object",
                            .timeout = absl::Seconds(50),
                            .queue_deadline = absl::Seconds(50)},
                std::move(task));
  });
}

#endif  // CAN_FAIL_ALLOCATIONS

}  // namespace
}  // namespace asyncpal
