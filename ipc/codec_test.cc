#include "asyncpal/ipc/codec.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/cord.h"
#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/ipc/payload.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal {
namespace codec_test {

// The example of the header.
struct Point {
  double x, y;
  friend bool operator==(const Point&, const Point&) = default;
};

struct Tree {
  int value = 0;
  std::vector<Tree> children;
  friend bool operator==(const Tree&, const Tree&) = default;
};

struct Nothing {  // its encoding is empty
  friend bool operator==(const Nothing&, const Nothing&) = default;
};

class MoveOnly {
 public:
  explicit MoveOnly(int value) : value_(std::make_unique<int>(value)) {}
  int value() const { return *value_; }
  friend bool operator<(const MoveOnly& a, const MoveOnly& b) {
    return a.value() < b.value();
  }

 private:
  std::unique_ptr<int> value_;
};

struct Unshippable {};

struct HalfACodec {};

enum class Color : int16_t { kRed, kGreen = -3 };
enum class Flag : bool { kOff, kOn };
enum OldStyle { kOne = 1, kThousand = 1000 };
enum class Capital { kOslo, kRome };

}  // namespace codec_test

using codec_test::Capital;
using codec_test::Color;
using codec_test::Flag;
using codec_test::HalfACodec;
using codec_test::MoveOnly;
using codec_test::Nothing;
using codec_test::OldStyle;
using codec_test::Point;
using codec_test::Tree;
using codec_test::Unshippable;

}  // namespace asyncpal

template <>
struct asyncpal::Codec<asyncpal::Point> {
  static void Encode(const Point& p, asyncpal::Encoder& out) {
    out.Write(p.x);
    out.Write(p.y);
  }
  static Point Decode(asyncpal::Decoder& in) {
    return {in.Read<double>(), in.Read<double>()};
  }
};

template <>
struct asyncpal::Codec<asyncpal::Tree> {
  static void Encode(const Tree& tree, Encoder& out) {
    out.Write(tree.value);
    out.Write(tree.children);
  }
  static Tree Decode(Decoder& in) {
    return {in.Read<int>(), in.Read<std::vector<Tree>>()};
  }
};

template <>
struct asyncpal::Codec<asyncpal::Nothing> {
  static void Encode(const Nothing&, Encoder&) {}
  static Nothing Decode(Decoder&) { return {}; }
};

template <>
struct asyncpal::Codec<asyncpal::MoveOnly> {
  static void Encode(const MoveOnly& value, Encoder& out) {
    out.Write(value.value());
  }
  static MoveOnly Decode(Decoder& in) { return MoveOnly(in.Read<int>()); }
};

template <>
struct asyncpal::Codec<asyncpal::HalfACodec> {
  static void Encode(const HalfACodec&, Encoder&) {}
};

// An enum may have a codec of its own.
template <>
struct asyncpal::Codec<asyncpal::Capital> {
  static void Encode(Capital value, Encoder& out) {
    out.Write(std::string(value == Capital::kOslo ? "Oslo" : "Rome"));
  }
  static Capital Decode(Decoder& in) {
    return in.Read<std::string>() == "Oslo" ? Capital::kOslo : Capital::kRome;
  }
};

namespace asyncpal {
namespace {

using internal::kHasCodec;
using internal::ShippedAs;
using ::testing::HasSubstr;

static_assert(kHasCodec<char> && kHasCodec<char8_t> && kHasCodec<wchar_t>);
static_assert(kHasCodec<long double> && kHasCodec<bool> && kHasCodec<Color>);
static_assert(kHasCodec<std::byte> && kHasCodec<std::string>);
static_assert(kHasCodec<absl::Duration> && kHasCodec<absl::Time>);
static_assert(kHasCodec<std::tuple<>> && kHasCodec<std::monostate>);
static_assert(kHasCodec<Point> && kHasCodec<Tree> && kHasCodec<MoveOnly>);
static_assert(kHasCodec<std::map<std::string, std::vector<Point>>>);
static_assert(kHasCodec<std::variant<std::optional<int>, std::set<Color>>>);
static_assert(kHasCodec<std::vector<MoveOnly>>);

static_assert(!kHasCodec<Unshippable> && !kHasCodec<HalfACodec>);
static_assert(!kHasCodec<void> && !kHasCodec<int*> && !kHasCodec<int&>);
static_assert(!kHasCodec<const int> && !kHasCodec<const char*>);
static_assert(!kHasCodec<int[3]> && !kHasCodec<void (*)()>);
static_assert(!kHasCodec<std::string_view>);
static_assert(!kHasCodec<std::unique_ptr<int>> && !kHasCodec<std::mutex>);
static_assert(!kHasCodec<std::vector<Unshippable>>);
static_assert(!kHasCodec<std::array<Unshippable, 2>>);
static_assert(!kHasCodec<std::optional<std::vector<Unshippable>>>);
static_assert(!kHasCodec<std::pair<int, Unshippable>>);
static_assert(!kHasCodec<std::pair<int&, int>>);
static_assert(!kHasCodec<std::tuple<int, int, Unshippable>>);
static_assert(!kHasCodec<std::variant<int, Unshippable>>);
static_assert(!kHasCodec<std::map<int, Unshippable>>);
static_assert(!kHasCodec<std::map<Unshippable, int>>);
static_assert(!kHasCodec<std::set<std::unique_ptr<int>>>);
static_assert(!kHasCodec<std::unordered_map<int, std::set<Unshippable>>>);

static_assert(std::is_same_v<ShippedAs<int>::type, int>);
static_assert(std::is_same_v<ShippedAs<char*>::type, std::string>);
static_assert(std::is_same_v<ShippedAs<const char*>::type, std::string>);
static_assert(std::is_same_v<ShippedAs<std::string_view>::type, std::string>);

template <typename T>
Payload EncodeValue(const T& value) {
  Encoder out;
  out.Write(value);
  return out.Finish();
}

template <typename T>
T DecodeValue(const Payload& payload) {
  Decoder in(payload);
  T value = in.Read<T>();
  in.ExpectEnd();
  return value;
}

template <typename T>
T RoundTrip(const T& value) {
  return DecodeValue<T>(EncodeValue(value));
}

template <typename T>
std::string CatchDecodingError(const Payload& payload) {
  try {
    DecodeValue<T>(payload);
  } catch (const SerializationError& error) {
    return error.what();
  }
  return "no error";
}

std::string MakeString(size_t size) {
  std::string string(size, '\0');
  for (size_t i = 0; i < size; ++i)
    string[i] = static_cast<char>(i * 2654435761);
  return string;
}

class BulkSizeTest : public ::testing::TestWithParam<size_t> {};

INSTANTIATE_TEST_SUITE_P(
    Corners, BulkSizeTest,
    ::testing::Values(0, 1, internal::kMaxInlineBytes - sizeof(uint64_t),
                      internal::kMaxInlineBytes - sizeof(uint64_t) + 1,
                      internal::kMaxInlineBytes - 1, internal::kMaxInlineBytes,
                      internal::kMaxInlineBytes + 1,
                      internal::kBulkStepBytes + 1, size_t{1} << 20,
                      (size_t{64} << 20) - 1, (size_t{64} << 20) + 1));

TEST_P(BulkSizeTest, StringComesBack) {
  const std::string value = MakeString(GetParam());
  EXPECT_TRUE(RoundTrip(value) == value);
}

TEST_P(BulkSizeTest, VectorOfCharsComesBack) {
  const std::string string = MakeString(GetParam());
  const std::vector<char> value(string.begin(), string.end());
  EXPECT_TRUE(RoundTrip(value) == value);
}

TEST_P(BulkSizeTest, VectorOfDoublesComesBack) {
  std::vector<double> value(GetParam() / sizeof(double));
  for (size_t i = 0; i < value.size(); ++i) value[i] = i / 3.0;
  EXPECT_TRUE(RoundTrip(value) == value);
}

TEST_P(BulkSizeTest, VectorOfStringsComesBack) {
  const std::vector<std::string> value = {MakeString(GetParam() / 2), "",
                                          MakeString(GetParam() / 2 + 1)};
  EXPECT_TRUE(RoundTrip(value) == value);
}

TEST(Codec, ValuesFollowEachOther) {
  Encoder out;
  out.Write(1);
  out.Write(std::string("two"));
  out.Write(3.0);
  const Payload payload = out.Finish();
  Decoder in(payload);
  EXPECT_EQ(in.Read<int>(), 1);
  EXPECT_EQ(in.Read<std::string>(), "two");
  EXPECT_EQ(in.Read<double>(), 3.0);
}

TEST(Codec, NumberTakesNoMoreThanItsBytes) {
  EXPECT_EQ(EncodeValue(int64_t{1}).size(), 8);
}

TEST(Codec, ArrayTakesNoMoreThanItsBytes) {
  EXPECT_EQ(EncodeValue(std::array<int16_t, 5>{}).size(), 10);
}

TEST(Codec, EnumsComeBack) {
  EXPECT_EQ(RoundTrip(Color::kGreen), Color::kGreen);
  EXPECT_EQ(RoundTrip(Flag::kOn), Flag::kOn);
  EXPECT_EQ(RoundTrip(OldStyle::kThousand), OldStyle::kThousand);
}

TEST(Codec, EnumIsEncodedAsItsOwnCodecSaysInAVector) {
  const std::vector<Capital> value = {Capital::kRome, Capital::kOslo};
  EXPECT_EQ(EncodeValue(value).size(), 8 + 2 * (8 + 4));
  EXPECT_EQ(RoundTrip(value), value);
}

TEST(Codec, UsersTypeComesBack) {
  EXPECT_EQ(RoundTrip(Point{1, -2}), (Point{1, -2}));
}

TEST(Codec, UsersTypeComesBackInContainers) {
  const std::map<std::string, std::vector<std::optional<Point>>> value = {
      {"a", {Point{1, 2}, std::nullopt}}, {"b", {}}};
  EXPECT_EQ(RoundTrip(value), value);
}

TEST(Codec, TypeThatContainsItselfComesBack) {
  const Tree tree{1, {{2, {{3, {}}, {4, {}}}}, {5, {}}}};
  EXPECT_EQ(RoundTrip(tree), tree);
}

TEST(Codec, MoveOnlyElementsComeBack) {
  std::vector<MoveOnly> value;
  value.emplace_back(1);
  value.emplace_back(2);
  const std::vector<MoveOnly> result = RoundTrip(value);
  ASSERT_EQ(result.size(), 2);
  EXPECT_EQ(result[1].value(), 2);
}

TEST(Codec, MoveOnlyPartsComeBack) {
  using Value =
      std::tuple<std::optional<MoveOnly>, std::array<MoveOnly, 2>,
                 std::variant<int, MoveOnly>, std::pair<MoveOnly, int>,
                 std::set<MoveOnly>, std::map<MoveOnly, MoveOnly>>;
  Value value(MoveOnly(1), std::array<MoveOnly, 2>{MoveOnly(2), MoveOnly(3)},
              MoveOnly(4), std::pair(MoveOnly(5), 6), std::set<MoveOnly>(),
              std::map<MoveOnly, MoveOnly>());
  std::get<4>(value).insert(MoveOnly(7));
  std::get<5>(value).emplace(8, 9);
  const Value result = RoundTrip(value);
  EXPECT_EQ(std::get<0>(result)->value(), 1);
  EXPECT_EQ(std::get<1>(result)[1].value(), 3);
  EXPECT_EQ(std::get<1>(std::get<2>(result)).value(), 4);
  EXPECT_EQ(std::get<3>(result).first.value(), 5);
  EXPECT_EQ(std::get<4>(result).begin()->value(), 7);
  EXPECT_EQ(std::get<5>(result).begin()->second.value(), 9);
}

TEST(Codec, NestedOptionalKeepsWhichOneIsEmpty) {
  using Value = std::optional<std::optional<int>>;
  EXPECT_FALSE(RoundTrip(Value(std::nullopt)).has_value());
  EXPECT_TRUE(RoundTrip(Value(std::optional<int>())).has_value());
}

TEST(Codec, VariantKeepsWhichOfEqualTypesItHolds) {
  using Value = std::variant<int, int, int>;
  EXPECT_EQ(RoundTrip(Value(std::in_place_index<2>, 5)).index(), 2);
}

TEST(Codec, ElementsWithoutBytesComeBack) {
  EXPECT_EQ(RoundTrip(std::vector<std::monostate>(1000)).size(), 1000);
  EXPECT_EQ(RoundTrip(std::vector<Nothing>(1000)).size(), 1000);
  EXPECT_EQ(RoundTrip(std::vector<std::tuple<>>(10)).size(), 10);
  EXPECT_EQ(RoundTrip(std::vector<std::array<int, 0>>(10)).size(), 10);
  const std::map<std::string, Nothing> map = {{"a", {}}, {"b", {}}};
  EXPECT_EQ(RoundTrip(map), map);
}

TEST(Codec, InfiniteTimesComeBack) {
  EXPECT_EQ(RoundTrip(absl::InfiniteDuration()), absl::InfiniteDuration());
  EXPECT_EQ(RoundTrip(-absl::InfiniteDuration()), -absl::InfiniteDuration());
  EXPECT_EQ(RoundTrip(absl::InfinitePast()), absl::InfinitePast());
  EXPECT_EQ(RoundTrip(absl::InfiniteFuture()), absl::InfiniteFuture());
}

TEST(Codec, DurationKeepsItsSmallestPart) {
  const absl::Duration quarter = absl::Nanoseconds(1) / 4;
  for (const int64_t seconds :
       {std::numeric_limits<int64_t>::min(), int64_t{-1}, int64_t{0},
        int64_t{1}, std::numeric_limits<int64_t>::max()}) {
    const absl::Duration value = absl::Seconds(seconds);
    EXPECT_EQ(RoundTrip(value), value);
    EXPECT_EQ(RoundTrip(value + quarter), value + quarter);
    EXPECT_EQ(RoundTrip(value - quarter), value - quarter);
  }
}

struct ThrowsWhenCopied {
  ThrowsWhenCopied() = default;
  ThrowsWhenCopied(const ThrowsWhenCopied&) { throw std::runtime_error("no"); }
};

}  // namespace

template <>
struct Codec<ThrowsWhenCopied> {
  static void Encode(const ThrowsWhenCopied&, Encoder&) {}
  static ThrowsWhenCopied Decode(Decoder&) { return {}; }
};

namespace {

TEST(Codec, RefusesAVariantWithoutValue) {
  std::variant<int, ThrowsWhenCopied> value;
  const ThrowsWhenCopied other;
  EXPECT_THROW(value.emplace<1>(other), std::runtime_error);
  ASSERT_TRUE(value.valueless_by_exception());
  EXPECT_THROW(EncodeValue(value), SerializationError);
}

TEST(InvalidData, BoolOfTwo) {
  EXPECT_THAT(CatchDecodingError<bool>(EncodeValue(uint8_t{2})),
              HasSubstr("invalid bool 2"));
}

TEST(InvalidData, BoolOfTwoInAVectorLikeArray) {
  EXPECT_THAT((CatchDecodingError<std::array<bool, 2>>(
                  EncodeValue(std::array<uint8_t, 2>{1, 2}))),
              HasSubstr("invalid bool 2"));
}

TEST(InvalidData, BoolOfTwoAsAnEnum) {
  EXPECT_THAT(CatchDecodingError<Flag>(EncodeValue(uint8_t{2})),
              HasSubstr("invalid bool 2"));
}

TEST(InvalidData, OptionalWithAFlagOfSeven) {
  EXPECT_THAT(CatchDecodingError<std::optional<int>>(
                  EncodeValue(std::pair(uint8_t{7}, 1))),
              HasSubstr("invalid bool 7"));
}

TEST(InvalidData, IndexPastTheEndOfAVariant) {
  EXPECT_THAT((CatchDecodingError<std::variant<int, char>>(
                  EncodeValue(std::pair(uint32_t{2}, 1)))),
              HasSubstr("invalid index of a variant 2"));
}

TEST(InvalidData, MoreUnusedBitsThanInAByte) {
  Encoder out;
  out.WriteSize(1);
  out.Write(uint8_t{8});
  out.Write(uint8_t{0});
  EXPECT_THAT(CatchDecodingError<std::vector<bool>>(out.Finish()),
              HasSubstr("invalid count of unused bits 8"));
}

TEST(InvalidData, UnusedBitsWithoutAByte) {
  Encoder out;
  out.WriteSize(0);
  out.Write(uint8_t{3});
  EXPECT_THAT(CatchDecodingError<std::vector<bool>>(out.Finish()),
              HasSubstr("invalid count of unused bits 3"));
}

TEST(InvalidData, EqualKeysInASet) {
  const Payload payload = EncodeValue(std::vector<int>{4, 4});
  EXPECT_THAT(CatchDecodingError<std::set<int>>(payload),
              HasSubstr("equal keys"));
  EXPECT_THAT(CatchDecodingError<std::unordered_set<int>>(payload),
              HasSubstr("equal keys"));
}

TEST(InvalidData, EqualKeysInAMap) {
  const Payload payload =
      EncodeValue(std::vector<std::pair<int, int>>{{4, 1}, {4, 2}});
  EXPECT_THAT((CatchDecodingError<std::map<int, int>>(payload)),
              HasSubstr("equal keys"));
  EXPECT_THAT((CatchDecodingError<std::unordered_map<int, int>>(payload)),
              HasSubstr("equal keys"));
}

TEST(InvalidData, FractionOfMoreThanASecond) {
  EXPECT_THAT(CatchDecodingError<absl::Duration>(
                  EncodeValue(std::pair(int64_t{1}, int64_t{4'000'000'000}))),
              HasSubstr("fraction of a second"));
}

TEST(InvalidData, BytesLeftOver) {
  EXPECT_THAT(CatchDecodingError<int32_t>(EncodeValue(int64_t{1})),
              HasSubstr("4 bytes are left over"));
}

Tree MakeDeepTree(int depth) {
  Tree tree;
  for (int i = 1; i < depth; ++i) {
    Tree parent;
    parent.children.push_back(std::move(tree));
    tree = std::move(parent);
  }
  return tree;
}

TEST(Nesting, HundredsOfLevelsComeBack) {
  const Tree tree = MakeDeepTree(500);
  EXPECT_TRUE(RoundTrip(tree) == tree);
}

TEST(Nesting, TooManyLevelsAreAnErrorInTheEncoder) {
  EXPECT_THROW(EncodeValue(MakeDeepTree(internal::kMaxNesting)),
               SerializationError);
}

// A stack could not hold them.
TEST(Nesting, TooManyLevelsAreAnErrorInTheDecoder) {
  Encoder out;
  for (int i = 0; i < 1'000'000; ++i) {
    out.Write(i);
    out.WriteSize(1);
  }
  EXPECT_THAT(CatchDecodingError<Tree>(out.Finish()),
              HasSubstr("nested in more than"));
}

TEST(Nesting, ManyValuesBesideEachOtherAreFine) {
  const std::vector<std::string> value(3 * internal::kMaxNesting, "x");
  EXPECT_EQ(RoundTrip(value), value);
}

TEST(ShippedAs, ConvertsWithoutCopying) {
  const std::string value = "abc";
  EXPECT_EQ(&ShippedAs<std::string>::Convert(value), &value);
}

template <typename A>
std::string ShipString(A argument) {
  Encoder out;
  Codec<typename ShippedAs<A>::type>::Encode(ShippedAs<A>::Convert(argument),
                                             out);
  return DecodeValue<std::string>(out.Finish());
}

TEST(ShippedAs, StringLikeArgumentsArriveAsStrings) {
  char buffer[] = "buffer";
  EXPECT_EQ(ShipString<const char*>("literal"), "literal");
  EXPECT_EQ(ShipString<char*>(buffer), "buffer");
  EXPECT_EQ(ShipString(std::string_view("a\0b", 3)), std::string("a\0b", 3));
}

TEST(ShippedAs, RefusesANullString) {
  EXPECT_THROW(ShipString<const char*>(nullptr), SerializationError);
}

TEST(StatusCodec, KeepsCodeMessageAndPayloads) {
  EXPECT_EQ(RoundTrip(absl::OkStatus()), absl::OkStatus());
  absl::Status status = absl::NotFoundError("no such row");
  status.SetPayload("type.example/row", absl::Cord("7"));
  status.SetPayload("type.example/table", absl::Cord());
  EXPECT_EQ(RoundTrip(status), status);
  const absl::Status newer(static_cast<absl::StatusCode>(99), "of tomorrow");
  EXPECT_EQ(RoundTrip(newer).raw_code(), 99);
}

TEST(StatusCodec, KeepsAValueOrTheStatusInItsPlace) {
  using Rows = absl::StatusOr<std::vector<std::string>>;
  EXPECT_EQ(RoundTrip(Rows({"a", "b"})).value(),
            (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(RoundTrip(Rows(absl::NotFoundError("x"))).status(),
            absl::NotFoundError("x"));
  static_assert(!internal::kHasCodec<absl::StatusOr<Unshippable>>);
}

TEST(StatusCodec, RefusesAStatusOrWithNeitherValueNorFailure) {
  Encoder out;
  out.Write(false);
  out.Write(absl::OkStatus());
  const Payload payload = out.Finish();
  Decoder in(payload);
  EXPECT_THROW(in.Read<absl::StatusOr<int>>().IgnoreError(),
               SerializationError);
}

}  // namespace
}  // namespace asyncpal
