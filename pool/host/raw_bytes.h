#ifndef ASYNCPAL_POOL_HOST_RAW_BYTES_H_
#define ASYNCPAL_POOL_HOST_RAW_BYTES_H_

#include <string>

#include "asyncpal/ipc/codec.h"

namespace asyncpal::host {

// The name of the task that a host's worker has for calls in the host's own
// language: from raw bytes to raw bytes.
inline constexpr char kHostCall[] = "asyncpal.host.call";

// All bytes of a payload, whatever values they are: what the host has encoded,
// or is to decode.
struct RawBytes {
  std::string bytes;
};

}  // namespace asyncpal::host

template <>
struct asyncpal::Codec<asyncpal::host::RawBytes> {
  using RawBytes = asyncpal::host::RawBytes;

  static void Encode(const RawBytes& raw, Encoder& out) {
    out.WriteBytes(raw.bytes.data(), raw.bytes.size());
  }
  static RawBytes Decode(Decoder& in) {
    RawBytes raw{std::string(in.remaining(), '\0')};
    in.ReadBytes(raw.bytes.data(), raw.bytes.size());
    return raw;
  }
};

#endif  // ASYNCPAL_POOL_HOST_RAW_BYTES_H_
