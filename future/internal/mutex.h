#ifndef ASYNCPAL_FUTURE_INTERNAL_MUTEX_H_
#define ASYNCPAL_FUTURE_INTERNAL_MUTEX_H_

#include <pthread.h>
#include <time.h>

#include <algorithm>
#include <mutex>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "asyncpal/future/internal/held_locks.h"

namespace asyncpal::internal {

// std::mutex with the annotations that `clang++ -Wthread-safety` checks.
// absl::Mutex is not used for our own state: a system's Abseil is not
// instrumented, and ThreadSanitizer then reports races that are none.
class ABSL_LOCKABLE Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    mu_.lock();
    HeldLocks::Add(1);
  }
  bool TryLock() ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) {
    const bool locked = mu_.try_lock();
    if (locked) HeldLocks::Add(1);
    return locked;
  }
  void Unlock() ABSL_UNLOCK_FUNCTION() {
    HeldLocks::Add(-1);
    mu_.unlock();
  }

 private:
  friend class CondVar;
  std::mutex mu_;
};

// Holds a Mutex or SpinMutex for a scope. Unlock() gives it back early, Lock()
// takes it again: the pattern of a function that calls user code in its middle.
template <typename AnyMutex>
class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(AnyMutex& mu) ABSL_EXCLUSIVE_LOCK_FUNCTION(mu) : mu_(mu) {
    mu_.Lock();
  }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() {
    if (held_) mu_.Unlock();
  }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

  void Unlock() ABSL_UNLOCK_FUNCTION() {
    held_ = false;
    mu_.Unlock();
  }
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    mu_.Lock();
    held_ = true;
  }

 private:
  AnyMutex& mu_;
  bool held_ = true;
};

// A condition variable for Mutex. Wake-ups may be spurious: wait in a loop.
// Not a std::condition_variable: its wait() alone needs GLIBCXX_3.4.30, which
// is newer than what many a distribution has.
class CondVar {
 public:
  CondVar() = default;
  ~CondVar() { pthread_cond_destroy(&cv_); }
  CondVar(const CondVar&) = delete;
  CondVar& operator=(const CondVar&) = delete;

  void Wait(Mutex& mu) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    pthread_cond_wait(&cv_, mu.mu_.native_handle());
  }

  // Waits for `timeout` at most, measured on the steady clock.
  void WaitFor(Mutex& mu, absl::Duration timeout)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    // Past a month the wait is cut: the caller's loop goes round once more. The
    // kernel refuses a time before its clock's zero, and the sum must not
    // overflow.
    timeout = std::clamp(timeout, absl::ZeroDuration(), absl::Hours(24 * 30));
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const timespec due =
        absl::ToTimespec(absl::DurationFromTimespec(now) + timeout);
    pthread_cond_clockwait(&cv_, mu.mu_.native_handle(), CLOCK_MONOTONIC, &due);
  }

  void NotifyOne() { pthread_cond_signal(&cv_); }
  void NotifyAll() { pthread_cond_broadcast(&cv_); }

 private:
  pthread_cond_t cv_ = PTHREAD_COND_INITIALIZER;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_FUTURE_INTERNAL_MUTEX_H_
