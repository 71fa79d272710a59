#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/internal/clock.h"
#include "asyncpal/future/internal/futex.h"
#include "asyncpal/pool/internal/thread_core.h"
#include "asyncpal/pool/internal/worker_hook.h"

// How it works. A worker that is awake and on its way to the queue (starting,
// woken, or spinning before it parks) is "searching". Whenever the queue grows
// or a searching worker is searching no more, FindWorker() makes sure that
// there are as many searching workers as queued tasks: it wakes the newest idle
// worker, else adds one, else every worker allowed is busy and will look at the
// queue when its task is done. So a submission wakes at most one thread, and
// none if somebody is on the way.
//
// No task is left behind, because
// - a worker that takes a task stops searching only afterwards, and looks for a
//   successor in the same section: a submission in between has counted on it;
// - a worker parks only after it has seen the queue empty under the same lock;
// - a start that fails is such an end of searching, too. It wakes an idle
//   worker, as another start would fail again. Without one, busy workers come
//   back for the queue; if all of them wait for this pool, those try again;
// - a worker may be long in its initializer: while anybody is idle, starting
//   workers are not counted on.

namespace asyncpal::internal {
namespace {

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

ThreadCore::Wakeup ThreadCore::FindWorker() {
  const size_t workers = StayingWorkers();
  const size_t max_workers = static_cast<size_t>(options_.max_workers);
  // With every worker blocked in a wait for this very pool, only one more can
  // end the waits.
  const bool all_wait =
      blocked_ >= workers && workers < max_workers + kMaxStandIns;
  const bool can_grow = workers < max_workers || all_wait;
  // Asked first: Waiting() looks at a cache line that busy workers write.
  if (idle_.empty() && !can_grow) return {};
  if (broken_ != nullptr) return {};
  const size_t coming = idle_.empty() ? searching_ : searching_ - starting_;
  if (Waiting() <= static_cast<int64_t>(coming)) return {};
  if (idle_.empty()) {
    try {
      return {.wake = nullptr, .start = NewWorker()};
    } catch (const std::exception&) {
      // No memory or descriptor for one more: the ones there are will do.
      if (workers == 0) throw;
      start_failed_.store(true, std::memory_order_relaxed);
      return {};
    }
  }
  WorkerPtr newest = std::move(idle_.back());
  idle_.pop_back();
  StartSearching(*newest);
  return {.wake = std::move(newest), .start = nullptr};
}

ThreadCore::WorkerPtr ThreadCore::MakeWorker(int64_t id, std::string name) {
  return std::make_shared<ThreadWorker>(*this, id, std::move(name));
}

ThreadCore::WorkerPtr ThreadCore::NewWorker() {
  const int64_t id = last_worker_id_ + 1;
  WorkerPtr worker =
      MakeWorker(id, absl::StrCat(options_.name, "-worker-", id));
  idle_.reserve(workers_.size() + 1);
  workers_.emplace(id, worker);
  last_worker_id_ = id;
  UpdateOverMax();
  StartSearching(*worker);
  BeginStarting(*worker);
  return worker;
}

bool ThreadCore::Dispatch(Wakeup wakeup) {
  if (wakeup.wake != nullptr) {
    wakeup.wake->wake.store(ThreadWorker::kWoken, std::memory_order_release);
    wakeup.wake->WakeUp();
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
    Wakeup wakeup;
    {
      MutexLock lock(mu_);
      Forget(*worker);
      start_failed_.store(true, std::memory_order_relaxed);
      if (!idle_.empty()) wakeup = FindWorker();
    }
    Dispatch(std::move(wakeup));
    RunQuietHandlers();
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
  } catch (...) {
    // The task called pthread_exit(): its thread goes, with all accounts kept.
    ThreadWorker::SetCurrent(nullptr);
    if (!Retire(worker)) {
      {
        MutexLock lock(mu_);
        Forget(*worker);
        LeaveForJoin(worker);
      }
      RejectStranded(nullptr);
    }
    RunQuietHandlers();
    throw;
  }
  ThreadWorker::SetCurrent(nullptr);
  RunQuietHandlers();
}

void ThreadCore::WorkUntilRetired(ThreadWorker& worker) {
  worker.tasks_since_start = 0;
  if (auto error = worker.Begin()) {
    Break(std::move(error));
    return;
  }
  {
    MutexLock lock(mu_);
    EndStarting(worker);
  }
  while (StateBase* const task = NextTask(worker)) RunTask(worker, task);
  if (auto error = worker.End()) Break(std::move(error));
}

std::exception_ptr ThreadWorker::Begin() {
  return RunHook<InitializerError>(core.options_.initializer, core.Label());
}

std::exception_ptr ThreadWorker::End() {
  return RunHook<FinalizerError>(core.options_.finalizer, core.Label());
}

void ThreadWorker::Sleep(absl::Duration timeout) {
  FutexWait(reinterpret_cast<const uint32_t*>(&wake), kAsleep, timeout);
}

void ThreadWorker::WakeUp() {
  FutexWakeOne(reinterpret_cast<const uint32_t*>(&wake));
}

StateBase* ThreadCore::NextTask(ThreadWorker& worker) {
  if (StateBase* const task = worker.TakeOffered()) {
    PassOnSearch(worker);
    return task;
  }
  if (over_max_.load(std::memory_order_relaxed)) {
    MutexLock lock(mu_);
    if (IsSpareStandIn()) {
      DecideToGo(worker);
      return nullptr;
    }
  }
  bool spun = false;
  while (true) {
    if (IsWornOut(worker)) return nullptr;
    if (worker.lost.load(std::memory_order_relaxed) && !Revive(worker)) {
      return nullptr;
    }
    if (StateBase* const task = TakeTask(worker)) return task;
    if (RecallOne()) continue;
    MutexLock lock(mu_);
    if (Waiting() > 0) continue;  // one has come in between
    if (MustRetire(worker)) {
      DecideToGo(worker);
      return nullptr;
    }
    // One worker looks out for the next task for a moment: it then costs
    // nobody a wake-up.
    if (!spun && spinning_ == 0 && looks_out()) {
      spun = true;
      ++spinning_;
      StartSearching(worker);
      lock.Unlock();
      YieldUntil(
          [this] { return inbox_hint_.load(std::memory_order_relaxed); });
      lock.Lock();
      --spinning_;
      continue;
    }
    StopSearching(worker);
    if (!Park(worker)) {
      DecideToGo(worker);
      return nullptr;
    }
    StateBase* task = worker.TakeLent();
    lock.Unlock();
    // Others may have left the worker with a task at hand as well.
    if (task == nullptr) task = worker.TakeOffered();
    if (task != nullptr) {
      PassOnSearch(worker);
      return task;
    }
    spun = false;
  }
}

bool ThreadCore::IsWornOut(const ThreadWorker& worker) const {
  return options_.max_tasks_per_worker > 0 &&
         worker.tasks_since_start >= options_.max_tasks_per_worker;
}

bool ThreadCore::Revive(ThreadWorker& worker) {
  Wakeup wakeup;
  {
    MutexLock lock(mu_);
    if (Waiting() <= 0 || broken_ != nullptr) return false;
    BeginStarting(worker);
    wakeup = FindWorker();
  }
  Dispatch(std::move(wakeup));
  const bool revived = worker.Revive();
  MutexLock lock(mu_);
  EndStarting(worker);
  return revived;
}

bool ThreadCore::IsSpareStandIn() const {
  const size_t workers = workers_.size() - going_;
  return workers > static_cast<size_t>(options_.max_workers) &&
         workers > blocked_ + 1;
}

bool ThreadCore::MustRetire(const ThreadWorker& worker) const {
  return closed_ || broken_ != nullptr || joiners_ > 0 || IsSpareStandIn() ||
         worker.left_for_exit || worker.lost.load(std::memory_order_relaxed);
}

bool ThreadCore::Park(ThreadWorker& worker) {
  worker.wake.store(ThreadWorker::kAsleep, std::memory_order_relaxed);
  idle_.push_back(worker.shared_from_this());
  int64_t since = NowNanos();
  while (true) {
    if (worker.is_lent()) {
      worker.wake.store(ThreadWorker::kAsleep, std::memory_order_relaxed);
      worker.nudges_at_loan = nudges_ - 1;  // must look at the clock afterwards
      mu_.Unlock();
      worker.Sleep(absl::InfiniteDuration());
      mu_.Lock();
      since = NowNanos();
      continue;
    }
    const absl::Duration left =
        idle_timeout_ - absl::Nanoseconds(NowNanos() - since);
    if (worker.searching) {
      // Somebody has taken it off the stack: the word comes now, if it is not
      // there yet.
      mu_.Unlock();
      while (worker.wake.load(std::memory_order_acquire) !=
             ThreadWorker::kWoken) {
        worker.Sleep(absl::Seconds(1));
      }
      mu_.Lock();
      return true;
    }
    if (left <= absl::ZeroDuration() || MustRetire(worker)) {
      idle_.erase(
          std::find(idle_.begin(), idle_.end(), worker.shared_from_this()));
      return false;
    }
    worker.wake.store(ThreadWorker::kAsleep, std::memory_order_relaxed);
    mu_.Unlock();
    worker.Sleep(left);
    mu_.Lock();
  }
}

void ThreadCore::StartSearching(ThreadWorker& worker) {
  if (!std::exchange(worker.searching, true)) ++searching_;
}

void ThreadCore::StopSearching(ThreadWorker& worker) {
  EndStarting(worker);
  if (std::exchange(worker.searching, false)) --searching_;
}

void ThreadCore::PassOnSearch(ThreadWorker& worker) {
  // Only a parked worker is made to search by others.
  if (!worker.searching) return;
  Wakeup wakeup;
  {
    MutexLock lock(mu_);
    StopSearching(worker);
    wakeup = FindWorker();
  }
  Dispatch(std::move(wakeup));
}

void ThreadCore::BeginStarting(ThreadWorker& worker) {
  if (worker.searching && !std::exchange(worker.starting, true)) ++starting_;
}

void ThreadCore::EndStarting(ThreadWorker& worker) {
  if (std::exchange(worker.starting, false)) --starting_;
}

void ThreadCore::DecideToGo(ThreadWorker& worker) {
  if (!std::exchange(worker.going, true)) ++going_;
}

void ThreadCore::Nudge(ThreadWorker& worker) {
  worker.wake.store(ThreadWorker::kNudged, std::memory_order_release);
  worker.WakeUp();
}

void ThreadCore::NudgeIdleWorkers() {
  ++nudges_;
  for (const WorkerPtr& worker : idle_) Nudge(*worker);
}

bool ThreadCore::Retire(const WorkerPtr& worker) {
  // Each joins those before it, while it still counts as a worker itself: if
  // its replacement were at work already, threads could end faster than they
  // are joined.
  ReapThreads();
  MutexLock lock(mu_);
  StopSearching(*worker);
  if (worker->left_for_exit) return true;
  DecideToGo(*worker);
  ++leaving_;
  UpdateOverMax();
  // Until it is forgotten, submitters count on this worker: that nobody else is
  // needed must hold in the same breath.
  while (true) {
    // Another in its place would find no more than this one did, and be one too
    // many meanwhile, so that one which is well would go.
    if (worker->gave_up && idle_.empty() && HasActiveWorkers()) break;
    Wakeup wakeup;
    bool dispatched = false;
    try {
      wakeup = FindWorker();
      if (wakeup.wake == nullptr && wakeup.start == nullptr) break;
    } catch (const std::exception&) {
      // There is nothing that another worker could be made of.
    }
    if (wakeup.wake != nullptr || wakeup.start != nullptr) {
      lock.Unlock();
      dispatched = Dispatch(std::move(wakeup));
      lock.Lock();
    }
    if (dispatched) continue;
    if (HasActiveWorkers()) break;  // they will do
    --leaving_;
    worker->going = false;
    --going_;
    UpdateOverMax();
    StartSearching(*worker);
    return false;
  }
  --leaving_;
  Forget(*worker);
  LeaveForJoin(worker);
  return true;
}

void ThreadCore::Forget(ThreadWorker& worker) {
  StopSearching(worker);
  if (std::exchange(worker.going, false)) --going_;
  counts_.completed += worker.completed.Get();
  counts_.failed += worker.failed.Get();
  counts_.cancelled += worker.cancelled.Get();
  counts_.lost += worker.lost_tasks.Get();
  workers_.erase(worker.id);
  UpdateOverMax();
  changed_.NotifyAll();
}

void ThreadCore::UpdateOverMax() {
  over_max_.store(StayingWorkers() > static_cast<size_t>(options_.max_workers),
                  std::memory_order_relaxed);
}

void ThreadCore::LeaveForJoin(const WorkerPtr& worker) {
  worker->next_retired = std::exchange(retired_, worker);
}

void ThreadCore::ReapThreads() {
  WorkerPtr next;
  {
    MutexLock lock(mu_);
    next = std::move(retired_);
  }
  while (const WorkerPtr worker = std::move(next)) {
    next = std::move(worker->next_retired);
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
