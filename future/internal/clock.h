#ifndef ASYNCPAL_FUTURE_INTERNAL_CLOCK_H_
#define ASYNCPAL_FUTURE_INTERNAL_CLOCK_H_

#include <time.h>

#include <atomic>
#include <cstdint>

namespace asyncpal::internal {

// Set by testing::FakeClock only; null means the real clock.
inline constinit std::atomic<const std::atomic<int64_t>*> fake_nanos{nullptr};

// Nanoseconds on the steady clock. Its zero means nothing, and is never
// returned: callers may use 0 for "not yet".
inline int64_t NowNanos() {
  if (const auto* fake = fake_nanos.load(std::memory_order_acquire);
      fake != nullptr) [[unlikely]] {
    return fake->load(std::memory_order_relaxed);
  }
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_FUTURE_INTERNAL_CLOCK_H_
