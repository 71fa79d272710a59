#include "asyncpal/pool/cancelled_task.h"

#include "asyncpal/future/error.h"

namespace asyncpal {

void CancelledTask::operator()() {
  if (!task_) {
    throw InvalidStateError(
        "this CancelledTask was already called or moved from");
  }
  const auto task = std::exchange(task_, {});
  task->InvokeDetached();
}

std::string CancelledTask::name() const { return task_ ? task_->name() : ""; }

}  // namespace asyncpal
