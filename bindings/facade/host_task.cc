#include "asyncpal/bindings/facade/host_task.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "asyncpal/bindings/facade/failure.h"
#include "asyncpal/future/error.h"

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
  current_ = outer;
  SettleAs(FutureState::kFailed);  // if the host has not settled it
  if (!host_keeps_share) Release();
  Publish(outcome_);
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
