#ifndef ASYNCPAL_IPC_ENCODING_CODEC_TRAITS_H_
#define ASYNCPAL_IPC_ENCODING_CODEC_TRAITS_H_

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "asyncpal/ipc/payload.h"

// What the codecs of codec.h and codec_containers.h are made with.

namespace asyncpal {

template <typename T>
struct Codec;

namespace internal {

template <typename T>
concept CodecIsDefined = requires(const T& value, Encoder& out, Decoder& in) {
  Codec<T>::Encode(value, out);
  { Codec<T>::Decode(in) } -> std::same_as<T>;
};

template <typename T>
constexpr bool HasCodec();

// A Codec with a member type `Parts` is one only if all of these have codecs.
template <typename... Ts>
struct PartList {
  static constexpr bool HaveCodecs() { return (HasCodec<Ts>() && ...); }
};

template <typename T>
constexpr bool HasCodec() {
  if constexpr (!CodecIsDefined<T>) {
    return false;
  } else if constexpr (requires { typename Codec<T>::Parts; }) {
    return Codec<T>::Parts::HaveCodecs();
  } else {
    return true;
  }
}

// Whether a T can travel, with everything in it.
template <typename T>
inline constexpr bool kHasCodec = HasCodec<T>();

// A T's encoding is its bytes in memory, and any such bytes are a T.
template <typename T>
inline constexpr bool kIsBitwise = [] {
  if constexpr (requires { Codec<T>::kIsBitwise; }) {
    return Codec<T>::kIsBitwise;
  } else {
    return false;
  }
}();

// The size of the shortest encoding; 0 where that is not known.
template <typename T>
constexpr size_t MinBytes() {
  if constexpr (requires { Codec<T>::kMinBytes; }) {
    return Codec<T>::kMinBytes;
  } else {
    return 0;
  }
}

// Elements of containers take a byte at least, so that no count can be larger
// than what remains of the bytes.
template <typename T>
void EncodeElement(const T& value, Encoder& out) {
  const uint64_t before = out.size();
  out.Write(value);
  if (MinBytes<T>() == 0 && out.size() == before) out.Write(uint8_t{0});
}

template <typename T>
T DecodeElement(Decoder& in) {
  if constexpr (MinBytes<T>() > 0) {
    return in.Read<T>();
  } else {
    const uint64_t before = in.remaining();
    T value = in.Read<T>();
    if (in.remaining() == before) in.Read<uint8_t>();
    return value;
  }
}

template <typename T>
uint64_t DecodeCount(Decoder& in) {
  return in.ReadSize(std::max<size_t>(MinBytes<T>(), 1));
}

class NestingScope {
 public:
  explicit NestingScope(int& depth) : depth_(depth) {
    if (depth >= kMaxNesting) ThrowNestedTooDeeply();
    ++depth_;
  }
  ~NestingScope() { --depth_; }
  NestingScope(const NestingScope&) = delete;
  NestingScope& operator=(const NestingScope&) = delete;

 private:
  int& depth_;
};

}  // namespace internal

template <typename T>
void Encoder::Write(const T& value) {
  static_assert(internal::kHasCodec<T>,
                "This type can't be sent to another process: specialize "
                "asyncpal::Codec for it, or for what it contains, as shown in "
                "asyncpal/ipc/codec.h.");
  if constexpr (std::is_scalar_v<T>) {
    Codec<T>::Encode(value, *this);
  } else {
    internal::NestingScope scope(nesting_);
    Codec<T>::Encode(value, *this);
  }
}

template <typename T>
T Decoder::Read() {
  static_assert(internal::kHasCodec<T>,
                "This type can't come from another process: specialize "
                "asyncpal::Codec for it, or for what it contains, as shown in "
                "asyncpal/ipc/codec.h.");
  if constexpr (std::is_scalar_v<T>) {
    return Codec<T>::Decode(*this);
  } else {
    internal::NestingScope scope(nesting_);
    return Codec<T>::Decode(*this);
  }
}

}  // namespace asyncpal

#endif  // ASYNCPAL_IPC_ENCODING_CODEC_TRAITS_H_
