#ifndef ASYNCPAL_IPC_WORKER_WORKER_PROTOCOL_H_
#define ASYNCPAL_IPC_WORKER_WORKER_PROTOCOL_H_

#include <cstdint>

#include "asyncpal/ipc/call.h"
#include "asyncpal/ipc/payload.h"
#include "asyncpal/ipc/worker/channel.h"
#include "asyncpal/ipc/worker/worker.capnp.h"

// What both ends of a worker's socket know beside worker.capnp.

namespace asyncpal::internal {

inline constexpr uint32_t kSchemaVersion = 1;

// In the environment of a process that is to become a worker.
inline constexpr char kWorkerVariable[] = "ASYNCPAL_WORKER";
// How many workers are above it.
inline constexpr char kDepthVariable[] = "ASYNCPAL_WORKER_DEPTH";
inline constexpr int kMaxWorkerDepth = 10;

// What a worker finds open when it starts.
inline constexpr int kWorkerSocket = 3;
inline constexpr int kWorkerClaimPage = 4;  // or /dev/null: there is none
inline constexpr int kWorkerStderr = 5;  // what is to be its stderr once ready
// And this, if its environment has the variable.
inline constexpr int kWorkerRequests = 6;
inline constexpr char kRequestsVariable[] = "ASYNCPAL_WORKER_REQUESTS";

// The part of a payload that goes beside a message.
inline absl::Span<const char> BodyOf(const Payload& payload) {
  return payload.bytes();
}

// `Union` is a builder of Call::arguments or of Result.
template <typename Union>
void DescribePayload(const Payload& payload, Union out) {
  if (payload.is_memfd()) {
    out.setMemfd(payload.size());
  } else {
    out.setInFrame(payload.size());
  }
}

// `Union` is a reader of the same; takes the bytes or the descriptor out of
// `frame`. Throws ProtocolError.
template <typename Union>
Payload TakePayload(Union in, Channel::Frame& frame, uint64_t max_bytes) {
  if (in.isMemfd()) {
    if (!frame.fd) throw ProtocolError("a payload's descriptor is missing");
    if (in.getMemfd() > max_bytes)
      throw ProtocolError("a payload is too large");
    return Payload::OfMemfd(std::move(frame.fd), in.getMemfd());
  }
  if (in.getInFrame() != frame.body.size()) {
    throw ProtocolError("a payload's size is not that of the frame's body");
  }
  return Payload::OfBytes(std::move(frame.body));
}

// Says what to call, without its arguments.
void DescribeCode(const EncodedCall& call, wire::Call::Builder out);
// The same read, also without arguments. Throws ProtocolError.
EncodedCall ReadCode(wire::Call::Reader in);

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_IPC_WORKER_WORKER_PROTOCOL_H_
