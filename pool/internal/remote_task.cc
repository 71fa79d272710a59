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

void RemoteCall::WaitForLoan() const {
  while (loans_.load(std::memory_order_acquire) > 0) {
    std::this_thread::yield();
  }
}

EncodedCall RemoteCall::TakeCall() {
  WaitForLoan();
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

bool RemoteCall::ReceiveOnWaiter(StateBase& task) {
  if (InForkedChild()) return false;
  const auto hold = GetHold();
  return hold.runner != nullptr && hold.runner->ReceiveOnWaiter(task);
}

bool RemoteCall::ReceiveWithin(StateBase& task, absl::Duration limit) {
  if (InForkedChild()) return false;
  const auto hold = GetHold();
  return hold.runner != nullptr && hold.runner->ReceiveWithin(task, limit);
}

bool RemoteCall::Revoke(StateBase& task) {
  if (InForkedChild()) return false;
  const auto hold = GetHold();
  if (hold.runner != nullptr) return hold.runner->Revoke(task);
  // Whoever prefetches it is about to say so.
  std::this_thread::yield();
  return true;
}

bool RemoteCall::KillRunning(StateBase& task) {
  if (InForkedChild()) return false;
  const auto hold = GetHold();
  return hold.runner == nullptr || hold.runner->KillRunning(task);
}

void RemoteCall::AskToStop(StateBase& task) {
  if (InForkedChild()) return;
  const auto hold = GetHold();
  if (hold.runner != nullptr) hold.runner->AskToStop(task);
}

}  // namespace asyncpal::internal
