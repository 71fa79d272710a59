#include "asyncpal/future/error.h"

#include <sys/mman.h>
#include <unistd.h>

#include <any>
#include <cstring>
#include <exception>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal {
namespace {

using internal::CopyException;
using internal::DescribeException;
using internal::LogFailure;
using internal::NestException;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr size_t kMaxMessageBytes = 64 * 1024;

static_assert(std::is_base_of_v<std::runtime_error, Error>);
static_assert(std::is_base_of_v<Error, TimeoutError>);
static_assert(std::is_base_of_v<Error, CancelledError>);
static_assert(std::is_base_of_v<Error, InvalidStateError>);
static_assert(std::is_base_of_v<Error, ClosedPoolError>);
static_assert(std::is_base_of_v<Error, BrokenPoolError>);
static_assert(std::is_base_of_v<BrokenPoolError, InitializerError>);
static_assert(std::is_base_of_v<BrokenPoolError, FinalizerError>);
static_assert(std::is_base_of_v<Error, RejectedError>);
static_assert(std::is_base_of_v<Error, SerializationError>);
static_assert(std::is_base_of_v<Error, WorkerLostError>);
static_assert(std::is_base_of_v<Error, RemoteError>);

// The exception object itself, to compare identities.
const std::exception* ObjectOf(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return &e;
  }
}

// What `error` has nested in it, null if nothing.
std::exception_ptr CauseOf(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::nested_exception& e) {
    return e.nested_ptr();
  } catch (...) {
    return nullptr;
  }
}

WorkerLostError ExampleWorkerLost() {
  return WorkerLostError(
      "worker 7 was killed",
      {.pid = 1234, .signal = 9, .exit_code = {}, .phase = "running"});
}

class NullWhat : public std::exception {
 public:
  const char* what() const noexcept override { return nullptr; }
};

class NullWhatTimeout : public TimeoutError {
 public:
  using TimeoutError::TimeoutError;
  const char* what() const noexcept override { return nullptr; }
};

// Its message has no end within reach.
class EndlessWhat : public std::exception {
 public:
  explicit EndlessWhat(const char* text) : text_(text) {}
  const char* what() const noexcept override { return text_; }

 private:
  const char* text_;
};

// --- ToStatus ---

struct CodeCase {
  std::string name;
  std::exception_ptr error;
  absl::StatusCode code;
};

class ToStatusCode : public ::testing::TestWithParam<CodeCase> {};

TEST_P(ToStatusCode, IsTheOneOfTheContract) {
  EXPECT_EQ(ToStatus(GetParam().error).code(), GetParam().code);
}

template <typename E>
CodeCase CaseOf(std::string name, absl::StatusCode code, E error) {
  return {std::move(name), std::make_exception_ptr(error), code};
}

INSTANTIATE_TEST_SUITE_P(
    Each, ToStatusCode,
    ::testing::Values(
        CaseOf("Cancelled", absl::StatusCode::kCancelled, CancelledError("x")),
        CaseOf("Timeout", absl::StatusCode::kDeadlineExceeded,
               TimeoutError("x")),
        CaseOf("ClosedPool", absl::StatusCode::kFailedPrecondition,
               ClosedPoolError("x")),
        CaseOf("BrokenPool", absl::StatusCode::kFailedPrecondition,
               BrokenPoolError("x")),
        CaseOf("Initializer", absl::StatusCode::kFailedPrecondition,
               InitializerError("x")),
        CaseOf("Finalizer", absl::StatusCode::kFailedPrecondition,
               FinalizerError("x")),
        CaseOf("InvalidState", absl::StatusCode::kFailedPrecondition,
               InvalidStateError("x")),
        CaseOf("Rejected", absl::StatusCode::kResourceExhausted,
               RejectedError("x")),
        CaseOf("WorkerLost", absl::StatusCode::kUnavailable,
               ExampleWorkerLost()),
        CaseOf("Serialization", absl::StatusCode::kInvalidArgument,
               SerializationError("x")),
        CaseOf("Remote", absl::StatusCode::kInternal,
               RemoteError("java.io.IOException", "x")),
        CaseOf("PlainError", absl::StatusCode::kInternal, Error("x")),
        CaseOf("InvalidArgument", absl::StatusCode::kInternal,
               std::invalid_argument("x")),
        CaseOf("NonStd", absl::StatusCode::kInternal, 42)),
    [](const auto& info) { return info.param.name; });

TEST(ToStatus, IsOkForNull) { EXPECT_TRUE(ToStatus(nullptr).ok()); }

TEST(ToStatus, KeepsTheMessageOfAMappedError) {
  EXPECT_EQ(ToStatus(std::make_exception_ptr(TimeoutError("too late"))),
            absl::DeadlineExceededError("too late"));
}

TEST(ToStatus, NamesTheTypeOfAnyOtherError) {
  EXPECT_EQ(ToStatus(std::make_exception_ptr(std::out_of_range("no such row"))),
            absl::InternalError("std::out_of_range: no such row"));
}

TEST(ToStatus, NamesTheOriginalTypeOfARemoteError) {
  EXPECT_EQ(ToStatus(std::make_exception_ptr(
                RemoteError("java.io.IOException", "disk full"))),
            absl::InternalError("java.io.IOException: disk full"));
}

TEST(ToStatus, SeesThroughANestedWrapper) {
  const std::exception_ptr nested = NestException(
      BrokenPoolError("broken"), std::make_exception_ptr(Error("why")));
  EXPECT_EQ(ToStatus(nested), absl::FailedPreconditionError("broken"));
}

TEST(ToStatus, MapsASubclassLikeItsBase) {
  class MyTimeout : public TimeoutError {
   public:
    using TimeoutError::TimeoutError;
  };
  EXPECT_EQ(ToStatus(std::make_exception_ptr(MyTimeout("mine"))).code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST(ToStatus, ToleratesAMappedErrorWhoseWhatIsNull) {
  EXPECT_EQ(ToStatus(std::make_exception_ptr(NullWhatTimeout("x"))),
            absl::DeadlineExceededError("(what() returned null)"));
}

// --- DescribeException ---

TEST(DescribeException, NamesTypeAndMessage) {
  EXPECT_EQ(DescribeException(
                std::make_exception_ptr(std::runtime_error("no such file"))),
            "std::runtime_error: no such file");
}

TEST(DescribeException, NamesAnIntByItsTypeAlone) {
  EXPECT_EQ(DescribeException(std::make_exception_ptr(42)), "int");
}

TEST(DescribeException, NamesAClassThatIsNoStdExceptionByItsTypeAlone) {
  EXPECT_EQ(DescribeException(std::make_exception_ptr(std::string("oops"))),
            "std::__cxx11::basic_string<char, std::char_traits<char>, "
            "std::allocator<char> >");
}

TEST(DescribeException, SaysThatThereIsNone) {
  EXPECT_EQ(DescribeException(nullptr), "no exception");
}

TEST(DescribeException, OmitsTheWrapperOfANestedException) {
  EXPECT_EQ(
      DescribeException(NestException(BrokenPoolError("broken"),
                                      std::make_exception_ptr(Error("why")))),
      "asyncpal::BrokenPoolError: broken");
}

TEST(DescribeException, OmitsTheConstOfAConstErrorThatTheUserNested) {
  const std::runtime_error outer("load failed");
  try {
    std::throw_with_nested(outer);
  } catch (...) {
    EXPECT_EQ(DescribeException(std::current_exception()),
              "std::runtime_error: load failed");
  }
}

TEST(DescribeException, SaysThatWhatReturnedNull) {
  EXPECT_THAT(DescribeException(std::make_exception_ptr(NullWhat())),
              EndsWith("NullWhat: (what() returned null)"));
}

TEST(DescribeException, ReadsNoMoreOfWhatThanItsLimit) {
  // 64 KiB without an end, and then a page that must not be touched.
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  void* const memory =
      mmap(nullptr, kMaxMessageBytes + page, PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  std::memset(memory, 'x', kMaxMessageBytes);
  ASSERT_EQ(
      mprotect(static_cast<char*>(memory) + kMaxMessageBytes, page, PROT_NONE),
      0);
  const EndlessWhat endless(static_cast<const char*>(memory));
  const std::string description =
      DescribeException(std::make_exception_ptr(endless));
  EXPECT_THAT(description, EndsWith("xxxx"));
  munmap(memory, kMaxMessageBytes + page);
}

TEST(DescribeException, IsAtMost64KiBLong) {
  EXPECT_LE(DescribeException(std::make_exception_ptr(std::runtime_error(
                                  std::string(2 * kMaxMessageBytes, 'x'))))
                .size(),
            kMaxMessageBytes);
}

// --- CopyException ---

template <typename E>
E Example() {
  if constexpr (std::is_same_v<E, std::filesystem::filesystem_error>) {
    return E("text", std::make_error_code(std::errc::no_space_on_device));
  } else if constexpr (std::is_same_v<E, std::future_error>) {
    return E(std::future_errc::broken_promise);
  } else if constexpr (std::is_same_v<E, std::system_error>) {
    return E(std::make_error_code(std::errc::no_space_on_device), "text");
  } else if constexpr (std::is_same_v<E, WorkerLostError>) {
    return ExampleWorkerLost();
  } else if constexpr (std::is_same_v<E, RemoteError>) {
    return RemoteError("java.lang.Error", "text", "at Main.main");
  } else if constexpr (std::is_default_constructible_v<E>) {
    return E();
  } else {
    return E("text");
  }
}

template <typename E>
class CopyOfKnownType : public ::testing::Test {};

using KnownTypes = ::testing::Types<
    std::exception, std::runtime_error, std::logic_error, std::invalid_argument,
    std::out_of_range, std::domain_error, std::length_error, std::range_error,
    std::overflow_error, std::underflow_error, std::system_error,
    std::filesystem::filesystem_error, std::future_error, std::bad_alloc,
    std::bad_array_new_length, std::bad_cast, std::bad_any_cast,
    std::bad_typeid, std::bad_function_call, std::bad_weak_ptr,
    std::bad_optional_access, std::bad_variant_access, Error, TimeoutError,
    CancelledError, InvalidStateError, ClosedPoolError, BrokenPoolError,
    InitializerError, FinalizerError, RejectedError, SerializationError,
    WorkerLostError, RemoteError>;
TYPED_TEST_SUITE(CopyOfKnownType, KnownTypes);

TYPED_TEST(CopyOfKnownType, IsAnObjectOfItsOwn) {
  const auto original = std::make_exception_ptr(Example<TypeParam>());
  EXPECT_NE(ObjectOf(CopyException(original)), ObjectOf(original));
}

TYPED_TEST(CopyOfKnownType, HasTheTypeAndMessageOfTheOriginal) {
  const auto original = std::make_exception_ptr(Example<TypeParam>());
  EXPECT_EQ(DescribeException(CopyException(original)),
            DescribeException(original));
}

TEST(CopyException, KeepsTheCauseOfDeath) {
  try {
    std::rethrow_exception(
        CopyException(std::make_exception_ptr(ExampleWorkerLost())));
  } catch (const WorkerLostError& copy) {
    EXPECT_EQ(copy.pid(), 1234);
    EXPECT_EQ(copy.signal(), 9);
    EXPECT_EQ(copy.exit_code(), std::nullopt);
    EXPECT_EQ(copy.phase(), "running");
  }
}

TEST(CopyException, KeepsTheErrorCodeOfASystemError) {
  try {
    std::rethrow_exception(
        CopyException(std::make_exception_ptr(Example<std::system_error>())));
  } catch (const std::system_error& copy) {
    EXPECT_EQ(copy.code(), std::errc::no_space_on_device);
  }
}

TEST(CopyException, KeepsTheRemoteTraceback) {
  EXPECT_EQ(GetRemoteTraceback(
                CopyException(std::make_exception_ptr(Example<RemoteError>()))),
            "at Main.main");
}

TEST(CopyException, SharesATypeThatItDoesNotKnow) {
  class Mine : public std::runtime_error {
   public:
    using std::runtime_error::runtime_error;
  };
  const auto original = std::make_exception_ptr(Mine("text"));
  EXPECT_EQ(CopyException(original), original);
}

TEST(CopyException, SharesWhatIsNoStdException) {
  const auto original = std::make_exception_ptr(42);
  EXPECT_EQ(CopyException(original), original);
}

TEST(CopyException, CopiesAnErrorThatHasACause) {
  const auto original = NestException(BrokenPoolError("broken"),
                                      std::make_exception_ptr(Error("why")));
  EXPECT_NE(ObjectOf(CopyException(original)), ObjectOf(original));
}

TEST(CopyException, KeepsTheTypeOfAnErrorThatHasACause) {
  const auto original = NestException(InitializerError("broken"),
                                      std::make_exception_ptr(Error("why")));
  EXPECT_THROW(std::rethrow_exception(CopyException(original)),
               InitializerError);
}

TEST(CopyException, CopiesEachCauseOfAChain) {
  const auto first = std::make_exception_ptr(std::out_of_range("row 7"));
  const auto second = NestException(RemoteError("App", "load"), first);
  const auto third = NestException(BrokenPoolError("broken"), second);
  const auto copy = CopyException(third);
  EXPECT_NE(ObjectOf(CauseOf(copy)), ObjectOf(second));
  EXPECT_NE(ObjectOf(CauseOf(CauseOf(copy))), ObjectOf(first));
}

TEST(CopyException, KeepsTheMessageOfEachCauseOfAChain) {
  const auto first = std::make_exception_ptr(std::out_of_range("row 7"));
  const auto second = NestException(RemoteError("App", "load"), first);
  const auto copy =
      CopyException(NestException(BrokenPoolError("broken"), second));
  EXPECT_EQ(DescribeException(CauseOf(copy)), "App: load");
  EXPECT_EQ(DescribeException(CauseOf(CauseOf(copy))),
            "std::out_of_range: row 7");
}

TEST(CopyException, CopiesAnErrorThatTheUserNested) {
  std::exception_ptr original;
  try {
    try {
      throw std::out_of_range("row 7");
    } catch (...) {
      std::throw_with_nested(std::runtime_error("load failed"));
    }
  } catch (...) {
    original = std::current_exception();
  }
  EXPECT_NE(ObjectOf(CopyException(original)), ObjectOf(original));
}

// --- NestException ---

TEST(NestException, KeepsTheTypeOfTheOuterError) {
  const auto nested = NestException(InitializerError("setup failed"),
                                    std::make_exception_ptr(Error("why")));
  EXPECT_THROW(std::rethrow_exception(nested), InitializerError);
}

TEST(NestException, KeepsTheVeryObjectOfTheCause) {
  const auto cause = std::make_exception_ptr(std::out_of_range("row 7"));
  EXPECT_EQ(CauseOf(NestException(Error("outer"), cause)), cause);
}

TEST(NestException, KeepsACauseThatIsNoStdException) {
  const auto cause = std::make_exception_ptr(42);
  EXPECT_EQ(CauseOf(NestException(Error("outer"), cause)), cause);
}

TEST(NestException, KeepsAChainLinkByLink) {
  const auto first = std::make_exception_ptr(std::out_of_range("row 7"));
  const auto second = NestException(RemoteError("App", "load"), first);
  const auto third = NestException(BrokenPoolError("broken"), second);
  EXPECT_EQ(DescribeException(CauseOf(third)), "App: load");
  EXPECT_EQ(DescribeException(CauseOf(CauseOf(third))),
            "std::out_of_range: row 7");
  EXPECT_EQ(CauseOf(CauseOf(CauseOf(third))), nullptr);
}

// --- GetRemoteTraceback ---

TEST(GetRemoteTraceback, IsThatOfARemoteError) {
  EXPECT_EQ(GetRemoteTraceback(std::make_exception_ptr(
                RemoteError("App", "text", "at Main.main"))),
            "at Main.main");
}

TEST(GetRemoteTraceback, IsThatOfARemoteErrorWithACause) {
  EXPECT_EQ(GetRemoteTraceback(
                NestException(RemoteError("App", "text", "at Main.main"),
                              std::make_exception_ptr(Error("why")))),
            "at Main.main");
}

TEST(GetRemoteTraceback, IsEmptyForALocalError) {
  EXPECT_EQ(GetRemoteTraceback(std::make_exception_ptr(Error("x"))), "");
}

TEST(GetRemoteTraceback, IsEmptyForNull) {
  EXPECT_EQ(GetRemoteTraceback(nullptr), "");
}

// --- WorkerLostError, RemoteError ---

TEST(WorkerLostError, KnowsNeitherSignalNorCodeWhereNobodyReapedTheWorker) {
  const WorkerLostError error("gone", {.pid = 5, .phase = "running"});
  EXPECT_FALSE(error.signal().has_value() || error.exit_code().has_value());
}

TEST(RemoteError, HasTheMessageOfTheOriginal) {
  EXPECT_STREQ(RemoteError("App", "the original").what(), "the original");
}

// --- LogFailure ---

TEST(LogFailure, WritesWhatFailedAndWhy) {
  ::testing::internal::CaptureStderr();
  LogFailure("a callback of task 7 threw", std::make_exception_ptr(Error("x")));
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "asyncpal: a callback of task 7 threw: asyncpal::Error: x\n");
}

TEST(LogFailure, WritesOneLineForAMessageOfSeveral) {
  ::testing::internal::CaptureStderr();
  LogFailure("a callback threw", std::make_exception_ptr(Error("one\ntwo")));
  const std::string output = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(output.find('\n'), output.size() - 1);
}

}  // namespace
}  // namespace asyncpal
