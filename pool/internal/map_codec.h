#ifndef ASYNCPAL_POOL_INTERNAL_MAP_CODEC_H_
#define ASYNCPAL_POOL_INTERNAL_MAP_CODEC_H_

#include <cstddef>
#include <memory>
#include <utility>

#include "asyncpal/future/internal/result_state.h"
#include "asyncpal/ipc/call.h"
#include "asyncpal/ipc/codec.h"
#include "asyncpal/ipc/encoding/element_codec.h"
#include "asyncpal/ipc/errors/exception_payload.h"
#include "asyncpal/ipc/payload.h"
#include "asyncpal/pool/internal/map_chunk.h"

// How the tasks of a map go to another process: a chunk is one call.

namespace asyncpal {

template <typename R, typename F, typename Tuple>
requires internal::kShippableCallable<F>
struct Codec<internal::ChunkCall<R, F, Tuple>> {
  using Call = internal::ChunkCall<R, F, Tuple>;
  using Parts = internal::PartList<Tuple>;

  static void Encode(const Call& call, Encoder& out) {
    internal::CallableCodec<F>::Encode(call.function->f, out);
    internal::EncodeElements(call.chunk, out);
    // At the end, where nothing follows: other maps send not a byte for it.
    const int flags = (call.function->skips_failed ? kSkipsFailed : 0) |
                      (call.function->measures ? kMeasures : 0);
    if (flags != 0) out.Write(static_cast<uint8_t>(flags));
  }

  static Call Decode(Decoder& in) {
    F f = internal::CallableCodec<F>::Decode(in);
    Call call;
    internal::DecodeElements(in, call.chunk);
    const int flags = in.remaining() > 0 ? in.Read<uint8_t>() : 0;
    call.function = std::make_shared<internal::MapFunction<F>>(
        std::move(f), (flags & kSkipsFailed) != 0, (flags & kMeasures) != 0);
    return call;
  }

 private:
  static constexpr int kSkipsFailed = 1;
  static constexpr int kMeasures = 2;
};

template <typename T>
struct Codec<internal::CallOutcome<T>> {
  using Outcome = internal::CallOutcome<T>;
  using Value = internal::Stored<T>;
  using Parts = internal::PartList<Value>;
  static constexpr size_t kMinBytes = 1;

  static void Encode(const Outcome& outcome, Encoder& out) {
    out.Write(outcome.value.has_value());
    if (outcome.value.has_value()) {
      out.Write(*outcome.value);
    } else {
      internal::WriteException(outcome.exception, out);
    }
  }

  static Outcome Decode(Decoder& in) {
    Outcome outcome;
    if (in.Read<bool>()) {
      outcome.value.emplace(in.Read<Value>());
    } else {
      outcome.exception = internal::ReadException(in);
      if (outcome.exception == nullptr) {
        internal::ThrowInvalidData("exception of a call", 0);
      }
    }
    return outcome;
  }
};

template <typename R>
struct Codec<internal::ChunkResult<R>> {
  using Result = internal::ChunkResult<R>;
  using Value = internal::Stored<R>;
  using Parts = internal::PartList<Value>;

  static void Encode(const Result& result, Encoder& out) {
    internal::EncodeElements(result.values, out);
    internal::WriteException(result.error, out);
    if (result.nanos != 0) out.Write(result.nanos);  // as above
  }

  static Result Decode(Decoder& in) {
    Result result;
    internal::DecodeElements(in, result.values);
    result.error = internal::ReadException(in);
    if (in.remaining() > 0) result.nanos = in.Read<int64_t>();
    return result;
  }
};

}  // namespace asyncpal

#endif  // ASYNCPAL_POOL_INTERNAL_MAP_CODEC_H_
