#include "asyncpal/future/internal/clock.h"

#include <time.h>

#include <fstream>
#include <string>

// How it works. Every task reads the clock three times, and clock_gettime()
// costs more than the rest of a small task's bookkeeping. The time stamp
// counter costs half, but nobody tells its rate. So each thread measures it
// between two readings of the real clock, and trusts it for a millisecond past
// the second: an error of the rate of one in a thousand is then one
// microsecond, and it can't add up. Where the kernel itself does not trust the
// counter, neither do we. It does where it reads it for its own clock: as such,
// or in a virtual machine as kvm-clock, which is the counter in the
// hypervisor's units.

namespace asyncpal::internal {

constinit thread_local ClockAnchor clock_anchor;

namespace {

constexpr int64_t kGoodForNanos = 1'000'000;
// A rate measured over less than this may be off by a preemption.
constexpr int64_t kMinMeasuredNanos = 1'000'000;
constexpr int64_t kMaxMeasuredNanos = 2'000'000'000;
// Ten times what reading the clock takes.
constexpr uint64_t kMaxReadingTicks = 2'000;

int64_t SteadyNanos() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

bool KernelTrustsTheCounter() {
  std::ifstream file(
      "/sys/devices/system/clocksource/clocksource0/current_clocksource");
  std::string source;
  return std::getline(file, source) &&
         (source == "tsc" || source == "kvm-clock");
}

}  // namespace

#if defined(__x86_64__)

int64_t ReadSteadyClock() {
  static const bool trusted = KernelTrustsTheCounter();
  if (!trusted) return SteadyNanos();
  const uint64_t ticks = __rdtsc();
  const int64_t nanos = SteadyNanos();
  ClockAnchor& anchor = clock_anchor;
  if (__rdtsc() - ticks > kMaxReadingTicks) {
    // Something came between the two readings: they are not of one moment.
    anchor = {};
    return nanos;
  }
  const int64_t nanos_passed = nanos - anchor.nanos;
  const uint64_t ticks_passed = ticks - anchor.ticks;
  if (anchor.ticks == 0 || nanos_passed > kMaxMeasuredNanos) {
    anchor = {.ticks = ticks, .nanos = nanos};
  } else if (nanos_passed >= kMinMeasuredNanos && ticks_passed > 0) {
    const uint64_t rate =
        (static_cast<uint64_t>(nanos_passed) << 32) / ticks_passed;
    anchor = {.ticks = ticks,
              .nanos = nanos,
              .good_for_ticks = (kGoodForNanos << 32) / rate,
              .nanos_per_tick_q32 = rate};
  }
  return nanos;
}

#else

int64_t ReadSteadyClock() { return SteadyNanos(); }

#endif

}  // namespace asyncpal::internal
