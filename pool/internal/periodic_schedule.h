#ifndef ASYNCPAL_POOL_INTERNAL_PERIODIC_SCHEDULE_H_
#define ASYNCPAL_POOL_INTERNAL_PERIODIC_SCHEDULE_H_

#include <cstdint>

#include "absl/time/time.h"
#include "asyncpal/pool/internal/random_fractions.h"
#include "asyncpal/pool/periodic.h"

namespace asyncpal::internal {

// When the runs of a periodic task are due, and what has become of them. One
// run comes after the other: each begins no earlier than due(), and OnEnd()
// follows it.
//
// At a fixed rate, what counts are ticks: the first run's time, and one for
// each period after it, whenever runs begin or end. With a fixed delay, the
// next tick is one period after a run's end. Jitter moves a run, not its tick.
//
// Threads: none of its own; a plain value. Lifetime: none.
// Ordering, Errors, Shutdown: none. All times are nanoseconds on the pool's
// clock.
class PeriodicSchedule {
 public:
  // `options` and `period` have been checked.
  PeriodicSchedule(absl::Duration period, const PeriodicOptions& options,
                   int64_t now, uint32_t seed);

  // When the run to come is due, or the one that is running was; kNever: only
  // Trigger() brings it.
  int64_t due() const { return due_; }
  static constexpr int64_t kNever = INT64_MAX;

  // The run has ended, well or not. False: it was the last one.
  bool OnEnd(int64_t now, bool has_failed);

  // The run to come is due `now`, beside the ticks. False: it was due already.
  bool Trigger(int64_t now);

  // The time between ticks from the last one on; while no run goes on, also to
  // the next one, which comes `now` if that has passed.
  void SetPeriod(absl::Duration period, int64_t now, bool is_running);

  int64_t runs() const { return runs_; }
  int64_t failed() const { return failed_; }
  int64_t skipped() const { return skipped_; }

 private:
  int64_t WithJitter(int64_t tick);

  const Cadence cadence_;
  const WhenLate when_late_;
  const int64_t max_runs_;
  const double jitter_;
  int64_t period_;
  int64_t
      tick_;  // of the run to come, or of the next one after a triggered one
  int64_t due_;
  bool is_first_ = true;  // no tick has passed
  bool is_triggered_ = false;
  int64_t runs_ = 0;
  int64_t failed_ = 0;
  int64_t skipped_ = 0;
  RandomFractions random_;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_PERIODIC_SCHEDULE_H_
