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

// How it works. A worker that is awake and on its way to the queue (starting,
// woken, or spinning before it parks) is "searching". Whenever the queue grows
// or a worker goes away, FindWorker() makes sure that there are as many
// searching workers as queued tasks: it wakes the newest idle worker, else adds
// one, else every worker allowed is busy and will look at the queue when its
// task is done. So a submission wakes at most one thread, and none if somebody
// is on the way; and since a worker parks only after it has seen the queue
// empty under the same lock, no task is left behind.

namespace asyncpal::internal {
namespace {

// How deep tasks may run inside each other's waits on one stack.
constexpr int kMaxInlineDepth = 200;

// How many workers beyond max_workers may stand in for blocked ones.
constexpr size_t kMaxStandIns = 256;

void NameThisThread(const std::string& pool, int64_t id) {
  constexpr size_t kLimit = 15;  // Linux's
  const std::string suffix = absl::StrCat("-", id);
  const std::string name =
      pool.substr(0, kLimit - std::min(kLimit, suffix.size())) + suffix;
  pthread_setname_np(pthread_self(), name.substr(0, kLimit).c_str());
}

}  // namespace

// ---------------------------------------------------------------- Tasks

void ThreadCore::Submit(StateBase* task) {
  Wakeup wakeup;
  try {
    MutexLock lock(mu_);
    CheckOpen();
    task->set_task_id(last_task_id_ + 1);
    StartQueueTimer(task);
    wakeup = Enqueue(task);
    ++last_task_id_;
    ++counts_.submitted;
    ++counts_.pending;
  } catch (...) {
    task->Release();
    throw;
  }
  if (wakeup.wake == nullptr && wakeup.start == nullptr) return;
  if (!Dispatch(std::move(wakeup))) RejectIfStranded(task);
}

ThreadCore::Wakeup ThreadCore::Enqueue(StateBase* task) {
  queue_.PushBack(task);
  Wakeup wakeup;
  try {
    wakeup = FindWorker();
  } catch (...) {
    // No memory for one more worker: the ones there are will do.
    if (workers_.empty()) {
      queue_.Remove(task);
      throw;
    }
  }
  queue_hint_.store(queue_.size(), std::memory_order_relaxed);
  return wakeup;
}

void ThreadCore::RejectIfStranded(StateBase* task) {
  MutexLock lock(mu_);
  // With other workers the task just waits. It may also be gone by now, so
  // that only its address can be used.
  if (!workers_.empty() || !queue_.Contains(task)) return;
  queue_.Remove(task);
  --counts_.submitted;
  --counts_.pending;
  // Tasks of other threads that relied on the same worker.
  auto orphans = ClaimAllPending(FutureState::kFailed);
  lock.Unlock();
  const RejectedError error(absl::StrCat(
      Label(), " has no worker, and the system refused to start a thread"));
  GiveBack(std::move(orphans), FutureState::kFailed,
           std::make_exception_ptr(error));
  task->Release();
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

TimerQueue& ThreadCore::Timers() {
  if (timers_ == nullptr) timers_ = std::make_unique<TimerQueue>();
  return *timers_;
}

void ThreadCore::OnPendingClaimed(StateBase& task, FutureState outcome) {
  const auto* const attachment =
      static_cast<TaskOptionsAttachment*>(task.attachment());
  MutexLock lock(mu_);
  if (attachment != nullptr && attachment->queue_timer != 0) {
    TimerQueue& timers = Timers();
    lock.Unlock();
    timers.Cancel(attachment->queue_timer);
    lock.Lock();
  }
  const bool was_queued = queue_.Remove(&task);
  queue_hint_.store(queue_.size(), std::memory_order_relaxed);
  ++(outcome == FutureState::kCancelled ? counts_.cancelled : counts_.failed);
  // The last use of the pool: it is bound to live only until its tasks are
  // accounted for.
  if (--counts_.pending == 0) changed_.NotifyAll();
  lock.Unlock();
  if (was_queued) task.Release();
}

std::vector<StateRef<StateBase>> ThreadCore::ClaimAllPending(
    FutureState outcome) {
  std::vector<StateRef<StateBase>> claimed;
  claimed.reserve(queue_.size());
  while (StateBase* const task = queue_.PopFront()) {
    if (task->ClaimPending()) {
      --counts_.pending;
      ++(outcome == FutureState::kCancelled ? counts_.cancelled
                                            : counts_.failed);
      claimed.push_back(StateRef<StateBase>::Adopt(task));
    } else {
      // Who claimed it holds a reference, and waits for this lock.
      task->Release();
    }
  }
  queue_hint_.store(0, std::memory_order_relaxed);
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

void ThreadCore::MarkBusy(ThreadWorker& worker, StateBase* task) {
  --counts_.pending;
  worker.depth.Add(1);
  worker.current_task.store(task->task_id(), std::memory_order_relaxed);
  if (task->is_tracked()) {
    tracked_.emplace(task->task_id(), StateRef<StateBase>::Share(task));
  }
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
  // A task that was settled by its timeout is accounted for there, but only
  // here does it leave the worker.
  if (worker.depth.Get() != depth) worker.depth.Add(-1);
  worker.tasks_done.Add(1);
  ++worker.tasks_since_start;
  if (tracked) Untrack(id);
}

bool ThreadCore::StartRunningTimer(StateBase* task) {
  auto* const attachment =
      static_cast<TaskOptionsAttachment*>(task->attachment());
  if (attachment == nullptr) return true;
  const absl::Duration timeout = attachment->options.timeout;
  if (timeout == absl::InfiniteDuration()) return true;
  try {
    MutexLock lock(mu_);
    TimerQueue& timers = Timers();
    lock.Unlock();
    attachment->running_timer = timers.Schedule(
        timeout, [ref = StateRef<StateBase>::Share(task), timeout] {
          ref->RequestCancel();
          const TimeoutError error(
              absl::StrCat(ref->Describe(), " ran longer than its timeout, ",
                           absl::FormatDuration(timeout)));
          // Fail first: a task that obeys must not complete in between.
          if (ref->Fail(std::make_exception_ptr(error))) ref->RequestStop();
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
  MutexLock lock(mu_);
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

// ------------------------------------------------- Waiting inside a worker

bool ThreadCore::RunInline(ThreadWorker& worker, StateBase& task) {
  if (task.owner() != this || !task.is_pool_task() ||
      worker.depth.Get() >= kMaxInlineDepth || !task.Start()) {
    return false;
  }
  task.AddReference();  // Run() gives up one
  const int64_t outer_since = worker.running_since.load();
  const uint64_t outer_task = worker.current_task.load();
  {
    MutexLock lock(mu_);
    const bool was_queued = queue_.Remove(&task);
    queue_hint_.store(queue_.size(), std::memory_order_relaxed);
    MarkBusy(worker, &task);
    lock.Unlock();
    if (was_queued) task.Release();
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

void ThreadWorker::EndBlocking() {
  MutexLock lock(core.mu_);
  --core.blocked_;
}

// -------------------------------------------------------------- Workers

ThreadCore::Wakeup ThreadCore::FindWorker(size_t leaving) {
  if (queue_.size() <= searching_) return {};
  Wakeup wakeup;
  if (!idle_.empty()) {
    wakeup.wake = idle_.back();
    idle_.pop_back();
    wakeup.wake->searching = true;
    ++searching_;
    return wakeup;
  }
  const size_t workers = workers_.size() - leaving;
  const size_t max_workers = static_cast<size_t>(options_.max_workers);
  // With every worker blocked in a wait for this very pool, only one more can
  // end the waits.
  const bool all_wait =
      blocked_ >= workers && workers < max_workers + kMaxStandIns;
  if (workers < max_workers || all_wait) wakeup.start = NewWorker();
  return wakeup;
}

ThreadCore::WorkerPtr ThreadCore::NewWorker() {
  const int64_t id = last_worker_id_ + 1;
  auto worker = std::make_shared<ThreadWorker>(
      *this, id, absl::StrCat(options_.name, "-worker-", id));
  workers_.emplace(id, worker);
  last_worker_id_ = id;
  worker->searching = true;
  ++searching_;
  return worker;
}

bool ThreadCore::Dispatch(Wakeup wakeup) {
  if (wakeup.wake != nullptr) {
    // Once the word is stored the worker may be gone: only its address is used.
    std::atomic<uint32_t>& word = wakeup.wake->wake;
    const auto* const address = reinterpret_cast<const uint32_t*>(&word);
    word.store(ThreadWorker::kWoken, std::memory_order_release);
    FutexWakeOne(address);
  }
  return wakeup.start == nullptr || StartThread(wakeup.start);
}

bool ThreadCore::StartThread(const WorkerPtr& worker) {
  try {
    std::thread thread(
        [self = shared_from_this(), worker] { self->WorkerMain(worker); });
    worker->thread = std::move(thread);
    worker->thread_is_set.store(true, std::memory_order_release);
    worker->thread_is_set.notify_all();
    return true;
  } catch (const std::exception&) {  // no thread, or no memory for one
    MutexLock lock(mu_);
    StopSearching(*worker);
    workers_.erase(worker->id);
    changed_.NotifyAll();
    return false;
  }
}

void ThreadCore::WorkerMain(const WorkerPtr& worker) {
  ThreadWorker::SetCurrent(worker.get());
  worker->tid.store(gettid(), std::memory_order_relaxed);
  NameThisThread(options_.name, worker->id);
  try {
    do {
      WorkUntilRetired(*worker);
    } while (!Retire(worker));
  } catch (const abi::__forced_unwind&) {
    // The task called pthread_exit(): its thread goes, with all accounts kept.
    ThreadWorker::SetCurrent(nullptr);
    if (!Retire(worker)) {
      MutexLock lock(mu_);
      Forget(*worker);
      retired_.push_back(worker);
    }
    throw;
  }
  ThreadWorker::SetCurrent(nullptr);
}

void ThreadCore::WorkUntilRetired(ThreadWorker& worker) {
  worker.tasks_since_start = 0;
  if (options_.initializer != nullptr) {
    try {
      options_.initializer();
    } catch (const abi::__forced_unwind&) {
      throw;
    } catch (...) {
      Break(NestException(InitializerError(absl::StrCat(
                              Label(), ": the initializer threw ",
                              DescribeException(std::current_exception()))),
                          std::current_exception()));
      return;
    }
  }
  while (StateBase* const task = NextTask(worker)) RunTask(worker, task);
  if (options_.finalizer == nullptr) return;
  try {
    options_.finalizer();
  } catch (const abi::__forced_unwind&) {
    throw;
  } catch (...) {
    Break(NestException(FinalizerError(absl::StrCat(
                            Label(), ": the finalizer threw ",
                            DescribeException(std::current_exception()))),
                        std::current_exception()));
  }
}

StateBase* ThreadCore::NextTask(ThreadWorker& worker) {
  MutexLock lock(mu_);
  bool spun = false;
  while (true) {
    const bool worn_out =
        options_.max_tasks_per_worker > 0 &&
        worker.tasks_since_start >= options_.max_tasks_per_worker;
    while (StateBase* const task = worn_out ? nullptr : queue_.PopFront()) {
      queue_hint_.store(queue_.size(), std::memory_order_relaxed);
      if (task->Start()) {
        StopSearching(worker);
        MarkBusy(worker, task);
        return task;
      }
      // Who claimed it holds a reference, and waits for this lock.
      task->Release();
    }
    if (worn_out || MustRetire(worker)) return nullptr;
    // One worker looks out for the next task for a moment: it then costs
    // nobody a wake-up.
    if (!spun && spinning_ == 0) {
      spun = true;
      ++spinning_;
      if (!worker.searching) {
        worker.searching = true;
        ++searching_;
      }
      lock.Unlock();
      YieldUntil(
          [this] { return queue_hint_.load(std::memory_order_relaxed) > 0; });
      lock.Lock();
      --spinning_;
      continue;
    }
    StopSearching(worker);
    if (!Park(worker)) return nullptr;
    spun = false;
  }
}

bool ThreadCore::MustRetire(const ThreadWorker& worker) const {
  const size_t max_workers = static_cast<size_t>(options_.max_workers);
  const bool stood_in =
      workers_.size() > max_workers && workers_.size() - blocked_ > 1;
  return closed_ || broken_ != nullptr || joiners_ > 0 || stood_in ||
         worker.left_for_exit;
}

bool ThreadCore::Park(ThreadWorker& worker) {
  worker.wake.store(ThreadWorker::kAsleep, std::memory_order_relaxed);
  idle_.push_back(&worker);
  const auto* const address = reinterpret_cast<const uint32_t*>(&worker.wake);
  const int64_t since = NowNanos();
  while (true) {
    const absl::Duration left =
        idle_timeout_ - absl::Nanoseconds(NowNanos() - since);
    if (worker.searching) {
      // Somebody has taken it off the stack: the word comes now, if it is not
      // there yet, and is the last that this somebody does to the worker.
      mu_.Unlock();
      while (worker.wake.load(std::memory_order_acquire) !=
             ThreadWorker::kWoken) {
        FutexWait(address, ThreadWorker::kAsleep, absl::Seconds(1));
      }
      mu_.Lock();
      return true;
    }
    if (left <= absl::ZeroDuration() || MustRetire(worker)) {
      idle_.erase(std::find(idle_.begin(), idle_.end(), &worker));
      return false;
    }
    worker.wake.store(ThreadWorker::kAsleep, std::memory_order_relaxed);
    mu_.Unlock();
    FutexWait(address, ThreadWorker::kAsleep, left);
    mu_.Lock();
  }
}

void ThreadCore::StopSearching(ThreadWorker& worker) {
  if (!std::exchange(worker.searching, false)) return;
  --searching_;
}

void ThreadCore::NudgeIdleWorkers() {
  for (ThreadWorker* const worker : idle_) {
    worker->wake.store(ThreadWorker::kNudged, std::memory_order_release);
    FutexWakeOne(reinterpret_cast<const uint32_t*>(&worker->wake));
  }
}

bool ThreadCore::Retire(const WorkerPtr& worker) {
  MutexLock lock(mu_);
  StopSearching(*worker);
  if (worker->left_for_exit) return true;
  Wakeup wakeup = FindWorker(/*leaving=*/1);
  lock.Unlock();
  const bool dispatched = Dispatch(std::move(wakeup));
  lock.Lock();
  if (!dispatched && workers_.size() == 1 && !queue_.empty()) {
    worker->searching = true;
    ++searching_;
    return false;
  }
  Forget(*worker);
  // At most one thread that has ended waits to be joined: each joins the one
  // before it.
  std::vector<WorkerPtr> before;
  before.swap(retired_);
  retired_.push_back(worker);
  lock.Unlock();
  for (const WorkerPtr& other : before) {
    other->thread_is_set.wait(false);
    other->thread.join();
  }
  return true;
}

void ThreadCore::Forget(ThreadWorker& worker) {
  StopSearching(worker);
  counts_.completed += worker.completed.Get();
  counts_.failed += worker.failed.Get();
  counts_.cancelled += worker.cancelled.Get();
  workers_.erase(worker.id);
  changed_.NotifyAll();
}

void ThreadCore::ReapThreads() {
  std::vector<WorkerPtr> retired;
  {
    MutexLock lock(mu_);
    retired.swap(retired_);
  }
  for (const WorkerPtr& worker : retired) {
    worker->thread_is_set.wait(false);
    if (worker->thread.get_id() == std::this_thread::get_id()) {
      // The last owner of the pool was this worker's own task: nobody is left
      // to join its thread.
      worker->thread.detach();
    } else {
      worker->thread.join();
    }
  }
}

}  // namespace asyncpal::internal
