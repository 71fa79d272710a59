#ifndef ASYNCPAL_FUTURE_INTERNAL_MUTEX_H_
#define ASYNCPAL_FUTURE_INTERNAL_MUTEX_H_

#include <pthread.h>
#include <time.h>

#include <algorithm>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"

namespace asyncpal::internal {

// A mutex with the annotations that `clang++ -Wthread-safety` checks. It spins
// for a moment before it sleeps (glibc's adaptive kind, which std::mutex does
// not offer): our critical sections are shorter than a trip to the kernel.
// absl::Mutex is not used for our own state: a system's Abseil is not
// instrumented, and ThreadSanitizer then reports races that are none.
class ABSL_LOCKABLE Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  // Neither can fail on a mutex of this kind that is used as annotated.
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { pthread_mutex_lock(&mu_); }
  void Unlock() ABSL_UNLOCK_FUNCTION() { pthread_mutex_unlock(&mu_); }

 private:
  friend class CondVar;
  pthread_mutex_t mu_ = PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP;
};

// Holds a Mutex for a scope. Unlock() gives it back early, Lock() takes it
// again: the pattern of a function that calls user code in its middle.
class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex& mu) ABSL_EXCLUSIVE_LOCK_FUNCTION(mu) : mu_(mu) {
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
  Mutex& mu_;
  bool held_ = true;
};

// A condition variable for Mutex. Wake-ups may be spurious: wait in a loop.
class CondVar {
 public:
  CondVar() = default;
  CondVar(const CondVar&) = delete;
  CondVar& operator=(const CondVar&) = delete;

  void Wait(Mutex& mu) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    pthread_cond_wait(&cv_, &mu.mu_);
  }

  // Waits for `timeout` at most, measured on the steady clock.
  void WaitFor(Mutex& mu, absl::Duration timeout)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    // Past a month the wait is cut: the caller's loop goes round once more,
    // and the sum below can't overflow.
    timeout = std::min(timeout, absl::Hours(24 * 30));
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const timespec until =
        absl::ToTimespec(absl::DurationFromTimespec(now) + timeout);
    pthread_cond_clockwait(&cv_, &mu.mu_, CLOCK_MONOTONIC, &until);
  }

  void NotifyOne() { pthread_cond_signal(&cv_); }
  void NotifyAll() { pthread_cond_broadcast(&cv_); }

 private:
  pthread_cond_t cv_ = PTHREAD_COND_INITIALIZER;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_FUTURE_INTERNAL_MUTEX_H_
