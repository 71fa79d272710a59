#include "asyncpal/pool/host/host_task.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/error.h"
#include "asyncpal/pool/internal/thread_core.h"
#include "asyncpal/pool/internal/thread_worker.h"

namespace asyncpal::host {

bool HostTask::SettleAs(FutureState outcome) {
  if (outcome_ != FutureState::kRunning) return true;
  if (is_tracked()) OnReturned();
  if (!ClaimRunning()) return false;
  outcome_ = outcome;
  // The host has the real one.
  if (outcome == FutureState::kFailed) StoreError(nullptr);
  owner()->OnFinished(*this, outcome);
  return true;
}

void HostTask::Execute() {
  HostTask* const outer = std::exchange(current_, this);
  std::optional<internal::RunningTask> link;
  auto* const outer_link = std::exchange(link_, &link);
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
  link_ = outer_link;
  if (last != nullptr) last->End(host_keeps_share);
}

void HostTask::End(bool host_keeps_share) {
  // If the host has not settled it.
  const bool settled_here = SettleAs(FutureState::kFailed);
  if (!host_keeps_share) Release();
  if (settled_here) {
    Publish(outcome_);
  } else {
    Release();
  }
}

int64_t HostTask::GoOn(bool host_keeps_share) {
  HostTask* const done = std::exchange(current_, nullptr);
  internal::ThreadWorker* const worker = internal::ThreadWorker::Current();
  // Null or another pool's where the submitter runs the task.
  const bool is_own = worker != nullptr && done->owner() == &worker->core;
  // The first one's link stays below, and is not looked at any more.
  link_->reset();
  done->End(host_keeps_share);
  if (!is_own) return kNoTask;
  // All tasks of a host's pool are of this class.
  current_ = static_cast<HostTask*>(worker->GoOn());
  if (current_ == nullptr) return kNoTask;
  link_->emplace(*current_);
  return current_->id_;
}

void HostTask::OnGivenBack(FutureState outcome,
                           const std::exception_ptr& error) noexcept {
  static_cast<void>(outcome);
  bool host_keeps_share = false;
  try {
    host_keeps_share = host_.Drop(id_, error);
  } catch (...) {
    internal::LogFailure(absl::StrCat("the host's Drop(), for ", Describe(),
                                      ", must not throw, but it threw"),
                         std::current_exception());
  }
  if (!host_keeps_share) Release();
}

// Its future is the host's, but the pool must not take its failure for one that
// nobody looks at: not kDetached.
LimitedHostTask::LimitedHostTask(internal::TaskOwner* owner,
                                 ThreadPoolHost& host, int64_t id)
    : HostTask(owner, host, id, kTracked) {}

CallbackId LimitedHostTask::Watch() {
  return AddCallback(
      [](TaskState& state) { static_cast<LimitedHostTask&>(state).OnDone(); });
}

void LimitedHostTask::Execute() {
  if (phase_.exchange(kEntered) == kWaiting) {
    HostTask::Execute();
  } else {
    OnReturned();
    Release();  // the host was told that it never runs
  }
}

void LimitedHostTask::OnGivenBack(FutureState outcome,
                                  const std::exception_ptr& error) noexcept {
  phase_ = kOver;
  HostTask::OnGivenBack(outcome, error);
}

void LimitedHostTask::OnDone() {
  const std::exception_ptr why = error();
  if (why == nullptr) return;  // it was the host who has settled it
  switch (phase_.exchange(kOver)) {
    case kWaiting:
      HostTask::OnGivenBack(FutureState::kFailed, why);
      break;
    case kEntered:
      host_.Expire(id_, why);
      break;
    case kOver:  // it was given back
      break;
  }
}

}  // namespace asyncpal::host
