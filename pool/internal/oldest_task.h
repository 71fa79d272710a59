#ifndef ASYNCPAL_POOL_INTERNAL_OLDEST_TASK_H_
#define ASYNCPAL_POOL_INTERNAL_OLDEST_TASK_H_

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"
#include "asyncpal/future/internal/clock.h"
#include "asyncpal/future/internal/task_state.h"
#include "asyncpal/pool/internal/slot_queue.h"

namespace asyncpal::internal {

// What is known of the pending task of a pool that has waited longest; a plain
// value, which is shown those that may be it.
class OldestTask {
 public:
  // A posted call; these keep no times, but in some pools.
  void SeeCall(const CallInfo& call) {
    if (call.submitted_at != 0) {
      const int64_t ticks = NowTicks() - call.submitted_at;
      waited_ = std::max(waited_, absl::Nanoseconds(TicksToNanos(ticks)));
    } else if (call_id_ == 0 || call.id < call_id_) {
      call_id_ = call.id;
    }
  }
  // A task that has not started. Where no future looks at it, it keeps no times
  // either.
  void See(const TaskState& task) {
    if (task.keeps_times()) {
      waited_ = std::max(waited_, task.duration().pending);
    } else {
      SeeCall({.id = task.task_id(), .submitted_at = 0});
    }
  }
  // Either, as queues tell them: `task`, or if that is null, the call.
  void See(const TaskState* task, const CallInfo& call) {
    if (task != nullptr) {
      See(*task);
    } else {
      SeeCall(call);
    }
  }

  // Of those that keep times, the one that has waited longest.
  absl::Duration waited() const { return waited_; }
  // Of the others, the oldest; 0: there is none.
  uint64_t call_id() const { return call_id_; }

 private:
  absl::Duration waited_ = absl::ZeroDuration();
  uint64_t call_id_ = 0;
};

// Since when the same task has been the oldest, as far as anybody has looked;
// a plain value.
class FirstSeen {
 public:
  // How long before `now`, a NowNanos(), the first look was that found `id`.
  absl::Duration AgeOf(uint64_t id, int64_t now) {
    if (id != id_) {
      id_ = id;
      since_ = now;
    }
    return absl::Nanoseconds(now - since_);
  }

 private:
  uint64_t id_ = 0;
  int64_t since_ = 0;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_OLDEST_TASK_H_
