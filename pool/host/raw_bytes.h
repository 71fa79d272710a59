#ifndef ASYNCPAL_POOL_HOST_RAW_BYTES_H_
#define ASYNCPAL_POOL_HOST_RAW_BYTES_H_

#include <algorithm>
#include <cstdint>
#include <exception>
#include <limits>
#include <string>
#include <utility>

#include "asyncpal/ipc/call.h"
#include "asyncpal/ipc/codec.h"
#include "asyncpal/pool/internal/remote_task.h"

namespace asyncpal::host {

// The name of the task that a host's worker has for calls in the host's own
// language: from raw bytes to raw bytes.
inline constexpr char kHostCall[] = "asyncpal.host.call";

// All bytes of a payload, whatever values they are: what the host has encoded,
// or is to decode.
struct RawBytes {
  std::string bytes;
};

// What a worker has brought back of one of the host's calls: bytes as well.
struct HostResult {
  std::string bytes;
  // Of several calls that the worker has not ended: why. Then `bytes` are the
  // results of the first of them, and those from `rest` on had not begun.
  std::exception_ptr lost = nullptr;
  uint64_t rest = 0;
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

template <>
struct asyncpal::Codec<asyncpal::host::HostResult> {
  using Result = asyncpal::host::HostResult;

  static void Encode(const Result& result, Encoder& out) {
    out.WriteBytes(result.bytes.data(), result.bytes.size());
  }
  static Result Decode(Decoder& in) {
    Result result;
    Append(in, result);
    return result;
  }
  // Of what has come in parts, and may end with a loss.
  static Result Join(internal::RemoteOutcome& outcome, internal::RemoteCall&) {
    Result result;
    uint64_t done = 0;
    for (const internal::PartialResult& part : outcome.parts) {
      Decoder in(part.values);
      Append(in, result);
      done = part.done;
    }
    if (outcome.failure == nullptr) {
      Decoder in(outcome.value);
      Append(in, result);
      return result;
    }
    result.lost = std::exchange(outcome.failure, nullptr);
    // Where it is not known which calls had begun, none is made again.
    result.rest = outcome.calls_begun > 0
                      ? std::max(outcome.calls_begun, done)
                      : std::numeric_limits<uint64_t>::max();
    return result;
  }

 private:
  static void Append(Decoder& in, Result& result) {
    const size_t before = result.bytes.size();
    const size_t more = in.remaining();
    result.bytes.resize(before + more);
    in.ReadBytes(result.bytes.data() + before, more);
  }
};

#endif  // ASYNCPAL_POOL_HOST_RAW_BYTES_H_
