#include "asyncpal/pool/task_context.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/internal/execution_context.h"
#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/future/internal/task_state.h"
#include "asyncpal/ipc/errors/utf8.h"
#include "asyncpal/ipc/worker/claim_page.h"
#include "asyncpal/ipc/worker/current_task.h"
#include "asyncpal/pool/internal/pool_core.h"
#include "asyncpal/pool/internal/thread_worker.h"
#include "asyncpal/pool/options.h"

namespace asyncpal {
namespace internal {

// Makes contexts, each kept where it lives as long as its task.
struct TaskContextAccess {
  // With the state of a task that runs on a thread.
  struct Kept final : TaskAttachment {
    TaskContext context;
  };

  static const TaskContext& OfTask(TaskState& task) {
    std::unique_ptr<TaskAttachment>& kept = task.run_attachment();
    if (kept == nullptr) {
      auto fresh = std::make_unique<Kept>();
      TaskContext& context = fresh->context;
      context.name_ = task.name();
      context.id_ = task.task_id();
      context.attempt_ = FirstAttempt(task);
      context.stop_token_ = task.stop_token();
      if (const std::string* const trace = task.traceparent()) {
        context.traceparent_ = *trace;
      }
      context.state_ = &task;
      kept = std::move(fresh);
    }
    return static_cast<const Kept&>(*kept).context;
  }

  // A worker process runs one task after the other, on one thread.
  static const TaskContext& OfSent(const WorkerTask& task) {
    static std::unique_ptr<TaskContext> kept;
    static uint64_t kept_attempt = 0;
    if (kept == nullptr || kept_attempt != task.attempt) {
      std::unique_ptr<TaskContext> fresh(new TaskContext);
      fresh->name_ = task.name;
      fresh->id_ = task.id;
      fresh->attempt_ = static_cast<int>(task.run);
      fresh->stop_token_ = task.stop;
      fresh->traceparent_ = task.traceparent;
      fresh->worker_ = std::make_shared<TaskContextAccess>();
      fresh->worker_->page = task.page;
      fresh->worker_->attempt = task.attempt;
      kept = std::move(fresh);
      kept_attempt = task.attempt;
    }
    return *kept;
  }

  // Of a call that was posted, of which nothing is known but its id.
  static const TaskContext& OfCall(uint64_t id) {
    static thread_local std::unique_ptr<TaskContext> kept;
    if (kept == nullptr || kept->id_ != id) {
      std::unique_ptr<TaskContext> fresh(new TaskContext);
      fresh->id_ = id;
      kept = std::move(fresh);
    }
    return *kept;
  }

  void Report(double fraction, std::string_view text) {
    if (page == nullptr) return;
    MutexLock lock(mu);
    page->ReportProgress(attempt, fraction, text);
  }

  ClaimPage* page = nullptr;
  uint64_t attempt = 0;
  Mutex mu;  // of the threads that the task may have
};

}  // namespace internal

using internal::RunningTask;
using internal::TaskContextAccess;
using internal::ThreadWorker;
using internal::WorkerTaskScope;

const TaskContext* TaskContext::Current() {
  if (internal::TaskState* const task = RunningTask::Innermost()) {
    // On the thread that serves a worker process, nothing of the task runs.
    const bool is_here = task->is_pool_task() && task->runner() == nullptr;
    return is_here ? &TaskContextAccess::OfTask(*task) : nullptr;
  }
  if (const auto* const sent = WorkerTaskScope::Current()) {
    return &TaskContextAccess::OfSent(*sent);
  }
  const ThreadWorker* const worker = ThreadWorker::Current();
  if (worker == nullptr || worker->depth.Get() == 0) return nullptr;
  return &TaskContextAccess::OfCall(worker->current_task.load());
}

void TaskContext::ReportProgress(double fraction, std::string_view text) const {
  if (!(fraction >= 0 && fraction <= 1)) {
    throw std::invalid_argument(absl::StrCat("ReportProgress: fraction is ",
                                             fraction,
                                             "; it must be between 0 and 1"));
  }
  std::string kept =
      internal::ToUtf8(text, internal::ClaimPage::kProgressBytes);
  if (worker_ != nullptr) {
    worker_->Report(fraction, kept);
  } else if (state_ != nullptr) {
    state_->ReportProgress({.fraction = fraction, .text = std::move(kept)});
  }
}

namespace {

std::string Checked(std::string traceparent) {
  if (!traceparent.empty()) internal::CheckTraceparent(traceparent);
  return traceparent;
}

}  // namespace

TraceparentScope::TraceparentScope(std::string traceparent)
    : trace_(Checked(std::move(traceparent))) {}

std::string TraceparentScope::Current() {
  const std::string* const current = internal::AmbientTrace::Current();
  return current == nullptr ? "" : *current;
}

}  // namespace asyncpal
