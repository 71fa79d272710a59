#include "asyncpal/bindings/facade/failure.h"

#include <exception>
#include <new>
#include <stdexcept>
#include <string>

#include "asyncpal/bindings/facade/host_error.h"
#include "asyncpal/future/error.h"
#include "asyncpal/ipc/errors/exception_link.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::facade {
namespace {

template <typename E>
std::exception_ptr Nested(const E& outer, const std::exception_ptr& cause) {
  return internal::NestException(outer, cause);
}

TEST(FailureTest, OfNullIsEmpty) {
  EXPECT_TRUE(DescribeFailure(nullptr).empty());
  EXPECT_EQ(ToException(Failure()), nullptr);
}

TEST(FailureTest, HasALinkForEachCauseOutermostFirst) {
  const Failure failure = DescribeFailure(
      Nested(std::invalid_argument("outer"),
             std::make_exception_ptr(std::out_of_range("inner"))));
  ASSERT_EQ(failure.size(), 2);
  EXPECT_EQ(failure.link(0).kind, kInvalidArgument);
  EXPECT_EQ(failure.link(0).type, "std::invalid_argument");
  EXPECT_EQ(failure.link(0).message, "outer");
  EXPECT_EQ(failure.link(1).kind, kOtherFailure);
  EXPECT_EQ(failure.link(1).type, "std::out_of_range");
  EXPECT_EQ(failure.link(1).message, "inner");
}

TEST(FailureTest, TellsTheLibrarysOwnErrorsApart) {
  const auto kind = [](const auto& error) {
    return DescribeFailure(std::make_exception_ptr(error)).link(0).kind;
  };
  EXPECT_EQ(kind(TimeoutError("")), kTimeout);
  EXPECT_EQ(kind(CancelledError("")), kCancelled);
  EXPECT_EQ(kind(InvalidStateError("")), kInvalidState);
  EXPECT_EQ(kind(ClosedPoolError("")), kClosedPool);
  EXPECT_EQ(kind(BrokenPoolError("")), kBrokenPool);
  EXPECT_EQ(kind(InitializerError("")), kInitializerFailed);
  EXPECT_EQ(kind(FinalizerError("")), kFinalizerFailed);
  EXPECT_EQ(kind(RejectedError("")), kRejected);
  EXPECT_EQ(kind(SerializationError("")), kSerializationFailed);
  EXPECT_EQ(kind(RemoteError("java.io.IOException", "")), kRemoteFailure);
  EXPECT_EQ(kind(Error("")), kOtherFailure);
  EXPECT_EQ(kind(42), kOtherFailure);
}

TEST(FailureTest, SaysHowALostWorkerEnded) {
  WorkerLostError::Cause cause;
  cause.pid = 4711;
  cause.signal = 9;
  cause.phase = "running";
  const Failure failure =
      DescribeFailure(std::make_exception_ptr(WorkerLostError("gone", cause)));
  EXPECT_EQ(failure.link(0).kind, kWorkerLost);
  EXPECT_EQ(failure.link(0).pid, 4711);
  EXPECT_EQ(failure.link(0).signal, 9);
  EXPECT_EQ(failure.link(0).exit_code, -1);
  EXPECT_EQ(failure.link(0).phase, "running");
}

TEST(FailureTest, OfAHostComesThroughCppUnchanged) {
  Failure failure;
  failure.Add(kRemoteFailure, "java.io.IOException", "disk", "at A.b(A.java:1)",
              Bytes("\x00\xff", 2));
  failure.Add(kRemoteFailure, "java.lang.Error", "cause", "at C.d(C.java:2)",
              "");

  const Failure back = DescribeFailure(ToException(failure));

  ASSERT_EQ(back.size(), 2);
  EXPECT_EQ(back.link(0).kind, kRemoteFailure);
  EXPECT_EQ(back.link(0).type, "java.io.IOException");
  EXPECT_EQ(back.link(0).message, "disk");
  EXPECT_EQ(back.link(0).traceback, "at A.b(A.java:1)");
  EXPECT_EQ(back.link(0).state, Bytes("\x00\xff", 2));
  EXPECT_EQ(back.link(1).type, "java.lang.Error");
  EXPECT_EQ(back.link(1).message, "cause");
  EXPECT_EQ(back.link(1).traceback, "at C.d(C.java:2)");
}

TEST(FailureTest, OfAHostComesThroughTheWireUnchanged) {
  Failure failure;
  failure.Add(kRemoteFailure, "java.io.IOException", "disk", "at A.b(A.java:1)",
              Bytes("\x00\xff", 2));
  const auto links = internal::DescribeChain(ToException(failure));
  ASSERT_EQ(links.size(), 1u);

  const Failure back =
      DescribeFailure(internal::RebuildException(links[0], nullptr));

  ASSERT_EQ(back.size(), 1);
  EXPECT_EQ(back.link(0).type, "java.io.IOException");
  EXPECT_EQ(back.link(0).message, "disk");
  EXPECT_EQ(back.link(0).traceback, "at A.b(A.java:1)");
  EXPECT_EQ(back.link(0).state, Bytes("\x00\xff", 2));
}

TEST(FailureTest, OfAHostIsARemoteErrorInCpp) {
  Failure failure;
  failure.Add(kRemoteFailure, "java.io.IOException", "disk", "at A", "");
  const std::exception_ptr error = ToException(failure);
  EXPECT_EQ(GetRemoteTraceback(error), "at A");
  try {
    std::rethrow_exception(error);
  } catch (const RemoteError& e) {
    EXPECT_EQ(e.type_name(), "java.io.IOException");
    EXPECT_STREQ(e.what(), "disk");
  }
}

TEST(FailureTest, LinkOutOfRangeIsRefused) {
  EXPECT_THROW(Failure().link(0), std::out_of_range);
}

}  // namespace
}  // namespace asyncpal::facade
