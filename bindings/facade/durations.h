#ifndef ASYNCPAL_BINDINGS_FACADE_DURATIONS_H_
#define ASYNCPAL_BINDINGS_FACADE_DURATIONS_H_

#include <cstdint>
#include <limits>

#include "absl/time/time.h"

namespace asyncpal::facade {

// For a duration in nanoseconds: no limit.
inline constexpr int64_t kForever = std::numeric_limits<int64_t>::max();

inline absl::Duration FromNanos(int64_t nanos) {
  return nanos == kForever ? absl::InfiniteDuration()
                           : absl::Nanoseconds(nanos);
}
inline int64_t ToNanos(absl::Duration duration) {
  return absl::ToInt64Nanoseconds(duration);  // saturates
}

}  // namespace asyncpal::facade

#endif  // ASYNCPAL_BINDINGS_FACADE_DURATIONS_H_
