#ifndef ASYNCPAL_BINDINGS_FACADE_CLOCK_H_
#define ASYNCPAL_BINDINGS_FACADE_CLOCK_H_

#include <cstdint>

#include "asyncpal/bindings/facade/pool.h"

namespace asyncpal::facade {

// The host language's side of a Clock, which it implements. Times are in
// nanoseconds.
//
// Threads: several call it at the same time; SetTimer() with locks held.
// Lifetime: the pools that have it own it, and timers may outlive these.
// Ordering: Now() never goes back.
// Errors: no method may let an exception out.
class ClockHost {
 public:
  virtual ~ClockHost() = default;

  // The time since a moment that is always the same; not negative.
  virtual int64_t Now() = 0;

  // A timer that has not been set, which calls RunTimer(timer), once for each
  // time that it is set to, one at a time, on any thread, with no lock held.
  // Returns what the others take; 0: there is none to be had.
  virtual int64_t MakeTimer(int64_t timer) = 0;
  // It is to call once Now() is `time` or later, in place of an earlier time
  // that has not come yet; kForever: never. Does not call from inside.
  virtual void SetTimer(int64_t timer, int64_t time) = 0;
  // Once it has returned, the timer does not call any more, and no call of it
  // is going on, except on this very thread.
  virtual void EndTimer(int64_t timer) = 0;
};

// Pools of these settings measure by `host`, and own it.
void SetClock(NativePoolOptions& settings, ClockHost* host);

// The time of that timer has come.
void RunTimer(int64_t timer);

}  // namespace asyncpal::facade

#endif  // ASYNCPAL_BINDINGS_FACADE_CLOCK_H_
