#ifndef ASYNCPAL_FUTURE_INTERNAL_FUTEX_H_
#define ASYNCPAL_FUTURE_INTERNAL_FUTEX_H_

#include <cstdint>

#include "absl/time/time.h"

namespace asyncpal::internal {

// The kernel's wait-on-address, four bytes wide. A thread sleeps only while
// `*address` holds `expected`; wake-ups may be spurious, so callers loop.

// Returns after a wake-up, at once when `*address` differs from `expected`, or
// when `timeout` has passed.
void FutexWait(const uint32_t* address, uint32_t expected,
               absl::Duration timeout);

// Wake one or all of the sleepers. The address is only a key: nothing is read
// from it, so it may already have been freed.
void FutexWakeOne(const uint32_t* address);
void FutexWakeAll(const uint32_t* address);

// Gives way to other threads for some microseconds until `done()` holds;
// returns its last answer. Shorter than a trip through the kernel's sleep, and
// on a busy machine it hands the processor to whoever does the work.
template <typename Done>
bool YieldUntil(Done done);

void YieldThread();

template <typename Done>
bool YieldUntil(Done done) {
  constexpr int kYields = 32;
  for (int i = 0; i < kYields; ++i) {
    if (done()) return true;
    YieldThread();
  }
  return done();
}

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_FUTURE_INTERNAL_FUTEX_H_
