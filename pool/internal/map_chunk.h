#ifndef ASYNCPAL_POOL_INTERNAL_MAP_CHUNK_H_
#define ASYNCPAL_POOL_INTERNAL_MAP_CHUNK_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "asyncpal/future/internal/clock.h"
#include "asyncpal/future/internal/result_state.h"

// The task of a map, which is a chunk of calls, and what it brings back.

namespace asyncpal::internal {

struct EncodedCall;

// How a call ended, where its failure is a result like any other.
template <typename T>
struct CallOutcome {
  std::optional<Stored<T>> value = {};
  std::exception_ptr exception = {};  // if there is no value
};

template <typename R>
inline constexpr bool kIsCallOutcome = false;
template <typename T>
inline constexpr bool kIsCallOutcome<CallOutcome<T>> = true;

// What one task of a map brings back: the results of its calls, and what the
// call after them threw. Room for one inside: a chunk of one is the default.
// Moves only: results may, and an InlinedVector of those says that it copies.
template <typename R>
struct ChunkResult {
  ChunkResult() = default;
  ChunkResult(ChunkResult&&) = default;
  ChunkResult& operator=(ChunkResult&&) = default;

  absl::InlinedVector<Stored<R>, 1> values;
  std::exception_ptr error;
  int64_t nanos = 0;  // what the calls took; 0: nobody has asked
};

// What a ChunkResult has as its error where a chunk has been lost in the
// middle, with the worker that ran it, and the map goes on.
struct LostCalls {
  std::exception_ptr error;
  // The first call that had not begun; may be more than there are.
  size_t rest = 0;
  std::shared_ptr<const EncodedCall> call;  // the whole chunk
};

// The calls of that chunk, a `Call`, from one on. In map_codec.h.
template <typename Call>
auto DecodeRest(const EncodedCall& encoded, size_t first)
    -> decltype(Call::chunk);

// That of an error; null if it is another one, or none.
inline std::unique_ptr<LostCalls> FindLostCalls(
    const std::exception_ptr& error) {
  if (error == nullptr) return nullptr;
  try {
    std::rethrow_exception(error);
  } catch (const LostCalls& lost) {
    return std::make_unique<LostCalls>(lost);
  } catch (...) {
    return nullptr;
  }
}

// How many calls of a chunk have ended, and how many of those have failed: all
// where one has ended it.
struct CallCounts {
  size_t ended = 0;
  size_t failed = 0;
};
template <typename R>
CallCounts CountCalls(const ChunkResult<R>& result, size_t calls) {
  CallCounts counts = {.ended = calls, .failed = calls};
  if (result.error != nullptr) {
    const std::unique_ptr<LostCalls> lost = FindLostCalls(result.error);
    if (lost == nullptr) return counts;
    counts.ended = std::min(lost->rest, calls);
  }
  size_t succeeded = result.values.size();
  if constexpr (kIsCallOutcome<R>) {
    succeeded = static_cast<size_t>(std::count_if(
        result.values.begin(), result.values.end(),
        [](const R& outcome) { return outcome.exception == nullptr; }));
  }
  counts.failed = counts.ended - std::min(succeeded, counts.ended);
  return counts;
}

// What the tasks of one map share. Copies of it call `f` in other processes.
template <typename F>
struct MapFunction {
  template <typename Fn>
  MapFunction(Fn&& fn, bool skips, bool measures)
      : f(std::forward<Fn>(fn)), skips_failed(skips), measures(measures) {}

  [[no_unique_address]] F f;
  const bool skips_failed;  // leaves out the result of a call that throws
  const bool measures;      // how long the calls of a chunk take
};

// One task of a map: a chunk of calls of the shared function. A call that
// throws is the last one, unless its failure is a result or is skipped.
template <typename R, typename F, typename Tuple>
struct ChunkCall {
  std::shared_ptr<MapFunction<F>> function;
  absl::InlinedVector<Tuple, 1> chunk;

  ChunkResult<R> operator()() {
    if (!function->measures) return CallAll();
    const int64_t begin = NowTicks();
    ChunkResult<R> result = CallAll();
    result.nanos = std::max<int64_t>(TicksToNanos(NowTicks() - begin), 1);
    return result;
  }

  // One of them.
  Stored<R> Call(Tuple& arguments) {
    const auto call = [&]() -> decltype(auto) {
      return std::apply(function->f, std::move(arguments));
    };
    if constexpr (kIsCallOutcome<R>) {
      R outcome;
      outcome.value.emplace(InvokeStored(call));
      return outcome;
    } else {
      return InvokeStored(call);
    }
  }

 private:
  ChunkResult<R> CallAll() {
    ChunkResult<R> result;
    result.values.reserve(chunk.size());
    auto next = chunk.begin();
    const auto end = chunk.end();
    while (true) {
      try {
        while (next != end) {
          Tuple& arguments = *next++;
          result.values.push_back(Call(arguments));
        }
        return result;
      } catch (...) {
        if (!GoOnAfterFailure(result)) return result;
      }
    }
  }

  // Takes what a call has thrown, in its handler. Apart, so that a call that
  // returns does not pay for it.
  [[gnu::noinline]] bool GoOnAfterFailure(ChunkResult<R>& result) {
    std::exception_ptr error = std::current_exception();
    if (error == nullptr) throw;  // pthread_exit()
    if constexpr (kIsCallOutcome<R>) {
      result.values.push_back(R{.exception = std::move(error)});
      return true;
    } else {
      if (function->skips_failed) return true;
      result.error = std::move(error);
      return false;
    }
  }
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_MAP_CHUNK_H_
