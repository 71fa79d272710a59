#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <limits>
#include <new>
#include <string>

#include "absl/time/time.h"
#include "asyncpal/future/future.h"
#include "asyncpal/pool/process_pool.h"
#include "asyncpal/pool/testing/process_faults.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// A parent without memory to spare. Each test repeats its steps, and lets the
// first, the second, the third... allocation in them fail, until they need no
// more.

namespace {

constexpr int kNever = std::numeric_limits<int>::max();

// How many more allocations succeed, of a test's own thread or of all threads;
// one fails then.
thread_local int own_left = kNever;
std::atomic<int> left = kNever;
std::atomic<bool> has_failed = false;

void* Allocate(std::size_t size) {
  if (own_left != kNever && own_left-- == 0) {
    own_left = kNever;
    has_failed = true;
    throw std::bad_alloc();
  }
  if (left.load(std::memory_order_relaxed) != kNever && left-- == 0) {
    left = kNever;
    has_failed = true;
    throw std::bad_alloc();
  }
  if (void* const memory = std::malloc(size)) return memory;
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

namespace asyncpal {
namespace {

using ::asyncpal::testing::StillWorks;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr absl::Duration kLong = absl::Seconds(30);

// Too long to need no memory.
const std::string& LongText() {
  static const std::string* const text = new std::string(100, 'x');
  return *text;
}
std::string Echo(const std::string& text) { return text; }

// While it lives, allocation number `n` is one that fails.
class FailAllocation {
 public:
  enum Threads { kOwnThread, kAllThreads };

  FailAllocation(Threads threads, int n) {
    has_failed = false;
    if (threads == kOwnThread) {
      own_left = n;
    } else {
      left = n;
    }
  }
  ~FailAllocation() {
    own_left = kNever;
    left = kNever;
  }
};

Future<std::string> SubmitIfPossible(ProcessPool& pool) {
  try {
    return pool.Submit(Echo, LongText());
  } catch (const std::exception&) {
    return {};
  }
}

TEST(ProcessPoolOutOfMemory, TaskIsSubmittedOrNot) {
  ProcessPool pool(1);
  pool.Submit(Echo, LongText()).Collect(kLong);
  int64_t submitted = 1;
  for (int n = 0; n == 0 || has_failed; ++n) {
    Future<std::string> future;
    {
      FailAllocation failure(FailAllocation::kOwnThread, n);
      future = SubmitIfPossible(pool);
    }
    submitted += future.valid() ? 1 : 0;
    ASSERT_EQ(pool.Stats().submitted, submitted) << n;
    if (future.valid()) {
      ASSERT_EQ(future.Collect(kLong), LongText()) << n;
    }
  }
}

TEST(ProcessPoolOutOfMemory, FirstTaskIsSubmittedOrNot) {
  for (int n = 0; n == 0 || has_failed; ++n) {
    ProcessPool pool(1);
    Future<std::string> future;
    {
      FailAllocation failure(FailAllocation::kOwnThread, n);
      future = SubmitIfPossible(pool);
    }
    ASSERT_EQ(pool.Stats().submitted, future.valid()) << n;
    if (future.valid()) {
      ASSERT_EQ(future.Collect(kLong), LongText()) << n;
    }
    ASSERT_TRUE(StillWorks(pool)) << n;
  }
}

// Whichever thread it is, the task's future is done in time, and no innocent
// worker is blamed.
void SubmitWithAFailure(ProcessPool& pool, int n) {
  Future<std::string> future;
  {
    FailAllocation failure(FailAllocation::kAllThreads, n);
    future = SubmitIfPossible(pool);
    if (!future.valid()) return;
    ASSERT_TRUE(future.Wait(kLong));
  }
  if (future.is_completed()) {
    EXPECT_EQ(*future.result(), LongText());
  } else {
    EXPECT_THAT(future.TryCollect().status().ToString(),
                Not(HasSubstr("protocol")));
  }
}

TEST(ProcessPoolOutOfMemory, AnyThreadsFailureCostsOneTaskAtMost) {
  ProcessPool pool(1);
  pool.Submit(Echo, LongText()).Collect(kLong);
  for (int n = 0; n == 0 || has_failed; ++n) {
    SubmitWithAFailure(pool, n);
    ASSERT_TRUE(StillWorks(pool)) << n;
  }
}

TEST(ProcessPoolOutOfMemory, AnyThreadsFailureAtTheStartCostsOneTaskAtMost) {
  for (int n = 0; n == 0 || has_failed; ++n) {
    ProcessPool pool(1);
    SubmitWithAFailure(pool, n);
    ASSERT_TRUE(StillWorks(pool)) << n;
  }
}

}  // namespace
}  // namespace asyncpal
