#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <new>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/ipc/codec.h"
#include "asyncpal/ipc/payload.h"
#include "asyncpal/ipc/testing/random_value.h"
#include "gtest/gtest.h"

namespace asyncpal {
namespace {

using testing::RandomValue;

// To repeat a failure, set ASYNCPAL_TEST_SEED to what the test has printed.
uint64_t GetSeed() {
  static const uint64_t seed = [] {
    const char* const given = std::getenv("ASYNCPAL_TEST_SEED");
    const uint64_t chosen = given != nullptr ? std::strtoull(given, nullptr, 10)
                                             : std::random_device()();
    std::cout << "ASYNCPAL_TEST_SEED=" << chosen << std::endl;
    return chosen;
  }();
  return seed;
}

enum class Color : uint16_t {};
enum class Flag : bool {};

template <typename T>
Payload EncodeValue(const T& value, bool in_memfd = false) {
  Encoder out;
  out.Write(value);
  if (in_memfd) {
    const std::string padding(internal::kMaxInlineBytes, '\0');
    out.WriteBytes(padding.data(), padding.size());
  }
  return out.Finish();
}

template <typename T>
class CodecPropertyTest : public ::testing::Test {};

// Everything in everything.
using Nested =
    std::tuple<std::vector<std::pair<std::string, std::optional<int>>>,
               std::map<std::string, std::vector<std::vector<double>>>,
               std::variant<std::monostate, std::set<std::string>,
                            std::unordered_map<int, std::vector<bool>>>,
               std::array<std::optional<absl::Time>, 2>, bool, std::u16string>;

using Types = ::testing::Types<
    char, signed char, unsigned char, short, unsigned short, int, unsigned,
    long, unsigned long, long long, unsigned long long, float, double,
    long double, bool, wchar_t, char8_t, char16_t, char32_t, Color, Flag,
    std::byte, std::string, std::wstring, std::u16string, absl::Duration,
    absl::Time, std::monostate, std::optional<int>, std::optional<std::string>,
    std::pair<bool, double>, std::pair<std::string, Color>, std::tuple<>,
    std::tuple<int>, std::tuple<char, std::string, bool>, std::vector<char>,
    std::vector<double>, std::vector<bool>, std::vector<Color>,
    std::vector<Flag>, std::vector<std::string>,
    std::vector<std::vector<std::vector<int>>>, std::vector<std::monostate>,
    std::vector<std::array<int16_t, 3>>, std::vector<absl::Duration>,
    std::array<int, 4>, std::array<bool, 3>, std::array<std::string, 2>,
    std::array<int, 0>, std::map<int, std::string>, std::map<std::string, bool>,
    std::set<int>, std::set<std::pair<int, std::string>>,
    std::unordered_map<std::string, std::vector<float>>,
    std::unordered_set<std::string>, std::unordered_set<int>, std::variant<int>,
    std::variant<std::monostate, int, std::string>,
    std::variant<std::vector<int>, std::optional<double>>, Nested>;
TYPED_TEST_SUITE(CodecPropertyTest, Types);

TYPED_TEST(CodecPropertyTest, EveryValueComesBack) {
  RandomValue random(GetSeed());
  for (int i = 0; i < 500; ++i) {
    const auto value = random.Make<TypeParam>();
    const Payload payload = EncodeValue(value);
    Decoder in(payload);
    ASSERT_TRUE(in.Read<TypeParam>() == value) << "round " << i;
    in.ExpectEnd();
  }
}

TYPED_TEST(CodecPropertyTest, EveryValueComesBackThroughAMemfd) {
  RandomValue random(GetSeed());
  for (int i = 0; i < 20; ++i) {
    const auto value = random.Make<TypeParam>();
    const Payload payload = EncodeValue(value, /*in_memfd=*/true);
    Decoder in(payload);
    ASSERT_TRUE(in.Read<TypeParam>() == value) << "round " << i;
    ASSERT_EQ(in.remaining(), internal::kMaxInlineBytes);
  }
}

// The shortest encoding that a type claims is what bounds its counts.
TYPED_TEST(CodecPropertyTest, NoEncodingIsShorterThanTheLeastOne) {
  RandomValue random(GetSeed());
  for (int i = 0; i < 200; ++i) {
    ASSERT_GE(EncodeValue(random.Make<TypeParam>()).size(),
              internal::MinBytes<TypeParam>());
  }
}

TYPED_TEST(CodecPropertyTest, EveryTruncationIsAnError) {
  RandomValue random(GetSeed());
  for (int i = 0; i < 10; ++i) {
    const Payload whole = EncodeValue(random.Make<TypeParam>());
    const std::string bytes(whole.bytes().begin(), whole.bytes().end());
    for (size_t size = 0; size < bytes.size(); ++size) {
      const Payload payload = Payload::OfBytes(bytes.substr(0, size));
      Decoder in(payload);
      ASSERT_THROW(in.Read<TypeParam>(), SerializationError)
          << size << " bytes of " << bytes.size();
    }
  }
}

// Any value or SerializationError will do. Whatever else there is, the
// sanitizers find.
template <typename T>
void TryToDecode(std::string bytes) {
  const Payload payload = Payload::OfBytes(std::move(bytes));
  Decoder in(payload);
  try {
    const T value = in.Read<T>();
    EncodeValue(value);
  } catch (const SerializationError&) {
  }
}

TYPED_TEST(CodecPropertyTest, GarbageIsAValueOrAnError) {
  std::mt19937_64 random(GetSeed());
  for (int i = 0; i < 500; ++i) {
    std::string bytes(random() % 200, '\0');
    // Small numbers get further: they are counts and indexes.
    const bool mostly_zero = i % 2 == 0;
    for (char& byte : bytes) {
      if (!mostly_zero || random() % 8 == 0) {
        byte = static_cast<char>(mostly_zero ? random() % 4 : random());
      }
    }
    ASSERT_NO_THROW(TryToDecode<TypeParam>(std::move(bytes)));
  }
}

TYPED_TEST(CodecPropertyTest, DamagedValueIsAValueOrAnError) {
  RandomValue values(GetSeed());
  std::mt19937_64 random(GetSeed());
  for (int i = 0; i < 500; ++i) {
    const Payload whole = EncodeValue(values.Make<TypeParam>());
    std::string bytes(whole.bytes().begin(), whole.bytes().end());
    if (bytes.empty()) continue;
    bytes[random() % bytes.size()] ^= static_cast<char>(1 << random() % 8);
    ASSERT_NO_THROW(TryToDecode<TypeParam>(std::move(bytes)));
  }
}

}  // namespace

// Counts what is allocated, in the tests below.
namespace {

size_t allocated_bytes = 0;

template <typename T>
struct CountingAllocator : std::allocator<T> {
  template <typename U>
  struct rebind {
    using other = CountingAllocator<U>;
  };
  CountingAllocator() = default;
  template <typename U>
  explicit(false) CountingAllocator(const CountingAllocator<U>&) {}

  T* allocate(size_t count) {
    allocated_bytes += count * sizeof(T);
    return std::allocator<T>::allocate(count);
  }
};

template <typename T>
using CountedVector = std::vector<T, CountingAllocator<T>>;
using CountedString =
    std::basic_string<char, std::char_traits<char>, CountingAllocator<char>>;
using CountedMap =
    std::unordered_map<int, int, std::hash<int>, std::equal_to<int>,
                       CountingAllocator<std::pair<const int, int>>>;

template <typename T>
class HostileCountTest : public ::testing::Test {};

using Counted =
    ::testing::Types<CountedVector<char>, CountedVector<double>,
                     CountedVector<bool>, CountedVector<CountedString>,
                     CountedVector<CountedVector<CountedString>>,
                     CountedVector<std::optional<std::array<char, 1000>>>,
                     CountedVector<std::monostate>, CountedString, CountedMap>;
TYPED_TEST_SUITE(HostileCountTest, Counted);

TYPED_TEST(HostileCountTest, TakesNoMemoryOutOfProportion) {
  constexpr size_t kBytes = 4000;
  // At the end of some zeros, to be the count of a container in a container.
  for (size_t offset = 0; offset < 40; offset += 8) {
    for (const uint64_t count :
         {uint64_t{kBytes}, uint64_t{kBytes / 8}, uint64_t{1} << 30,
          uint64_t{1} << 60, uint64_t{1} << 63, ~uint64_t{0}}) {
      Encoder out;
      for (size_t i = 0; i < offset; i += 8) out.WriteSize(offset - i);
      out.WriteSize(count);
      while (out.size() < kBytes) out.WriteSize(count);
      const Payload payload = out.Finish();
      Decoder in(payload);
      allocated_bytes = 0;
      try {
        in.Read<TypeParam>();
      } catch (const SerializationError&) {
      }
      ASSERT_LT(allocated_bytes, 50 * kBytes)
          << "count " << count << " at " << offset;
    }
  }
}

// Every level could claim all that remains.
TEST(HostileCount, NestedClaimsAreNotAddedUp) {
  using V1 = CountedVector<CountedString>;
  using V5 = CountedVector<CountedVector<CountedVector<CountedVector<V1>>>>;
  constexpr size_t kBytes = 30'000;
  Encoder out;
  while (out.size() < kBytes) out.WriteSize((kBytes - out.size()) / 8 - 1);
  const Payload payload = out.Finish();
  Decoder in(payload);
  allocated_bytes = 0;
  EXPECT_THROW(in.Read<V5>(), SerializationError);
  EXPECT_LT(allocated_bytes, 12 * kBytes);
}

}  // namespace
}  // namespace asyncpal
