#ifndef ASYNCPAL_IPC_ENCODING_ELEMENT_CODEC_H_
#define ASYNCPAL_IPC_ENCODING_ELEMENT_CODEC_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <tuple>

#include "asyncpal/ipc/encoding/codec_traits.h"
#include "asyncpal/ipc/payload.h"

// The elements of a chunk, with their count before them: as each would be
// written by itself, but many at a time where an encoding is but its bytes.

namespace asyncpal::internal {

// Packs and unpacks a T whose encoding has this many bytes, always; 0: it is
// not known to be so, or large, and nothing would be won.
template <typename T>
struct ElementPacking {
  static constexpr size_t kBytes = kIsBitwise<T> ? sizeof(T) : 0;

  static void Pack(const T& value, char* to) {
    std::memcpy(to, &value, sizeof(T));
  }
  static T Unpack(const char*& from) {
    T value;
    std::memcpy(&value, from, sizeof(T));
    from += sizeof(T);
    return value;
  }
};

// Its parts without the gaps between them.
template <typename... Ts>
struct ElementPacking<std::tuple<Ts...>> {
  static constexpr size_t kBytes =
      (kIsBitwise<Ts> && ...) ? (size_t{0} + ... + sizeof(Ts)) : 0;

  static void Pack(const std::tuple<Ts...>& value, char* to) {
    std::apply(
        [&to](const Ts&... parts) {
          ((std::memcpy(to, &parts, sizeof(Ts)), to += sizeof(Ts)), ...);
        },
        value);
  }
  static std::tuple<Ts...> Unpack(const char*& from) {
    return {ElementPacking<Ts>::Unpack(from)...};  // braces: in this order
  }
};

inline constexpr size_t kElementBlockBytes = 4096;

// How many fit into a block; 0: each goes by itself.
template <typename T>
inline constexpr size_t kElementsPerBlock =
    ElementPacking<T>::kBytes == 0
        ? 0
        : kElementBlockBytes / ElementPacking<T>::kBytes;

// `Sequence` has size(), begin() and end().
template <typename Sequence>
void EncodeElements(const Sequence& elements, Encoder& out) {
  using T = typename Sequence::value_type;
  out.WriteSize(elements.size());
  if constexpr (kElementsPerBlock < T >> 0) {
    constexpr size_t kBytes = ElementPacking<T>::kBytes;
    char block[kElementsPerBlock<T> * kBytes];
    size_t used = 0;
    for (const T& element : elements) {
      if (used == sizeof(block)) {
        out.WriteBytes(block, used);
        used = 0;
      }
      ElementPacking<T>::Pack(element, block + used);
      used += kBytes;
    }
    out.WriteBytes(block, used);
  } else {
    for (const T& element : elements) EncodeElement(element, out);
  }
}

// Appends them. `Sequence` has reserve() and push_back().
template <typename Sequence>
void DecodeElements(Decoder& in, Sequence& elements) {
  using T = typename Sequence::value_type;
  const uint64_t count = DecodeCount<T>(in);
  elements.reserve(in.GrantReserve(count, sizeof(T)));
  if constexpr (kElementsPerBlock < T >> 0) {
    constexpr size_t kBytes = ElementPacking<T>::kBytes;
    char block[kElementsPerBlock<T> * kBytes];
    for (uint64_t left = count; left > 0;) {
      const size_t some = std::min<uint64_t>(left, kElementsPerBlock<T>);
      in.ReadBytes(block, some * kBytes);
      const char* from = block;
      for (size_t i = 0; i < some; ++i) {
        elements.push_back(ElementPacking<T>::Unpack(from));
      }
      left -= some;
    }
  } else {
    for (uint64_t i = 0; i < count; ++i) {
      elements.push_back(DecodeElement<T>(in));
    }
  }
}

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_IPC_ENCODING_ELEMENT_CODEC_H_
