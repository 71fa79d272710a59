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

void ThreadCore::Submit(StateBase* task) {
  DispatchFor(task, Accept(task, /*may_help=*/false));
}

ThreadCore::Wakeup ThreadCore::Accept(StateBase* task, bool may_help) {
  try {
    CheckProcess();
    MutexLock lock(mu_);
    if (!accepting()) CheckOpen();
    task->set_task_id(static_cast<uint64_t>(counts_.submitted) + 1);
    if (task->is_tracked()) StartQueueTimer(task);
    Wakeup wakeup = Enqueue(task);
    if (may_help && wakeup.wake != nullptr) Lend(*wakeup.wake);
    return wakeup;
  } catch (...) {
    CancelQueueTimer(*task);
    task->Release();
    throw;
  }
}

void ThreadCore::DispatchFor(StateBase* task, Wakeup wakeup) {
  if (wakeup.wake == nullptr && wakeup.start == nullptr) return;
  if (!Dispatch(std::move(wakeup))) RejectStranded(task);
}

ThreadCore::Wakeup ThreadCore::Enqueue(StateBase* task) {
  inbox_.PushBack(task);
  ++counts_.submitted;
  Wakeup wakeup;
  try {
    wakeup = FindWorker();
  } catch (...) {
    // There is no worker, and nothing that one could be made of.
    inbox_.Remove(task);
    // Unless its queue_deadline was faster, and accounts for it.
    if (task->ClaimPending()) --counts_.submitted;
    throw;
  }
  if (!inbox_hint_.load(std::memory_order_relaxed)) {
    inbox_hint_.store(true, std::memory_order_relaxed);
  }
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
    if (!workers_.empty()) return;  // then the tasks just wait
    // `mine` may be gone by now, so at first only its address can be used; and
    // its queue_deadline may have been faster.
    if ((inbox_.Contains(mine) || outbox_.Contains(mine)) &&
        mine->ClaimPending()) {
      mine_is_stranded = true;
      outbox_.Remove(mine);
      --counts_.submitted;
    }
    // Tasks of other threads that relied on the same worker.
    others = ClaimAllPending(FutureState::kFailed);
  }
  GiveBack(std::move(others), FutureState::kFailed,
           std::make_exception_ptr(error));
  RunQuietHandlers();
  if (!mine_is_stranded) return;
  CancelQueueTimer(*mine);
  mine->Release();
  throw error;
}

void ThreadCore::StartQueueTimer(StateBase* task) {
  auto* const attachment =
      static_cast<TaskOptionsAttachment*>(task->attachment());
  if (attachment == nullptr) return;
  const absl::Duration deadline = attachment->options.queue_deadline;
  if (deadline == absl::InfiniteDuration()) return;
  attachment->queue_timer = Timers().Schedule(
      deadline, [ref = StateRef<StateBase>::Share(task), deadline] {
        if (!ref->ClaimPending()) return;
        const TimeoutError error(absl::StrCat(
            ref->Describe(), " had not started by its queue_deadline, ",
            absl::FormatDuration(deadline)));
        ref->SettleClaimed(FutureState::kFailed,
                           std::make_exception_ptr(error));
      });
}

void ThreadCore::CancelQueueTimer(const StateBase& task) {
  const auto* const attachment =
      static_cast<TaskOptionsAttachment*>(task.attachment());
  if (attachment == nullptr) return;
  MutexLock lock(mu_);
  TimerQueue* const timers = timers_.get();
  const uint64_t timer = attachment->queue_timer;
  lock.Unlock();
  if (timer != 0) timers->Cancel(timer);
}

TimerQueue& ThreadCore::Timers() {
  if (timers_ == nullptr) timers_ = std::make_unique<TimerQueue>();
  return *timers_;
}

void ThreadCore::OnPendingClaimed(StateBase& task, FutureState outcome) {
  CancelQueueTimer(task);
  MutexLock take(take_mu_);
  MutexLock lock(mu_);
  const bool was_queued = outbox_.Remove(&task);
  ++(outcome == FutureState::kCancelled ? counts_.cancelled : counts_.failed);
  CountTaken();
  if (Pending() == 0) changed_.NotifyAll();
  auto handlers = TakeQuietHandlers();
  // The pool is bound to live only until its tasks are accounted for: once mu_
  // is given back, it may be gone.
  take.Unlock();
  lock.Unlock();
  if (was_queued) task.Release();
  handlers.Run();
}

void ThreadCore::MoveInbox() {
  outbox_.TakeAll(inbox_);
  inbox_hint_.store(false, std::memory_order_relaxed);
}

std::vector<StateRef<StateBase>> ThreadCore::ClaimAllPending(
    FutureState outcome) {
  RecallAll();
  MoveInbox();
  std::vector<StateRef<StateBase>> claimed;
  claimed.reserve(static_cast<size_t>(Pending()));
  while (StateBase* const task = outbox_.PopFront()) {
    if (task->ClaimPending()) {
      CountTaken();
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
    while (!outbox_.empty()) {
      if (only_plain && outbox_.Front()->is_tracked()) return nullptr;
      StateBase* const task = outbox_.PopFront();
      if (task->Start()) {
        CountTaken();
        MarkTaken(worker, task);
        take.Unlock();
        PassOnSearch(worker);
        return task;
      }
      // Who claimed it holds a reference, and waits for this lock.
      task->Release();
    }
    MutexLock lock(mu_);
    if (inbox_.empty()) return nullptr;
    MoveInbox();
  }
}

size_t ThreadCore::ShareToOffer() {
  MutexLock lock(mu_);
  if (!idle_.empty() || searching_ > 0 ||
      workers_.size() < static_cast<size_t>(options_.max_workers)) {
    return 0;
  }
  MoveInbox();
  const auto waiting = static_cast<size_t>(std::max<int64_t>(Waiting(), 0));
  return (waiting + workers_.size() - 1) / workers_.size();
}

StateBase* ThreadCore::TakeForOffer() {
  while (StateBase* const task = outbox_.PopFront()) {
    if (task->Offer()) {
      left_queue_.store(left_queue_.load(std::memory_order_relaxed) + 1,
                        std::memory_order_relaxed);
      return task;
    }
    // Who claimed it holds a reference, and waits for this lock.
    task->Release();
  }
  return nullptr;
}

void ThreadCore::PutBack(StateBase* task) {
  outbox_.PushFront(task);
  left_queue_.store(left_queue_.load(std::memory_order_relaxed) - 1,
                    std::memory_order_relaxed);
  task->TakeBack();
}

void ThreadCore::CountStarted() {
  taken_.store(taken_.load(std::memory_order_relaxed) + 1,
               std::memory_order_relaxed);
}

void ThreadCore::CountTaken() {
  CountStarted();
  left_queue_.store(left_queue_.load(std::memory_order_relaxed) + 1,
                    std::memory_order_relaxed);
}

void ThreadCore::MarkTaken(ThreadWorker& worker, StateBase* task) {
  worker.depth.Add(1);
  worker.current_task.store(task->task_id(), std::memory_order_relaxed);
  if (task->is_tracked()) {
    tracked_.emplace(task->task_id(), StateRef<StateBase>::Share(task));
  }
}

int64_t ThreadCore::Pending() const {
  return counts_.submitted - taken_.load(std::memory_order_relaxed);
}

int64_t ThreadCore::Waiting() const {
  return counts_.submitted - left_queue_.load(std::memory_order_relaxed);
}

void ThreadCore::RunTask(ThreadWorker& worker, StateBase* task) {
  const uint64_t id = task->task_id();
  const bool tracked = task->is_tracked();
  const int64_t depth = worker.depth.Get() - 1;
  const int64_t now = NowNanos();
  worker.running_since.store(now, std::memory_order_relaxed);
  if (!tracked || StartRunningTimer(task)) {
    task->Run(now);
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

StateBase* ThreadWorker::GoOn() {
  // The run that is to end is not yet counted.
  if (depth.Get() > 0 || core.over_max_.load(std::memory_order_relaxed) ||
      (core.options_.max_tasks_per_worker > 0 &&
       tasks_since_start + 1 >= core.options_.max_tasks_per_worker)) {
    return nullptr;
  }
  StateBase* const next = core.TakeTask(*this, /*only_plain=*/true);
  if (next == nullptr) return nullptr;
  core.CountRun(*this, 1);
  const int64_t now = NowNanos();
  running_since.store(now, std::memory_order_relaxed);
  next->MarkStarted(now);
  return next;
}

bool ThreadCore::StartRunningTimer(StateBase* task) {
  auto* const attachment =
      static_cast<TaskOptionsAttachment*>(task->attachment());
  if (attachment == nullptr) return true;
  CancelQueueTimer(*task);  // it would keep the task, and its result, so long
  const absl::Duration timeout = attachment->options.timeout;
  if (timeout == absl::InfiniteDuration()) return true;
  try {
    MutexLock lock(mu_);
    TimerQueue& timers = Timers();
    lock.Unlock();
    attachment->running_timer = timers.Schedule(
        timeout, [this, ref = StateRef<StateBase>::Share(task), timeout] {
          ref->RequestCancel();
          const TimeoutError error(
              absl::StrCat(ref->Describe(), " ran longer than its timeout, ",
                           absl::FormatDuration(timeout)));
          // Fail first: a task that obeys must not complete in between.
          if (ref->Fail(std::make_exception_ptr(error))) OnTimeout(*ref);
        });
    return true;
  } catch (...) {
    task->Fail(NestException(
        RejectedError(absl::StrCat(task->Describe(),
                                   " was not run: its timeout can't be kept")),
        std::current_exception()));
    return false;
  }
}

void ThreadCore::Untrack(uint64_t task_id) {
  StateRef<StateBase> dropped;  // released after the lock is given back
  MutexLock take(take_mu_);
  const auto found = tracked_.find(task_id);
  if (found == tracked_.end()) return;
  dropped = std::move(found->second);
  tracked_.erase(found);
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
    ++(outcome == FutureState::kFailed ? counts_.failed : counts_.cancelled);
  }
  if (!task.is_tracked()) return;
  if (auto* attachment =
          static_cast<TaskOptionsAttachment*>(task.attachment())) {
    if (const uint64_t timer = attachment->running_timer.exchange(0)) {
      MutexLock lock(mu_);
      TimerQueue& timers = Timers();
      lock.Unlock();
      timers.Cancel(timer);
    }
  }
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
