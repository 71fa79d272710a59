#include "asyncpal/future/internal/rebuilt_error.h"

#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <typeinfo>

#include "absl/status/status.h"
#include "asyncpal/future/error.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

const std::exception* ObjectOf(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return &e;
  }
}

std::exception_ptr CauseOf(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::nested_exception& e) {
    return e.nested_ptr();
  } catch (...) {
    return nullptr;
  }
}

std::exception_ptr Remote(const auto& error, const std::string& traceback) {
  return MakeRemoteException(error, traceback, nullptr);
}

std::exception_ptr WithMessage(const std::string& message) {
  return std::make_exception_ptr(
      WithRemoteMessage(std::bad_alloc(), "at Main", message));
}

std::exception_ptr ChainOfTwo() {
  return MakeRemoteException(TimeoutError("late"), "at Outer",
                             Remote(std::out_of_range("row 7"), "at Inner"));
}

class FinalError final : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class OwnNested : public std::runtime_error, public std::nested_exception {
 public:
  using std::runtime_error::runtime_error;
};

// --- Making one ---

TEST(RebuiltError, IsCaughtAsItsPlainType) {
  EXPECT_THROW(std::rethrow_exception(Remote(TimeoutError("x"), "at Main")),
               TimeoutError);
}

TEST(RebuiltError, OfAFinalTypeIsCaughtAsThat) {
  EXPECT_THROW(std::rethrow_exception(Remote(FinalError("x"), "at Main")),
               FinalError);
}

TEST(RebuiltError, WithNoCauseHasNoneThoughAnErrorIsBeingHandled) {
  try {
    throw Error("another");
  } catch (...) {
    EXPECT_EQ(CauseOf(MakeException(OwnNested("x"), nullptr)), nullptr);
  }
}

TEST(RebuiltError, OfATypeWithACauseOfItsOwnHasTheGivenOne) {
  const auto cause = std::make_exception_ptr(Error("why"));
  EXPECT_EQ(CauseOf(MakeException(OwnNested("x"), cause)), cause);
}

// --- PlainExceptionType ---

TEST(PlainExceptionType, IsTheTypeItselfWithoutAWrapper) {
  EXPECT_EQ(PlainExceptionType(typeid(TimeoutError)), typeid(TimeoutError));
}

TEST(PlainExceptionType, LooksThroughEveryWrapper) {
  const auto error =
      NestException(WithRemoteMessage(std::bad_alloc(), "at Main", "no more"),
                    std::make_exception_ptr(1));
  const std::exception& object = *ObjectOf(error);
  EXPECT_EQ(PlainExceptionType(typeid(object)), typeid(std::bad_alloc));
}

// --- DescribeException, ToStatus, GetRemoteTraceback ---

TEST(RebuiltError, IsDescribedWithoutItsWrappers) {
  EXPECT_EQ(DescribeException(ChainOfTwo()), "asyncpal::TimeoutError: late");
}

TEST(RebuiltError, HasTheMessageThatItWasGiven) {
  EXPECT_EQ(DescribeException(WithMessage("no more")),
            "std::bad_alloc: no more");
}

TEST(RebuiltError, HasTheStatusOfItsPlainType) {
  EXPECT_EQ(ToStatus(ChainOfTwo()), absl::DeadlineExceededError("late"));
}

TEST(GetRemoteTraceback, IsThatOfTheOutermostOfAChain) {
  EXPECT_EQ(GetRemoteTraceback(ChainOfTwo()), "at Outer");
}

TEST(GetRemoteTraceback, IsACausesOwn) {
  EXPECT_EQ(GetRemoteTraceback(CauseOf(ChainOfTwo())), "at Inner");
}

TEST(GetRemoteTraceback, IsNotThatOfACause) {
  EXPECT_EQ(GetRemoteTraceback(MakeException(
                Error("local"), Remote(Error("remote"), "at Inner"))),
            "");
}

// --- CopyException ---

TEST(CopyOfARebuiltError, SharesNoLinkWithTheOriginal) {
  const auto original = ChainOfTwo();
  const auto copy = CopyException(original);
  EXPECT_NE(ObjectOf(copy), ObjectOf(original));
  EXPECT_NE(ObjectOf(CauseOf(copy)), ObjectOf(CauseOf(original)));
}

TEST(CopyOfARebuiltError, KeepsTheStackOfEachLink) {
  const auto copy = CopyException(ChainOfTwo());
  EXPECT_EQ(GetRemoteTraceback(copy), "at Outer");
  EXPECT_EQ(GetRemoteTraceback(CauseOf(copy)), "at Inner");
}

TEST(CopyOfARebuiltError, IsCaughtAsItsPlainType) {
  EXPECT_THROW(std::rethrow_exception(CopyException(ChainOfTwo())),
               TimeoutError);
}

TEST(CopyOfARebuiltError, KeepsTheMessageThatItWasGiven) {
  const auto original = WithMessage("no more");
  const auto copy = CopyException(original);
  EXPECT_NE(ObjectOf(copy), ObjectOf(original));
  EXPECT_EQ(DescribeException(copy), "std::bad_alloc: no more");
  EXPECT_EQ(GetRemoteTraceback(copy), "at Main");
}

}  // namespace
}  // namespace asyncpal::internal
