#include "asyncpal/ipc/call.h"

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "asyncpal/future/error.h"
#include "asyncpal/ipc/codec.h"
#include "asyncpal/ipc/payload.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace app {

int64_t Fib(int64_t n) { return n < 2 ? n : Fib(n - 1) + Fib(n - 2); }
size_t CountBytes(const std::string& text) { return text.size(); }
int Negate(int n) noexcept { return -n; }
int AddIfNotStopped(std::stop_token stop, int a, int b) {
  return stop.stop_requested() ? -1 : a + b;
}

ASYNCPAL_REGISTER_TASK(Fib);
ASYNCPAL_REGISTER_TASK("text.count_bytes", CountBytes);
ASYNCPAL_REGISTER_TASK("math.negate", Negate);
ASYNCPAL_REGISTER_TASK("math.add_if_not_stopped", AddIfNotStopped);

// A callable whose state travels.
struct AddTo {
  int number;
  int operator()(int other) const { return number + other; }
};

// Can be moved, and not copied.
struct Parcel {
  std::unique_ptr<int> content;
};

// Its codec throws where it is told to.
struct Fragile {
  bool breaks_when_encoded = false;
  bool breaks_when_decoded = false;
};

}  // namespace app

template <>
struct asyncpal::Codec<app::AddTo> {
  static void Encode(const app::AddTo& add, Encoder& out) {
    out.Write(add.number);
  }
  static app::AddTo Decode(Decoder& in) { return {in.Read<int>()}; }
};

template <>
struct asyncpal::Codec<app::Parcel> {
  static void Encode(const app::Parcel& parcel, Encoder& out) {
    out.Write(*parcel.content);
  }
  static app::Parcel Decode(Decoder& in) {
    return {std::make_unique<int>(in.Read<int>())};
  }
};

template <>
struct asyncpal::Codec<app::Fragile> {
  static void Encode(const app::Fragile& value, Encoder& out) {
    if (value.breaks_when_encoded) throw std::out_of_range("broken on the way");
    out.Write(value.breaks_when_decoded);
  }
  static app::Fragile Decode(Decoder& in) {
    if (in.Read<bool>()) throw std::out_of_range("broken on arrival");
    return {};
  }
};

namespace asyncpal {
namespace internal {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// As ProcessPool does it.
template <typename F, typename... A>
EncodedCall Encode(const F& f, const A&... args) {
  using Callable = std::decay_t<const F&>;
  const Callable& callable = f;
  return EncodeCall(EncodeLimits(), callable,
                    static_cast<const std::decay_t<const A&>&>(args)...);
}

// As a worker does it.
Payload RunEncoded(const EncodedCall& call, const std::stop_token& stop = {}) {
  const TaskEntry& entry = ResolveEntry(call.code, call.name);
  Decoder arguments(call.arguments);
  Encoder result;
  entry.stub()(arguments, stop, result);
  return result.Finish();
}

template <typename R>
R DecodeResult(const Payload& result) {
  Decoder in(result);
  R value = in.Read<R>();
  in.ExpectEnd();
  return value;
}

template <typename F, typename... A>
auto RoundTrip(const F& f, const A&... args) {
  return DecodeResult<RemoteResult<F, A...>>(RunEncoded(Encode(f, args...)));
}

// What `f` throws, which must be an E.
template <typename E, typename F>
std::string MessageOf(F&& f) {
  try {
    std::forward<F>(f)();
  } catch (const E& error) {
    return error.what();
  }
  return "(nothing)";
}

// The message of the std::out_of_range that is nested in what `f` throws.
template <typename F>
std::string NestedMessageOf(F&& f) {
  return MessageOf<std::out_of_range>([&] {
    try {
      std::forward<F>(f)();
    } catch (const SerializationError& error) {
      std::rethrow_if_nested(error);
    }
  });
}

int Twice(int n) { return 2 * n; }
int Thrice(int n) { return 3 * n; }

struct Shop {
  static std::string Greet(const std::string& who) { return "hello " + who; }
};

TEST(CallTest, RunsAFreeFunction) { EXPECT_EQ(RoundTrip(Twice, 21), 42); }

TEST(CallTest, RunsAFunctionGivenByPointer) {
  EXPECT_EQ(RoundTrip(&Twice, 21), 42);
}

TEST(CallTest, RunsAStaticMemberFunction) {
  EXPECT_EQ(RoundTrip(Shop::Greet, std::string("you")), "hello you");
}

TEST(CallTest, RunsALambdaWithoutCaptures) {
  EXPECT_EQ(RoundTrip([](int a, int b) { return a - b; }, 5, 3), 2);
}

TEST(CallTest, RunsAStandardFunctionObject) {
  EXPECT_EQ(RoundTrip(std::plus<>(), 40, 2), 42);
}

TEST(CallTest, SendsTheStateOfACallableWithACodec) {
  EXPECT_EQ(RoundTrip(app::AddTo{40}, 2), 42);
}

TEST(CallTest, TellsFunctionsOfOneTypeApart) {
  EXPECT_EQ(RoundTrip(Twice, 5), 10);
  EXPECT_EQ(RoundTrip(Thrice, 5), 15);
}

TEST(CallTest, TellsLambdasOfOneSignatureApart) {
  const auto one = [](int n) { return n + 1; };
  const auto two = [](int n) { return n + 2; };

  EXPECT_EQ(RoundTrip(one, 0), 1);
  EXPECT_EQ(RoundTrip(two, 0), 2);
}

TEST(CallTest, RunsTheSameCallTwice) {
  const EncodedCall call = Encode(Twice, 21);
  RunEncoded(call);

  EXPECT_EQ(DecodeResult<int>(RunEncoded(call)), 42);
}

TEST(CallTest, SendsALiteralAsAString) {
  EXPECT_EQ(RoundTrip(app::CountBytes, "four"), 4);
}

TEST(CallTest, SendsAPointerToCharactersAsAString) {
  const char* const text = "four";

  EXPECT_EQ(RoundTrip(app::CountBytes, text), 4);
}

TEST(CallTest, SendsAStringView) {
  const std::string_view text("nul\0nul", 7);

  EXPECT_EQ(RoundTrip([](const std::string& s) { return s.size(); }, text), 7);
}

TEST(CallTest, RefusesANullPointerToCharacters) {
  const char* const text = nullptr;

  EXPECT_THROW(Encode(app::CountBytes, text), SerializationError);
}

TEST(CallTest, KeepsTheOrderOfArguments) {
  const auto join = [](std::string a, int b, std::string c) {
    return a + std::to_string(b) + c;
  };

  EXPECT_EQ(RoundTrip(join, "a", 1, "b"), "a1b");
}

TEST(CallTest, MovesArgumentsIntoTheCall) {
  const app::Parcel parcel{std::make_unique<int>(42)};

  EXPECT_EQ(RoundTrip([](app::Parcel mine) { return *mine.content; }, parcel),
            42);
}

TEST(CallTest, ReturnsWhatCanOnlyBeMoved) {
  const auto wrap = [](int n) { return app::Parcel{std::make_unique<int>(n)}; };

  EXPECT_EQ(*RoundTrip(wrap, 42).content, 42);
}

TEST(CallTest, CopiesWhatAReferenceRefersTo) {
  const auto refer = []() -> const std::string& {
    static const std::string text = "static";
    return text;
  };

  EXPECT_EQ(RoundTrip(refer), "static");
}

int calls_of_increment = 0;
void Increment() { ++calls_of_increment; }

TEST(CallTest, ReturnsNoBytesForVoid) {
  calls_of_increment = 0;

  EXPECT_EQ(RunEncoded(Encode(Increment)).size(), 0);
  EXPECT_EQ(calls_of_increment, 1);
}

bool IsStopRequested(std::stop_token stop, int) {
  return stop.stop_requested();
}

TEST(CallTest, PassesTheStopTokenBeforeTheArguments) {
  std::stop_source source;
  const EncodedCall call = Encode(IsStopRequested, 1);

  EXPECT_FALSE(DecodeResult<bool>(RunEncoded(call, source.get_token())));
  source.request_stop();
  EXPECT_TRUE(DecodeResult<bool>(RunEncoded(call, source.get_token())));
}

TEST(CallTest, KnowsWhetherACallLooksAtItsToken) {
  const auto is_stoppable = [](const EncodedCall& call) {
    return ResolveEntry(call.code, call.name).stoppable();
  };

  EXPECT_TRUE(is_stoppable(Encode(IsStopRequested, 1)));
  EXPECT_FALSE(is_stoppable(Encode(Twice, 1)));
}

// ------------------------------------------------------------ By name

TEST(CallTest, RunsATaskByTheNameOfItsFunction) {
  EXPECT_EQ(RoundTrip(TaskName<int64_t(int64_t)>("Fib"), int64_t{10}), 55);
}

TEST(CallTest, RunsATaskByAnotherName) {
  EXPECT_EQ(RoundTrip(TaskName<size_t(const std::string&)>("text.count_bytes"),
                      std::string("four")),
            4);
}

TEST(CallTest, RunsATaskThatIsNoexceptByName) {
  EXPECT_EQ(RoundTrip(TaskName<int(int)>("math.negate"), 42), -42);
}

TEST(CallTest, LeavesTheStopTokenOutOfTheSignature) {
  EXPECT_EQ(RoundTrip(TaskName<int(int, int)>("math.add_if_not_stopped"), 1, 2),
            3);
}

TEST(CallTest, PassesTheStopTokenToATaskByName) {
  std::stop_source source;
  source.request_stop();
  const EncodedCall call =
      Encode(TaskName<int(int, int)>("math.add_if_not_stopped"), 1, 2);

  EXPECT_EQ(DecodeResult<int>(RunEncoded(call, source.get_token())), -1);
}

TEST(CallTest, ConvertsArgumentsToThoseOfTheSignature) {
  EXPECT_EQ(RoundTrip(TaskName<int64_t(int64_t)>("Fib"), int8_t{10}), 55);
  EXPECT_EQ(
      RoundTrip(TaskName<size_t(std::string)>("text.count_bytes"), "four"), 4);
}

TEST(CallTest, SendsNoAddressWithAName) {
  const EncodedCall call = Encode(TaskName<int(int)>("elsewhere"), 1);

  EXPECT_EQ(call.code.module, 0);
  EXPECT_EQ(call.code.offset, 0);
}

TEST(CallTest, RefusesANameThatNobodyHas) {
  const EncodedCall call = Encode(TaskName<int(int)>("elsewhere"), 1);

  EXPECT_THAT(MessageOf<SerializationError>([&] { RunEncoded(call); }),
              AllOf(HasSubstr("under the name 'elsewhere'"),
                    HasSubstr("ASYNCPAL_REGISTER_TASK(\"elsewhere\", ")));
}

// ---------------------------------------------------- What is not called

TEST(CallTest, RefusesAnAddressWhereNoTaskIs) {
  static const int no_task = 0;
  EncodedCall call = Encode(Twice, 1);
  call.code = LocateAddress(&no_task);

  EXPECT_THAT(MessageOf<SerializationError>([&] { RunEncoded(call); }),
              HasSubstr("no task is registered at offset 0x"));
}

TEST(CallTest, RefusesAModuleThatIsNotHere) {
  EncodedCall call = Encode(Twice, 1);
  call.code.module = 0x1234;

  EXPECT_THAT(MessageOf<SerializationError>([&] { RunEncoded(call); }),
              HasSubstr("ASYNCPAL_REGISTER_TASK"));
}

TEST(CallTest, RefusesAFunctionOutsideOfCode) {
  static int data = 0;
  const CodeAddress address = LocateAddress(&data);
  EncodedCall call = Encode(Twice, 1);
  Encoder forged;
  forged.Write(address.module);
  forged.Write(address.offset);
  forged.Write(int{1});
  call.arguments = forged.Finish();

  EXPECT_THAT(MessageOf<SerializationError>([&] { RunEncoded(call); }),
              HasSubstr("lies outside"));
}

TEST(CallTest, RefusesArgumentsThatEndTooEarly) {
  EncodedCall call = Encode(std::plus<>(), 1, 2);
  call.arguments = Encode(std::negate<>(), 1).arguments;

  EXPECT_THROW(RunEncoded(call), SerializationError);
}

TEST(CallTest, RefusesArgumentsThatAreLeftOver) {
  EncodedCall call = Encode(std::negate<>(), 1);
  call.arguments = Encode(std::plus<>(), 1, 2).arguments;

  EXPECT_THROW(RunEncoded(call), SerializationError);
}

TEST(CallTest, RefusesArgumentsThatAreTooLarge) {
  const std::string text(100, 'x');

  EXPECT_THROW(EncodeCall({.max_bytes = 100}, &app::CountBytes, text),
               SerializationError);
}

TEST(CallTest, TakesArgumentsThatAreJustNotTooLarge) {
  const std::string text(100, 'x');

  EXPECT_EQ(EncodeCall({.max_bytes = 200}, &app::CountBytes, text).name, "");
}

TEST(CallTest, KeepsLargeArgumentsInMemoryIfAsked) {
  const std::string text(1 << 20, 'x');

  EXPECT_TRUE(Encode(app::CountBytes, text).arguments.is_memfd());
  EXPECT_FALSE(EncodeCall({.may_use_memfd = false}, &app::CountBytes, text)
                   .arguments.is_memfd());
}

// ---------------------------------------------------------------- Errors

void TakeFragile(app::Fragile) {}
app::Fragile MakeFragile() { return {.breaks_when_encoded = true}; }

TEST(CallTest, ThrowsWhatTheCallThrows) {
  const auto fail = [] { throw std::out_of_range("as it is"); };

  EXPECT_EQ(MessageOf<std::out_of_range>([&] { RunEncoded(Encode(fail)); }),
            "as it is");
}

TEST(CallTest, TellsThatTheCallCouldNotBeEncoded) {
  EXPECT_THAT(MessageOf<SerializationError>([] {
                Encode(TakeFragile, app::Fragile{.breaks_when_encoded = true});
              }),
              AllOf(HasSubstr("the call can't be encoded"),
                    HasSubstr("broken on the way")));
}

TEST(CallTest, NestsWhatAnArgumentsCodecThrewOnTheWay) {
  EXPECT_EQ(NestedMessageOf([] {
              Encode(TakeFragile, app::Fragile{.breaks_when_encoded = true});
            }),
            "broken on the way");
}

TEST(CallTest, TellsThatTheArgumentsCouldNotBeDecoded) {
  const EncodedCall call =
      Encode(TakeFragile, app::Fragile{.breaks_when_decoded = true});

  EXPECT_THAT(MessageOf<SerializationError>([&] { RunEncoded(call); }),
              AllOf(HasSubstr("the arguments can't be decoded"),
                    HasSubstr("broken on arrival")));
}

TEST(CallTest, NestsWhatAnArgumentsCodecThrewOnArrival) {
  const EncodedCall call =
      Encode(TakeFragile, app::Fragile{.breaks_when_decoded = true});

  EXPECT_EQ(NestedMessageOf([&] { RunEncoded(call); }), "broken on arrival");
}

TEST(CallTest, TellsThatTheResultCouldNotBeEncoded) {
  EXPECT_THAT(
      MessageOf<SerializationError>([] { RunEncoded(Encode(MakeFragile)); }),
      AllOf(HasSubstr("the result can't be encoded"),
            HasSubstr("broken on the way")));
}

TEST(CallTest, NestsWhatTheResultsCodecThrew) {
  EXPECT_EQ(NestedMessageOf([] { RunEncoded(Encode(MakeFragile)); }),
            "broken on the way");
}

TEST(CallTest, LeavesASerializationErrorOfACodecAsItIs) {
  EXPECT_EQ(MessageOf<SerializationError>([] {
              Serializing("something can't be done",
                          [] { throw SerializationError("my own words"); });
            }),
            "my own words");
}

TEST(CallTest, NestsWhatIsNoStandardException) {
  try {
    Serializing("something can't be done", [] { throw 42; });
    ADD_FAILURE() << "nothing was thrown";
  } catch (const SerializationError& error) {
    EXPECT_THROW(std::rethrow_if_nested(error), int);
  }
}

// ------------------------------------------------------------- Shippable

TEST(ShippableTest, IsNothingByDefault) {
  EXPECT_EQ(Shippable().call(), nullptr);
  EXPECT_FALSE(Shippable(nullptr));
}

TEST(ShippableTest, IsNothingForANullFunction) {
  void (*const null)() = nullptr;

  EXPECT_FALSE(Shippable(null));
}

TEST(ShippableTest, RunsItsCall) {
  calls_of_increment = 0;
  const Shippable increment = Increment;

  RunHere(*increment.call());

  EXPECT_EQ(calls_of_increment, 1);
}

int sum = 0;

TEST(ShippableTest, RunsItsCallWithArguments) {
  sum = 0;
  const Shippable add([](int a, int b) { sum = a + b; }, 1, 2);

  RunHere(*add.call());

  EXPECT_EQ(sum, 3);
}

TEST(ShippableTest, TakesALiteral) {
  sum = 0;
  const Shippable count(
      [](const std::string& text) { sum = static_cast<int>(text.size()); },
      "four");

  RunHere(*count.call());

  EXPECT_EQ(sum, 4);
}

TEST(ShippableTest, HasTheSameCallAsItsCopy) {
  const Shippable one = Increment;
  const Shippable other = one;

  EXPECT_EQ(one.call(), other.call());
}

TEST(ShippableTest, KeepsLargeArgumentsInMemory) {
  const Shippable count(app::CountBytes, std::string(1 << 20, 'x'));

  EXPECT_FALSE(count.call()->arguments.is_memfd());
}

}  // namespace
}  // namespace internal
}  // namespace asyncpal
