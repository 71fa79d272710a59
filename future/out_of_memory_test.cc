// No allocation that fails loses a future: each test repeats its steps, and
// lets the first, the second, the third... allocation in them fail, until they
// need no more.

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/future.h"
#include "asyncpal/future/future_filter.h"
#include "asyncpal/future/internal/task.h"
#include "asyncpal/future/testing/manual_executor.h"
#include "asyncpal/future/wait.h"
#include "gtest/gtest.h"

namespace {

// How many allocations of this thread succeed before one fails; none fails
// while it is negative.
thread_local int allocations_left = -1;
thread_local bool allocation_failed = false;

void* Allocate(size_t size) {
  if (allocations_left == 0) {
    allocations_left = -1;
    allocation_failed = true;
    throw std::bad_alloc();
  }
  if (allocations_left > 0) --allocations_left;
  void* const memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(size_t size) { return Allocate(size); }
void* operator new[](size_t size) { return Allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }

namespace asyncpal {
namespace {

using testing::ManualExecutor;

// Runs `steps` with the allocation number `n` failing. False: there was none.
// What they throw is let out.
template <typename Steps>
bool FailAllocation(int n, Steps&& steps) {
  struct Disarm {
    ~Disarm() { allocations_left = -1; }
  } disarm;
  allocation_failed = false;
  allocations_left = n;
  steps();
  return allocation_failed;
}

// A text too long to need no memory.
std::string LongText() { return std::string(100, 'x'); }

TEST(OutOfMemory, NewTaskLeavesNothingBehind) {
  for (int n = 0;; ++n) {
    auto resource = std::make_shared<int>(7);
    const std::weak_ptr<int> watch = resource;
    bool failed = true;
    try {
      failed = FailAllocation(n, [&] {
        auto* const task = internal::NewTask(
            nullptr, 0, [resource](const std::string&) { return *resource; },
            LongText());
        // Not started, so not to be settled with an owner.
        task->Release();
      });
    } catch (const std::bad_alloc&) {
    }
    resource.reset();
    ASSERT_TRUE(watch.expired()) << n;
    if (!failed) break;
  }
}

TEST(OutOfMemory, AddCallbackRunsTheCallbackOrThrows) {
  for (int n = 0;; ++n) {
    ManualExecutor executor;
    const auto future = executor.Submit([] {});
    int runs = 0;
    bool threw = false;
    bool failed = true;
    try {
      failed = FailAllocation(n, [&] {
        future.AddCallback([&runs, text = LongText()](const auto&) { ++runs; });
      });
    } catch (const std::bad_alloc&) {
      threw = true;
    }
    executor.RunOne();
    ASSERT_EQ(runs, threw ? 0 : 1) << n;
    ASSERT_TRUE(future.is_completed()) << n;
    if (!failed) break;
  }
}

TEST(OutOfMemory, ThenWorksOrThrows) {
  for (int n = 0;; ++n) {
    ManualExecutor executor;
    const auto future = executor.Submit([] { return LongText(); });
    Future<std::string> next;
    bool failed = true;
    try {
      failed = FailAllocation(n, [&] {
        next = future.Then([](const std::string& text) { return text + "y"; });
      });
    } catch (const std::bad_alloc&) {
    }
    executor.RunOne();
    ASSERT_EQ(future.Collect(), LongText()) << n;
    if (next.valid()) {
      ASSERT_EQ(next.Collect(), LongText() + "y") << n;
    }
    if (!failed) break;
  }
}

TEST(OutOfMemory, EveryFutureIsDoneWhenItsTaskHasRun) {
  for (int n = 0;; ++n) {
    ManualExecutor executor;
    const auto future = executor.Submit([] { return LongText(); });
    const auto next = future.Then([](std::string text) { return text; });
    const auto inner = executor.Submit([] { return LongText(); });
    const auto unwrapped =
        future.Then([&](const std::string&) { return inner; });
    const auto all = WhenAll(std::vector{future, next});
    const auto any = WhenAny(std::vector{future, next});
    ::testing::internal::CaptureStderr();
    const bool failed = FailAllocation(n, [&] { executor.RunAll(); });
    ::testing::internal::GetCapturedStderr();
    ASSERT_TRUE(future.is_done()) << n;
    ASSERT_TRUE(next.is_done()) << n;
    ASSERT_TRUE(unwrapped.is_done()) << n;
    ASSERT_TRUE(all.is_done()) << n;
    ASSERT_TRUE(any.is_done()) << n;
    if (!failed) break;
  }
}

TEST(OutOfMemory, EveryFutureIsDoneWhenItsTaskFails) {
  for (int n = 0;; ++n) {
    ManualExecutor executor;
    const auto future =
        executor.Submit([]() -> int { throw Error(LongText()); });
    const auto next = future.Then([](int) {});
    const auto all = WhenAll(std::vector{future});
    ::testing::internal::CaptureStderr();
    const bool failed = FailAllocation(n, [&] { executor.RunAll(); });
    ::testing::internal::GetCapturedStderr();
    ASSERT_TRUE(future.is_failed()) << n;
    ASSERT_TRUE(next.is_failed()) << n;
    ASSERT_TRUE(all.is_failed()) << n;
    if (!failed) break;
  }
}

TEST(OutOfMemory, EveryFutureIsCancelledWithTheFirst) {
  for (int n = 0;; ++n) {
    ManualExecutor executor;
    auto future = executor.Submit([] { return LongText(); });
    const auto next = future.Then([](std::string text) { return text; });
    const auto all = WhenAll(std::vector{next});
    ::testing::internal::CaptureStderr();
    const bool failed = FailAllocation(n, [&] { future.Cancel(); });
    ::testing::internal::GetCapturedStderr();
    ASSERT_TRUE(all.is_cancelled()) << n;
    if (!failed) break;
  }
}

TEST(OutOfMemory, AFilterHandsOutWhatWasDoneWithoutMemory) {
  for (int n = 0;; ++n) {
    ManualExecutor executor;
    FutureFilter<int> filter;
    for (int i = 0; i < 100; ++i) {
      filter.Put(executor.Submit([i] { return i; }));
    }
    ::testing::internal::CaptureStderr();
    const bool failed = FailAllocation(n, [&] { executor.RunAll(); });
    ::testing::internal::GetCapturedStderr();
    for (int i = 0; i < 100; ++i) {
      ASSERT_EQ(filter.Get(absl::ZeroDuration()).value().Collect(), i) << n;
    }
    if (!failed) break;
  }
}

TEST(OutOfMemory, AFilterTakesAFutureOrThrows) {
  for (int n = 0;; ++n) {
    ManualExecutor executor;
    const auto future = executor.Submit([] { return 7; });
    FutureFilter<int> filter;
    bool threw = false;
    bool failed = true;
    try {
      failed = FailAllocation(n, [&] { filter.Put(future); });
    } catch (const std::bad_alloc&) {
      threw = true;
    }
    executor.RunOne();
    ASSERT_EQ(filter.Get(absl::ZeroDuration()).has_value(), !threw) << n;
    if (!failed) break;
  }
}

Future<std::string> Lengthen(Future<std::string> future) {
  std::string text = co_await future;
  co_return text + LongText();
}

TEST(OutOfMemory, ACoroutineIsDoneOrItsCallThrows) {
  for (int n = 0;; ++n) {
    ManualExecutor executor;
    const auto future = executor.Submit([] { return LongText(); });
    Future<std::string> longer;
    bool failed = true;
    try {
      failed = FailAllocation(n, [&] {
        longer = Lengthen(future);
        executor.RunAll();
      });
    } catch (const std::bad_alloc&) {
    }
    if (longer.valid()) {
      ASSERT_TRUE(longer.is_done()) << n;
    }
    if (!failed) break;
  }
}

}  // namespace
}  // namespace asyncpal
