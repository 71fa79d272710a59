#ifndef ASYNCPAL_FUTURE_INTERNAL_CLOCK_H_
#define ASYNCPAL_FUTURE_INTERNAL_CLOCK_H_

#include <atomic>
#include <cstdint>

#include "asyncpal/future/internal/cpp20.h"

namespace asyncpal::internal {

// Set by testing::FakeClock only; null means the real clock.
inline constinit std::atomic<const std::atomic<int64_t>*> fake_nanos{nullptr};

// A moment that this thread read both from the steady clock and from the
// processor's time stamp counter, and for how many ticks and at what rate the
// counter may stand in for the clock. See clock.cc.
struct ClockAnchor {
  uint64_t ticks = 0;
  int64_t nanos = 0;
  uint64_t good_for_ticks = 0;      // 0: ask the clock each time
  uint64_t nanos_per_tick_q32 = 0;  // in units of 2^-32
};
extern constinit thread_local ClockAnchor clock_anchor;

// Asks the steady clock, and makes that moment the anchor.
int64_t ReadSteadyClock();

// Nanoseconds on the steady clock, within a microsecond. Its zero means nothing
// and is never returned: callers may use 0 for "not yet".
inline int64_t NowNanos() {
  if (const auto* fake = fake_nanos.load(std::memory_order_acquire);
      fake != nullptr) [[unlikely]] {
    return fake->load(std::memory_order_relaxed);
  }
#if defined(__x86_64__)
  const ClockAnchor& anchor = clock_anchor;
  const uint64_t ticks = __builtin_ia32_rdtsc() - anchor.ticks;
  if (ticks < anchor.good_for_ticks) [[likely]] {
    return anchor.nanos +
           static_cast<int64_t>(ticks * anchor.nanos_per_tick_q32 >> 32);
  }
#endif
  return ReadSteadyClock();
}

// What NowTicks() reads.
enum class TickSource : int { kUnknown, kCounter, kClock };
extern constinit std::atomic<TickSource> tick_source;
// Reads ticks while that is unknown, and then decides.
int64_t ReadFirstTicks();

// A moment of which only the distance to others is asked for, and that seldom:
// where the kernel's own clock is the time stamp counter, and that never
// changes its rate, its value as it is; else NowNanos(). Never 0.
inline int64_t NowTicks() {
#if defined(__x86_64__)
  if (tick_source.load(std::memory_order_relaxed) == TickSource::kCounter &&
      fake_nanos.load(std::memory_order_relaxed) == nullptr) [[likely]] {
    return static_cast<int64_t>(__builtin_ia32_rdtsc());
  }
#endif
  return ReadFirstTicks();
}
// The distance of two such moments, in nanoseconds.
int64_t TicksToNanos(int64_t ticks);

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_FUTURE_INTERNAL_CLOCK_H_
