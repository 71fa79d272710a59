#ifndef ASYNCPAL_FUTURE_STATE_H_
#define ASYNCPAL_FUTURE_STATE_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "asyncpal/future/internal/cpp20.h"

namespace asyncpal {

// A future goes from kPending to kRunning to one of the last three, and may
// skip kRunning. The last three are final: it is then done.
enum class FutureState { kPending, kRunning, kCompleted, kFailed, kCancelled };

// How long a task waited for a worker, and how long it has been running. Live:
// both grow until the future is done, and together they make up the time since
// the submission.
struct TaskTimes {
  absl::Duration pending;
  absl::Duration running;
};

// How far a task is, by its own account: see TaskContext::ReportProgress().
struct TaskProgress {
  double fraction = 0;  // from 0 to 1
  std::string text = {};
};

// Names one callback of one future, for RemoveCallback(). Never 0.
using CallbackId = uint64_t;

}  // namespace asyncpal

#endif  // ASYNCPAL_FUTURE_STATE_H_
