#ifndef ASYNCPAL_FUTURE_CHUNKS_H_
#define ASYNCPAL_FUTURE_CHUNKS_H_

#include <cstddef>
#include <functional>
#include <optional>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "asyncpal/future/internal/cpp20.h"
#include "asyncpal/future/internal/pull_range.h"
#include "asyncpal/future/internal/zip_cursor.h"

// Splitting a long loop into tasks by hand, where a pool's map family is not
// enough:
//
//   std::vector<Future<std::vector<int>>> futures;
//   for (auto& subtask : SplitMapTask(25, Add, numbers, numbers)) {
//     futures.push_back(pool.Submit(std::move(subtask)));
//   }
//   for (std::vector<int>& part : Collect(futures)) Append(part, &sums);
//
// Threads: the ranges are read on the thread that iterates the result.
// Lifetime: a range passed in must outlive the iteration; what comes out holds
// copies of the elements. Ordering: that of the ranges.
// Errors: std::invalid_argument for a chunk_size of 0. Shutdown: none.

namespace asyncpal {
namespace internal {

inline void CheckChunkSize(const char* function, size_t chunk_size) {
  if (chunk_size == 0) {
    throw std::invalid_argument(std::string(function) +
                                ": chunk_size is 0; it must be at least 1");
  }
}

// The callable that SplitMapTask hands out: applies `f` to its argument tuples.
template <typename F, typename Tuple>
class Subtask {
 public:
  Subtask(F f, std::vector<Tuple> chunk)
      : f_(std::move(f)), chunk_(std::move(chunk)) {}

  auto operator()() {
    using R = decltype(std::apply(f_, std::move(chunk_.front())));
    if constexpr (std::is_void_v<R>) {
      for (Tuple& arguments : chunk_) std::apply(f_, std::move(arguments));
    } else {
      std::vector<std::remove_cvref_t<R>> results;
      results.reserve(chunk_.size());
      for (Tuple& arguments : chunk_) {
        results.push_back(std::apply(f_, std::move(arguments)));
      }
      return results;
    }
  }

  size_t size() const { return chunk_.size(); }

 private:
  F f_;
  std::vector<Tuple> chunk_;
};

template <typename F, typename Cursor>
auto SplitCursor(size_t chunk_size, F f, Cursor cursor) {
  using Part = Subtask<F, typename Cursor::Value>;
  return PullRange(
      [chunk_size, f = std::move(f),
       cursor = std::move(cursor)]() mutable -> std::optional<Part> {
        auto chunk = NextChunk(cursor, chunk_size);
        if (chunk.empty()) return std::nullopt;
        return Part(f, std::move(chunk));
      });
}

}  // namespace internal

// The elements of `range`, copied into vectors of `chunk_size`; the last may be
// shorter. An input range.
template <typename R>
auto GetChunks(const R& range, size_t chunk_size) {
  internal::CheckChunkSize("GetChunks", chunk_size);
  using Cursor = internal::TupleCursor<const R&>;
  using Chunk = std::vector<typename Cursor::Value>;
  return internal::PullRange(
      [chunk_size, cursor = Cursor(range)]() mutable -> std::optional<Chunk> {
        Chunk chunk = internal::NextChunk(cursor, chunk_size);
        if (chunk.empty()) return std::nullopt;
        return chunk;
      });
}

// An input range of callables that together do what a loop of f over the
// ranges would, in step, until the shortest ends. Each is called once
// and returns the std::vector of its chunk's results, or nothing if f does.
template <typename F, typename... R>
auto SplitMapTask(size_t chunk_size, F f, const R&... ranges) {
  internal::CheckChunkSize("SplitMapTask", chunk_size);
  return internal::SplitCursor(chunk_size, std::move(f),
                               internal::ZipCursor<const R&...>(ranges...));
}

// The same for one range of tuples of arguments.
template <typename F, typename R>
auto SplitStarmapTask(size_t chunk_size, F f, const R& tuples) {
  internal::CheckChunkSize("SplitStarmapTask", chunk_size);
  return internal::SplitCursor(chunk_size, std::move(f),
                               internal::TupleCursor<const R&>(tuples));
}

}  // namespace asyncpal

#endif  // ASYNCPAL_FUTURE_CHUNKS_H_
