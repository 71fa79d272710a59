#ifndef ASYNCPAL_FUTURE_INTERNAL_SPIN_MUTEX_H_
#define ASYNCPAL_FUTURE_INTERNAL_SPIN_MUTEX_H_

#include <sched.h>

#include <atomic>

#include "absl/base/thread_annotations.h"
#include "asyncpal/future/internal/held_locks.h"

namespace asyncpal::internal {

// A lock of one byte for sections of some nanoseconds, so that it can lie in
// the cache line of what it guards. Half the price of a Mutex. A thread that
// can't have it soon lets others run in between.
//
//   SpinMutex mu_;
//   Queue queue_ ABSL_GUARDED_BY(mu_);
//   ...
//   MutexLock lock(mu_);
//
// Threads: any. Lifetime: none. Errors: does not throw.
// Ordering: what was done with the lock is seen by the next who has it.
// Shutdown: none.
class ABSL_LOCKABLE SpinMutex {
 public:
  SpinMutex() = default;
  SpinMutex(const SpinMutex&) = delete;
  SpinMutex& operator=(const SpinMutex&) = delete;

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    if (locked_.exchange(true, std::memory_order_acquire)) LockSlow();
    HeldLocks::Add(1);
  }
  // The same, but leaves it to the one who has it for a while: threads that
  // take turns at each task would spend their time on moving the lock.
  void LockPolitely() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    if (locked_.exchange(true, std::memory_order_acquire)) {
      sched_yield();
      LockSlow();
    }
    HeldLocks::Add(1);
  }
  bool TryLock() ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) {
    if (locked_.exchange(true, std::memory_order_acquire)) return false;
    HeldLocks::Add(1);
    return true;
  }
  void Unlock() ABSL_UNLOCK_FUNCTION() {
    HeldLocks::Add(-1);
    locked_.store(false, std::memory_order_release);
  }
  // Tells the compiler what it can't see: the caller has it.
  void AssertHeld() const ABSL_ASSERT_EXCLUSIVE_LOCK() {}

 private:
  static constexpr int kPauses = 50;

  [[gnu::noinline]] void LockSlow() {
    do {
      for (int i = 0; locked_.load(std::memory_order_relaxed); ++i) {
        if (i < kPauses) {
#if defined(__x86_64__)
          __builtin_ia32_pause();
#endif
        } else {
          sched_yield();
        }
      }
    } while (locked_.exchange(true, std::memory_order_acquire));
  }

  std::atomic<bool> locked_{false};
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_FUTURE_INTERNAL_SPIN_MUTEX_H_
