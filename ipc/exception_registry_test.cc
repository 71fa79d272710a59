#include "asyncpal/ipc/exception_registry.h"

#include <exception>
#include <stdexcept>
#include <string>

#include "asyncpal/future/error.h"
#include "asyncpal/ipc/codec.h"
#include "asyncpal/ipc/errors/exception_codec.h"
#include "asyncpal/ipc/errors/throw_trace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace app {

class ParseError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
ASYNCPAL_REGISTER_EXCEPTION(ParseError);

class PlainText : public std::exception {
 public:
  explicit PlainText(const char* text) : text_(text) {}
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;
};
ASYNCPAL_REGISTER_EXCEPTION(PlainText);

class FinalError final : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
ASYNCPAL_REGISTER_EXCEPTION(FinalError);

template <typename A, typename B>
class TemplateError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
ASYNCPAL_REGISTER_EXCEPTION(TemplateError<ParseError, ParseError>);

// Holds its cause itself.
class OwnNested : public std::runtime_error, public std::nested_exception {
 public:
  using std::runtime_error::runtime_error;
};
ASYNCPAL_REGISTER_EXCEPTION(OwnNested);

class PickyError : public std::runtime_error {
 public:
  explicit PickyError(const std::string& message)
      : std::runtime_error(message + " (picky)") {
    if (message.find("(picky)") != std::string::npos) {
      throw std::invalid_argument("picky twice");
    }
  }
};
ASYNCPAL_REGISTER_EXCEPTION(PickyError);

class CodeError : public std::runtime_error {
 public:
  CodeError(int code, const std::string& detail)
      : std::runtime_error("code: " + detail), code(code), detail(detail) {}
  int code;
  std::string detail;
};

// Not even a std::exception.
struct Signal {
  int number;
};

class BadCodec : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class HugeState : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace app

template <>
struct asyncpal::Codec<app::CodeError> {
  static void Encode(const app::CodeError& e, asyncpal::Encoder& out) {
    out.Write(e.code);
    out.Write(e.detail);
  }
  static app::CodeError Decode(asyncpal::Decoder& in) {
    const int code = in.Read<int>();
    return app::CodeError(code, in.Read<std::string>());
  }
};

template <>
struct asyncpal::Codec<app::Signal> {
  static void Encode(const app::Signal& signal, asyncpal::Encoder& out) {
    out.Write(signal.number);
  }
  static app::Signal Decode(asyncpal::Decoder& in) { return {in.Read<int>()}; }
};

template <>
struct asyncpal::Codec<app::BadCodec> {
  static void Encode(const app::BadCodec&, asyncpal::Encoder&) {
    throw std::logic_error("can't");
  }
  static app::BadCodec Decode(asyncpal::Decoder&) { return app::BadCodec(""); }
};

template <>
struct asyncpal::Codec<app::HugeState> {
  static void Encode(const app::HugeState&, asyncpal::Encoder& out) {
    out.Write(std::string(internal::kMaxExceptionBytes + 1, 'x'));
  }
  static app::HugeState Decode(asyncpal::Decoder& in) {
    return app::HugeState(in.Read<std::string>());
  }
};

ASYNCPAL_REGISTER_EXCEPTION(app::CodeError);
ASYNCPAL_REGISTER_EXCEPTION(app::Signal);
ASYNCPAL_REGISTER_EXCEPTION(app::BadCodec);
ASYNCPAL_REGISTER_EXCEPTION(app::HugeState);

namespace asyncpal::internal {
namespace {

using ::testing::HasSubstr;

std::exception_ptr RoundTrip(const std::exception_ptr& error) {
  return ExceptionFromBytes(ExceptionToBytes(error));
}

// What a catch clause for E gets, as one line.
template <typename E>
std::string CaughtAs(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const E& e) {
    return e.what();
  } catch (...) {
    return "caught instead: " + DescribeException(error);
  }
}

// The message of what is nested in `error`.
std::string CauseOf(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    try {
      std::rethrow_if_nested(e);
    } catch (const std::exception& cause) {
      return cause.what();
    }
  }
  return "no cause";
}

template <typename E>
std::exception_ptr Thrown(const E& error) {
  EnableThrowTraces();
  try {
    throw error;
  } catch (...) {
    return std::current_exception();
  }
}

std::exception_ptr Nested(const auto& outer) {
  return MakeException(outer, std::make_exception_ptr(Error("why")));
}

TEST(RegisteredException, ComesBackAsItself) {
  const auto error =
      RoundTrip(std::make_exception_ptr(app::ParseError("line 3")));
  EXPECT_EQ(CaughtAs<app::ParseError>(error), "line 3");
}

TEST(RegisteredException, MayTakeItsMessageAsACharPointer) {
  const auto error =
      RoundTrip(std::make_exception_ptr(app::PlainText("line 3")));
  EXPECT_EQ(CaughtAs<app::PlainText>(error), "line 3");
}

TEST(RegisteredException, MayBeATemplateWithRepeatedTypesAndACause) {
  using E = app::TemplateError<app::ParseError, app::ParseError>;
  EXPECT_EQ(CaughtAs<E>(RoundTrip(Nested(E("line 3")))), "line 3");
}

TEST(RegisteredException, KeepsItsCause) {
  EXPECT_EQ(CauseOf(RoundTrip(Nested(app::ParseError("line 3")))), "why");
}

TEST(RegisteredException, KeepsItsStack) {
  EXPECT_THAT(GetRemoteTraceback(RoundTrip(Thrown(app::ParseError("x")))),
              HasSubstr("Thrown"));
}

TEST(RegisteredException, SurvivesASecondHop) {
  const auto once = RoundTrip(Thrown(app::ParseError("x")));
  EXPECT_EQ(CaughtAs<app::ParseError>(RoundTrip(once)), "x");
  EXPECT_EQ(GetRemoteTraceback(RoundTrip(once)), GetRemoteTraceback(once));
}

TEST(RegisteredException, MayBeFinalAndThenLosesItsStack) {
  const auto error = RoundTrip(Thrown(app::FinalError("x")));
  EXPECT_EQ(CaughtAs<app::FinalError>(error), "x");
  EXPECT_EQ(GetRemoteTraceback(error), "");
}

TEST(RegisteredException, MayHoldItsCauseItself) {
  const auto error = RoundTrip(Nested(app::OwnNested("outer")));
  EXPECT_EQ(CaughtAs<app::OwnNested>(error), "outer");
  EXPECT_EQ(CauseOf(error), "why");
}

TEST(RegisteredException, DoesNotTakeWhatIsBeingHandledForItsCause) {
  const auto bytes =
      ExceptionToBytes(MakeException(app::OwnNested("outer"), nullptr));
  std::exception_ptr cause;
  try {
    throw Error("another");
  } catch (...) {
    const auto error = ExceptionFromBytes(bytes);
    try {
      std::rethrow_exception(error);
    } catch (const app::OwnNested& e) {
      cause = e.nested_ptr();
    }
  }
  EXPECT_EQ(cause, nullptr);
}

TEST(RegisteredException, IsARemoteErrorIfItsConstructorThrows) {
  const auto error = RoundTrip(Nested(app::PickyError("text")));
  EXPECT_EQ(CaughtAs<RemoteError>(error), "text (picky)");
  EXPECT_EQ(CauseOf(error), "why");
}

TEST(RegisteredException, TravelsByItsCodec) {
  const auto error =
      RoundTrip(std::make_exception_ptr(app::CodeError(7, "detail")));
  EXPECT_EQ(CaughtAs<app::CodeError>(error), "code: detail");
  try {
    std::rethrow_exception(error);
  } catch (const app::CodeError& e) {
    EXPECT_EQ(e.code, 7);
  }
}

TEST(RegisteredException, NeedsNoWhatIfItHasACodec) {
  int number = 0;
  try {
    std::rethrow_exception(RoundTrip(Thrown(app::Signal{9})));
  } catch (const app::Signal& signal) {
    number = signal.number;
  }
  EXPECT_EQ(number, 9);
}

TEST(RegisteredException, IsARemoteErrorIfItsCodecThrows) {
  const auto error = RoundTrip(Nested(app::BadCodec("text")));
  EXPECT_EQ(CaughtAs<RemoteError>(error), "text");
  EXPECT_EQ(CauseOf(error), "why");
}

TEST(RegisteredException, IsARemoteErrorIfItsStateIsTooLarge) {
  const auto error = RoundTrip(Nested(app::HugeState("text")));
  EXPECT_EQ(CaughtAs<RemoteError>(error), "text");
  EXPECT_EQ(CauseOf(error), "why");
}

// A subclass is another type, and nobody has registered it.
TEST(RegisteredException, DoesNotStandForItsSubclasses) {
  class Sub : public app::ParseError {
   public:
    using app::ParseError::ParseError;
  };
  EXPECT_EQ(CaughtAs<RemoteError>(RoundTrip(std::make_exception_ptr(Sub("x")))),
            "x");
}

TEST(FindExceptionCodec, FindsNothingForANameOfNoType) {
  EXPECT_FALSE(FindExceptionCodec("N3app7NothingE").has_value());
}

TEST(FindExceptionCodec, FindsNothingAfterTheRegistrationIsGone) {
  class Local : public std::runtime_error {
   public:
    using std::runtime_error::runtime_error;
  };
  {
    const ExceptionRegistration<Local> registration;
    ASSERT_TRUE(FindExceptionCodec(typeid(Local)).has_value());
  }
  EXPECT_FALSE(FindExceptionCodec(typeid(Local)).has_value());
}

}  // namespace
}  // namespace asyncpal::internal
