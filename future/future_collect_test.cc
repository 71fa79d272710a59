// What Collect() and TryCollect() hand out: results and errors of every kind.

#include <exception>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/future.h"
#include "asyncpal/future/testing/manual_executor.h"
#include "asyncpal/future/testing/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal {
namespace {

using internal::DescribeException;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::kDeadline;
using testing::ManualExecutor;

// Counts how often it was copied.
struct CopyCounter {
  CopyCounter() = default;
  CopyCounter(const CopyCounter& other) : copies(other.copies + 1) {}
  CopyCounter(CopyCounter&&) = default;
  CopyCounter& operator=(const CopyCounter&) = delete;
  int copies = 0;
};

// The exception that `call` throws, null if it returns.
template <typename Call>
std::exception_ptr ThrownBy(Call&& call) {
  try {
    call();
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}

// --- Results ---

TEST(Collect, ReturnsTheResult) {
  ManualExecutor executor;
  const auto future =
      executor.Submit([](int a, int b) { return a + b; }, 10, 2);
  executor.RunOne();
  EXPECT_EQ(future.Collect(), 12);
}

TEST(Collect, ReturnsTheResultAgain) {
  ManualExecutor executor;
  const auto future = executor.Submit([] { return std::string("text"); });
  executor.RunOne();
  future.Collect();
  EXPECT_EQ(future.Collect(), "text");
}

TEST(Collect, GivesEachCollectorAResultOfItsOwn) {
  ManualExecutor executor;
  const auto future = executor.Submit([] { return std::vector<int>{1, 2}; });
  executor.RunOne();
  std::vector<int> first = future.Collect();
  first.clear();
  EXPECT_THAT(future.Collect(), ::testing::ElementsAre(1, 2));
}

TEST(Collect, ReturnsFromAVoidTask) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  executor.RunOne();
  static_assert(std::is_void_v<decltype(future.Collect())>);
  EXPECT_NO_THROW(future.Collect());
}

TEST(Collect, MovesOutAResultThatCannotBeCopied) {
  ManualExecutor executor;
  auto future = executor.Submit([] { return std::make_unique<int>(7); });
  executor.RunOne();
  EXPECT_EQ(*std::move(future).Collect(), 7);
}

TEST(Collect, MovesOutAContainerOfWhatCannotBeCopied) {
  using Numbers = std::map<int, std::pair<int, std::unique_ptr<int>>>;
  ManualExecutor executor;
  auto future = executor.Submit([] {
    Numbers numbers;
    numbers[1].second = std::make_unique<int>(7);
    return numbers;
  });
  executor.RunOne();
  EXPECT_EQ(*std::move(future).Collect()[1].second, 7);
}

TEST(Collect, MovesOutATupleOfContainersOfWhatCannotBeCopied) {
  ManualExecutor executor;
  auto future = executor.Submit(
      [] { return std::make_tuple(1, std::vector<std::unique_ptr<int>>(3)); });
  executor.RunOne();
  EXPECT_EQ(std::get<1>(std::move(future).Collect()).size(), 3u);
}

TEST(Collect, CopiesTheObjectBehindAReference) {
  ManualExecutor executor;
  std::string text = "before";
  const auto future = executor.Submit([&]() -> std::string& { return text; });
  executor.RunOne();
  text = "after";
  EXPECT_EQ(future.Collect(), "before");
}

TEST(Collect, ReturnsAFutureThatTheTaskReturned) {
  ManualExecutor executor;
  const Future<int> inner = executor.Submit([] { return 1; });
  const Future<Future<int>> outer = executor.Submit([inner] { return inner; });
  executor.RunAll();
  EXPECT_EQ(outer.Collect(), inner);
}

TEST(Collect, ReturnsAnExceptionPtrThatTheTaskReturned) {
  ManualExecutor executor;
  const Future<std::exception_ptr> future =
      executor.Submit([] { return std::make_exception_ptr(Error("a value")); });
  executor.RunOne();
  EXPECT_EQ(DescribeException(future.Collect()), "asyncpal::Error: a value");
}

TEST(Collect, ReturnsAStatusThatTheTaskReturned) {
  ManualExecutor executor;
  const auto future = executor.Submit([] { return absl::AbortedError("x"); });
  executor.RunOne();
  EXPECT_EQ(future.Collect(), absl::AbortedError("x"));
}

TEST(Collect, WaitsForTheResult) {
  ManualExecutor executor;
  const auto future = executor.Submit([] { return 7; });
  std::thread runner([&] { executor.RunOne(); });
  EXPECT_EQ(future.Collect(kDeadline), 7);
  runner.join();
}

// --- Moving the result out ---

TEST(CollectByMove, CopiesNothingForTheOnlyHandle) {
  ManualExecutor executor;
  auto future = executor.Submit([] { return CopyCounter(); });
  executor.RunOne();
  EXPECT_EQ(std::move(future).Collect().copies, 0);
}

TEST(CollectByMove, LeavesTheResultToOtherHandles) {
  ManualExecutor executor;
  auto future = executor.Submit([] { return std::string(100, 'x'); });
  const auto other = future;
  executor.RunOne();
  std::move(future).Collect();
  EXPECT_EQ(other.Collect(), std::string(100, 'x'));
}

TEST(CollectByMove, ThrowsInvalidStateErrorTheSecondTime) {
  ManualExecutor executor;
  auto future = executor.Submit([] { return 1; });
  executor.RunOne();
  std::move(future).Collect();
  EXPECT_THROW(std::move(future).Collect(),  // NOLINT(bugprone-use-after-move)
               InvalidStateError);
}

TEST(CollectByMove, TakesAMoveOnlyResultFromOtherHandles) {
  ManualExecutor executor;
  auto future = executor.Submit([] { return std::make_unique<int>(7); });
  auto other = future;
  executor.RunOne();
  std::move(future).Collect();
  EXPECT_THROW(std::move(other).Collect(), InvalidStateError);
}

TEST(CollectByMove, LeavesTheFutureCompleted) {
  ManualExecutor executor;
  auto future = executor.Submit([] { return std::make_unique<int>(7); });
  executor.RunOne();
  std::move(future).Collect();
  EXPECT_TRUE(future.is_completed());  // NOLINT(bugprone-use-after-move)
}

TEST(CollectByMove, KeepsTheResultWhenItTimesOut) {
  ManualExecutor executor;
  auto future = executor.Submit([] { return std::make_unique<int>(7); });
  EXPECT_THROW(std::move(future).Collect(absl::ZeroDuration()), TimeoutError);
  executor.RunOne();
  EXPECT_EQ(*std::move(future).Collect(), 7);
}

// --- Failures ---

TEST(Collect, ThrowsTheTypeThatTheTaskThrew) {
  ManualExecutor executor;
  const auto future = executor.Submit([] { throw std::out_of_range("row 7"); });
  executor.RunOne();
  EXPECT_THROW(future.Collect(), std::out_of_range);
}

TEST(Collect, ThrowsAgain) {
  ManualExecutor executor;
  const auto future = executor.Submit([] { throw std::out_of_range("row 7"); });
  executor.RunOne();
  EXPECT_THROW(future.Collect(), std::out_of_range);
  EXPECT_THROW(future.Collect(), std::out_of_range);
}

TEST(Collect, ThrowsAnIntThatTheTaskThrew) {
  ManualExecutor executor;
  const auto future = executor.Submit([] { throw 42; });
  executor.RunOne();
  EXPECT_THROW(future.Collect(), int);
}

TEST(Collect, ThrowsAUsersTypeUnsliced) {
  class Mine : public std::runtime_error {
   public:
    using std::runtime_error::runtime_error;
  };
  ManualExecutor executor;
  const auto future = executor.Submit([] { throw Mine("x"); });
  executor.RunOne();
  EXPECT_THROW(future.Collect(), Mine);
}

TEST(Collect, GivesEachCollectorAnExceptionOfItsOwn) {
  ManualExecutor executor;
  const auto future = executor.Submit([] { throw std::out_of_range("row 7"); });
  executor.RunOne();
  const auto first = ThrownBy([&] { future.Collect(); });
  const auto second = ThrownBy([&] { future.Collect(); });
  EXPECT_NE(first, second);
}

TEST(Collect, KeepsTheCauseOfWhatTheTaskThrew) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {
    try {
      throw std::out_of_range("row 7");
    } catch (...) {
      std::throw_with_nested(std::runtime_error("load failed"));
    }
  });
  executor.RunOne();
  try {
    future.Collect();
  } catch (const std::nested_exception& error) {
    EXPECT_EQ(DescribeException(error.nested_ptr()),
              "std::out_of_range: row 7");
    return;
  }
  ADD_FAILURE() << "the exception has no cause";
}

TEST(Collect, ThrowsCancelledErrorThatNamesTheTask) {
  ManualExecutor executor;
  auto future = executor.Submit([] {});
  future.Cancel();
  EXPECT_EQ(DescribeException(ThrownBy([&] { future.Collect(); })),
            "asyncpal::CancelledError: task 1 was cancelled");
}

TEST(Collect, ThrowsTimeoutErrorThatNamesTheTaskAndTheLimit) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  EXPECT_EQ(DescribeException(
                ThrownBy([&] { future.Collect(absl::Milliseconds(2)); })),
            "asyncpal::TimeoutError: task 1 was not done in 2ms");
}

TEST(Collect, ThrowsTimeoutErrorForANegativeTimeout) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  EXPECT_THROW(future.Collect(absl::Seconds(-1)), TimeoutError);
}

TEST(Collect, SucceedsAfterATimeout) {
  ManualExecutor executor;
  const auto future = executor.Submit([] { return 7; });
  EXPECT_THROW(future.Collect(absl::ZeroDuration()), TimeoutError);
  executor.RunOne();
  EXPECT_EQ(future.Collect(), 7);
}

TEST(Collect, ThrowsATimeoutErrorOfTheTaskAsItsFailure) {
  ManualExecutor executor;
  const auto future =
      executor.Submit([] { throw TimeoutError("from the task"); });
  executor.RunOne();
  EXPECT_EQ(DescribeException(ThrownBy([&] { future.Collect(); })),
            "asyncpal::TimeoutError: from the task");
}

// --- Types that throw when they are copied, moved or destroyed ---

struct ThrowsOnCopy {
  ThrowsOnCopy() = default;
  ThrowsOnCopy(const ThrowsOnCopy&) { throw std::runtime_error("no copy"); }
  ThrowsOnCopy(ThrowsOnCopy&&) noexcept {}
};

TEST(Collect, LetsOutWhatACopyOfTheResultThrows) {
  ManualExecutor executor;
  const auto future = executor.Submit([] { return ThrowsOnCopy(); });
  executor.RunOne();
  EXPECT_THROW(future.Collect(), std::runtime_error);
}

TEST(Collect, LeavesTheResultInPlaceWhenItsCopyThrows) {
  ManualExecutor executor;
  const auto future = executor.Submit([] { return ThrowsOnCopy(); });
  executor.RunOne();
  EXPECT_THROW(future.Collect(), std::runtime_error);
  EXPECT_NE(future.result(), nullptr);
}

struct ThrowsOnMove {
  ThrowsOnMove() = default;
  ThrowsOnMove(ThrowsOnMove&&) { throw std::runtime_error("no move"); }
};

TEST(Collect, ThrowsWhatStoringTheResultThrew) {
  ManualExecutor executor;
  auto future = executor.Submit([] { return ThrowsOnMove(); });
  executor.RunOne();
  EXPECT_EQ(DescribeException(future.exception()),
            "std::runtime_error: no move");
}

// Throws from each destructor, but for those of moved-from objects.
class ThrowsOnDestruction {
 public:
  explicit ThrowsOnDestruction(int* destroyed) : destroyed_(destroyed) {}
  ThrowsOnDestruction(ThrowsOnDestruction&& other) noexcept
      : destroyed_(std::exchange(other.destroyed_, nullptr)) {}
  ~ThrowsOnDestruction() noexcept(false) {
    if (destroyed_ == nullptr) return;
    ++*destroyed_;
    throw std::runtime_error("from a destructor");
  }
  int operator()() const { return 7; }

 private:
  int* destroyed_;
};

TEST(Collect, ReturnsTheResultOfACallableWhoseDestructorThrows) {
  ManualExecutor executor;
  int destroyed = 0;
  const auto future = executor.Submit(ThrowsOnDestruction(&destroyed));
  ::testing::internal::CaptureStderr();
  executor.RunOne();
  ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(future.Collect(), 7);
}

TEST(Task, ReportsADestructorOfItsCallableThatThrows) {
  ManualExecutor executor;
  int destroyed = 0;
  const auto future = executor.Submit(ThrowsOnDestruction(&destroyed));
  ::testing::internal::CaptureStderr();
  executor.RunOne();
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "asyncpal: the destructor of a task's callable threw: "
            "std::runtime_error: from a destructor\n");
}

TEST(Future, OutlivesAResultWhoseDestructorThrows) {
  ManualExecutor executor;
  int destroyed = 0;
  auto future =
      executor.Submit([&] { return ThrowsOnDestruction(&destroyed); });
  executor.RunOne();
  ::testing::internal::CaptureStderr();
  future = {};
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "asyncpal: the destructor of a task's result threw: "
            "std::runtime_error: from a destructor\n");
  EXPECT_EQ(destroyed, 1);
}

// Throws from every destructor, also of the objects that a move leaves behind.
struct AlwaysThrowsOnDestruction {
  explicit AlwaysThrowsOnDestruction(int number) : number(number) {}
  AlwaysThrowsOnDestruction(AlwaysThrowsOnDestruction&&) = default;
  ~AlwaysThrowsOnDestruction() noexcept(false) {
    throw std::runtime_error("from a destructor");
  }
  int number;
};

TEST(Future, KeepsAResultWhoseMovedFromObjectThrowsOnDestruction) {
  ManualExecutor executor;
  ::testing::internal::CaptureStderr();
  {
    const auto future =
        executor.Submit([] { return AlwaysThrowsOnDestruction(7); });
    executor.RunOne();
    ASSERT_TRUE(future.is_completed());
    EXPECT_EQ(future.result()->number, 7);
  }
  ::testing::internal::GetCapturedStderr();
}

// --- TryCollect ---

TEST(TryCollect, ReturnsTheResult) {
  ManualExecutor executor;
  const auto future = executor.Submit([] { return 7; });
  executor.RunOne();
  EXPECT_EQ(future.TryCollect(), absl::StatusOr<int>(7));
}

TEST(TryCollect, ReturnsOkForAVoidTask) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  executor.RunOne();
  const absl::Status status = future.TryCollect();
  EXPECT_EQ(status, absl::OkStatus());
}

TEST(TryCollect, MovesOutAResultThatCannotBeCopied) {
  ManualExecutor executor;
  auto future = executor.Submit([] { return std::make_unique<int>(7); });
  executor.RunOne();
  const absl::StatusOr<std::unique_ptr<int>> result =
      std::move(future).TryCollect();
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(**result, 7);
}

TEST(TryCollect, ReturnsDeadlineExceededWhenTheTimeoutPasses) {
  ManualExecutor executor;
  const auto future = executor.Submit([] { return 7; });
  EXPECT_EQ(future.TryCollect(absl::ZeroDuration()).status().code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST(TryCollect, ReturnsCancelledForACancelledFuture) {
  ManualExecutor executor;
  auto future = executor.Submit([] {});
  future.Cancel();
  EXPECT_EQ(future.TryCollect().code(), absl::StatusCode::kCancelled);
}

TEST(TryCollect, ReturnsInternalWithTypeAndMessageOfWhatTheTaskThrew) {
  ManualExecutor executor;
  const auto future = executor.Submit([] { throw std::out_of_range("row 7"); });
  executor.RunOne();
  EXPECT_EQ(future.TryCollect(),
            absl::InternalError("std::out_of_range: row 7"));
}

TEST(TryCollect, ReturnsInternalForAnIntThatTheTaskThrew) {
  ManualExecutor executor;
  const auto future = executor.Submit([] { throw 42; });
  executor.RunOne();
  EXPECT_EQ(future.TryCollect(), absl::InternalError("int"));
}

TEST(TryCollect, ReturnsFailedPreconditionForAnEmptyFuture) {
  EXPECT_EQ(Future<void>().TryCollect().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(TryCollect, ReturnsFailedPreconditionForAResultThatWasMovedOut) {
  ManualExecutor executor;
  auto future = executor.Submit([] { return std::make_unique<int>(7); });
  executor.RunOne();
  (void)std::move(future).TryCollect();
  EXPECT_EQ(std::move(future)  // NOLINT(bugprone-use-after-move)
                .TryCollect()
                .status()
                .code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace asyncpal
