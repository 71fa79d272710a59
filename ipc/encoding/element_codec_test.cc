#include "asyncpal/ipc/encoding/element_codec.h"

#include <array>
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "asyncpal/future/error.h"
#include "asyncpal/ipc/codec.h"
#include "asyncpal/ipc/payload.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

std::string BytesOf(const Payload& payload) {
  return std::string(payload.bytes().begin(), payload.bytes().end());
}

template <typename T>
Payload EncodeAll(const std::vector<T>& values) {
  Encoder out;
  EncodeElements(values, out);
  return out.Finish();
}

template <typename T>
std::vector<T> DecodeAll(const Payload& payload) {
  Decoder in(payload);
  std::vector<T> values;
  DecodeElements(in, values);
  in.ExpectEnd();
  return values;
}

template <typename T>
T MakeValue(size_t i);
template <>
int64_t MakeValue(size_t i) {
  return static_cast<int64_t>(i) * -3;
}
template <>
std::tuple<int64_t> MakeValue(size_t i) {
  return {static_cast<int64_t>(i)};
}
template <>
std::tuple<char, double, uint16_t> MakeValue(size_t i) {
  return {static_cast<char>(i % 100), static_cast<double>(i) / 3,
          static_cast<uint16_t>(i % 60'000)};
}
template <>
std::tuple<int, std::string> MakeValue(size_t i) {
  return {static_cast<int>(i), std::string(i % 5, 'x')};
}
template <>
std::tuple<bool, int> MakeValue(size_t i) {
  return {i % 2 == 0, static_cast<int>(i)};
}
template <>
std::array<char, 5000> MakeValue(size_t i) {
  std::array<char, 5000> value = {};
  value[i % 5000] = 1;
  return value;
}
template <>
std::tuple<> MakeValue(size_t) {
  return {};
}

template <typename T>
class ElementCodec : public ::testing::Test {};
using Elements =
    ::testing::Types<int64_t, std::tuple<int64_t>,
                     std::tuple<char, double, uint16_t>,
                     std::tuple<int, std::string>, std::tuple<bool, int>,
                     std::array<char, 5000>, std::tuple<>>;
TYPED_TEST_SUITE(ElementCodec, Elements);

// Around the ends of blocks, and in a memfd.
constexpr size_t kCounts[] = {0,   1,   2,   371,  372, 373,
                              511, 512, 513, 1500, 9000};

TYPED_TEST(ElementCodec, GivesBackWhatItWrote) {
  for (const size_t count : kCounts) {
    std::vector<TypeParam> values;
    for (size_t i = 0; i < count; ++i) {
      values.push_back(MakeValue<TypeParam>(i));
    }
    EXPECT_TRUE(DecodeAll<TypeParam>(EncodeAll(values)) == values) << count;
  }
}

TYPED_TEST(ElementCodec, WritesWhatEachByItselfWould) {
  std::vector<TypeParam> values;
  for (size_t i = 0; i < 5; ++i) values.push_back(MakeValue<TypeParam>(i));
  Encoder out;
  out.WriteSize(values.size());
  for (const TypeParam& value : values) EncodeElement(value, out);
  EXPECT_EQ(BytesOf(EncodeAll(values)), BytesOf(out.Finish()));
}

TYPED_TEST(ElementCodec, BelievesNoCountThatIsTooLarge) {
  Encoder out;
  out.WriteSize(uint64_t{1} << 40);
  out.Write(std::string("short"));
  EXPECT_THROW(DecodeAll<TypeParam>(out.Finish()), SerializationError);
}

TEST(ElementPacking, LeavesNoGaps) {
  EXPECT_EQ((ElementPacking<std::tuple<char, double, uint16_t>>::kBytes), 11u);
}

TEST(ElementPacking, IsOnlyForThoseWhoseBytesAllMeanSomething) {
  EXPECT_EQ(ElementPacking<bool>::kBytes, 0u);
  EXPECT_EQ((ElementPacking<std::tuple<int, bool>>::kBytes), 0u);
  EXPECT_EQ(ElementPacking<std::string>::kBytes, 0u);
  EXPECT_EQ(ElementPacking<std::monostate>::kBytes, 0u);
  EXPECT_EQ(ElementPacking<std::tuple<>>::kBytes, 0u);
}

}  // namespace
}  // namespace asyncpal::internal
