#include "asyncpal/ipc/errors/exception_codec.h"

#include <exception>
#include <filesystem>
#include <fstream>
#include <future>
#include <optional>
#include <regex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>
#include <typeinfo>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/known_errors.h"
#include "asyncpal/future/internal/rebuilt_error.h"
#include "asyncpal/ipc/errors/exception_link.h"
#include "asyncpal/ipc/errors/throw_trace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::exception_ptr RoundTrip(const std::exception_ptr& error) {
  return ExceptionFromBytes(ExceptionToBytes(error));
}

template <typename E>
std::exception_ptr RoundTrip(const E& error) requires(
    !std::is_same_v<E, std::exception_ptr>) {
  return RoundTrip(std::make_exception_ptr(error));
}

template <typename F>
std::exception_ptr Caught(F&& f) {
  try {
    f();
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}

// `error` for a catch clause, which must match. A pointer is caught by value:
// thrown_value.cc says why.
template <typename E, typename F>
void As(const std::exception_ptr& error, F&& look) {
  try {
    std::rethrow_exception(error);
  } catch (std::conditional_t<std::is_pointer_v<E>, E, const E&> e) {
    look(e);
  } catch (...) {
    FAIL() << "caught instead: " << DescribeException(error);
  }
}

std::string WhatOf(const std::exception_ptr& error) {
  std::string what;
  As<std::exception>(error, [&](const auto& e) { what = e.what(); });
  return what;
}

std::exception_ptr CauseOf(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return Caught([&] { std::rethrow_if_nested(e); });
  } catch (...) {
    return nullptr;
  }
}

std::vector<std::exception_ptr> ChainOf(std::exception_ptr error) {
  std::vector<std::exception_ptr> chain;
  for (; error != nullptr; error = CauseOf(error)) chain.push_back(error);
  return chain;
}

std::vector<std::string> DescriptionsOf(const std::exception_ptr& error) {
  std::vector<std::string> descriptions;
  for (const auto& e : ChainOf(error)) {
    descriptions.push_back(DescribeException(e));
  }
  return descriptions;
}

WorkerLostError ExampleWorkerLost() {
  return WorkerLostError(
      "worker 7 was killed",
      {.pid = 1234, .signal = 9, .exit_code = {}, .phase = "running"});
}

template <typename E>
E Example() {
  const auto code = std::make_error_code(std::errc::no_space_on_device);
  if constexpr (std::is_same_v<E, std::filesystem::filesystem_error>) {
    return E("text", "/from", "/to", code);
  } else if constexpr (std::is_same_v<E, std::future_error>) {
    return E(std::future_errc::broken_promise);
  } else if constexpr (std::is_same_v<E, std::system_error>) {
    return E(code, "text");
  } else if constexpr (std::is_same_v<E, WorkerLostError>) {
    return ExampleWorkerLost();
  } else if constexpr (std::is_same_v<E, RemoteError>) {
    return RemoteError("java.lang.Error", "text", "at Main.main");
  } else if constexpr (std::is_same_v<E, std::regex_error>) {
    return E(std::regex_constants::error_paren);
  } else if constexpr (std::is_same_v<E, absl::BadStatusOrAccess>) {
    return E(absl::NotFoundError("no such row"));
  } else if constexpr (std::is_default_constructible_v<E>) {
    return E();
  } else {
    return E("text");
  }
}

// --- Types ---

template <typename E>
class KnownType : public ::testing::Test {};

template <typename List>
struct ToTestTypes;
template <typename... Types>
struct ToTestTypes<TypeList<Types...>> {
  using type = ::testing::Types<Types...>;
};
TYPED_TEST_SUITE(KnownType, ToTestTypes<KnownErrors>::type);

TYPED_TEST(KnownType, IsCaughtAsItself) {
  As<TypeParam>(RoundTrip(Example<TypeParam>()), [](const TypeParam& e) {
    EXPECT_EQ(PlainExceptionType(typeid(e)), typeid(TypeParam));
  });
}

TYPED_TEST(KnownType, KeepsItsMessage) {
  EXPECT_EQ(WhatOf(RoundTrip(Example<TypeParam>())),
            Example<TypeParam>().what());
}

TYPED_TEST(KnownType, IsItselfWithACauseToo) {
  const auto nested = NestException(Example<TypeParam>(),
                                    std::make_exception_ptr(Error("why")));
  As<TypeParam>(RoundTrip(nested), [](const TypeParam& e) {
    EXPECT_EQ(PlainExceptionType(typeid(e)), typeid(TypeParam));
  });
}

TYPED_TEST(KnownType, SurvivesASecondHop) {
  EnableThrowTraces();
  const auto once = RoundTrip(Caught([] { throw Example<TypeParam>(); }));
  const auto twice = RoundTrip(once);
  EXPECT_EQ(DescribeException(twice), DescribeException(once));
  EXPECT_EQ(GetRemoteTraceback(twice), GetRemoteTraceback(once));
}

TYPED_TEST(KnownType, HasTheStatusOfTheOriginal) {
  const auto original = std::make_exception_ptr(Example<TypeParam>());
  EXPECT_EQ(ToStatus(RoundTrip(original)), ToStatus(original));
}

TYPED_TEST(KnownType, CanBeCopiedOnceRebuilt) {
  EnableThrowTraces();
  const auto rebuilt = RoundTrip(Caught([] { throw Example<TypeParam>(); }));
  const auto copy = CopyException(rebuilt);
  EXPECT_NE(copy, rebuilt);
  EXPECT_EQ(DescribeException(copy), DescribeException(rebuilt));
  EXPECT_EQ(GetRemoteTraceback(copy), GetRemoteTraceback(rebuilt));
}

TEST(SystemError, KeepsItsCodeInEachCategory) {
  for (const std::error_code code :
       {std::error_code(5, std::generic_category()),
        std::error_code(6, std::system_category()),
        std::error_code(1, std::iostream_category()),
        std::error_code(2, std::future_category())}) {
    As<std::system_error>(
        RoundTrip(std::system_error(code, "text")),
        [&](const std::system_error& e) { EXPECT_EQ(e.code(), code); });
  }
}

class MyCategory : public std::error_category {
 public:
  const char* name() const noexcept override { return "mine"; }
  std::string message(int) const override { return "my message"; }
};

TEST(SystemError, IsARemoteErrorWithACategoryOfTheUsers) {
  static const MyCategory category;
  As<RemoteError>(RoundTrip(std::system_error(7, category, "text")),
                  [](const RemoteError& e) {
                    EXPECT_EQ(e.type_name(), "std::system_error");
                    EXPECT_STREQ(e.what(), "text: my message");
                  });
}

TEST(FilesystemError, KeepsItsPaths) {
  As<std::filesystem::filesystem_error>(
      RoundTrip(Example<std::filesystem::filesystem_error>()),
      [](const std::filesystem::filesystem_error& e) {
        EXPECT_EQ(e.path1(), "/from");
        EXPECT_EQ(e.path2(), "/to");
        EXPECT_EQ(e.code(), std::errc::no_space_on_device);
      });
}

TEST(FilesystemError, KeepsAPathThatIsNoText) {
  const std::filesystem::path path("/\xFF\xFE");
  As<std::filesystem::filesystem_error>(
      RoundTrip(
          std::filesystem::filesystem_error("text", path, std::error_code())),
      [&](const auto& e) { EXPECT_EQ(e.path1(), path); });
}

TEST(FutureError, KeepsItsCode) {
  As<std::future_error>(
      RoundTrip(std::future_error(std::future_errc::no_state)),
      [](const std::future_error& e) {
        EXPECT_EQ(e.code(), std::future_errc::no_state);
      });
}

TEST(IosFailure, IsCaughtAsItselfWhenAStreamThrewIt) {
  const auto original = Caught([] {
    std::ifstream file;
    file.exceptions(std::ios_base::failbit);
    file.open("/nonexistent/file");
  });
  As<std::ios_base::failure>(RoundTrip(original), [&](const auto& e) {
    EXPECT_EQ(e.what(), WhatOf(original));
    EXPECT_EQ(e.code(), std::io_errc::stream);
  });
}

TEST(BadVariantAccess, KeepsTheMessageThatNoConstructorTakes) {
  const auto original = Caught([] {
    const std::variant<int, char> variant = 'x';
    static_cast<void>(std::get<int>(variant));
  });
  EXPECT_EQ(WhatOf(RoundTrip(original)), "std::get: wrong index for variant");
}

TEST(WorkerLost, KeepsHowTheWorkerEnded) {
  As<WorkerLostError>(RoundTrip(ExampleWorkerLost()),
                      [](const WorkerLostError& e) {
                        EXPECT_EQ(e.pid(), 1234);
                        EXPECT_EQ(e.signal(), 9);
                        EXPECT_EQ(e.exit_code(), std::nullopt);
                        EXPECT_EQ(e.phase(), "running");
                      });
}

TEST(Remote, KeepsItsOwnTypeNameAndTraceback) {
  EnableThrowTraces();
  const auto rebuilt = RoundTrip(Caught([] {
    throw RemoteError("java.io.IOException", "disk full", "at Main.main");
  }));
  As<RemoteError>(rebuilt, [](const RemoteError& e) {
    EXPECT_EQ(e.type_name(), "java.io.IOException");
  });
  EXPECT_EQ(GetRemoteTraceback(rebuilt), "at Main.main");
}

TEST(RegexError, KeepsItsCodeAndTheMessageThatNoConstructorTakes) {
  const auto thrown = Caught([] { std::regex("(unclosed"); });
  As<std::regex_error>(RoundTrip(thrown), [&](const std::regex_error& e) {
    EXPECT_EQ(e.code(), std::regex_constants::error_paren);
    EXPECT_EQ(e.what(), WhatOf(thrown));
  });
}

TEST(BadStatusOrAccess, KeepsItsStatus) {
  const auto thrown = Caught([] {
    const absl::StatusOr<int> row = absl::NotFoundError("no such row");
    (void)row.value();
  });
  As<absl::BadStatusOrAccess>(
      RoundTrip(thrown), [](const absl::BadStatusOrAccess& e) {
        EXPECT_EQ(e.status(), absl::NotFoundError("no such row"));
        EXPECT_THAT(e.what(), HasSubstr("no such row"));
      });
}

template <typename T>
void ExpectArrives(const T& value) {
  As<T>(RoundTrip(value), [&](const T& arrived) { EXPECT_EQ(arrived, value); });
}

TEST(NonStd, ArrivesAsWhatItWasIfItsTypeIsOfTheStandardLibrary) {
  ExpectArrives(42);
  ExpectArrives(-1L);
  ExpectArrives(7u);
  ExpectArrives(true);
  ExpectArrives('x');
  ExpectArrives(2.5);
  ExpectArrives(std::string("row 7"));
  ExpectArrives(std::string());
  ExpectArrives(std::make_error_code(std::errc::no_space_on_device));
  ExpectArrives(absl::NotFoundError("no such row"));
}

TEST(NonStd, ArrivesAsTheTextThatAPointerHasPointedTo) {
  const std::string text = "row 7";
  As<const char*>(RoundTrip(text.c_str()),
                  [](const char* arrived) { EXPECT_STREQ(arrived, "row 7"); });
  As<const char*>(RoundTrip(static_cast<const char*>(nullptr)),
                  [](const char* arrived) { EXPECT_EQ(arrived, nullptr); });
}

TEST(NonStd, MakesThisProcessKeepNoMoreThanAMebibyteOfTexts) {
  int texts = 0;
  int remote_errors = 0;
  for (int i = 0; i < 40; ++i) {
    const std::string text(40'000, static_cast<char>('a' + i % 26));
    const std::string own = std::to_string(i) + text;
    try {
      std::rethrow_exception(RoundTrip(own.c_str()));
    } catch (const char* arrived) {
      EXPECT_STREQ(arrived, own.c_str());
      ++texts;
    } catch (const RemoteError& e) {
      EXPECT_EQ(e.what(), own);
      ++remote_errors;
    }
  }
  EXPECT_GT(texts, 20);
  EXPECT_GT(remote_errors, 5);
}

struct Coordinates {
  int x, y;
};

TEST(NonStd, IsARemoteErrorWithTheNameOfItsTypeIfThatIsTheUsers) {
  As<RemoteError>(RoundTrip(Coordinates{1, 2}), [](const RemoteError& e) {
    EXPECT_THAT(e.type_name(), HasSubstr("::Coordinates"));
    EXPECT_STREQ(e.what(), "");
  });
}

class Unregistered : public std::out_of_range {
 public:
  using std::out_of_range::out_of_range;
};

TEST(UnregisteredType, IsARemoteErrorWithItsNameAndMessage) {
  As<RemoteError>(RoundTrip(Unregistered("row 7")), [](const RemoteError& e) {
    EXPECT_THAT(e.type_name(), HasSubstr("::Unregistered"));
    EXPECT_STREQ(e.what(), "row 7");
  });
}

TEST(UnregisteredType, IsNamedWithoutTheWrapperOfItsCause) {
  const auto nested =
      NestException(Unregistered("x"), std::make_exception_ptr(Error("why")));
  As<RemoteError>(RoundTrip(nested), [](const RemoteError& e) {
    EXPECT_THAT(e.type_name(),
                AllOf(HasSubstr("::Unregistered"), Not(HasSubstr("_Nested"))));
  });
}

// --- Causes ---

[[gnu::noinline]] void ThrowInnermost() { throw std::out_of_range("row 7"); }

[[gnu::noinline]] void ThrowMiddle() {
  try {
    ThrowInnermost();
  } catch (...) {
    std::throw_with_nested(Unregistered("load failed"));
  }
}

[[gnu::noinline]] void ThrowOutermost() {
  try {
    ThrowMiddle();
  } catch (...) {
    std::throw_with_nested(InitializerError("broken"));
  }
}

TEST(Chain, KeepsTypesAndMessagesLinkByLink) {
  EXPECT_THAT(
      DescriptionsOf(RoundTrip(Caught(ThrowOutermost))),
      ElementsAre("asyncpal::InitializerError: broken",
                  "asyncpal::internal::(anonymous namespace)::Unregistered: "
                  "load failed",
                  "std::out_of_range: row 7"));
}

TEST(Chain, IsCaughtAsItselfLinkByLink) {
  const auto chain = ChainOf(RoundTrip(Caught(ThrowOutermost)));
  ASSERT_EQ(chain.size(), 3u);
  As<InitializerError>(chain[0], [](const auto&) {});
  As<RemoteError>(chain[1], [](const auto&) {});
  As<std::out_of_range>(chain[2], [](const auto&) {});
}

TEST(Chain, KeepsTheStackOfEachLink) {
  EnableThrowTraces();
  const auto chain = ChainOf(RoundTrip(Caught(ThrowOutermost)));
  ASSERT_EQ(chain.size(), 3u);
  EXPECT_THAT(GetRemoteTraceback(chain[0]),
              AllOf(HasSubstr("ThrowOutermost"), Not(HasSubstr("Middle"))));
  EXPECT_THAT(GetRemoteTraceback(chain[1]),
              AllOf(HasSubstr("ThrowMiddle"), Not(HasSubstr("Innermost"))));
  EXPECT_THAT(GetRemoteTraceback(chain[2]), HasSubstr("ThrowInnermost"));
}

TEST(Chain, EndsWithACauseThatIsNoStdException) {
  const auto nested =
      NestException(Error("outer"), std::make_exception_ptr(42));
  As<int>(CauseOf(RoundTrip(nested)),
          [](int number) { EXPECT_EQ(number, 42); });
}

std::exception_ptr ChainOfLength(int length, const std::string& message) {
  std::exception_ptr error;
  for (int i = 0; i < length; ++i) {
    error = MakeException(std::runtime_error(message), error);
  }
  return error;
}

TEST(Chain, KeepsAllOf64Links) {
  EXPECT_THAT(
      DescriptionsOf(RoundTrip(ChainOfLength(64, "x"))),
      AllOf(::testing::SizeIs(64), ::testing::Each("std::runtime_error: x")));
}

TEST(Chain, SaysHowManyOf1000LinksWereLeftOut) {
  const auto descriptions = DescriptionsOf(RoundTrip(ChainOfLength(1000, "x")));
  ASSERT_EQ(descriptions.size(), 65u);
  EXPECT_EQ(descriptions.back(),
            "asyncpal::Error: 936 further causes were left out");
}

TEST(Chain, FitsIntoItsLimitWhateverTheMessages) {
  const std::string message(size_t{1} << 20, 'x');
  EXPECT_LT(ExceptionToBytes(ChainOfLength(100, message)).size(),
            kMaxExceptionMessageBytes);
}

TEST(Chain, SaysWhereAMessageIsCut) {
  const std::string message(size_t{20} << 20, 'x');
  const auto error = ExceptionFromBytes(
      ExceptionToBytes(std::make_exception_ptr(std::out_of_range(message))));
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    const std::string after = e.what();
    EXPECT_LT(after.size(), message.size());
    EXPECT_NE(after.find("x... (cut at "), std::string::npos);
  }
}

TEST(Chain, KeepsLongMessagesAsLongAsTheyFit) {
  const std::string message(size_t{5} << 20, 'x');
  const auto error = ExceptionFromBytes(
      ExceptionToBytes(std::make_exception_ptr(std::out_of_range(message))));
  try {
    std::rethrow_exception(error);
  } catch (const std::out_of_range& e) {
    EXPECT_EQ(e.what(), message);
  }
}

class Cyclic : public std::exception, public std::nested_exception {};

TEST(Chain, EndsThoughTheCausesOfATypeGoInACircle) {
  std::exception_ptr error = std::make_exception_ptr(Cyclic());
  Cyclic* object = nullptr;
  try {
    std::rethrow_exception(error);
  } catch (Cyclic& e) {
    object = &e;
    static_cast<std::nested_exception&>(e) = std::nested_exception();
  }
  EXPECT_THAT(DescriptionsOf(RoundTrip(error)).back(),
              HasSubstr("100000 or more further causes were left out"));
  static_cast<std::nested_exception&>(*object) = NestedWith(nullptr);
}

// --- Stacks ---

[[gnu::noinline]] int ReadPastTheEnd(const std::vector<int>& values) {
  return values.at(values.size()) + 1;
}

TEST(Traceback, NamesTheFunctionThatThrew) {
  EnableThrowTraces();
  EXPECT_THAT(GetRemoteTraceback(RoundTrip(Caught(ThrowInnermost))),
              HasSubstr("ThrowInnermost"));
}

TEST(Traceback, NamesTheCallerOfWhatTheStandardLibraryThrows) {
  EnableThrowTraces();
  const auto error = RoundTrip(Caught([] { ReadPastTheEnd({1, 2}); }));
  EXPECT_THAT(GetRemoteTraceback(error), HasSubstr("ReadPastTheEnd"));
}

TEST(Traceback, IsThatOfTheFirstOfTwoHops) {
  EnableThrowTraces();
  const auto first = RoundTrip(Caught(ThrowInnermost));
  const auto second = RoundTrip(Caught([&] { std::rethrow_exception(first); }));
  EXPECT_EQ(GetRemoteTraceback(second), GetRemoteTraceback(first));
}

TEST(Traceback, IsEmptyForAnErrorThatWasNotThrown) {
  EnableThrowTraces();
  EXPECT_THAT(GetRemoteTraceback(RoundTrip(std::runtime_error("made"))),
              IsEmpty());
}

}  // namespace
}  // namespace asyncpal::internal
