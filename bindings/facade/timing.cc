#include "asyncpal/bindings/facade/timing.h"

#include "absl/time/time.h"
#include "asyncpal/pool/periodic.h"
#include "asyncpal/pool/retry_policy.h"

namespace asyncpal::facade {
namespace {

PeriodicOptions ToOptions(const NativePeriodicOptions& options) {
  return {.initial_delay = FromNanos(options.initial_delay),
          .cadence = static_cast<Cadence>(options.cadence),
          .when_late = static_cast<WhenLate>(options.when_late),
          .max_runs = options.max_runs,
          .jitter = options.jitter};
}

RetryPolicy ToPolicy(const NativeRetryPolicy& policy) {
  return {.max_attempts = policy.max_attempts,
          .backoff = FromNanos(policy.backoff),
          .multiplier = policy.multiplier,
          .max_backoff = FromNanos(policy.max_backoff),
          .jitter = policy.jitter,
          .total = FromNanos(policy.total)};
}

}  // namespace

PeriodicSchedule::PeriodicSchedule(const NativePeriodicOptions& options,
                                   int64_t now)
    : schedule_(FromNanos(options.period), ToOptions(options), now) {}

void PeriodicSchedule::SetPeriod(int64_t period, int64_t now, bool is_running) {
  internal::CheckPeriod(FromNanos(period));
  schedule_.SetPeriod(FromNanos(period), now, is_running);
}

RetryWaits::RetryWaits(const NativeRetryPolicy& policy)
    : waits_(ToPolicy(policy)) {}

int64_t RetryWaits::Next(int64_t elapsed) {
  const auto wait = waits_.Next(absl::Nanoseconds(elapsed));
  return wait.has_value() ? ToNanos(*wait) : -1;
}

}  // namespace asyncpal::facade
