#include <exception>
#include <utility>
#include <vector>

#include "asyncpal/pool/internal/thread_core.h"

// Tasks that wait for their turn in a view of the pool.
//
// How it works. They are pending, and counted in held_ instead of submitted_,
// so that no worker is sought for them. Whoever clears a task's flag, see
// TaskState::is_held(), moves it from the one count to the other, and either
// queues it or counts it as gone; the view's lock decides which tasks get a
// place, and the pool's locks have no part in that.

namespace asyncpal::internal {

void ThreadCore::AddView(ViewCore& view) {
  MutexLock lock(views_mu_);
  views_.Add(view);
}

void ThreadCore::RemoveView(ViewCore& view) {
  MutexLock lock(views_mu_);
  views_.Remove(view);
}

ViewEntry ThreadCore::Hold(TaskState& task, bool needs_room) {
  if (!pending_limits_.any() && !task.is_tracked()) return CountHeld(task);
  MutexLock lock(mu_);
  if (needs_room && !HasRoomFor(task, /*now=*/false)) return ViewEntry::kFull;
  const ViewEntry entry = CountHeld(task);
  if (entry == ViewEntry::kHeld) {
    if (task.is_tracked()) NoteWish(task);
    OnPendingAdded(task);
  }
  return entry;
}

ViewEntry ThreadCore::CountHeld(TaskState& task) {
  MutexLock submit(submit_mu_);
  if (!accepting()) return ViewEntry::kRefused;
  if (task.task_id() == 0) task.set_task_id(tail_.NewId());
  task.SetHeld();
  held_.Add(1);
  return ViewEntry::kHeld;
}

void ThreadCore::CountUnheld(TaskState& task) {
  MutexLock submit(submit_mu_);
  submitted_.Add(1);
  if (task.ClearHeld()) {
    held_.Add(-1);
  } else {
    submitted_.Add(-1);  // it was queued
  }
}

bool ThreadCore::QueueHeld(TaskState* task, bool* must_wake) {
  if (task->is_tracked()) {
    const int task_class = ClassOf(*task);
    if (task_class != TaskClasses::kNormalClass) {
      return QueueHeldClassed(task, task_class, must_wake);
    }
  }
  MutexLock submit(submit_mu_);
  while (!tail_.HasRoom()) [[unlikely]] {
      submit.Unlock();
      GrowQueue();
      submit.Lock();
    }
  submitted_.Add(1);
  if (!task->ClearHeld()) {
    submitted_.Add(-1);
    return false;
  }
  held_.Add(-1);
  tail_.Push(task);
  *must_wake = hungry_.load(std::memory_order_relaxed);
  return true;
}

bool ThreadCore::QueueHeldClassed(TaskState* task, int task_class,
                                  bool* must_wake) {
  const int64_t now = ClockNow();
  MutexLock take(take_mu_);
  outbox_.Add(task, task_class, now);
  bool was_held;
  {
    MutexLock submit(submit_mu_);
    submitted_.Add(1);
    was_held = task->ClearHeld();
    (was_held ? held_ : submitted_).Add(-1);
    *must_wake = was_held && hungry_.load(std::memory_order_relaxed);
  }
  if (!was_held) outbox_.RemoveClassed(task->task_id());
  UpdateTakeMode();
  return was_held;
}

bool ThreadCore::will_look() const {
  const ThreadWorker* const worker = ThreadWorker::CurrentOf(*this);
  return worker != nullptr && worker->depth.Get() == 0 && runs_tasks_here() &&
         !recycles_ &&  // else it may go, and slowly
         !worker->may_be_abandoned &&
         !over_max_.load(std::memory_order_relaxed);
}

void ThreadCore::WakeForHeld() {
  Wakeup wakeup;
  bool has_failed = false;
  {
    MutexLock lock(mu_);
    try {
      wakeup = FindWorker();
    } catch (const std::exception&) {
      has_failed = true;  // there is no worker, and there can be none
    }
  }
  if (has_failed || !Dispatch(std::move(wakeup))) RejectStranded(0);
}

template <typename IsMeant>
void ThreadCore::ClaimHeldIf(FutureState outcome, PendingTasks* claimed,
                             const IsMeant& is_meant) {
  {
    MutexLock lock(views_mu_);
    views_.ForEach([&](ViewCore& view) {
      view.TakeWaiting(is_meant, claimed->held, claimed->dropped);
    });
  }
  if (claimed->held.empty()) return;
  const auto count = static_cast<int64_t>(claimed->held.size());
  MutexLock take(take_mu_);
  MutexLock lock(mu_);
  for (const StateRef<TaskState>& task : claimed->held) {
    OnPendingRemoved(*task);
    CountUnheld(*task);
  }
  takes_.CountTaken(count);
  (outcome == FutureState::kCancelled ? counts_.cancelled : counts_.failed) +=
      count;
  changed_.NotifyAll();
}

void ThreadCore::ClaimHeld(FutureState outcome, PendingTasks* claimed,
                           Claim claim) {
  ClaimHeldIf(outcome, claimed, [claim](const TaskState& task) {
    return claim == Claim::kAll || WishOf(task) != AtShutdown::kFinish;
  });
}

void ThreadCore::ClaimSkippedHeld(PendingTasks* claimed) {
  ClaimHeldIf(FutureState::kCancelled, claimed, IsSkipped);
}

StateRef<TaskState> ThreadCore::ClaimOldestHeld() {
  while (true) {
    StateRef<TaskState> oldest;
    {
      DroppedStates dropped;
      MutexLock lock(views_mu_);
      views_.ForEach([&](ViewCore& view) {
        view.ForEachWaiting([&](TaskState& task) {
          if (!task.can_start()) return true;
          if (!oldest || task.task_id() < oldest->task_id()) {
            if (oldest) dropped.Add(oldest.Detach());
            oldest = StateRef<TaskState>::Share(&task);
          }
          return false;
        });
      });
      lock.Unlock();
    }
    if (!oldest || oldest->ClaimPending()) return oldest;
  }
}

OldestTask ThreadCore::OldestHeld() const {
  OldestTask oldest;
  MutexLock lock(views_mu_);
  views_.ForEach([&](ViewCore& view) {
    view.ForEachWaiting([&](TaskState& task) {
      if (task.can_start()) oldest.See(task);
      return !task.can_start();
    });
  });
  return oldest;
}

}  // namespace asyncpal::internal
