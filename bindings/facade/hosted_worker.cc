#include "asyncpal/bindings/facade/hosted_worker.h"

#include <exception>
#include <string>

#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/pool/host/host_worker.h"
#include "asyncpal/pool/task_context.h"

namespace asyncpal::facade {
namespace {

// The task that Serve() runs, if its host has shared it.
class SharedTask {
 public:
  // Ends with the task.
  class Scope {
   public:
    Scope() = default;
    ~Scope() { Get().Set(nullptr); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
  };

  static SharedTask& Get() {
    static auto* const shared = new SharedTask;
    return *shared;
  }

  void Set(const TaskContext* task) {
    internal::MutexLock lock(mu_);
    task_ = task;
  }

  void Report(int64_t id, int attempt, double fraction,
              const std::string& text) {
    internal::MutexLock lock(mu_);
    if (task_ != nullptr && static_cast<int64_t>(task_->id()) == id &&
        task_->attempt() == attempt) {
      task_->ReportProgress(fraction, text);
    }
  }

 private:
  internal::Mutex mu_;
  const TaskContext* task_ ABSL_GUARDED_BY(mu_) = nullptr;
};

const TaskContext& CurrentTask() {
  const TaskContext* const task = TaskContext::Current();
  if (task == nullptr) {
    throw InvalidStateError("this thread runs no task");
  }
  return *task;
}

}  // namespace

bool HostedWorker::IsOne() { return host::HostWorker::IsOne(); }

void HostedWorker::Serve(WorkerHost* host) {
  host::HostWorker::Serve([host](const std::string& call) {
    const SharedTask::Scope scope;
    Failure failure;
    Bytes result = host->Serve(call, failure);
    if (!failure.empty()) std::rethrow_exception(ToException(failure));
    return result;
  });
}

bool HostedWorker::RunsTask() { return TaskContext::Current() != nullptr; }

std::string HostedWorker::TaskName() { return CurrentTask().name(); }

int64_t HostedWorker::TaskId() {
  return static_cast<int64_t>(CurrentTask().id());
}

int HostedWorker::TaskAttempt() { return CurrentTask().attempt(); }

std::string HostedWorker::Traceparent() { return CurrentTask().traceparent(); }

void HostedWorker::ShareTask() { SharedTask::Get().Set(&CurrentTask()); }

void HostedWorker::ReportProgress(int64_t task, int attempt, double fraction,
                                  const std::string& text) {
  SharedTask::Get().Report(task, attempt, fraction, text);
}

void HostedWorker::BeginCalls() { host::HostWorker::BeginCalls(); }

void HostedWorker::BeginCall() { host::HostWorker::BeginCall(); }

void HostedWorker::EndCall(const Bytes& result) {
  host::HostWorker::EndCall(result);
}

bool HostedWorker::HasUnsent() { return host::HostWorker::HasUnsent(); }

Bytes HostedWorker::Ask(const Bytes& request) {
  return host::HostWorker::Ask(request);
}

}  // namespace asyncpal::facade
