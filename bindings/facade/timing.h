#ifndef ASYNCPAL_BINDINGS_FACADE_TIMING_H_
#define ASYNCPAL_BINDINGS_FACADE_TIMING_H_

#include <cstdint>

#include "asyncpal/bindings/facade/durations.h"
#include "asyncpal/pool/host/host_timing.h"

// When a host runs a task again: it keeps timers of its own, and has the
// arithmetic from here. Durations and times are nanoseconds, these on a clock
// of the host's. Threads: one at a time uses an object. Errors:
// std::invalid_argument that names the field and its value.

namespace asyncpal::facade {

// As asyncpal::PeriodicOptions, with the period.
struct NativePeriodicOptions {
  int64_t period = 0;
  int64_t initial_delay = 0;
  int cadence = 0;    // as Cadence: at a fixed rate, with a fixed delay
  int when_late = 0;  // as WhenLate: skip, catch up
  int64_t max_runs = 0;
  double jitter = 0;
};

// When the runs of a periodic task are due: one after the other, each of which
// begins no earlier than due() and is followed by OnEnd().
class PeriodicSchedule {
 public:
  PeriodicSchedule(const NativePeriodicOptions& options, int64_t now);

  // Of the run to come, or of the one that goes on. kForever: only Trigger()
  // brings it.
  int64_t due() const { return schedule_.due(); }
  // False: that run was the last one.
  bool OnEnd(int64_t now, bool has_failed) {
    return schedule_.OnEnd(now, has_failed);
  }
  // The run to come is due now. False: it was before.
  bool Trigger(int64_t now) { return schedule_.Trigger(now); }
  void SetPeriod(int64_t period, int64_t now, bool is_running);

  int64_t runs() const { return schedule_.runs(); }
  int64_t failed() const { return schedule_.failed(); }
  int64_t skipped() const { return schedule_.skipped(); }

 private:
  host::PeriodicSchedule schedule_;
};

// As asyncpal::RetryPolicy, without retry_if.
struct NativeRetryPolicy {
  int max_attempts = 3;
  int64_t backoff = 100000000;
  double multiplier = 2;
  int64_t max_backoff = 30000000000;
  double jitter = 0.5;
  int64_t total = kForever;
};

// The waits between the attempts at one task.
class RetryWaits {
 public:
  explicit RetryWaits(const NativeRetryPolicy& policy);

  // How many have begun.
  int attempts() const { return waits_.attempts(); }
  // One has failed, that long after the submission: how long to wait for the
  // next one; -1: there is none.
  int64_t Next(int64_t elapsed);

 private:
  host::RetryWaits waits_;
};

}  // namespace asyncpal::facade

#endif  // ASYNCPAL_BINDINGS_FACADE_TIMING_H_
