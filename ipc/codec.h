#ifndef ASYNCPAL_IPC_CODEC_H_
#define ASYNCPAL_IPC_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "asyncpal/future/internal/cpp20.h"
#include "asyncpal/ipc/encoding/codec_containers.h"
#include "asyncpal/ipc/encoding/codec_traits.h"
#include "asyncpal/ipc/payload.h"

namespace asyncpal {

// How a T becomes bytes and comes back, for the arguments and results of tasks
// that run in another process.
//
// There are codecs for arithmetic types and enums, std::string, absl::Duration,
// absl::Time and absl::Status, and for these in std::optional, pair, tuple,
// variant, vector, array, map, set, unordered_map, unordered_set and
// absl::StatusOr; for messages of Cap'n Proto see capnp_codec.h. For a type of
// your own, specialize it beside the type:
//
//   struct Point { double x, y; };
//
//   template <>
//   struct asyncpal::Codec<Point> {
//     static void Encode(const Point& p, asyncpal::Encoder& out) {
//       out.Write(p.x);
//       out.Write(p.y);
//     }
//     static Point Decode(asyncpal::Decoder& in) {
//       // Braces keep the order of the two.
//       return {in.Read<double>(), in.Read<double>()};
//     }
//   };
//
// Decode reads what Encode has written, no more and no less. Both run with no
// lock held. The type needs no default constructor and may hold containers of
// itself; it must be movable.
//
// Errors: what a codec throws fails the one task whose value it is; throw
// SerializationError for data that make no sense.
template <typename T>
struct Codec;

template <typename T>
requires(std::is_arithmetic_v<T> && !std::is_const_v<T> &&
         !std::is_volatile_v<T>) struct Codec<T> {
  static constexpr size_t kMinBytes = sizeof(T);
  static constexpr bool kIsBitwise = true;

  static void Encode(T value, Encoder& out) {
    out.WriteBytes(&value, sizeof(value));
  }
  static T Decode(Decoder& in) {
    T value;
    in.ReadBytes(&value, sizeof(value));
    return value;
  }
};

template <>
struct Codec<bool> {
  static constexpr size_t kMinBytes = 1;

  static void Encode(bool value, Encoder& out) { out.Write(uint8_t{value}); }
  static bool Decode(Decoder& in) {
    const auto value = in.Read<uint8_t>();
    if (value > 1) internal::ThrowInvalidData("bool", value);
    return value == 1;
  }
};

template <typename T>
requires(std::is_enum_v<T> && !std::is_const_v<T> &&
         !std::is_volatile_v<T>) struct Codec<T> {
  using Value = std::underlying_type_t<T>;
  static constexpr size_t kMinBytes = sizeof(T);
  static constexpr bool kIsBitwise = internal::kIsBitwise<Value>;

  static void Encode(T value, Encoder& out) {
    out.Write(static_cast<Value>(value));
  }
  static T Decode(Decoder& in) { return static_cast<T>(in.Read<Value>()); }
};

template <typename Char, typename Traits, typename Allocator>
struct Codec<std::basic_string<Char, Traits, Allocator>> {
  using String = std::basic_string<Char, Traits, Allocator>;
  static constexpr size_t kMinBytes = sizeof(uint64_t);

  static void Encode(std::basic_string_view<Char, Traits> value, Encoder& out) {
    out.WriteSize(value.size());
    out.WriteBytes(value.data(), value.size() * sizeof(Char));
  }
  static String Decode(Decoder& in) { return internal::DecodeBulk<String>(in); }
};

template <>
struct Codec<absl::Duration> {
  // Whole seconds, then quarters of a nanosecond with the same sign. An
  // infinite duration is told by more quarters than a second has; its seconds
  // have its sign.
  static constexpr size_t kMinBytes = 2 * sizeof(int64_t);

  static void Encode(absl::Duration value, Encoder& out);
  static absl::Duration Decode(Decoder& in);
};

template <>
struct Codec<absl::Time> {
  static constexpr size_t kMinBytes = Codec<absl::Duration>::kMinBytes;

  static void Encode(absl::Time value, Encoder& out) {
    out.Write(value - absl::UnixEpoch());
  }
  static absl::Time Decode(Decoder& in) {
    return absl::UnixEpoch() + in.Read<absl::Duration>();
  }
};

template <>
struct Codec<absl::Status> {
  static constexpr size_t kMinBytes = sizeof(int32_t);

  static void Encode(const absl::Status& value, Encoder& out);
  static absl::Status Decode(Decoder& in);
};

namespace internal {

// The status of an absl::StatusOr without a value.
absl::Status DecodeFailedStatus(Decoder& in);

}  // namespace internal

template <typename T>
struct Codec<absl::StatusOr<T>> {
  using Parts = internal::PartList<T>;
  static constexpr size_t kMinBytes = 1;

  static void Encode(const absl::StatusOr<T>& value, Encoder& out) {
    out.Write(value.ok());
    if (value.ok()) {
      out.Write(*value);
    } else {
      out.Write(value.status());
    }
  }
  static absl::StatusOr<T> Decode(Decoder& in) {
    if (!in.Read<bool>()) return internal::DecodeFailedStatus(in);
    return absl::StatusOr<T>(absl::in_place, in.Read<T>());
  }
};

template <typename T>
struct Codec<std::optional<T>> {
  using Parts = internal::PartList<T>;
  static constexpr size_t kMinBytes = 1;

  static void Encode(const std::optional<T>& value, Encoder& out) {
    out.Write(value.has_value());
    if (value.has_value()) out.Write(*value);
  }
  static std::optional<T> Decode(Decoder& in) {
    if (!in.Read<bool>()) return std::nullopt;
    return std::optional<T>(std::in_place, in.Read<T>());
  }
};

template <typename A, typename B>
struct Codec<std::pair<A, B>> {
  using Parts = internal::PartList<A, B>;
  static constexpr size_t kMinBytes =
      internal::MinBytes<A>() + internal::MinBytes<B>();

  static void Encode(const std::pair<A, B>& value, Encoder& out) {
    out.Write(value.first);
    out.Write(value.second);
  }
  static std::pair<A, B> Decode(Decoder& in) {
    return std::pair<A, B>{in.Read<A>(), in.Read<B>()};
  }
};

template <typename... Ts>
struct Codec<std::tuple<Ts...>> {
  using Parts = internal::PartList<Ts...>;
  static constexpr size_t kMinBytes =
      (size_t{0} + ... + internal::MinBytes<Ts>());

  static void Encode(const std::tuple<Ts...>& value, Encoder& out) {
    std::apply([&](const Ts&... parts) { (out.Write(parts), ...); }, value);
  }
  static std::tuple<Ts...> Decode(Decoder& in) {
    static_cast<void>(in);  // there may be no parts
    return std::tuple<Ts...>{in.Read<Ts>()...};
  }
};

template <>
struct Codec<std::monostate> {
  static void Encode(std::monostate, Encoder&) {}
  static std::monostate Decode(Decoder&) { return {}; }
};

namespace internal {

[[noreturn]] void ThrowValuelessVariant();
[[noreturn]] void ThrowNullString();

}  // namespace internal

template <typename... Ts>
struct Codec<std::variant<Ts...>> {
  using Variant = std::variant<Ts...>;
  using Parts = internal::PartList<Ts...>;
  static constexpr size_t kMinBytes = sizeof(uint32_t);

  static void Encode(const Variant& value, Encoder& out) {
    if (value.valueless_by_exception()) internal::ThrowValuelessVariant();
    out.Write(static_cast<uint32_t>(value.index()));
    std::visit([&out](const auto& alternative) { out.Write(alternative); },
               value);
  }
  static Variant Decode(Decoder& in) {
    const auto index = in.Read<uint32_t>();
    if (index >= sizeof...(Ts)) {
      internal::ThrowInvalidData("index of a variant", index);
    }
    return [&]<size_t... kIndex>(std::index_sequence<kIndex...>) {
      using Decode = Variant (*)(Decoder&);
      static constexpr Decode kDecode[] = {&DecodeAs<kIndex>...};
      return kDecode[index](in);
    }
    (std::index_sequence_for<Ts...>());
  }

 private:
  template <size_t kIndex>
  static Variant DecodeAs(Decoder& in) {
    using T = std::variant_alternative_t<kIndex, Variant>;
    return Variant(std::in_place_index<kIndex>, in.Read<T>());
  }
};

namespace internal {

// What an argument of type T travels as: Codec<ShippedAs<T>::type>::Encode
// takes what Convert() returns.
template <typename T>
struct ShippedAs {
  using type = T;
  static const T& Convert(const T& value) { return value; }
};

template <>
struct ShippedAs<std::string_view> {
  using type = std::string;
  static std::string_view Convert(std::string_view value) { return value; }
};

template <>
struct ShippedAs<const char*> {
  using type = std::string;
  static std::string_view Convert(const char* value) {
    if (value == nullptr) ThrowNullString();
    return value;
  }
};

template <>
struct ShippedAs<char*> : ShippedAs<const char*> {};

}  // namespace internal
}  // namespace asyncpal

#endif  // ASYNCPAL_IPC_CODEC_H_
