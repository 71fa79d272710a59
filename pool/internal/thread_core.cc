#include "asyncpal/pool/internal/thread_core.h"

#include <cxxabi.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/clock.h"
#include "asyncpal/future/internal/futex.h"

namespace asyncpal::internal {

std::optional<ThreadCore::Wakeup> ThreadCore::Accept(StateBase* task,
                                                     bool may_help, Room room) {
  try {
    CheckProcess();
    PoolLifecycle::Refusal refusal;
    {
      MutexLock lock(mu_);
      if (!accepting()) refusal = lifecycle_.WhyNotOpen();
      if (!refusal) {
        if (room == Room::kNeeded && !HasRoomFor(*task)) return std::nullopt;
        task->set_task_id(inbox_.next_task_id());
        if (task->is_tracked()) limits_.StartQueueTimer(task);
        Wakeup wakeup = Enqueue(task);
        if (may_help && wakeup.wake != nullptr) Lend(*wakeup.wake);
        return wakeup;
      }
    }
    refusal.Throw(Label());
  } catch (...) {
    limits_.CancelQueueTimer(*task);
    task->Release();
    throw;
  }
}

void ThreadCore::DispatchFor(StateBase* task, Wakeup wakeup) {
  if (wakeup.wake == nullptr && wakeup.start == nullptr) return;
  if (!Dispatch(std::move(wakeup))) RejectStranded(task);
}

ThreadCore::Wakeup ThreadCore::Enqueue(StateBase* task) {
  inbox_.Push(task);
  OnPendingAdded(*task);
  Wakeup wakeup;
  try {
    wakeup = FindWorker();
  } catch (...) {
    // There is no worker, and nothing that one could be made of.
    inbox_.Remove(task);
    // Unless its queue_deadline was faster, and accounts for it.
    if (task->ClaimPending()) {
      inbox_.Dismiss();
      OnPendingRemoved(*task);
    }
    throw;
  }
  flow_.set_has_new(true);
  return wakeup;
}

void ThreadCore::RejectStranded(StateBase* mine) {
  const RejectedError error(absl::StrCat(
      Label(), " has no worker, and the system refused to start a thread"));
  bool mine_is_stranded = false;
  std::vector<StateRef<StateBase>> others;
  {
    MutexLock take(take_mu_);
    MutexLock lock(mu_);
    if (roster_.size() > 0) return;  // then the tasks just wait
    // `mine` may be gone by now, so at first only its address can be used; and
    // its queue_deadline may have been faster.
    if ((inbox_.Contains(mine) || outbox_.Contains(mine)) &&
        mine->ClaimPending()) {
      mine_is_stranded = true;
      outbox_.Remove(mine);
      inbox_.Dismiss();
      OnPendingRemoved(*mine);
    }
    // Tasks of other threads that relied on the same worker.
    others = ClaimAllPending(FutureState::kFailed);
  }
  GiveBack(std::move(others), FutureState::kFailed,
           std::make_exception_ptr(error));
  RunQuietHandlers();
  if (!mine_is_stranded) return;
  limits_.CancelQueueTimer(*mine);
  mine->Release();
  throw error;
}

void ThreadCore::OnPendingClaimed(StateBase& task, FutureState outcome) {
  limits_.CancelQueueTimer(task);
  MutexLock take(take_mu_);
  MutexLock lock(mu_);
  const bool was_queued = outbox_.Remove(&task);
  ++(outcome == FutureState::kCancelled ? counts_.cancelled : counts_.failed);
  flow_.CountTaken();
  OnPendingRemoved(task);
  if (Pending() == 0) changed_.NotifyAll();
  auto handlers = TakeQuietHandlers();
  // The pool is bound to live only until its tasks are accounted for: once mu_
  // is given back, it may be gone.
  take.Unlock();
  lock.Unlock();
  if (was_queued) task.Release();
  handlers.Run();
}

void ThreadCore::MoveInbox() { outbox_.TakeAll(inbox_, flow_); }

std::vector<StateRef<StateBase>> ThreadCore::ClaimAllPending(
    FutureState outcome) {
  RecallAll();
  MoveInbox();
  std::vector<StateRef<StateBase>> claimed;
  claimed.reserve(static_cast<size_t>(Pending()));
  while (StateBase* const task = outbox_.PopFront()) {
    if (task->ClaimPending()) {
      flow_.CountTaken();
      OnPendingRemoved(*task);
      ++(outcome == FutureState::kCancelled ? counts_.cancelled
                                            : counts_.failed);
      claimed.push_back(StateRef<StateBase>::Adopt(task));
    } else {
      // Who claimed it holds a reference, and waits for these locks.
      task->Release();
    }
  }
  changed_.NotifyAll();
  return claimed;
}

void ThreadCore::GiveBack(std::vector<StateRef<StateBase>> tasks,
                          FutureState outcome,
                          const std::exception_ptr& error) {
  {
    MutexLock lock(mu_);
    for (const StateRef<StateBase>& task : tasks) {
      cancelled_tasks_.push_back(MakeCancelledTask(task));
    }
  }
  for (const StateRef<StateBase>& task : tasks) {
    task->PublishClaimed(outcome, error);
  }
}

StateBase* ThreadCore::TakeTask(ThreadWorker& worker, bool only_plain) {
  MutexLock take(take_mu_);
  while (true) {
    if (StateBase* const task = outbox_.StartNext(only_plain, flow_)) {
      OnPendingRemoved(*task);
      MarkTaken(worker, task);
      take.Unlock();
      PassOnSearch(worker);
      return task;
    }
    if (!outbox_.empty()) return nullptr;
    MutexLock lock(mu_);
    if (inbox_.empty()) return nullptr;
    MoveInbox();
  }
}

size_t ThreadCore::ShareToOffer() {
  MutexLock lock(mu_);
  if (roster_.idle() > 0 || roster_.searching() > 0 || !roster_.is_full()) {
    return 0;
  }
  MoveInbox();
  const auto waiting = static_cast<size_t>(std::max<int64_t>(Waiting(), 0));
  return (waiting + roster_.size() - 1) / roster_.size();
}

StateBase* ThreadCore::TakeForOffer() { return outbox_.PrefetchNext(flow_); }

void ThreadCore::PutBack(StateBase* task) { outbox_.PutBack(task, flow_); }

void ThreadCore::OnPendingAdded(StateBase& task) {
  if (pending_limits_.counts_bytes()) {
    pending_bytes_.fetch_add(PendingBytes(task));
  }
}

void ThreadCore::OnPendingRemoved(StateBase& task) {
  if (!pending_limits_.any()) return;
  if (pending_limits_.counts_bytes()) {
    pending_bytes_.fetch_sub(PendingBytes(task));
  }
  room_.Notify();
}

void ThreadCore::MarkTaken(ThreadWorker& worker, StateBase* task) {
  worker.depth.Add(1);
  worker.current_task.store(task->task_id(), std::memory_order_relaxed);
  if (task->is_tracked()) tracked_.Add(task);
}

void ThreadCore::RunTask(ThreadWorker& worker, StateBase* task) {
  const uint64_t id = task->task_id();
  const bool tracked = task->is_tracked();
  const int64_t depth = worker.depth.Get() - 1;
  const int64_t now = NowNanos();
  worker.running_since.store(now, std::memory_order_relaxed);
  if (!tracked || limits_.StartRunningTimer(task)) {
    worker.Run(task, now);
  } else {
    task->Release();
  }
  worker.AfterRun();
  CountRun(worker, depth);
  if (tracked) Untrack(id);
}

void ThreadCore::CountRun(ThreadWorker& worker, int64_t depth) {
  // A task that was settled by its timeout is accounted for there, but only
  // here does it leave the worker.
  if (worker.depth.Get() != depth) worker.depth.Add(-1);
  worker.tasks_done.Add(1);
  ++worker.tasks_since_start;
}

StateBase* ThreadCore::GoOn(ThreadWorker& worker) {
  // The run that is to end is not yet counted.
  if (worker.depth.Get() > 0 || over_max_.load(std::memory_order_relaxed) ||
      (options_.max_tasks_per_worker > 0 &&
       worker.tasks_since_start + 1 >= options_.max_tasks_per_worker)) {
    return nullptr;
  }
  StateBase* const next = TakeTask(worker, /*only_plain=*/true);
  if (next == nullptr) return nullptr;
  CountRun(worker, 1);
  const int64_t now = NowNanos();
  worker.running_since.store(now, std::memory_order_relaxed);
  next->MarkStarted(now);
  return next;
}

void ThreadCore::Untrack(uint64_t task_id) {
  StateRef<StateBase> dropped;  // released after the lock is given back
  MutexLock take(take_mu_);
  dropped = tracked_.Remove(task_id);
}

void ThreadCore::OnFinished(StateBase& task, FutureState outcome) {
  ThreadWorker* const worker = ThreadWorker::CurrentOf(*this);
  if (worker != nullptr) {
    switch (outcome) {
      case FutureState::kCompleted:
        worker->completed.Add(1);
        break;
      case FutureState::kFailed:
        worker->failed.Add(1);
        break;
      default:
        worker->cancelled.Add(1);
        break;
    }
    worker->depth.Add(-1);
  } else {
    MutexLock lock(mu_);
    switch (outcome) {
      case FutureState::kCompleted:
        ++counts_.completed;
        break;
      case FutureState::kFailed:
        ++counts_.failed;
        break;
      default:
        ++counts_.cancelled;
        break;
    }
  }
  if (!task.is_tracked()) return;
  limits_.CancelRunningTimer(task);
  // By now nobody but the futures may hold the result.
  if (worker != nullptr) Untrack(task.task_id());
}

void ThreadCore::OnUnobservedFailure(const StateBase& task,
                                     std::exception_ptr error) noexcept {
  try {
    if (options_.unobserved_failure_handler != nullptr) {
      options_.unobserved_failure_handler(error);
      return;
    }
  } catch (...) {
    LogFailure(absl::StrCat(Label(), ": the unobserved_failure_handler threw"),
               std::current_exception());
  }
  LogFailure(absl::StrCat(Label(), ": posted ", task.Describe(), " failed"),
             error);
}

}  // namespace asyncpal::internal
