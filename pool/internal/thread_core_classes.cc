#include <new>
#include <optional>
#include <utility>

#include "absl/time/time.h"
#include "asyncpal/future/internal/clock.h"
#include "asyncpal/pool/clock.h"
#include "asyncpal/pool/internal/thread_core.h"

// Tasks with a priority.
//
// How it works. Tasks of normal priority go through the queues as ever. The
// others wait beside the shared queue, in one first-in-first-out list for each
// class (task_classes.h), and are counted with it: for those who look for
// workers they are tasks that wait like any others. While there is one, workers
// take in another mode, in which they compare the heads of all classes, and
// look for what has precedence before they look into their own queues. Nobody
// else ever asks for classes.

namespace asyncpal::internal {

int ThreadCore::ClassOf(const TaskState& task) {
  const auto* const attachment =
      static_cast<const TaskOptionsAttachment*>(task.attachment());
  return attachment == nullptr ? TaskClasses::kNormalClass
                               : static_cast<int>(attachment->options.priority);
}

int64_t ThreadCore::ClockNow() const {
  return options_.clock == nullptr
             ? NowNanos()
             : absl::ToInt64Nanoseconds(options_.clock->Now());
}

void ThreadCore::UpdateTakeMode() {
  const TakeMode mode = takes_none_             ? TakeMode::kPaused
                        : outbox_.has_classes() ? TakeMode::kByClass
                        : has_local_queues_     ? TakeMode::kLocal
                                                : TakeMode::kShared;
  take_mode_.store(mode, std::memory_order_relaxed);
}

uint64_t ThreadCore::EnqueueClassed(bool* is_hungry, TaskState* task,
                                    Room room) {
  CheckProcess();
  const int64_t now = ClockNow();
  PoolLifecycle::Refusal refusal;
  {
    MutexLock take(take_mu_);
    MutexLock lock(mu_);
    if (!accepting()) refusal = lifecycle_.WhyNotOpen();
    if (!refusal) {
      if (room == Room::kNeeded && !HasRoomFor(*task, /*now=*/true)) return 0;
      if (task->task_id() == 0) {  // or a host has numbered it
        MutexLock submit(submit_mu_);
        task->set_task_id(tail_.NewId());
      }
      outbox_.Add(task, ClassOf(*task), now);
      try {
        limits_.StartQueueTimer(task);
      } catch (...) {
        outbox_.RemoveClassed(task->task_id());
        UpdateTakeMode();
        throw;
      }
      UpdateTakeMode();
      NoteWish(*task);
      OnPendingAdded(*task);
      MutexLock submit(submit_mu_);
      submitted_.Add(1);
      *is_hungry = hungry_.load(std::memory_order_relaxed);
      return kClassed | task->task_id();
    }
  }
  refusal.Throw(Label());
}

bool ThreadCore::TakeByClass(ThreadWorker& worker, TakenTask* taken) {
  if (take_mode_.load(std::memory_order_relaxed) == TakeMode::kPaused) {
    return false;
  }
  if (has_local_queues_ && listed_.load() > 0) {
    DroppedStates dropped;
    TaskOutbox::Turn turn;
    {
      const int64_t now = ClockNow();
      MutexLock take(take_mu_);
      turn = outbox_.TurnOfNext(now);
      dropped = outbox_.TakeDropped();
    }
    const bool own_first =
        turn == TaskOutbox::Turn::kLast ||
        (turn == TaskOutbox::Turn::kInTurns && ++worker.turn % 2 == 0);
    if (own_first && TakeLocal(worker, worker, taken, false, dropped)) {
      return true;
    }
    if (turn == TaskOutbox::Turn::kLast && Steal(worker, taken)) return true;
  }
  if (TakeSharedByClass(worker, taken)) return true;
  DroppedStates dropped;
  return has_local_queues_ &&
         (TakeLocal(worker, worker, taken, false, dropped) ||
          (listed_.load() > 0 && Steal(worker, taken)));
}

bool ThreadCore::TakeSharedByClass(ThreadWorker& worker, TakenTask* taken) {
  DroppedStates dropped;
  const int64_t now = ClockNow();
  MutexLock take(take_mu_);
  if (takes_none_) return false;
  const bool found = outbox_.StartByClass(now, takes_, taken);
  if (found && taken->task != nullptr) {
    OnPendingRemoved(*taken->task);
    MarkTaken(worker, taken->task);
  } else if (found) {
    worker.depth.Add(1);
    worker.current_task.store(taken->call_info.id, std::memory_order_relaxed);
  }
  dropped = outbox_.TakeDropped();
  if (!outbox_.has_classes()) UpdateTakeMode();
  take.Unlock();
  return found;
}

}  // namespace asyncpal::internal
