#include <algorithm>
#include <exception>
#include <new>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "asyncpal/future/countdown.h"
#include "asyncpal/pool/internal/thread_core.h"

// Tasks that are submitted for later.
//
// How it works. Such a task is pending, but in no queue: it is kept by its time
// (delayed_tasks.h), and nobody is woken for it. One timer of the pool is set
// for the first of all. When it runs, what is due enters the queue as a
// submission does, one after the other, and finds its worker in the same
// section. Whether a task is still delayed changes under the pool's lock only:
// whoever has claimed it looks there, and finds it in one of the two places.

namespace asyncpal::internal {
namespace {

// How long to wait where there is no memory to go on.
constexpr absl::Duration kMemoryRetry = absl::Milliseconds(1);

}  // namespace

void ThreadCore::SubmitAfter(TaskState* task, absl::Duration delay) {
  if (delay <= absl::ZeroDuration()) {
    Submit(task);
    return;
  }
  const int64_t due = limits_.Timers().After(delay);
  const Countdown countdown(TaskLimits::QueueDeadline(*task));
  for (Room room = RoomForOthers();;) {
    const uint64_t version = room_.version();
    if (AcceptDelayed(task, due, room)) return;
    if (options_.when_full == WhenFull::kReject ||
        !pending_limits_.CanEverHold(PendingBytes(*task))) {
      Refuse(task);
    }
    if (IsOwnThread() ||
        (options_.when_full == WhenFull::kDropOldest && !DropOldest())) {
      room = Room::kNotNeeded;
    } else if (options_.when_full != WhenFull::kDropOldest) {
      AwaitRoom(task, version, countdown);
    }
  }
}

void ThreadCore::SubmitNext(TaskState* task, int64_t due) {
  if (due > ClockNow()) {
    AcceptDelayed(task, due, Room::kNotNeeded);
  } else {
    SubmitIfRoom(task, Room::kNotNeeded);
  }
}

bool ThreadCore::MoveDelayed(TaskState& task, int64_t due) {
  const bool is_due = due <= ClockNow();
  {
    MutexLock lock(mu_);
    if (!delayed_.Move(&task, due)) return false;
    if (!is_due) SetDelayTimer();
  }
  if (is_due) {
    OnDelayTimer(due);
  } else {
    QueueIfPassed(due);
  }
  return true;
}

void ThreadCore::QueueIfPassed(int64_t due) {
  if (options_.clock != nullptr && due <= ClockNow()) OnDelayTimer(due);
}

bool ThreadCore::AcceptDelayed(TaskState* task, int64_t due, Room room) {
  try {
    CheckProcess();
    if (minds_submissions_.load(std::memory_order_relaxed)) {
      PrepareSubmission(*task);
    }
    PoolLifecycle::Refusal refusal;
    {
      MutexLock lock(mu_);
      if (!accepting()) refusal = lifecycle_.WhyNotOpen();
      if (!refusal) {
        if (room == Room::kNeeded && !HasRoomFor(*task, /*now=*/false)) {
          return false;
        }
        if (task->task_id() == 0) {
          MutexLock submit(submit_mu_);
          task->set_task_id(tail_.NewId());
        }
        NoteWish(*task);
        task->SetDelayed();
        delayed_.Add(task, due);
        try {
          SetDelayTimer();
        } catch (...) {
          delayed_.Remove(task);
          throw;
        }
        ++delayed_count_;
        OnPendingAdded(*task);
      }
    }
    if (!refusal) {
      QueueIfPassed(due);
      return true;
    }
    refusal.Throw(Label());
  } catch (...) {
    if (task->is_observed()) ReportRefused(*task);
    task->Release();
    throw;
  }
}

void ThreadCore::SetDelayTimer() {
  const int64_t due = delayed_.first_due();
  if (due >= delay_timer_due_) return;
  TimerQueue& timers = limits_.Timers();
  const TimerQueue::TimerId timer =
      timers.ScheduleAt(due, [weak = weak_from_this(), due] {
        if (const auto core = weak.lock()) core->OnDelayTimer(due);
      });
  if (delay_timer_ != 0) timers.Cancel(delay_timer_);
  delay_timer_ = timer;
  delay_timer_due_ = due;
}

void ThreadCore::OnDelayTimer(int64_t due) {
  const int64_t now = std::max(limits_.Timers().Now(), due);
  {
    MutexLock lock(mu_);
    if (delay_timer_due_ == due) {  // or there is an earlier one by now
      delay_timer_ = 0;
      delay_timer_due_ = DelayedTasks::kNever;
    }
  }
  while (true) {
    try {
      if (QueueDue(now)) continue;
      MutexLock lock(mu_);
      SetDelayTimer();
      return;
    } catch (const std::exception&) {
      absl::SleepFor(kMemoryRetry);  // they must not be lost
    }
  }
}

bool ThreadCore::QueueDue(int64_t now) {
  Wakeup wakeup;
  bool is_stranded = false;
  {
    MutexLock take(take_mu_);
    MutexLock lock(mu_);
    if (delayed_.first_due() > now) return false;
    MoveToQueue();
    try {
      wakeup = FindWorker();
    } catch (const std::exception&) {
      is_stranded = true;  // no worker, and nothing that one could be made of
    }
  }
  if (is_stranded || !Dispatch(std::move(wakeup))) RejectStranded(0);
  return true;
}

void ThreadCore::MoveToQueue() {
  TaskState* const task = delayed_.First();
  if (task->is_tracked()) {
    limits_.StartQueueTimer(task);
    // Who has claimed it meanwhile may have come before there was a timer.
    if (!task->can_start()) limits_.CancelQueueTimer(*task);
  }
  const int task_class = ClassOf(*task);
  const bool is_classed = task_class != TaskClasses::kNormalClass;
  try {
    if (is_classed) {
      outbox_.Add(task, task_class, ClockNow());
      UpdateTakeMode();
    }
    MutexLock submit(submit_mu_);
    if (!is_classed && !tail_.HasRoom()) {
      tail_.Grow(SlotChunk::Make(tail_.wanted_bytes()));
    }
    delayed_.Pop();
    --delayed_count_;
    task->set_delayed_place(0);
    task->ClearDelayed();
    submitted_.Add(1);
    if (!is_classed) tail_.Push(task);
  } catch (const std::bad_alloc&) {
    limits_.CancelQueueTimer(*task);
    throw;
  }
}

void ThreadCore::CancelDelayed() {
  {
    MutexLock lock(mu_);
    if (delayed_.empty()) return;
  }
  const int64_t now = limits_.Timers().Now();
  while (QueueDue(now)) {
  }
  PendingTasks claimed;
  {
    MutexLock take(take_mu_);
    MutexLock lock(mu_);
    ClaimAllDelayed(FutureState::kCancelled, &claimed, Claim::kAllButFinish);
  }
  HandToCaller(claimed, FutureState::kCancelled, nullptr);
}

void ThreadCore::ClaimAllDelayed(FutureState outcome, PendingTasks* claimed,
                                 Claim claim) {
  const bool all = claim == Claim::kAll || !has_wishes_;
  delayed_.ClaimInto(claimed->delayed, claimed->dropped,
                     [all](const TaskState& task) {
                       return all || WishOf(task) != AtShutdown::kFinish;
                     });
  claimed->delayed.ForEach([this](TaskState& task) { OnPendingRemoved(task); });
  const auto count = static_cast<int64_t>(claimed->delayed.size());
  claimed->count += claimed->delayed.size();
  delayed_count_ -= count;
  delayed_left_ += count;
  (outcome == FutureState::kCancelled ? counts_.cancelled : counts_.failed) +=
      count;
  changed_.NotifyAll();
}

bool ThreadCore::LeaveDelayed(TaskState& task) {
  OnPendingRemoved(task);
  --delayed_count_;
  ++delayed_left_;
  return delayed_.Remove(&task);
}

}  // namespace asyncpal::internal
