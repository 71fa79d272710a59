#ifndef ASYNCPAL_POOL_RETRY_POLICY_H_
#define ASYNCPAL_POOL_RETRY_POLICY_H_

#include <cstdint>
#include <exception>
#include <functional>
#include <optional>

#include "absl/time/time.h"
#include "asyncpal/future/internal/cpp20.h"
#include "asyncpal/pool/internal/random_fractions.h"

namespace asyncpal {

// How often a task is tried, and how long to wait in between; the first
// argument of SubmitRetrying().
//
// An attempt that fails is followed by another one where it threw, missed its
// timeout, or lost its worker; and by none where it was cancelled, refused
// (RejectedError), could not be sent or sent back (SerializationError), or the
// pool is closed or broken.
struct RetryPolicy {
  // How often the task runs at most, the first time included.
  int max_attempts = 3;

  // The first wait.
  absl::Duration backoff = absl::Milliseconds(100);
  // Each further one is this many times as long; at least 1.
  double multiplier = 2;
  // And no longer than this.
  absl::Duration max_backoff = absl::Seconds(30);

  // Up to this part of each wait is left out, at random, so that what failed
  // together does not come back together. At least 0, and less than 1.
  double jitter = 0.5;

  // No further attempt is due later than this after the submission, on the
  // pool's clock. One that is due in time may begin later, where all workers
  // are busy; TaskOptions::queue_deadline limits that. An attempt that runs is
  // not ended: see TaskOptions::timeout.
  absl::Duration total = absl::InfiniteDuration();

  // Asked about each failure that would be followed by another attempt, on the
  // thread that has found it. False, or an exception: there is none. Default:
  // all are.
  std::function<bool(const std::exception_ptr&)> retry_if = {};
};

namespace internal {

// Throws std::invalid_argument that names the field and its value.
void CheckRetryPolicy(const RetryPolicy& policy);

// Whether a failure is of a kind that another attempt may mend; see
// RetryPolicy, but for retry_if.
bool IsRetriable(const std::exception_ptr& error);

// The waits between the attempts of one task.
//
// Threads: none of its own; a plain value. Lifetime: none.
// Ordering: one call for each attempt. Errors, Shutdown: none.
class RetryWaits {
 public:
  RetryWaits(const RetryPolicy& policy, uint32_t seed)
      : max_attempts_(policy.max_attempts),
        next_(policy.backoff),
        multiplier_(policy.multiplier),
        max_(policy.max_backoff),
        jitter_(policy.jitter),
        total_(policy.total),
        random_(seed) {}

  // The attempts that have begun.
  int attempts() const { return attempts_; }

  // An attempt has failed, that long after the submission. How long to wait for
  // the next one; nullopt: there is none.
  std::optional<absl::Duration> Next(absl::Duration elapsed);

 private:
  int max_attempts_;
  absl::Duration next_;  // without jitter
  double multiplier_;
  absl::Duration max_;
  double jitter_;
  absl::Duration total_;
  int attempts_ = 1;
  RandomFractions random_;
};

}  // namespace internal
}  // namespace asyncpal

#endif  // ASYNCPAL_POOL_RETRY_POLICY_H_
