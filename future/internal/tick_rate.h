#ifndef ASYNCPAL_FUTURE_INTERNAL_TICK_RATE_H_
#define ASYNCPAL_FUTURE_INTERNAL_TICK_RATE_H_

#include <cstdint>

namespace asyncpal::internal {

// As TicksToNanos() in clock.h, for those who have just read the ticks: that
// reads them anew to know whether its rate still holds, which takes longer than
// the rest. `now`: a NowTicks() of a moment ago.
int64_t TicksToNanosAt(int64_t ticks, int64_t now);

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_FUTURE_INTERNAL_TICK_RATE_H_
