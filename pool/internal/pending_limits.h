#ifndef ASYNCPAL_POOL_INTERNAL_PENDING_LIMITS_H_
#define ASYNCPAL_POOL_INTERNAL_PENDING_LIMITS_H_

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "asyncpal/future/countdown.h"
#include "asyncpal/future/internal/mutex.h"

namespace asyncpal::internal {

// How much a pool lets wait: PoolOptions::max_pending and
// ProcessPoolOptions::max_pending_bytes. A task for which a worker is free does
// not wait, and needs no room; one that is submitted for later does.
//
// Threads: const.
class PendingLimits {
 public:
  // What a pool has at this moment.
  struct Load {
    int64_t tasks = 0;    // pending, and in the queue
    int64_t delayed = 0;  // those that are pending, too, for later
    int64_t bytes = 0;    // of their arguments
    int64_t free_workers = 0;
  };

  // 0: no limit.
  PendingLimits(int64_t max_tasks, int64_t max_bytes)
      : max_tasks_(max_tasks), max_bytes_(max_bytes) {}

  bool any() const { return max_tasks_ > 0 || max_bytes_ > 0; }
  bool counts_bytes() const { return max_bytes_ > 0; }

  // `now`: the task may begin at once.
  bool HasRoom(const Load& load, int64_t bytes, bool now = true) const {
    return (max_tasks_ == 0 || (now && load.tasks < load.free_workers) ||
            std::max<int64_t>(load.tasks - load.free_workers, 0) +
                    load.delayed <
                max_tasks_) &&
           (max_bytes_ == 0 || load.bytes + bytes <= max_bytes_);
  }
  // Whether such a task has room in an empty queue.
  bool CanEverHold(int64_t bytes) const {
    return max_bytes_ == 0 || bytes <= max_bytes_;
  }

  // `max_pending is 4 and max_pending_bytes is 1024`
  std::string Describe() const {
    const std::string tasks = absl::StrCat("max_pending is ", max_tasks_);
    const std::string bytes = absl::StrCat("max_pending_bytes is ", max_bytes_);
    if (max_bytes_ == 0) return tasks;
    return max_tasks_ == 0 ? bytes : absl::StrCat(tasks, " and ", bytes);
  }

 private:
  const int64_t max_tasks_;
  const int64_t max_bytes_;
};

// Where submitters wait for room in a full pool.
//
//   const uint64_t version = signal.version();
//   if (!has_room()) signal.WaitForChange(version, timeout);
//
// Threads: any. Its lock is the innermost: others may be held by who notifies.
// Ordering: what was done before Notify() is seen after the wait.
class RoomSignal {
 public:
  uint64_t version() const {
    MutexLock lock(mu_);
    return version_;
  }
  void Notify() {
    MutexLock lock(mu_);
    ++version_;
    changed_.NotifyAll();
  }
  // Until Notify() has been called since `version`; false: `timeout` passed.
  bool WaitForChange(uint64_t version, absl::Duration timeout) {
    const Countdown countdown(timeout);
    MutexLock lock(mu_);
    while (version_ == version) {
      const absl::Duration left = countdown.Remaining();
      if (left == absl::ZeroDuration()) return false;
      changed_.WaitFor(mu_, left);
    }
    return true;
  }

 private:
  mutable Mutex mu_;
  CondVar changed_;
  uint64_t version_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_PENDING_LIMITS_H_
