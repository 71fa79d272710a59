#ifndef ASYNCPAL_BINDINGS_FACADE_RAW_BYTES_H_
#define ASYNCPAL_BINDINGS_FACADE_RAW_BYTES_H_

#include <string>

#include "asyncpal/ipc/codec.h"

namespace asyncpal::facade {

// The name of the task that a host's worker has for calls in the host's own
// language: from raw bytes to raw bytes.
inline constexpr char kHostCall[] = "asyncpal.host.call";

// All bytes of a payload, whatever values they are: what the host has encoded,
// or is to decode.
struct RawBytes {
  std::string bytes;
};

}  // namespace asyncpal::facade

template <>
struct asyncpal::Codec<asyncpal::facade::RawBytes> {
  using RawBytes = asyncpal::facade::RawBytes;

  static void Encode(const RawBytes& raw, Encoder& out) {
    out.WriteBytes(raw.bytes.data(), raw.bytes.size());
  }
  static RawBytes Decode(Decoder& in) {
    RawBytes raw{std::string(in.remaining(), '\0')};
    in.ReadBytes(raw.bytes.data(), raw.bytes.size());
    return raw;
  }
};

#endif  // ASYNCPAL_BINDINGS_FACADE_RAW_BYTES_H_
