#include "asyncpal/pool/internal/ambient_trace.h"

#include "asyncpal/future/internal/execution_context.h"
#include "asyncpal/ipc/worker/current_task.h"

namespace asyncpal::internal {

AmbientTrace::AmbientTrace(std::string traceparent)
    : traceparent_(std::move(traceparent)),
      task_(RunningTask::Innermost()),
      outer_(std::exchange(innermost_, this)) {
  SubmissionWatch::Begin(SubmissionWatch::kTraceparents);
}

const std::string* AmbientTrace::Current() {
  TaskState* const task = RunningTask::Innermost();
  if (innermost_ != nullptr && innermost_->task_ == task) {
    return innermost_->traceparent_.empty() ? nullptr
                                            : &innermost_->traceparent_;
  }
  if (task != nullptr) return task->traceparent();
  const WorkerTask* const sent = WorkerTaskScope::Current();
  return sent == nullptr || sent->traceparent.empty() ? nullptr
                                                      : &sent->traceparent;
}

void AmbientTrace::GiveTo(TaskState& task) {
  const std::string* const current = Current();
  if (current != nullptr && task.traceparent() == nullptr) {
    task.SetTraceparent(*current);
  }
}

SubmittersTrace::SubmittersTrace() {
  if (const std::string* const current = AmbientTrace::Current()) {
    traceparent_ = *current;
  }
}

}  // namespace asyncpal::internal
