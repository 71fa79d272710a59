#include "asyncpal/pool/internal/observation.h"

#include <exception>

#include "absl/strings/str_cat.h"

namespace asyncpal::internal {

template <typename Call>
void Observation::Tell(const char* method, Call&& call) noexcept {
  if (observer_ == nullptr) return;
  try {
    call(*observer_);
  } catch (...) {
    if (has_thrown_.exchange(true)) return;
    log_.WriteFailure(absl::StrCat(label_, ": its observer's ", method,
                                   " threw (said once; it is called on)"),
                      std::current_exception());
  }
}

void Observation::OnSubmit(const TaskReport& task) noexcept {
  Tell("OnSubmit", [&](PoolObserver& observer) { observer.OnSubmit(task); });
}

void Observation::OnStart(const TaskReport& task) noexcept {
  Tell("OnStart", [&](PoolObserver& observer) { observer.OnStart(task); });
}

void Observation::OnDone(const TaskReport& task) noexcept {
  Tell("OnDone", [&](PoolObserver& observer) { observer.OnDone(task); });
}

void Observation::OnWorkerStarted(const WorkerInfo& worker) noexcept {
  Tell("OnWorkerStarted",
       [&](PoolObserver& observer) { observer.OnWorkerStarted(worker); });
}

void Observation::OnWorkerEnded(const WorkerInfo& worker,
                                const std::string& why) noexcept {
  Tell("OnWorkerEnded",
       [&](PoolObserver& observer) { observer.OnWorkerEnded(worker, why); });
}

void Observation::OnStall(const TaskReport& task,
                          const std::string& stack) noexcept {
  Tell("OnStall",
       [&](PoolObserver& observer) { observer.OnStall(task, stack); });
}

}  // namespace asyncpal::internal
