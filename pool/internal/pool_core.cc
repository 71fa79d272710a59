#include "asyncpal/pool/internal/pool_core.h"

#include <memory>
#include <string>
#include <utility>

#include "asyncpal/pool/internal/submission_watch.h"

namespace asyncpal::internal {

void KeepOptions(TaskOptions options, TaskState& task, int attempt) {
  std::string name = options.name;
  std::string traceparent = options.traceparent;
  task.Attach(std::move(name), std::make_unique<TaskOptionsAttachment>(
                                   std::move(options), attempt));
  if (traceparent.empty()) return;
  task.SetTraceparent(std::move(traceparent));
  // What it submits belongs to the same trace.
  SubmissionWatch::Begin(SubmissionWatch::kTraceparents);
}

}  // namespace asyncpal::internal
