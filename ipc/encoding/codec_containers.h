#ifndef ASYNCPAL_IPC_ENCODING_CODEC_CONTAINERS_H_
#define ASYNCPAL_IPC_ENCODING_CODEC_CONTAINERS_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "asyncpal/ipc/encoding/codec_traits.h"
#include "asyncpal/ipc/payload.h"

// Codecs of the containers; include codec.h, which has the rest.

namespace asyncpal {
namespace internal {

// Growing by steps of this size keeps what resize() fills with zeros in the
// processor's cache until it is overwritten.
inline constexpr size_t kBulkStepBytes = 256 * 1024;

// For a vector or string of elements that are bitwise.
template <typename Sequence>
Sequence DecodeBulk(Decoder& in) {
  constexpr size_t kElementBytes = sizeof(typename Sequence::value_type);
  constexpr size_t kStep = std::max<size_t>(kBulkStepBytes / kElementBytes, 1);
  const size_t count = in.ReadSize(kElementBytes);
  Sequence sequence;
  if (count > kStep) sequence.reserve(count);
  while (sequence.size() < count) {
    const size_t done = sequence.size();
    const size_t step = std::min(kStep, count - done);
    sequence.resize(done + step);
    in.ReadBytes(sequence.data() + done, step * kElementBytes);
  }
  return sequence;
}

template <typename Container>
void ReserveBuckets(Container& container, uint64_t count, Decoder& in) {
  if constexpr (requires { container.bucket_count(); }) {
    container.reserve(in.GrantReserve(count, sizeof(void*)));
  }
}

template <typename Set, typename Key>
struct SetCodec {
  using Parts = PartList<Key>;
  static constexpr size_t kMinBytes = sizeof(uint64_t);

  static void Encode(const Set& set, Encoder& out) {
    out.WriteSize(set.size());
    for (const Key& key : set) EncodeElement(key, out);
  }
  static Set Decode(Decoder& in) {
    Set set;
    const uint64_t count = DecodeCount<Key>(in);
    ReserveBuckets(set, count, in);
    for (uint64_t i = 0; i < count; ++i) {
      set.emplace_hint(set.end(), DecodeElement<Key>(in));
    }
    if (set.size() != count) ThrowInvalidData("set with equal keys, of", count);
    return set;
  }
};

template <typename Map>
struct MapCodec {
  using Key = typename Map::key_type;
  using Value = typename Map::mapped_type;
  using Parts = PartList<Key, Value>;
  static constexpr size_t kMinBytes = sizeof(uint64_t);

  static void Encode(const Map& map, Encoder& out) {
    out.WriteSize(map.size());
    for (const auto& [key, value] : map) {
      EncodeElement(key, out);
      out.Write(value);
    }
  }
  static Map Decode(Decoder& in) {
    Map map;
    const uint64_t count = DecodeCount<Key>(in);
    ReserveBuckets(map, count, in);
    for (uint64_t i = 0; i < count; ++i) {
      Key key = DecodeElement<Key>(in);
      map.emplace_hint(map.end(), std::move(key), in.Read<Value>());
    }
    if (map.size() != count) ThrowInvalidData("map with equal keys, of", count);
    return map;
  }
};

}  // namespace internal

template <typename T, typename Allocator>
struct Codec<std::vector<T, Allocator>> {
  using Vector = std::vector<T, Allocator>;
  using Parts = internal::PartList<T>;
  static constexpr size_t kMinBytes = sizeof(uint64_t);

  static void Encode(const Vector& vector, Encoder& out) {
    out.WriteSize(vector.size());
    if constexpr (internal::kIsBitwise<T>) {
      out.WriteBytes(vector.data(), vector.size() * sizeof(T));
    } else {
      for (const T& element : vector) internal::EncodeElement(element, out);
    }
  }
  static Vector Decode(Decoder& in) {
    if constexpr (internal::kIsBitwise<T>) {
      return internal::DecodeBulk<Vector>(in);
    } else {
      Vector vector;
      const uint64_t count = internal::DecodeCount<T>(in);
      vector.reserve(in.GrantReserve(count, sizeof(T)));
      for (uint64_t i = 0; i < count; ++i) {
        vector.push_back(internal::DecodeElement<T>(in));
      }
      return vector;
    }
  }
};

// Eight to a byte: how many bytes, how many bits of the last one are not used,
// and the bytes.
template <typename Allocator>
struct Codec<std::vector<bool, Allocator>> {
  using Vector = std::vector<bool, Allocator>;
  static constexpr size_t kMinBytes = sizeof(uint64_t) + 1;

  static void Encode(const Vector& vector, Encoder& out) {
    const size_t bytes = vector.size() / 8 + (vector.size() % 8 != 0);
    out.WriteSize(bytes);
    out.Write(static_cast<uint8_t>(bytes * 8 - vector.size()));
    auto bit = vector.begin();
    for (size_t i = 0; i < bytes; ++i) {
      uint8_t byte = 0;
      for (int shift = 0; shift < 8 && bit != vector.end(); ++shift, ++bit) {
        byte |= static_cast<uint8_t>(*bit) << shift;
      }
      out.Write(byte);
    }
  }
  static Vector Decode(Decoder& in) {
    const uint64_t bytes = in.ReadSize(1);
    const auto unused = in.Read<uint8_t>();
    if (unused > (bytes > 0 ? 7 : 0)) {
      internal::ThrowInvalidData("count of unused bits", unused);
    }
    Vector vector;
    vector.reserve(in.GrantReserve(bytes, 1) * 8);
    for (uint64_t i = 0; i < bytes; ++i) {
      const auto byte = in.Read<uint8_t>();
      const int bits = i + 1 < bytes ? 8 : 8 - unused;
      for (int shift = 0; shift < bits; ++shift) {
        vector.push_back((byte >> shift) & 1);
      }
    }
    return vector;
  }
};

template <typename T, size_t kCount>
struct Codec<std::array<T, kCount>> {
  using Array = std::array<T, kCount>;
  using Parts = internal::PartList<T>;
  static constexpr size_t kMinBytes = kCount * internal::MinBytes<T>();
  static constexpr bool kIsBitwise = kCount > 0 && internal::kIsBitwise<T>;

  static void Encode(const Array& array, Encoder& out) {
    if constexpr (kIsBitwise) {
      out.WriteBytes(array.data(), sizeof(array));
    } else {
      for (const T& element : array) out.Write(element);
    }
  }
  static Array Decode(Decoder& in) {
    if constexpr (kIsBitwise) {
      Array array;
      in.ReadBytes(array.data(), sizeof(array));
      return array;
    } else if constexpr (std::is_default_constructible_v<T> &&
                         std::is_move_assignable_v<T>) {
      Array array{};
      for (T& element : array) element = in.Read<T>();
      return array;
    } else {
      return [&]<size_t... kIndex>(std::index_sequence<kIndex...>) {
        return Array{(static_cast<void>(kIndex), in.Read<T>())...};
      }
      (std::make_index_sequence<kCount>());
    }
  }
};

template <typename T, typename Compare, typename Allocator>
struct Codec<std::set<T, Compare, Allocator>>
    : internal::SetCodec<std::set<T, Compare, Allocator>, T> {};

template <typename T, typename Hash, typename Equal, typename Allocator>
struct Codec<std::unordered_set<T, Hash, Equal, Allocator>>
    : internal::SetCodec<std::unordered_set<T, Hash, Equal, Allocator>, T> {};

template <typename Key, typename T, typename Compare, typename Allocator>
struct Codec<std::map<Key, T, Compare, Allocator>>
    : internal::MapCodec<std::map<Key, T, Compare, Allocator>> {};

template <typename Key, typename T, typename Hash, typename Equal,
          typename Allocator>
struct Codec<std::unordered_map<Key, T, Hash, Equal, Allocator>>
    : internal::MapCodec<std::unordered_map<Key, T, Hash, Equal, Allocator>> {};

}  // namespace asyncpal

#endif  // ASYNCPAL_IPC_ENCODING_CODEC_CONTAINERS_H_
