#include "asyncpal/pool/internal/remote_task.h"

#include <thread>

#include "asyncpal/pool/internal/fork_generation.h"

namespace asyncpal::internal {

RemoteCall::RemoteCall(EncodedCall call)
    : call_(std::move(call)),
      fork_generation_(static_cast<uint32_t>(ForkGeneration())) {}

bool RemoteCall::InForkedChild() const {
  return fork_generation_ != static_cast<uint32_t>(ForkGeneration());
}

void RemoteCall::WaitForSends() const {
  while (sends_.load(std::memory_order_acquire) > 0) {
    std::this_thread::yield();
  }
}

EncodedCall RemoteCall::TakeCall() {
  WaitForSends();
  return std::exchange(call_, {});
}

void RemoteCall::SetRunner(RemoteRunner* runner) {
  if (InForkedChild()) return;  // mu_ may be held for ever
  MutexLock lock(mu_);
  runner_ = runner;
}

RemoteRunner::Hold RemoteCall::GetHold() {
  MutexLock lock(mu_);
  return runner_ == nullptr ? RemoteRunner::Hold() : runner_->GetHold();
}

bool RemoteCall::ReceiveOnWaiter(TaskState& task) {
  if (InForkedChild()) return false;
  const auto hold = GetHold();
  return hold.runner != nullptr && hold.runner->ReceiveOnWaiter(task);
}

bool RemoteCall::ReceiveWithin(TaskState& task, absl::Duration limit) {
  if (InForkedChild()) return false;
  const auto hold = GetHold();
  return hold.runner != nullptr && hold.runner->ReceiveWithin(task, limit);
}

bool RemoteCall::Revoke(TaskState& task) {
  if (InForkedChild()) return false;
  const auto hold = GetHold();
  if (hold.runner != nullptr) return hold.runner->Revoke(task);
  // Whoever prefetches it is about to say so.
  std::this_thread::yield();
  return true;
}

bool RemoteCall::KillRunning(TaskState& task) {
  if (InForkedChild()) return false;
  const auto hold = GetHold();
  return hold.runner == nullptr || hold.runner->KillRunning(task);
}

std::optional<TaskProgress> RemoteCall::ProgressOf(TaskState& task) {
  if (InForkedChild()) return std::nullopt;
  const auto hold = GetHold();
  return hold.runner == nullptr ? std::nullopt : hold.runner->ProgressOf(task);
}

TaskLabels LabelsOf(const TaskState& task, int run) {
  TaskLabels labels = {.id = task.task_id(), .run = static_cast<uint32_t>(run)};
  if (const std::string* const name = task.own_name()) labels.name = *name;
  if (const std::string* const trace = task.traceparent()) {
    labels.traceparent = *trace;
  }
  return labels;
}

void RemoteCall::AskToStop(TaskState& task) {
  if (InForkedChild()) return;
  const auto hold = GetHold();
  if (hold.runner != nullptr) hold.runner->AskToStop(task);
}

}  // namespace asyncpal::internal
