#ifndef ASYNCPAL_POOL_INTERNAL_MAP_COUNTER_H_
#define ASYNCPAL_POOL_INTERNAL_MAP_COUNTER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "asyncpal/pool/progress.h"

namespace asyncpal::internal {

// Calls per second, as an average in which what was counted tau ago has 1/e of
// the weight of what is counted now, whatever the rhythm of the counting. In
// the beginning it is the plain average.
//
// Threads: one. Lifetime, Ordering, Errors, Shutdown: none.
class RateMeter {
 public:
  static constexpr double kTauSeconds = 10;

  // `now`, here and below: nanoseconds on the steady clock, never decreasing.
  explicit RateMeter(int64_t now) : start_(now), last_(now) {}

  // `calls` have ended, evenly since the last time.
  void Add(int64_t calls, int64_t now);

  // As it was at the last Add().
  double PerSecond() const { return per_second_; }

 private:
  const int64_t start_;
  int64_t last_;
  double weighted_ = 0;  // calls, each by its weight at last_
  double per_second_ = 0;
};

// What a map's MapProgress is told: counts, and when to tell.
//
// Threads: one, which reads the map. Lifetime: shares the observer.
// Ordering: Begin() first, End() last.
// Errors: what OnChange() throws goes to the caller. Shutdown: none.
class MapCounter {
 public:
  // `total`: how many calls there will be, if that is known.
  MapCounter(std::shared_ptr<MapProgress> progress,
             std::optional<size_t> total);
  MapCounter(const MapCounter&) = delete;
  MapCounter& operator=(const MapCounter&) = delete;

  // Tells the beginning.
  void Begin();

  // There will be this many calls.
  void SetTotal(size_t total);

  // The calls of a chunk have ended: this many with a result, and without.
  void Count(size_t done, size_t failed);

  // Tells the end, once.
  void End() noexcept;

 private:
  void Change();
  void Estimate(int64_t now);

  const std::shared_ptr<MapProgress> progress_;
  const int64_t start_;
  RateMeter rate_;
  MapState state_;
  bool ended_ = false;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_MAP_COUNTER_H_
