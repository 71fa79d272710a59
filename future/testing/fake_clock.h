#ifndef ASYNCPAL_FUTURE_TESTING_FAKE_CLOCK_H_
#define ASYNCPAL_FUTURE_TESTING_FAKE_CLOCK_H_

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"
#include "asyncpal/future/internal/clock.h"

namespace asyncpal::testing {

// Stands in for the steady clock while it lives: durations and countdowns read
// it, and it moves only by Advance(). Blocking waits still sleep in real time.
// One at a time; create it before the objects that are to read it.
class FakeClock {
 public:
  FakeClock() {
    nanos_ = 1'000'000'000;
    internal::fake_nanos.store(&nanos_);
  }
  ~FakeClock() { internal::fake_nanos.store(nullptr); }
  FakeClock(const FakeClock&) = delete;
  FakeClock& operator=(const FakeClock&) = delete;

  void Advance(absl::Duration duration) {
    nanos_.fetch_add(absl::ToInt64Nanoseconds(duration));
  }

 private:
  // Not in the object: a thread of the library's may be about to read it still
  // when the object is gone.
  inline static std::atomic<int64_t> nanos_;
};

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_FUTURE_TESTING_FAKE_CLOCK_H_
