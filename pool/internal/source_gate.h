#ifndef ASYNCPAL_POOL_INTERNAL_SOURCE_GATE_H_
#define ASYNCPAL_POOL_INTERNAL_SOURCE_GATE_H_

#include <atomic>
#include <cstdint>

#include "asyncpal/future/internal/futex.h"

namespace asyncpal::internal {

// Lets several threads copy from memory that its owner may take away at any
// time.
//
//   if (!gate.Enter()) return;  // the memory is gone
//   std::copy_n(source, n, block);
//   gate.Leave();
//
// Threads: Enter() and Leave() from any; Close() from the owner's.
// Lifetime: the owner and each reader keep it alive.
// Ordering: what a reader did before Leave() comes before Close() returns.
// Errors: none. Shutdown: Close() waits for those who are inside, so they do
// nothing there but copy.
class SourceGate {
 public:
  // Whether the memory may be read, until Leave(); false once it is closed.
  bool Enter() noexcept {
    if ((state_.fetch_add(kReader, std::memory_order_acquire) & kClosed) == 0) {
      return true;
    }
    Leave();
    return false;
  }
  void Leave() noexcept {
    state_.fetch_sub(kReader, std::memory_order_release);
  }

  // Nobody reads after this. A second call does nothing.
  void Close() noexcept {
    state_.fetch_or(kClosed, std::memory_order_relaxed);
    while (state_.load(std::memory_order_acquire) != kClosed) YieldThread();
  }

 private:
  static constexpr uint32_t kClosed = 1;
  static constexpr uint32_t kReader = 2;
  std::atomic<uint32_t> state_{0};
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_SOURCE_GATE_H_
