#include "asyncpal/bindings/facade/host_task.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "asyncpal/bindings/facade/failure.h"
#include "asyncpal/future/error.h"
#include "asyncpal/pool/internal/thread_worker.h"

namespace asyncpal::facade {

void HostTask::SettleAs(FutureState outcome) {
  if (outcome_ != FutureState::kRunning || !ClaimRunning()) return;
  outcome_ = outcome;
  // The host has the real one.
  if (outcome == FutureState::kFailed) StoreError(nullptr);
  owner()->OnFinished(*this, outcome);
}

void HostTask::Execute() {
  HostTask* const outer = std::exchange(current_, this);
  bool host_keeps_share = false;
  try {
    host_keeps_share = host_.Run(id_);
  } catch (...) {
    internal::LogFailure(absl::StrCat("the host's Run(), for ", Describe(),
                                      ", must not throw, but it threw"),
                         std::current_exception());
  }
  // The host may have gone on to other tasks, and this one be gone.
  HostTask* const last = std::exchange(current_, outer);
  if (last != nullptr) last->End(host_keeps_share);
}

void HostTask::End(bool host_keeps_handle) {
  SettleAs(FutureState::kFailed);  // if the host has not settled it
  if (!host_keeps_handle) Release();
  Publish(outcome_);
}

int64_t HostTask::GoOn(bool host_keeps_handle) {
  std::exchange(current_, nullptr)->End(host_keeps_handle);
  // All tasks of a host's pool are of this class.
  current_ = static_cast<HostTask*>(internal::ThreadWorker::Current()->GoOn());
  return current_ == nullptr ? kNoTask : current_->id_;
}

void HostTask::OnGivenBack(FutureState outcome,
                           const std::exception_ptr& error) noexcept {
  static_cast<void>(outcome);
  bool host_keeps_share = false;
  try {
    host_keeps_share = host_.Drop(id_, DescribeFailure(error));
  } catch (...) {
    internal::LogFailure(absl::StrCat("the host's Drop(), for ", Describe(),
                                      ", must not throw, but it threw"),
                         std::current_exception());
  }
  if (!host_keeps_share) Release();
}

}  // namespace asyncpal::facade
