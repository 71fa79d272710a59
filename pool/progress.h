#ifndef ASYNCPAL_POOL_PROGRESS_H_
#define ASYNCPAL_POOL_PROGRESS_H_

#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "asyncpal/future/internal/cpp20.h"

namespace asyncpal {

// How far a map is. Calls are counted by chunks: all calls of one together,
// when its task is done and the thread that reads the map has seen it.
struct MapState {
  // Calls that have returned.
  int64_t done = 0;
  // Calls without a result: one of their chunk threw, its worker was lost, or
  // its result could not be sent back. Where the map goes on (OnError::kSkip,
  // MapSettled()), a call that throws does not count for its neighbours.
  int64_t failed = 0;
  // How many calls there are, where the ranges know their sizes; else none
  // until their end is reached.
  std::optional<int64_t> total = {};
  // Calls that end in a second, of late: an average in which a call of ten
  // seconds ago counts a third of one that has just ended. 0: none has yet.
  double per_second = 0;
  // How long the rest takes at that rate; infinite where that is unknown.
  absl::Duration left = absl::InfiniteDuration();
  // Since the map's call, on the steady clock.
  absl::Duration elapsed = absl::ZeroDuration();
};

// Is told how far a map is (MapOptions::progress):
//
//   class Percentage : public asyncpal::MapProgress {
//     void OnChange(const asyncpal::MapState& map) override {
//       if (map.total > 0) label_.SetPercent(100 * map.done / *map.total);
//     }
//     ...
//   };
//   pool.MapAll({.progress = std::make_shared<Percentage>()}, Load, pages);
//
// ProgressBar is one for terminals. A map without one pays nothing for it.
//
// Threads: a map calls it on the thread that reads the map, with no lock held.
// One that is given to several maps is called by each of them.
// Lifetime: the map shares it until its end.
// Ordering: OnChange() before the first task is submitted, and after each chunk
// that is done, in the order in which they are; then OnEnd(), once. While the
// reader of a lazy map is busy elsewhere, nothing is called.
// Errors: what OnChange() throws ends the map and comes out of it, as what an
// iterator throws does. What OnEnd() throws becomes a message (SetLogSink()).
// Shutdown: none; a map ends when its pool is shut down.
class MapProgress {
 public:
  virtual ~MapProgress() = default;

  // The map has begun, or come further. Cheap, please: it holds up the reader.
  virtual void OnChange(const MapState& /*map*/) {}

  // The map has ended: all calls are done, one has failed, or its reader has
  // left it. Nothing comes after this.
  virtual void OnEnd(const MapState& /*map*/) {}
};

}  // namespace asyncpal

#endif  // ASYNCPAL_POOL_PROGRESS_H_
