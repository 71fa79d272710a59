#include <utility>

#include "asyncpal/future/internal/execution_context.h"
#include "asyncpal/pool/internal/group_core.h"
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

// While it lives, a worker runs a task inside of another; then that one is its
// current task again.
class InnerRun {
 public:
  explicit InnerRun(ThreadWorker& worker)
      : worker_(worker),
        outer_since_(worker.running_since.load()),
        outer_task_(worker.current_task.load()) {}
  ~InnerRun() {
    worker_.current_task.store(outer_task_, std::memory_order_relaxed);
    worker_.running_since.store(outer_since_, std::memory_order_relaxed);
  }
  InnerRun(const InnerRun&) = delete;
  InnerRun& operator=(const InnerRun&) = delete;

 private:
  ThreadWorker& worker_;
  const int64_t outer_since_;
  const uint64_t outer_task_;
};

}  // namespace

std::shared_ptr<ThreadWorker> ThreadCore::SubmitAndHelp(TaskState* task) {
  const bool may_help = MayHelp();
  std::optional<Submission> submission =
      Accept(task, may_help, RoomForOthers());
  if (!submission.has_value()) {
    SubmitOrWait(task, Countdown(absl::InfiniteDuration()));
    return nullptr;
  }
  Wakeup& wakeup = submission->wakeup;
  if (may_help && wakeup.wake != nullptr) return std::move(wakeup.wake);
  DispatchFor(*std::move(submission));
  return nullptr;
}

// What a worker sets up for its tasks, the caller has not. A worker of some
// pool is not to look like one of another.
bool ThreadCore::MayHelp() const {
  return options_.initializer == nullptr && options_.finalizer == nullptr &&
         options_.max_tasks_per_worker == 0 &&
         ExecutionContext::Current() == nullptr;
}

void ThreadCore::BorrowSlot(ThreadWorker& worker) {
  roster_.BorrowSlot(worker.id);
  worker.may_be_searching = true;
}

bool ThreadCore::Help(ThreadWorker& place, TaskState& task) {
  {
    MutexLock take(take_mu_);
    if (takes_none_ || outbox_.FrontTask() != &task || !task.Start()) {
      return false;
    }
    outbox_.PopFrontTask();
    takes_.CountTaken();
    OnPendingRemoved(task);
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
    // Not there: it is to sleep until the process is gone.
    if (!roster_.Contains(place->id)) return;
    const bool must_look = roster_.ReturnSlot(place->id);
    wakeup = FindWorker();
    if (wakeup.wake == nullptr && must_look) WakeToRecheck(*place);
  }
  Dispatch(std::move(wakeup));
}

// ------------------------------------------------- Waiting inside a worker

bool ThreadCore::RunInline(ThreadWorker& worker, TaskState& task, bool alone) {
  if (task.owner() != this || !task.is_unheld_pool_task() ||
      worker.depth.Get() >= kMaxInlineDepth) {
    return task.is_held() && RunHeldInline(worker, task);
  }
  bool has_started = false;
  if (task.is_local()) {
    DroppedStates dropped;
    MutexLock local(worker.local_mu);
    if (worker.local.PopIfAtAnEnd(&task)) {
      has_started = alone ? task.StartAlone() : task.Start();
      if (has_started) {
        worker.local_taken.Add(1);
        worker.depth.Add(1);
      } else {
        dropped.Add(&task);
      }
      worker.local.TrimBack(dropped);
      local.Unlock();
      if (!has_started) return false;
    }
  }
  if (!has_started) {
    if (!task.Start()) return false;
    DroppedStates dropped;
    MutexLock take(take_mu_);
    // Run() gives up one reference: the queue's, if it was found.
    if (!LeaveOutOfTurn(task)) task.AddReference();
    MarkTaken(worker, &task);
    dropped = outbox_.TakeDropped();
    take.Unlock();
  }
  if (task.is_alone()) {
    // Nobody can ask for its times, and Workers() shows the one that waits.
    const int64_t depth = worker.depth.Get() - 1;
    task.Run(0);
    CountRun(worker, depth);
    return true;
  }
  const InnerRun inner(worker);
  worker.current_task.store(task.task_id(), std::memory_order_relaxed);
  RunTask(worker, &task);
  return true;
}

bool ThreadCore::RunHeldInline(ThreadWorker& worker, TaskState& task) {
  ViewPlace* const place = task.view_place();
  if (place == nullptr || task.owner() != this ||
      worker.depth.Get() >= kMaxInlineDepth) {
    return false;
  }
  bool is_before = false;
  RunningTask::ForEachOnThisThread([&](TaskState& waiter) {
    ViewPlace* const its = waiter.view_place();
    is_before = is_before || (its != nullptr && its->IsBefore(*place));
  });
  if (!is_before || !task.Start()) return false;
  {
    DroppedStates dropped;
    MutexLock take(take_mu_);
    const bool was_queued = LeaveOutOfTurn(task);
    // Run() gives up one reference: the queue's, or the view's, or else this.
    if (!was_queued) task.AddReference();
    MarkTaken(worker, &task);
    dropped = outbox_.TakeDropped();
    take.Unlock();
  }
  if (place->StopWaiting()) task.Release();
  const InnerRun inner(worker);
  worker.current_task.store(task.task_id(), std::memory_order_relaxed);
  RunTask(worker, &task);
  return true;
}

bool ThreadCore::HelpRunner(ThreadWorker& worker, int64_t runner) {
  if (worker.depth.Get() >= kMaxInlineDepth) return false;
  const InnerRun inner(worker);
  TakenTask taken;
  DroppedStates dropped;
  {
    MutexLock lock(mu_);
    const WorkerPtr from = roster_.Get(runner);
    if (from == nullptr || !TakeLocal(*from, worker, &taken,
                                      /*only_plain=*/false, dropped)) {
      return false;
    }
  }
  RunTaken(worker, taken);
  return true;
}

bool ThreadCore::HelpGroup(const void* group) {
  ThreadWorker* const worker = ThreadWorker::CurrentOf(*this);
  if (worker == nullptr || worker->depth.Get() >= kMaxInlineDepth) return false;
  const InnerRun inner(*worker);
  TakenTask taken;
  if (!TakeOfGroup(group, *worker, &taken)) return false;
  RunTaken(*worker, taken);
  return true;
}

bool ThreadCore::TakeOfGroup(const void* group, ThreadWorker& worker,
                             TakenTask* taken) {
  if (has_local_queues_ && TakeOfGroupFrom(worker, group, worker, taken)) {
    return true;
  }
  {
    MutexLock take(take_mu_);
    if (outbox_.TakeOfGroup(group, taken)) {
      takes_.CountTaken();
      worker.depth.Add(1);
      return true;
    }
    // Where calls are not posted, but made tasks.
    const auto is_meant = [group](const TaskState& task) {
      return IsGroupTask(task, group);
    };
    if (may_post_as_tasks_.load(std::memory_order_relaxed) &&
        outbox_.StartFirst(is_meant, taken)) {
      takes_.CountTaken();
      OnPendingRemoved(*taken->task);
      MarkTaken(worker, taken->task);
      return true;
    }
  }
  if (!has_local_queues_ || listed_.load() == 0) return false;
  MutexLock lock(mu_);
  bool found = false;
  roster_.ForEach([&](const WorkerPtr& from) {
    found = found || TakeOfGroupFrom(*from, group, worker, taken);
  });
  return found;
}

bool ThreadCore::TakeOfGroupFrom(ThreadWorker& from, const void* group,
                                 ThreadWorker& worker, TakenTask* taken) {
  MutexLock local(from.local_mu);
  LocalQueue::Entry entry;
  if (!from.local.TakeOfGroup(group, &entry)) return false;
  taken->Set(entry.slot, {.id = entry.id, .submitted_at = 0});
  from.local_taken.Add(1);
  worker.depth.Add(1);
  worker.current_task.store(taken->call_info.id, std::memory_order_relaxed);
  return true;
}

void ThreadCore::BeginBlocking(ThreadWorker& worker, const TaskState* awaited) {
  const bool elsewhere = awaited != nullptr && awaited->owner() != nullptr &&
                         awaited->owner() != this;
  Wakeup wakeup;
  {
    MutexLock lock(mu_);
    ++(elsewhere ? worker.waits_elsewhere : worker.waits_here);
    worker.awaited = awaited;
    roster_.BeginBlocking(elsewhere);
    wakeup = FindWorker();
  }
  Dispatch(std::move(wakeup));
}

bool ThreadCore::RecheckStandIn() {
  if (!start_failed_.load(std::memory_order_relaxed)) return true;
  Wakeup wakeup;
  {
    MutexLock lock(mu_);
    start_failed_.store(false, std::memory_order_relaxed);
    wakeup = FindWorker();
  }
  Dispatch(std::move(wakeup));
  return !start_failed_.load(std::memory_order_relaxed);
}

void ThreadCore::EndBlocking(ThreadWorker& worker) {
  MutexLock lock(mu_);
  const bool elsewhere = worker.waits_elsewhere > 0;
  --(elsewhere ? worker.waits_elsewhere : worker.waits_here);
  worker.awaited = nullptr;
  roster_.EndBlocking(elsewhere);
  UpdateHints();
  // The worker that waited may itself be idle by now, if somebody else has
  // found out that its wait is over.
  if (roster_.has_spare()) WakeIdleToRecheck();
  WatchForStall();
}

}  // namespace asyncpal::internal
