#ifndef ASYNCPAL_POOL_INTERNAL_MAP_CODEC_H_
#define ASYNCPAL_POOL_INTERNAL_MAP_CODEC_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <stop_token>
#include <utility>

#include "asyncpal/future/internal/clock.h"
#include "asyncpal/future/internal/result_state.h"
#include "asyncpal/ipc/call.h"
#include "asyncpal/ipc/codec.h"
#include "asyncpal/ipc/encoding/element_codec.h"
#include "asyncpal/ipc/errors/exception_payload.h"
#include "asyncpal/ipc/payload.h"
#include "asyncpal/ipc/worker/current_task.h"
#include "asyncpal/ipc/worker/partial_results.h"
#include "asyncpal/pool/internal/map_chunk.h"
#include "asyncpal/pool/internal/remote_task.h"

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

  // From what has come in parts, and may end with a loss.
  static Result Join(internal::RemoteOutcome& outcome,
                     internal::RemoteCall& task) {
    Result result;
    uint64_t done = 0;
    for (const internal::PartialResult& part : outcome.parts) {
      Decoder in(part.values);
      for (uint64_t i = 0; i < part.count; ++i) {
        result.values.push_back(internal::DecodeElement<Value>(in));
      }
      in.ExpectEnd();
      done = part.done;
    }
    if (outcome.failure == nullptr) {
      Decoder in(outcome.value);
      Result rest = in.Read<Result>();
      in.ExpectEnd();
      for (Value& value : rest.values) {
        result.values.push_back(std::move(value));
      }
      result.error = std::move(rest.error);
      result.nanos = rest.nanos;
      return result;
    }
    if (internal::kIsCallOutcome<R> ? result.values.size() != done
                                    : result.values.size() > done) {
      internal::ThrowInvalidData("number of results", result.values.size());
    }
    // Where it is not known which calls had begun, none is made again.
    const uint64_t begun = outcome.calls_begun > 0
                               ? outcome.calls_begun
                               : std::numeric_limits<uint64_t>::max();
    result.error = std::make_exception_ptr(internal::LostCalls{
        .error = std::move(outcome.failure),
        .rest = std::max(begun, done),
        .call = std::make_shared<internal::EncodedCall>(task.TakeCall())});
    return result;
  }
};

namespace internal {

// The worker's half of a chunk. Where the map goes on after failures, this is
// one call at a time: what is done is sent while the rest runs, and a result
// that can't be encoded costs no other.
template <typename R, typename F, typename Tuple>
struct RemoteStub<ChunkCall<R, F, Tuple>> {
  using Call = ChunkCall<R, F, Tuple>;
  static constexpr bool kStoppable = false;

  static void Run(Decoder& in, const std::stop_token&, Encoder& out) {
    Call call = Serializing("the arguments can't be decoded", [&] {
      Call decoded = in.Read<Call>();
      in.ExpectEnd();
      return decoded;
    });
    const WorkerTask* const task = WorkerTaskScope::Current();
    const bool goes_on = kIsCallOutcome<R> || call.function->skips_failed;
    if (goes_on && task != nullptr && task->partial_results != nullptr) {
      return RunInParts(call, *task, out);
    }
    const ChunkResult<R> result = call();
    Serializing("the result can't be encoded", [&] { out.Write(result); });
  }

  static CodeAddress Address() {
    static const CodeAddress address = LocateAddress(&entry);
    return address;
  }

  static inline const TaskEntry entry{&Run, kStoppable};

 private:
  static void RunInParts(Call& call, const WorkerTask& task, Encoder& out) {
    PartialResults& parts = *task.partial_results;
    const int64_t begin = call.function->measures ? NowTicks() : 0;
    parts.Begin(task.attempt);
    for (Tuple& arguments : call.chunk) {
      parts.BeginCall();
      try {
        const Stored<R> value = call.Call(arguments);
        Serializing("the result can't be encoded", [&] {
          parts.EndCall([&](Encoder& to) { EncodeElement(value, to); });
        });
      } catch (...) {
        EndFailed(parts);
      }
    }
    const PartialResults::Rest rest = parts.TakeRest();
    out.WriteSize(rest.count);
    out.WriteBytes(rest.results.bytes().data(), rest.results.size());
    WriteException(nullptr, out);
    if (call.function->measures) {
      out.Write(std::max<int64_t>(TicksToNanos(NowTicks() - begin), 1));
    }
  }

  // In the handler of what a call, or its result's codec, has thrown.
  [[gnu::noinline]] static void EndFailed(PartialResults& parts) {
    std::exception_ptr error = std::current_exception();
    if (error == nullptr) throw;  // pthread_exit()
    if constexpr (kIsCallOutcome<R>) {
      const R outcome = {.exception = std::move(error)};
      parts.EndCall([&](Encoder& to) { EncodeElement(outcome, to); });
    } else {
      parts.EndCall();
    }
  }
};

template <typename Call>
auto DecodeRest(const EncodedCall& encoded, size_t first)
    -> decltype(Call::chunk) {
  decltype(Call::chunk) rest;
  // Else the map's submission has said what is wrong.
  if constexpr (kHasCodec<Call>) {
    Decoder in(encoded.arguments);
    Call all = in.Read<Call>();
    for (size_t i = first; i < all.chunk.size(); ++i) {
      rest.push_back(std::move(all.chunk[i]));
    }
  }
  return rest;
}

}  // namespace internal
}  // namespace asyncpal

#endif  // ASYNCPAL_POOL_INTERNAL_MAP_CODEC_H_
