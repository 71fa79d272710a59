#ifndef ASYNCPAL_POOL_CLOCK_H_
#define ASYNCPAL_POOL_CLOCK_H_

#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "asyncpal/future/internal/cpp20.h"

namespace asyncpal {

// What a pool reads the time from, and is called by when a time has come. A
// pool that is given none, by PoolOptions::clock, uses the system's steady
// clock. manual_clock.h has one for tests, which are to move the time by hand.
//
// A pool's clock drives what tasks wait for: delays, and the limits in their
// TaskOptions. Other times are those of the system's clock: idle_timeout and
// the pool's other limits, the timeouts of calls that wait, and what futures
// and counts report.
//
// Threads: any may call any method, at the same time.
// Lifetime: a pool keeps its clock; timers may outlive it.
// Ordering: Now() never goes back.
// Errors: MakeTimer() may throw; nothing else may.
// Shutdown: none.
class Clock {
 public:
  // Calls a function when a time has come. Made by MakeTimer().
  class Timer {
   public:
    // After it, the function is not running, except on this very thread, and
    // will not run again.
    virtual ~Timer() = default;

    // The function is to be called once Now() is `time` or later, once;
    // infinite: never. Replaces an earlier time that has not come yet. A pool
    // calls this with locks held: it must not call the function itself.
    virtual void Set(absl::Duration time) = 0;
  };

  virtual ~Clock() = default;

  // The time since a moment that is always the same.
  virtual absl::Duration Now() = 0;

  // A timer that has not been set. Calls of `function` are made one at a time,
  // on any thread, with no lock held.
  virtual std::unique_ptr<Timer> MakeTimer(
      absl::AnyInvocable<void()> function) = 0;
};

}  // namespace asyncpal

#endif  // ASYNCPAL_POOL_CLOCK_H_
