#ifndef ASYNCPAL_POOL_HOST_HOST_TIMING_H_
#define ASYNCPAL_POOL_HOST_HOST_TIMING_H_

#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "asyncpal/pool/internal/periodic_schedule.h"
#include "asyncpal/pool/internal/random_fractions.h"
#include "asyncpal/pool/periodic.h"
#include "asyncpal/pool/retry_policy.h"

namespace asyncpal::host {

// When a host that keeps its own timers runs a task again: the arithmetic of
// Periodic and of SubmitRetrying().
//
// Threads: one at a time. Lifetime, Ordering, Shutdown: none.
// Errors: std::invalid_argument that names the field and its value.
class PeriodicSchedule : public internal::PeriodicSchedule {
 public:
  // `now`: nanoseconds on the host's clock, as all times here.
  PeriodicSchedule(absl::Duration period, const PeriodicOptions& options,
                   int64_t now)
      : internal::PeriodicSchedule(Checked(period, options), options, now,
                                   internal::RandomFractions::NewSeed()) {}

 private:
  static absl::Duration Checked(absl::Duration period,
                                const PeriodicOptions& options) {
    internal::CheckPeriod(period);
    internal::CheckPeriodicOptions(options);
    return period;
  }
};

// As above.
class RetryWaits : public internal::RetryWaits {
 public:
  explicit RetryWaits(const RetryPolicy& policy)
      : internal::RetryWaits(Checked(policy),
                             internal::RandomFractions::NewSeed()) {}

 private:
  static const RetryPolicy& Checked(const RetryPolicy& policy) {
    internal::CheckRetryPolicy(policy);
    return policy;
  }
};

}  // namespace asyncpal::host

#endif  // ASYNCPAL_POOL_HOST_HOST_TIMING_H_
