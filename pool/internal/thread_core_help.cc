#include <utility>

#include "asyncpal/future/internal/execution_context.h"
#include "asyncpal/pool/internal/thread_core.h"

// How it works. A thread that will wait for the task that it submits may work
// meanwhile. Where an idle worker would be woken for the task, that one sleeps
// on, and the caller takes its place: its part of the limit on running tasks,
// and its counters. So no more tasks run at once than the pool has workers. The
// caller runs tasks of its own only, each in its turn; before it waits, it
// gives the place back, and the worker is woken if there is something left.

namespace asyncpal::internal {

std::shared_ptr<ThreadWorker> ThreadCore::SubmitAndHelp(StateBase* task) {
  Wakeup wakeup = Accept(task, MayHelp());
  if (wakeup.wake != nullptr && wakeup.wake->lent) {
    return std::move(wakeup.wake);
  }
  DispatchFor(task, std::move(wakeup));
  return nullptr;
}

// What a worker sets up for its tasks, the caller has not. A worker of some
// pool is not to look like one of another.
bool ThreadCore::MayHelp() const {
  return options_.initializer == nullptr && options_.finalizer == nullptr &&
         options_.max_tasks_per_worker == 0 &&
         ExecutionContext::Current() == nullptr;
}

void ThreadCore::Lend(ThreadWorker& worker) {
  worker.lent = true;
  worker.nudges_at_loan = nudges_;
}

bool ThreadCore::Help(ThreadWorker& place, StateBase& task) {
  {
    MutexLock take(take_mu_);
    if (outbox_.empty()) {
      MutexLock lock(mu_);
      outbox_.TakeAll(inbox_);
      inbox_hint_.store(false, std::memory_order_relaxed);
    }
    if (!outbox_.IsFirst(&task) || !task.Start()) return false;
    outbox_.PopFront();
    CountTaken();
    MarkTaken(place, &task);
    if (place.searching) {
      MutexLock lock(mu_);
      StopSearching(place);
    }
  }
  struct Scope {
    explicit Scope(ThreadWorker& place) { ThreadWorker::SetCurrent(&place); }
    ~Scope() { ThreadWorker::SetCurrent(nullptr); }
  } scope(place);
  RunTask(place, &task);
  return true;
}

void ThreadCore::StopHelping(std::shared_ptr<ThreadWorker> place) {
  Wakeup wakeup;
  {
    MutexLock lock(mu_);
    StopSearching(*place);
    if (place->left_for_exit) return;  // to sleep until the process is gone
    place->lent = false;
    idle_.push_back(place);
    wakeup = FindWorker();
    if (wakeup.wake == nullptr && place->nudges_at_loan != nudges_) {
      Nudge(*place);
    }
  }
  Dispatch(std::move(wakeup));
}

}  // namespace asyncpal::internal
