#ifndef ASYNCPAL_POOL_INTERNAL_STALL_DETECTOR_H_
#define ASYNCPAL_POOL_INTERNAL_STALL_DETECTOR_H_

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"

namespace asyncpal::internal {

// Whether a pool in which every worker is in a task gets on, for one who looks
// at it every now and then.
//
//   detector.See({.pending = 3, .events = started + ended, .ended = ended,
//                 .all_wait = true}, NowNanos());
//   if (detector.WantsStandIn(NowNanos()) && AddStandIn())
//   detector.OnStandIn();
//
// Threads: none of its own; one thread looks.
// Lifetime: a plain value.
// Ordering: times never decrease.
// Errors: none.
// Shutdown: none.
class StallDetector {
 public:
  // After which to begin to look.
  static constexpr absl::Duration kFirstLook = absl::Milliseconds(50);

  struct Sight {
    int64_t pending = 0;
    int64_t events = 0;  // tasks that have begun or ended, ever
    int64_t ended = 0;
    // Every worker is in a wait that the pool knows of.
    bool all_wait = false;
  };

  // What the pool looks like at `now`, in nanoseconds.
  void See(const Sight& sight, int64_t now) {
    const bool is_same = sight.events == sight_.events && sight_.pending > 0;
    if (sight.ended != sight_.ended) delay_ = kFirstDelay;
    if (!is_same || sight.pending == 0) {
      since_ = now;
      is_counted_ = false;
    }
    period_ = sight.pending > 0 ? kPeriod : std::min(2 * period_, kMaxPeriod);
    sight_ = sight;
  }

  // Whether all workers wait, tasks are pending, and nothing has happened for a
  // moment. Each stand-in since the last end of a task makes the moment longer:
  // the waits may be for what just takes its time.
  bool WantsStandIn(int64_t now) const {
    return sight_.pending > 0 && sight_.all_wait && now - since_ >= delay_;
  }
  void OnStandIn() { delay_ = std::min(2 * delay_, kMaxDelay); }

  // Whether it is time to see if each worker is blocked. If one is not, say so
  // by OnAtWork(); if all are, IsStall() tells when that has lasted for long.
  bool MustExamine(int64_t now) const {
    return sight_.pending > 0 && !is_counted_ && now - since_ >= kStall / 2;
  }
  void OnAtWork(int64_t now) { since_ = now; }
  // True once for each stall.
  bool IsStall(int64_t now) {
    if (now - since_ < kStall) return false;
    is_counted_ = true;
    return true;
  }

  // When to look again.
  absl::Duration period() const { return absl::Nanoseconds(period_); }

 private:
  static constexpr int64_t kMillisecond = 1'000'000;
  static constexpr int64_t kPeriod = 50 * kMillisecond;
  static constexpr int64_t kMaxPeriod = 1000 * kMillisecond;
  static constexpr int64_t kFirstDelay = 25 * kMillisecond;
  static constexpr int64_t kMaxDelay = 500 * kMillisecond;
  static constexpr int64_t kStall = 1000 * kMillisecond;

  Sight sight_;
  int64_t since_ = 0;
  int64_t delay_ = kFirstDelay;
  int64_t period_ = kPeriod;
  bool is_counted_ = false;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_STALL_DETECTOR_H_
