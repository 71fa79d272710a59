#ifndef ASYNCPAL_POOL_TESTING_EVENTUALLY_H_
#define ASYNCPAL_POOL_TESTING_EVENTUALLY_H_

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "asyncpal/future/countdown.h"

namespace asyncpal::testing {

// Looks until `condition()` holds, 30 s at most, and returns whether it does:
// for what a pool does by itself and tells nobody of, such as retiring workers.
//
//   EXPECT_TRUE(Eventually([&] { return pool.CountWorkers() == 0; }));
template <typename Condition>
bool Eventually(Condition condition,
                absl::Duration timeout = absl::Seconds(30)) {
  const Countdown countdown(timeout);
  while (!condition()) {
    if (countdown.Remaining() == absl::ZeroDuration()) return condition();
    absl::SleepFor(absl::Milliseconds(1));
  }
  return true;
}

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_POOL_TESTING_EVENTUALLY_H_
