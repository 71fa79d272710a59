#include "asyncpal/future/internal/clock.h"

#include <time.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <atomic>
#include <fstream>
#include <string>

#include "asyncpal/future/internal/tick_rate.h"

// How it works. Every task reads the clock three times, and clock_gettime()
// costs more than the rest of a small task's bookkeeping. The time stamp
// counter costs half, but nobody tells its rate. So each thread measures it
// between two readings of the real clock, and trusts it for a millisecond past
// the second: an error of the rate of one in a thousand is then one
// microsecond, and it can't add up. Where the kernel itself does not trust the
// counter, neither do we. It does where it reads it for its own clock: as such,
// or in a virtual machine as kvm-clock, which is the counter in the
// hypervisor's units.
//
// Ticks are for those who keep many moments and are seldom asked for one: the
// counter as it is. Its rate is measured when a distance is wanted, over all
// the time since the first ticks were read.

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

std::string KernelClock() {
  std::ifstream file(
      "/sys/devices/system/clocksource/clocksource0/current_clocksource");
  std::string source;
  std::getline(file, source);
  return source;
}

bool KernelTrustsTheCounter() {
  const std::string source = KernelClock();
  return source == "tsc" || source == "kvm-clock";
}

}  // namespace

#if defined(__x86_64__)

int64_t ReadSteadyClock() {
  static const bool trusted = KernelTrustsTheCounter();
  if (!trusted) return SteadyNanos();
  const uint64_t ticks = __builtin_ia32_rdtsc();
  const int64_t nanos = SteadyNanos();
  ClockAnchor& anchor = clock_anchor;
  if (__builtin_ia32_rdtsc() - ticks > kMaxReadingTicks) {
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

constinit std::atomic<TickSource> tick_source{TickSource::kUnknown};

#if defined(__x86_64__)

namespace {

// A reading of both clocks at one moment.
struct TickAnchor {
  uint64_t ticks = 0;
  int64_t nanos = 0;

  static TickAnchor Now() {
    TickAnchor best;
    uint64_t shortest = ~uint64_t{0};
    // Of three, the one that the least came in between.
    for (int i = 0; i < 3; ++i) {
      const uint64_t before = __builtin_ia32_rdtsc();
      const int64_t nanos = SteadyNanos();
      const uint64_t took = __builtin_ia32_rdtsc() - before;
      if (took >= shortest) continue;
      shortest = took;
      best = {.ticks = before + took / 2, .nanos = nanos};
    }
    return best;
  }
};

// Since before the first ticks that anybody has: an error of the two readings
// is then all the error that any distance can have.
const TickAnchor& FirstAnchor() {
  static const TickAnchor first = TickAnchor::Now();
  return first;
}

// Measured anew whenever the program has run for twice as long, so that its
// error is never more than that of one reading is, over all that time.
constinit std::atomic<double> nanos_per_tick{0};
constinit std::atomic<uint64_t> rate_good_until{0};  // a time stamp

double MeasureNanosPerTick() {
  const TickAnchor& first = FirstAnchor();
  constexpr int64_t kMinMeasured = 20'000;
  TickAnchor now = TickAnchor::Now();
  while (now.nanos - first.nanos < kMinMeasured) now = TickAnchor::Now();
  const uint64_t ticks = now.ticks - first.ticks;
  const double measured =
      static_cast<double>(now.nanos - first.nanos) / static_cast<double>(ticks);
  nanos_per_tick.store(measured, std::memory_order_relaxed);
  rate_good_until.store(first.ticks + 2 * ticks, std::memory_order_release);
  return measured;
}

double NanosPerTick(uint64_t now) {
  return now < rate_good_until.load(std::memory_order_acquire)
             ? nanos_per_tick.load(std::memory_order_relaxed)
             : MeasureNanosPerTick();
}

bool AreTicksNanos() {
  return tick_source.load(std::memory_order_relaxed) != TickSource::kCounter ||
         fake_nanos.load(std::memory_order_relaxed) != nullptr;
}

int64_t Multiply(int64_t ticks, double rate) {
  return static_cast<int64_t>(static_cast<double>(ticks) * rate);
}

bool CounterIsInvariant() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(0x80000007, &eax, &ebx, &ecx, &edx) != 0 &&
         (edx & (1u << 8)) != 0;
}

}  // namespace

int64_t ReadFirstTicks() {
  if (fake_nanos.load() != nullptr) return NowNanos();
  if (tick_source.load() == TickSource::kUnknown) {
    const bool is_counter = CounterIsInvariant() && KernelClock() == "tsc";
    FirstAnchor();
    auto unknown = TickSource::kUnknown;
    tick_source.compare_exchange_strong(
        unknown, is_counter ? TickSource::kCounter : TickSource::kClock);
  }
  return tick_source.load() == TickSource::kCounter
             ? static_cast<int64_t>(__builtin_ia32_rdtsc())
             : NowNanos();
}

int64_t TicksToNanos(int64_t ticks) {
  if (ticks == 0 || AreTicksNanos()) return ticks;
  return Multiply(ticks, NanosPerTick(__builtin_ia32_rdtsc()));
}

int64_t TicksToNanosAt(int64_t ticks, int64_t now) {
  if (AreTicksNanos()) return ticks;
  return Multiply(ticks, NanosPerTick(static_cast<uint64_t>(now)));
}

#else

int64_t ReadFirstTicks() { return NowNanos(); }
int64_t TicksToNanos(int64_t ticks) { return ticks; }
int64_t TicksToNanosAt(int64_t ticks, int64_t) { return ticks; }

#endif

}  // namespace asyncpal::internal
