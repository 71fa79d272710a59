#include <exception>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "asyncpal/future/countdown.h"
#include "asyncpal/future/error.h"
#include "asyncpal/pool/internal/thread_core.h"

// Pauses, and pools that change their size.
//
// How it works. In a paused pool nothing waits, as far as those are concerned
// who look for workers, and workers take nothing: they park. Whoever takes from
// the shared queue sees the pause under the lock of that; workers' own queues
// are emptied once after it was set, so that one that has not seen it yet finds
// nothing there. What is left, tasks that wait for others and run these
// themselves, does not ask. Resume() finds a worker for each task that waits,
// not for one only: nobody has done so meanwhile.

namespace asyncpal::internal {

bool ThreadCore::Pause(absl::Duration wait_for_running) {
  CheckProcess();
  if (wait_for_running > absl::ZeroDuration() && IsOwnThread()) {
    throw InvalidStateError(
        absl::StrCat(Label(),
                     ": Pause() inside one of its own workers would wait for "
                     "itself"));
  }
  const Countdown countdown(wait_for_running);
  {
    MutexLock take(take_mu_);
    MutexLock lock(mu_);
    if (!lifecycle_.is_closed()) {
      ++pauses_;
      takes_none_ = true;
      UpdateTakeMode();
      RevokePrefetched();
    }
  }
  FlushAllLocal();
  MutexLock take(take_mu_);
  MutexLock lock(mu_);
  while (HasStartedAhead() || !IsAtRest()) {
    const absl::Duration left = countdown.Remaining();
    if (left == absl::ZeroDuration()) return false;
    take.Unlock();
    changed_.WaitFor(mu_, left);
    lock.Unlock();
    take.Lock();
    lock.Lock();
  }
  return true;
}

bool ThreadCore::IsAtRest() const {
  bool is_any = caller_runs_ > 0;
  roster_.ForEach([&is_any](const WorkerPtr& worker) {
    is_any = is_any || worker->depth.Get() > 0;
  });
  return !is_any;
}

bool ThreadCore::Resume() {
  if (InForkedChild()) return true;
  {
    MutexLock take(take_mu_);
    MutexLock lock(mu_);
    if (pauses_ == 0) return lifecycle_.is_closed();
    if (--pauses_ > 0) return true;
    takes_none_ = false;
    UpdateTakeMode();
  }
  FindAllWorkers();
  return true;
}

void ThreadCore::LiftPause() {
  {
    MutexLock take(take_mu_);
    MutexLock lock(mu_);
    if (pauses_ == 0) return;
    pauses_ = 0;
    takes_none_ = false;
    UpdateTakeMode();
    changed_.NotifyAll();
  }
  FindAllWorkers();
}

bool ThreadCore::is_paused() const {
  if (InForkedChild()) return false;
  MutexLock lock(mu_);
  return pauses_ > 0;
}

void ThreadCore::set_max_workers(int n) {
  CheckProcess();
  {
    MutexLock lock(mu_);
    CheckMaxWorkers(n, min_workers_);
    max_workers_.store(n);
    roster_.set_max_workers(static_cast<size_t>(n));
    UpdateHints();
    WakeIdleToRecheck();
  }
  room_.Notify();
  FindAllWorkers();
}

int ThreadCore::min_workers() const {
  if (InForkedChild()) return 0;
  MutexLock lock(mu_);
  return min_workers_;
}

void ThreadCore::set_min_workers(int n) {
  CheckProcess();
  {
    MutexLock lock(mu_);
    CheckMinWorkers(n, max_workers_.load());
    min_workers_ = n;
    WakeIdleToRecheck();
  }
  StartMinWorkers();
}

void ThreadCore::StartMinWorkers() {
  if (InForkedChild()) return;
  while (true) {
    WorkerPtr worker;
    {
      MutexLock lock(mu_);
      if (lifecycle_.must_retire() ||
          roster_.remaining() >= static_cast<size_t>(min_workers_)) {
        return;
      }
      try {
        worker = AddWorker();
      } catch (const std::exception&) {
        return;  // there is nothing that one could be made of
      }
    }
    if (!StartThread(worker)) {
      RejectStranded(0);
      return;
    }
  }
}

}  // namespace asyncpal::internal
