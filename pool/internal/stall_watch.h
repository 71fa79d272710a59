#ifndef ASYNCPAL_POOL_INTERNAL_STALL_WATCH_H_
#define ASYNCPAL_POOL_INTERNAL_STALL_WATCH_H_

#include <sys/types.h>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"

namespace asyncpal::internal {

// Calls `look` after `delay`, then again after as long as it has returned each
// time, until that is infinite. One thread serves the whole process; it starts
// with the first call, and sleeps while there is nothing to look at. False: it
// can't be started.
//
// Threads: any. `look` must be short, as others wait for it.
// Errors: none. What `look` throws is logged, and ends the looking.
bool StartLooking(absl::Duration delay,
                  absl::AnyInvocable<absl::Duration()> look);

// Whether that thread of this process sleeps until another thread wakes it: in
// a lock, a condition variable or the like, without a limit of time. False
// where the system does not tell.
bool WaitsForAnotherThread(pid_t tid);

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_STALL_WATCH_H_
