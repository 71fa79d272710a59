#include "asyncpal/pool/task_group.h"

#include <exception>

#include "asyncpal/future/error.h"
#include "asyncpal/pool/internal/thread_core.h"
#include "asyncpal/pool/thread_pool.h"

namespace asyncpal {

TaskGroup::TaskGroup(ThreadPool& pool) : core_(pool.core()) {}

TaskGroup::~TaskGroup() {
  group_.DropWhatHasNotBegun();
  group_.WaitUntilOver(core_, IsInside());
}

bool TaskGroup::IsInside() const {
  return internal::ThreadWorker::CurrentOf(
             static_cast<internal::ThreadCore&>(core_)) != nullptr;
}

void TaskGroup::Wait() {
  if (group_.IsOnThisThread()) {
    throw InvalidStateError(
        "TaskGroup::Wait was called by a task of the group, which would wait "
        "for itself");
  }
  group_.WaitUntilOver(core_, IsInside());
  const std::exception_ptr error = group_.TakeError();
  if (error != nullptr) std::rethrow_exception(error);
}

}  // namespace asyncpal
