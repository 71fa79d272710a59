#include <utility>

#include "asyncpal/future/internal/execution_context.h"
#include "asyncpal/pool/internal/thread_core.h"

// Tasks that are run by those who wait for them.
//
// How it works. A thread that will wait for the task that it submits may work
// meanwhile. Where an idle worker would be woken for the task, that one sleeps
// on, and the caller takes its place: its part of the limit on running tasks,
// and its counters. So no more tasks run at once than the pool has workers. The
// caller runs tasks of its own only, each in its turn; before it waits, it
// gives the place back, and the worker is woken if there is something left.

namespace asyncpal::internal {
namespace {

// How deep tasks may run inside each other's waits on one stack.
constexpr int kMaxInlineDepth = 200;

}  // namespace

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
      MoveInbox();
    }
    if (!outbox_.IsFirst(&task) || !task.Start()) return false;
    outbox_.PopFront();
    CountTaken();
    MarkTaken(place, &task);
  }
  PassOnSearch(place);
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

// ------------------------------------------------- Waiting inside a worker

bool ThreadCore::RunInline(ThreadWorker& worker, StateBase& task) {
  if (task.owner() != this || !task.is_pool_task() ||
      worker.depth.Get() >= kMaxInlineDepth || !task.Start()) {
    return false;
  }
  const int64_t outer_since = worker.running_since.load();
  const uint64_t outer_task = worker.current_task.load();
  {
    MutexLock take(take_mu_);
    MutexLock lock(mu_);
    const bool was_queued = outbox_.Remove(&task);
    CountTaken();
    MarkTaken(worker, &task);
    // Run() gives up one: the queue's, if it still was in one.
    if (!was_queued) task.AddReference();
  }
  RunTask(worker, &task);
  worker.current_task.store(outer_task, std::memory_order_relaxed);
  worker.running_since.store(outer_since, std::memory_order_relaxed);
  return true;
}

bool ThreadWorker::RunInline(StateBase& task) {
  return core.RunInline(*this, task);
}

bool ThreadWorker::BeginBlocking(const StateBase* awaited) {
  if (awaited != nullptr && awaited->owner() != nullptr &&
      awaited->owner() != &core) {
    return false;  // another pool's business can't deadlock this one
  }
  MutexLock lock(core.mu_);
  ++core.blocked_;
  auto wakeup = core.FindWorker();
  lock.Unlock();
  core.Dispatch(std::move(wakeup));
  return true;
}

bool ThreadWorker::RecheckStandIn() {
  if (!core.start_failed_.load(std::memory_order_relaxed)) return true;
  MutexLock lock(core.mu_);
  core.start_failed_.store(false, std::memory_order_relaxed);
  auto wakeup = core.FindWorker();
  lock.Unlock();
  core.Dispatch(std::move(wakeup));
  return !core.start_failed_.load(std::memory_order_relaxed);
}

void ThreadWorker::EndBlocking() {
  MutexLock lock(core.mu_);
  --core.blocked_;
}

}  // namespace asyncpal::internal
