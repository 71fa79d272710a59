#include <utility>
#include <vector>

#include "asyncpal/pool/internal/thread_core.h"

// What a shutdown does with tasks.
//
// How it works. The mode says what becomes of them, unless TaskOptions say
// otherwise. As long as no such task has come, nobody looks at any: all that is
// pending is taken at once. Else those that are to finish go back into the
// queue before the rest is claimed, or, in a drain, those that are to be
// skipped are searched for. A task that nobody waits for is killed with its
// process; a thread can't be, so its worker is forgotten together with its
// thread, as one that is stuck in an initializer is. Its counts are added up
// then, and once more when its task is over.

namespace asyncpal::internal {

AtShutdown ThreadCore::WishOf(const TaskState& task) {
  const auto* const attachment =
      static_cast<const TaskOptionsAttachment*>(task.attachment());
  return attachment == nullptr ? AtShutdown::kAsPool
                               : attachment->options.at_shutdown;
}

bool ThreadCore::IsSkipped(const TaskState& task) {
  const AtShutdown wish = WishOf(task);
  return wish == AtShutdown::kSkip || wish == AtShutdown::kAbandon;
}

void ThreadCore::NoteWish(const TaskState& task) {
  if (WishOf(task) != AtShutdown::kAsPool) has_wishes_ = true;
}

void ThreadCore::CancelPendingAndAskToStop(Claim claim) {
  PendingTasks pending;
  std::vector<StateRef<TaskState>> running;
  FlushAllLocal();  // the pool accepts no more
  // First what waits for a place, then what has one: none gets one in between
  // but what is to finish.
  ClaimHeld(FutureState::kCancelled, &pending, claim);
  {
    MutexLock take(take_mu_);
    MutexLock lock(mu_);
    ClaimAllPending(FutureState::kCancelled, &pending, claim);
    ClaimAllDelayed(FutureState::kCancelled, &pending, claim);
    tracked_.ForEach([&](const StateRef<TaskState>& task) {
      if (claim == Claim::kAll || WishOf(*task) != AtShutdown::kFinish) {
        running.push_back(task);
      }
    });
  }
  // Callbacks and stop callbacks run in here, with no lock held.
  HandToCaller(pending, FutureState::kCancelled, nullptr);
  for (const StateRef<TaskState>& task : running) {
    task->RequestCancel();
    task->RequestStop();
  }
  FindAllWorkers();
}

void ThreadCore::CancelSkipped() {
  PendingTasks claimed;
  {
    MutexLock lock(mu_);
    if (!has_wishes_) return;
  }
  // In this order: a task goes from there to here, and never back.
  ClaimSkippedHeld(&claimed);
  {
    MutexLock take(take_mu_);
    MutexLock lock(mu_);
    ClaimSkipped(&claimed);
  }
  HandToCaller(claimed, FutureState::kCancelled, nullptr);
  FindAllWorkers();
}

void ThreadCore::ClaimSkipped(PendingTasks* claimed) {
  RevokePrefetched();
  size_t count = 0;
  outbox_.ForEachPending([&](TaskState* task, const CallInfo&) {
    if (task != nullptr && IsSkipped(*task)) ++count;
    return true;
  });
  claimed->skipped.reserve(count);
  outbox_.ClaimIf(IsSkipped, [&](TaskState* task) {
    claimed->skipped.push_back(task);
    OnPendingRemoved(*task);
  });
  const auto n = static_cast<int64_t>(claimed->skipped.size());
  claimed->count += claimed->skipped.size();
  takes_.CountTaken(n);
  counts_.cancelled += n;
  UpdateTakeMode();
  changed_.NotifyAll();
}

void ThreadCore::FindAllWorkers() {
  while (true) {
    Wakeup wakeup;
    bool is_stranded = false;
    {
      MutexLock lock(mu_);
      try {
        wakeup = FindWorker();
        if (wakeup.empty()) return;
      } catch (const std::exception&) {
        is_stranded = true;  // no worker, and nothing to make one of
      }
    }
    if (is_stranded || !Dispatch(std::move(wakeup))) {
      RejectStranded(0);
      return;
    }
  }
}

void ThreadCore::AbandonTasks() {
  std::vector<StateRef<TaskState>> running;
  std::vector<WorkerPtr> workers;
  {
    MutexLock take(take_mu_);
    MutexLock lock(mu_);
    abandons_ = true;
    if (!has_wishes_) return;
    tracked_.ForEach([&](const StateRef<TaskState>& task) {
      if (WishOf(*task) == AtShutdown::kAbandon) running.push_back(task);
    });
    roster_.ForEach([&](const WorkerPtr& worker) {
      if (worker->may_be_abandoned) workers.push_back(worker);
    });
  }
  for (const StateRef<TaskState>& task : running) {
    if (runs_tasks_here()) {
      task->RequestCancel();
      task->RequestStop();
    } else {
      task->Kill();
    }
  }
  for (const WorkerPtr& worker : workers) {
    FlushLocal(*worker);
    worker->thread_is_set.wait(false);
    MutexLock lock(mu_);
    if (worker->may_be_abandoned && roster_.Contains(worker->id)) {
      ForgetWithThread(*worker);
    }
  }
  if (!workers.empty()) RunQuietHandlers();
}

ThreadCore::AbandonableScope::AbandonableScope(ThreadCore& core,
                                               ThreadWorker& worker)
    : core_(core), worker_(worker) {
  worker_.thread_is_set.wait(false);
  bool is_abandoned = false;
  {
    MutexLock lock(core_.mu_);
    worker_.may_be_abandoned = true;
    if (core_.abandons_ && core_.roster_.Contains(worker_.id)) {
      core_.ForgetWithThread(worker_);
      is_abandoned = true;
    }
  }
  if (is_abandoned) core_.RunQuietHandlers();
}

ThreadCore::AbandonableScope::~AbandonableScope() {
  MutexLock lock(core_.mu_);
  worker_.may_be_abandoned = false;
  if (core_.roster_.Contains(worker_.id)) return;
  core_.AddUp(worker_);
  worker_.is_abandoned = true;
  worker_.lost.store(true, std::memory_order_relaxed);
}

}  // namespace asyncpal::internal
