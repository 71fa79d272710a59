#ifndef ASYNCPAL_POOL_INTERNAL_MAP_CODEC_H_
#define ASYNCPAL_POOL_INTERNAL_MAP_CODEC_H_

#include <memory>
#include <utility>

#include "asyncpal/ipc/call.h"
#include "asyncpal/ipc/codec.h"
#include "asyncpal/ipc/errors/exception_payload.h"
#include "asyncpal/pool/internal/lazy_map.h"

// How the tasks of a map go to another process: a chunk is one call.

namespace asyncpal {

template <typename R, typename F, typename Tuple>
requires internal::kShippableCallable<F>
struct Codec<internal::ChunkCall<R, F, Tuple>> {
  using Call = internal::ChunkCall<R, F, Tuple>;
  using Parts = internal::PartList<Tuple>;

  static void Encode(const Call& call, Encoder& out) {
    internal::CallableCodec<F>::Encode(*call.f, out);
    out.WriteSize(call.chunk.size());
    for (const Tuple& arguments : call.chunk) {
      internal::EncodeElement(arguments, out);
    }
  }

  static Call Decode(Decoder& in) {
    Call call{std::make_shared<F>(internal::CallableCodec<F>::Decode(in)), {}};
    const uint64_t count = internal::DecodeCount<Tuple>(in);
    call.chunk.reserve(in.GrantReserve(count, sizeof(Tuple)));
    for (uint64_t i = 0; i < count; ++i) {
      call.chunk.push_back(internal::DecodeElement<Tuple>(in));
    }
    return call;
  }
};

template <typename R>
struct Codec<internal::ChunkResult<R>> {
  using Result = internal::ChunkResult<R>;
  using Value = internal::Stored<R>;
  using Parts = internal::PartList<Value>;

  static void Encode(const Result& result, Encoder& out) {
    out.WriteSize(result.values.size());
    for (const Value& value : result.values) {
      internal::EncodeElement(value, out);
    }
    internal::WriteException(result.error, out);
  }

  static Result Decode(Decoder& in) {
    Result result;
    const uint64_t count = internal::DecodeCount<Value>(in);
    result.values.reserve(in.GrantReserve(count, sizeof(Value)));
    for (uint64_t i = 0; i < count; ++i) {
      result.values.push_back(internal::DecodeElement<Value>(in));
    }
    result.error = internal::ReadException(in);
    return result;
  }
};

}  // namespace asyncpal

#endif  // ASYNCPAL_POOL_INTERNAL_MAP_CODEC_H_
