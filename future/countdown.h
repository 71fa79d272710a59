#ifndef ASYNCPAL_FUTURE_COUNTDOWN_H_
#define ASYNCPAL_FUTURE_COUNTDOWN_H_

#include <cstdint>

#include "absl/time/time.h"
#include "asyncpal/future/internal/clock.h"
#include "asyncpal/future/internal/cpp20.h"

namespace asyncpal {

// One time limit shared by several waits: it starts at construction, and
// Remaining() tells what is left of it.
//
//   Countdown countdown(absl::Seconds(10));
//   for (const Future<int>& future : futures) {
//     if (!future.Wait(countdown.Remaining())) break;
//   }
//
// Threads: immutable, so any thread may call it at any time.
// Lifetime: a value. Ordering: none. Errors: none. Shutdown: none.
class Countdown {
 public:
  // A negative `timeout` counts as zero; an infinite one never runs out.
  explicit Countdown(absl::Duration timeout)
      : timeout_(timeout),
        start_(timeout == absl::InfiniteDuration() ? 0 : internal::NowNanos()) {
  }

  absl::Duration timeout() const { return timeout_; }

  // What is left, on the steady clock: never negative, infinite for an
  // infinite timeout.
  absl::Duration Remaining() const {
    if (timeout_ == absl::InfiniteDuration()) return timeout_;
    const absl::Duration left =
        timeout_ - absl::Nanoseconds(internal::NowNanos() - start_);
    return left > absl::ZeroDuration() ? left : absl::ZeroDuration();
  }

 private:
  absl::Duration timeout_;
  int64_t start_;
};

}  // namespace asyncpal

#endif  // ASYNCPAL_FUTURE_COUNTDOWN_H_
