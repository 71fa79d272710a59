#ifndef ASYNCPAL_POOL_POOL_MAPS_H_
#define ASYNCPAL_POOL_POOL_MAPS_H_

#include <algorithm>
#include <cstddef>
#include <type_traits>
#include <utility>
#include <vector>

#include "asyncpal/future/internal/pull_range.h"
#include "asyncpal/future/internal/zip_cursor.h"
#include "asyncpal/pool/internal/eager_map.h"
#include "asyncpal/pool/internal/lazy_map.h"
#include "asyncpal/pool/options.h"
#include "asyncpal/pool/settled.h"

namespace asyncpal {

// The maps that every pool has. Each calls f with the elements of the
// ranges, in step, until the shortest ends; a starmap takes one range
// of tuples instead. Options may come first:
//
//   for (int product : pool.Map(Multiply, xs, ys)) ...
//   std::vector<int> sums =
//       pool.MapAll({.chunk_size = 100}, std::plus<>(), xs, ys);
//   for (double area : pool.StarmapUnordered(Area, sizes)) ...
//
// Map, Starmap and their unordered forms are lazy: they return an input range
// and keep at most MapOptions::buffer_size tasks ahead of its reader, so memory
// does not grow with the input. The first tasks are submitted before the call
// returns. MapAll, StarmapAll and their unordered forms are eager: they submit
// everything, wait, and return a std::vector. If f returns nothing, so do they,
// and a lazy map gives a std::monostate for each call.
// Unordered forms give results as they are done.
//
// A map ends at its first failure, or leaves the results of failed calls out
// (MapOptions::on_error). MapSettled, MapSettledAll and their starmap forms
// give a Settled for each element, with its index and what became of it, and
// don't end at failures; with keep_order false as they are done.
//
// Threads: f is called from several workers at once, on one shared copy of it.
// The ranges are read on the caller's thread, except that the tasks of a thread
// pool's eager map read arrays of numbers. The caller of such a map may call f
// itself, in the place of an idle worker, unless the pool has an initializer or
// finalizer, or the map a time limit.
// Lifetime: a range given as an lvalue must outlive the map; elements are
// copied into the tasks (moved out of an rvalue container).
// Ordering: that of the ranges, or of completion.
// Errors: what f throws comes out of the iteration at its place (in an
// unordered form, when it is done); it ends the map and cancels what has not
// started. So does a TimeoutError, an iterator that throws, and leaving the
// returned range early; calls that are running continue. A map that goes on
// after failures goes on after these: what a call throws, a result that can't
// be sent back (SerializationError), a worker that is lost (WorkerLostError),
// which costs the call that ran and the results of its last 10 ms or so, and
// values that can't be decoded, which cost their chunk. Calls of a lost chunk
// that had not begun are made by another task, unless only workers can decode
// their arguments. Shutdown: a map of a pool that is shut down ends with
// CancelledError.
template <typename Derived>
class PoolMaps {
 public:
  // The results of f with elements of the ranges, lazily and in their order.
  template <typename F, typename... R>
  auto Map(const MapOptions& options, F&& f, R&&... ranges) {
    return Lazily("Map", options, std::forward<F>(f),
                  internal::ZipCursor<R...>(std::forward<R>(ranges)...));
  }
  // The same, as they are done.
  template <typename F, typename... R>
  auto MapUnordered(const MapOptions& options, F&& f, R&&... ranges) {
    return Lazily("MapUnordered", Unordered(options), std::forward<F>(f),
                  internal::ZipCursor<R...>(std::forward<R>(ranges)...));
  }
  // The results of all calls, in the order of the ranges.
  template <typename F, typename... R>
  auto MapAll(const MapOptions& options, F&& f, R&&... ranges) {
    return Eagerly("MapAll", options, std::forward<F>(f),
                   internal::ZipCursor<R...>(std::forward<R>(ranges)...));
  }
  // The same, in the order in which the calls are done.
  template <typename F, typename... R>
  auto MapAllUnordered(const MapOptions& options, F&& f, R&&... ranges) {
    return Eagerly("MapAllUnordered", Unordered(options), std::forward<F>(f),
                   internal::ZipCursor<R...>(std::forward<R>(ranges)...));
  }
  // As Map(), with one range of tuples of arguments.
  template <typename F, typename R>
  auto Starmap(const MapOptions& options, F&& f, R&& tuples) {
    return Lazily("Starmap", options, std::forward<F>(f),
                  internal::TupleCursor<R>(std::forward<R>(tuples)));
  }
  // As MapUnordered(), with one range of tuples of arguments.
  template <typename F, typename R>
  auto StarmapUnordered(const MapOptions& options, F&& f, R&& tuples) {
    return Lazily("StarmapUnordered", Unordered(options), std::forward<F>(f),
                  internal::TupleCursor<R>(std::forward<R>(tuples)));
  }
  // As MapAll(), with one range of tuples of arguments.
  template <typename F, typename R>
  auto StarmapAll(const MapOptions& options, F&& f, R&& tuples) {
    return Eagerly("StarmapAll", options, std::forward<F>(f),
                   internal::TupleCursor<R>(std::forward<R>(tuples)));
  }
  // As MapAllUnordered(), with one range of tuples of arguments.
  template <typename F, typename R>
  auto StarmapAllUnordered(const MapOptions& options, F&& f, R&& tuples) {
    return Eagerly("StarmapAllUnordered", Unordered(options),
                   std::forward<F>(f),
                   internal::TupleCursor<R>(std::forward<R>(tuples)));
  }

  // How each call ended, lazily and in the order of the ranges.
  template <typename F, typename... R>
  auto MapSettled(const MapOptions& options, F&& f, R&&... ranges) {
    return Lazily<kSettling>(
        "MapSettled", options, std::forward<F>(f),
        internal::ZipCursor<R...>(std::forward<R>(ranges)...));
  }
  // The same for all calls, in a std::vector.
  template <typename F, typename... R>
  auto MapSettledAll(const MapOptions& options, F&& f, R&&... ranges) {
    return Eagerly<kSettling>(
        "MapSettledAll", options, std::forward<F>(f),
        internal::ZipCursor<R...>(std::forward<R>(ranges)...));
  }
  // As MapSettled(), with one range of tuples of arguments.
  template <typename F, typename R>
  auto StarmapSettled(const MapOptions& options, F&& f, R&& tuples) {
    return Lazily<kSettling>("StarmapSettled", options, std::forward<F>(f),
                             internal::TupleCursor<R>(std::forward<R>(tuples)));
  }
  // As MapSettledAll(), with one range of tuples of arguments.
  template <typename F, typename R>
  auto StarmapSettledAll(const MapOptions& options, F&& f, R&& tuples) {
    return Eagerly<kSettling>(
        "StarmapSettledAll", options, std::forward<F>(f),
        internal::TupleCursor<R>(std::forward<R>(tuples)));
  }

  // The same with default options.
  template <typename F, typename... R>
  requires(!internal::kIsOptions<F>) auto Map(F&& f, R&&... ranges) {
    return Map(MapOptions(), std::forward<F>(f), std::forward<R>(ranges)...);
  }
  template <typename F, typename... R>
  requires(!internal::kIsOptions<F>) auto MapUnordered(F&& f, R&&... ranges) {
    return MapUnordered(MapOptions(), std::forward<F>(f),
                        std::forward<R>(ranges)...);
  }
  template <typename F, typename... R>
  requires(!internal::kIsOptions<F>) auto MapAll(F&& f, R&&... ranges) {
    return MapAll(MapOptions(), std::forward<F>(f), std::forward<R>(ranges)...);
  }
  template <typename F, typename... R>
  requires(!internal::kIsOptions<F>) auto MapAllUnordered(F&& f,
                                                          R&&... ranges) {
    return MapAllUnordered(MapOptions(), std::forward<F>(f),
                           std::forward<R>(ranges)...);
  }
  template <typename F, typename R>
  requires(!internal::kIsOptions<F>) auto Starmap(F&& f, R&& tuples) {
    return Starmap(MapOptions(), std::forward<F>(f), std::forward<R>(tuples));
  }
  template <typename F, typename R>
  requires(!internal::kIsOptions<F>) auto StarmapUnordered(F&& f, R&& tuples) {
    return StarmapUnordered(MapOptions(), std::forward<F>(f),
                            std::forward<R>(tuples));
  }
  template <typename F, typename R>
  requires(!internal::kIsOptions<F>) auto StarmapAll(F&& f, R&& tuples) {
    return StarmapAll(MapOptions(), std::forward<F>(f),
                      std::forward<R>(tuples));
  }
  template <typename F, typename R>
  requires(!internal::kIsOptions<F>) auto StarmapAllUnordered(F&& f,
                                                              R&& tuples) {
    return StarmapAllUnordered(MapOptions(), std::forward<F>(f),
                               std::forward<R>(tuples));
  }
  template <typename F, typename... R>
  requires(!internal::kIsOptions<F>) auto MapSettled(F&& f, R&&... ranges) {
    return MapSettled(MapOptions(), std::forward<F>(f),
                      std::forward<R>(ranges)...);
  }
  template <typename F, typename... R>
  requires(!internal::kIsOptions<F>) auto MapSettledAll(F&& f, R&&... ranges) {
    return MapSettledAll(MapOptions(), std::forward<F>(f),
                         std::forward<R>(ranges)...);
  }
  template <typename F, typename R>
  requires(!internal::kIsOptions<F>) auto StarmapSettled(F&& f, R&& tuples) {
    return StarmapSettled(MapOptions(), std::forward<F>(f),
                          std::forward<R>(tuples));
  }
  template <typename F, typename R>
  requires(!internal::kIsOptions<F>) auto StarmapSettledAll(F&& f, R&& tuples) {
    return StarmapSettledAll(MapOptions(), std::forward<F>(f),
                             std::forward<R>(tuples));
  }

 private:
  // The failure of a call is a result.
  static constexpr bool kSettling = true;

  Derived& self() { return static_cast<Derived&>(*this); }

  static MapOptions Unordered(MapOptions options) {
    options.keep_order = false;
    return options;
  }

  template <bool kSettles = false, typename F, typename Cursor>
  auto Lazily(const char* function, const MapOptions& options, F&& f,
              Cursor cursor) {
    return internal::PullRange(
        internal::LazyMap<Derived, std::decay_t<F>, Cursor, kSettles>(
            self(), function, options, std::forward<F>(f), std::move(cursor)));
  }

  template <bool kSettles = false, typename F, typename Cursor>
  auto Eagerly(const char* function, const MapOptions& options, F&& f,
               Cursor cursor) {
    using Eager = internal::EagerMap<std::decay_t<F>, Cursor>;
    if constexpr (Derived::kRunsTasksHere && Eager::kPossible && !kSettles) {
      if (options.keep_order && options.on_error == OnError::kRaise) {
        Eager map(self().core(), function, options, std::forward<F>(f),
                  std::move(cursor));
        if constexpr (std::is_void_v<typename Eager::Result>) {
          map.Run();
          return;
        } else {
          return map.Run();
        }
      }
    }
    using Run = internal::LazyMap<Derived, std::decay_t<F>, Cursor, kSettles>;
    MapOptions whole = options;
    whole.buffer_size = Run::kWholeInput;
    const size_t calls = cursor.Size().value_or(0);
    Run run(self(), function, whole, std::forward<F>(f), std::move(cursor));
    if constexpr (std::is_void_v<typename Run::Result> && !kSettles) {
      while (run().has_value()) {
      }
    } else {
      using Output = typename Run::Output;
      constexpr size_t kMostReserved = (size_t{1} << 20) / sizeof(Output) + 1;
      std::vector<Output> results;
      results.reserve(std::min(calls, kMostReserved));
      while (auto result = run()) results.push_back(std::move(*result));
      return results;
    }
  }
};

}  // namespace asyncpal

#endif  // ASYNCPAL_POOL_POOL_MAPS_H_
