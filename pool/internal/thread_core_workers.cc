#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/internal/clock.h"
#include "asyncpal/future/internal/futex.h"
#include "asyncpal/pool/internal/thread_core.h"

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
// - a submitter looks for a worker only if the pool is *hungry*: if somebody is
//   idle, or may be started. It sees that in the section in which it pushes its
//   task. Whoever makes the pool hungry passes through that section's lock, and
//   only then looks at what waits;
// - so does a worker that parks; it looks at what others have prefetched, too
//   (process_core.cc), and so does one that leaves;
// - a start that fails is such an end of searching, too. It wakes an idle
//   worker, as another start would fail again. Without one, busy workers come
//   back for the queue; if all of them wait for this pool, those try again;
// - a worker may be long in its initializer: while anybody is idle, starting
//   workers are not counted on.

namespace asyncpal::internal {
namespace {

void NameThisThread(const std::string& pool, int64_t id) {
  constexpr size_t kLimit = 15;  // Linux's
  const std::string suffix = absl::StrCat("-", id);
  const std::string name =
      pool.substr(0, kLimit - std::min(kLimit, suffix.size())) + suffix;
  pthread_setname_np(pthread_self(), name.substr(0, kLimit).c_str());
}

}  // namespace

ThreadCore::Wakeup ThreadCore::FindWorker() {
  UpdateHints();
  // Asked first: Waiting() looks at a cache line that busy workers write.
  if (!roster_.is_hungry() || lifecycle_.is_broken()) {
    WatchForStall();
    return {};
  }
  try {
    Wakeup wakeup = roster_.Choose(Waiting(), [this](int64_t id) {
      return MakeWorker(id, absl::StrCat(options_.name, "-worker-", id));
    });
    UpdateHints();
    return wakeup;
  } catch (const std::exception&) {
    // No memory or descriptor for one more: the ones there are will do.
    if (roster_.staying() == 0) throw;
    start_failed_.store(true, std::memory_order_relaxed);
    return {};
  }
}

ThreadCore::WorkerPtr ThreadCore::MakeWorker(int64_t id, std::string name) {
  return std::make_shared<ThreadWorker>(*this, id, std::move(name));
}

ThreadCore::WorkerPtr ThreadCore::AddWorker() {
  WorkerPtr worker = roster_.Add([this](int64_t id) {
    return MakeWorker(id, absl::StrCat(options_.name, "-worker-", id));
  });
  UpdateHints();
  return worker;
}

bool ThreadCore::Dispatch(Wakeup wakeup) {
  if (wakeup.wake != nullptr) {
    wakeup.wake->wake.store(ThreadWorker::kWoken, std::memory_order_release);
    wakeup.wake->WakeUp();
  }
  return wakeup.start == nullptr || StartThread(wakeup.start);
}

NativeThread ThreadCore::MakeThread(const ThreadWorker&,
                                    absl::AnyInvocable<void()> main) {
  return NativeThread(options_.stack_size, std::move(main));
}

bool ThreadCore::StartThread(const WorkerPtr& worker) {
  try {
    worker->thread = MakeThread(*worker, [self = shared_from_this(), worker] {
      self->WorkerMain(worker);
    });
    worker->thread_is_set.store(true, std::memory_order_release);
    worker->thread_is_set.notify_all();
    return true;
  } catch (const std::exception&) {  // no thread, or no memory for one
    Wakeup wakeup;
    {
      MutexLock lock(mu_);
      Forget(*worker);
      start_failed_.store(true, std::memory_order_relaxed);
      if (roster_.idle() > 0) wakeup = FindWorker();
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
    if (std::exchange(worker->is_ready, false) && runs_tasks_here()) {
      ReportWorkerEnded(*worker, "a task ended its thread by pthread_exit()");
      MutexLock lock(mu_);
      ++counts_.workers_lost;
    }
    if (!Retire(worker)) {
      {
        MutexLock lock(mu_);
        RetireForJoin(*worker);
      }
      RejectStranded(0);
    }
    RunQuietHandlers();
    StartMinWorkers();
    throw;
  }
  ThreadWorker::SetCurrent(nullptr);
  RunQuietHandlers();
  if (!worker->gave_up) StartMinWorkers();
}

void ThreadCore::WorkUntilRetired(ThreadWorker& worker) {
  worker.tasks_since_start = 0;
  BeginAge(worker);
  worker.may_be_searching = true;  // as new, or as it has come back
  worker.uses_local_queue = false;
  if (!BeginWork(worker)) return;
  worker.uses_local_queue = has_local_queues_;
  for (TakenTask taken; NextTask(worker, &taken);) RunTaken(worker, taken);
  if (worker.is_abandoned) return;
  if (auto error = worker.End()) Break(std::move(error));
  worker.is_ready = false;
  if (runs_tasks_here()) ReportWorkerEnded(worker, worker.why_retired);
}

bool ThreadCore::NextTask(ThreadWorker& worker, TakenTask* taken) {
  if (TaskState* const task = worker.TakePrefetched()) {
    PassOnSearch(worker);
    taken->Set(task);
    return true;
  }
  if (over_max_.load(std::memory_order_relaxed)) {
    MutexLock lock(mu_);
    if (roster_.has_spare()) {
      worker.why_retired = WhyRetire();
      roster_.DecideToGo(worker.id);
      return false;
    }
  }
  bool spun = false;
  uint64_t seen_prefetches = 0;
  while (true) {
    if (recycles_) [[unlikely]] {
      if (const char* const why = WhyRecycle(worker)) {
        worker.why_retired = why;
        return false;
      }
    }
    if (worker.lost.load(std::memory_order_relaxed) && !Revive(worker)) {
      return false;
    }
    if (TakeTask(worker, taken)) return true;
    worker.last_end = 0;
    if (RevokeOnePrefetched()) continue;
    MutexLock lock(mu_);
    if (Waiting() > 0) continue;           // one has come in between
    if (prefetches_ != seen_prefetches) {  // or was prefetched
      seen_prefetches = prefetches_;
      continue;
    }
    if (MustRetire(worker)) {
      worker.why_retired = WhyRetire();
      roster_.DecideToGo(worker.id);
      return false;
    }
    // One worker spins for a moment before it parks: the next task then costs
    // nobody a wake-up.
    if (!spun && spinning_ == 0 && spins_before_parking()) {
      spun = true;
      ++spinning_;
      StartSearching(worker);
      lock.Unlock();
      YieldUntil([this] {
        return SharedWaiting() > 0 || listed_.load() > 0 || !accepting();
      });
      lock.Lock();
      --spinning_;
      continue;
    }
    if (!Park(worker)) {
      const char* const why = WhyRecycle(worker);
      worker.why_retired = why != nullptr ? why : WhyRetire();
      roster_.DecideToGo(worker.id);
      return false;
    }
    TaskState* task = TakeBorrowed(worker);
    lock.Unlock();
    // Others may have left the worker with a prefetched task as well.
    if (task == nullptr) task = worker.TakePrefetched();
    if (task != nullptr) {
      PassOnSearch(worker);
      taken->Set(task);
      return true;
    }
    spun = false;
  }
}

const char* ThreadCore::WhyRecycle(const ThreadWorker& worker) const {
  if (!recycles_) return nullptr;
  if (options_.max_tasks_per_worker > 0 &&
      worker.tasks_since_start >= options_.max_tasks_per_worker) {
    return "it has run its max_tasks_per_worker";
  }
  if (worker.is_too_large) return "it has grown beyond max_worker_bytes";
  if (options_.max_worker_age != absl::InfiniteDuration() &&
      ClockNow() >= worker.retires_at) {
    return "it has reached its max_worker_age";
  }
  return nullptr;
}

void ThreadCore::BeginAge(ThreadWorker& worker) const {
  if (options_.max_worker_age == absl::InfiniteDuration()) return;
  // Spread evenly over a fifth, so that workers that came together do not go
  // together: multiples of the golden ratio fill an interval so.
  constexpr double kGoldenRatio = 0.6180339887498949;
  const double turns = kGoldenRatio * static_cast<double>(worker.id);
  const double share = 0.9 + 0.2 * (turns - std::floor(turns));
  const absl::Duration age =
      std::min(options_.max_worker_age, absl::Hours(24 * 36500));
  worker.retires_at = ClockNow() + absl::ToInt64Nanoseconds(share * age);
}

absl::Duration ThreadCore::UntilTooOld(const ThreadWorker& worker) const {
  // A clock of the user's wakes nobody who is idle.
  if (options_.max_worker_age == absl::InfiniteDuration() ||
      options_.clock != nullptr) {
    return absl::InfiniteDuration();
  }
  return absl::Nanoseconds(worker.retires_at - NowNanos());
}

bool ThreadCore::Revive(ThreadWorker& worker) {
  Wakeup wakeup;
  {
    MutexLock lock(mu_);
    if (Waiting() <= 0 || lifecycle_.is_broken()) return false;
    roster_.BeginStart(worker.id);
    wakeup = FindWorker();
  }
  Dispatch(std::move(wakeup));
  const bool revived = worker.Revive();
  MutexLock lock(mu_);
  roster_.EndStart(worker.id);
  return revived;
}

bool ThreadCore::MustRetire(const ThreadWorker& worker) const {
  return lifecycle_.must_retire() || roster_.has_spare() ||
         !roster_.Contains(worker.id) ||
         worker.lost.load(std::memory_order_relaxed);
}

const char* ThreadCore::WhyRetire() const {
  if (lifecycle_.is_broken()) return "the pool is broken";
  if (lifecycle_.is_closed()) return "the pool was shut down";
  if (lifecycle_.must_retire()) return "Join() waits for it";
  if (roster_.has_spare()) return "it stood in for a worker that was blocked";
  return "it was idle for the idle_timeout";
}

bool ThreadCore::ParkIfNoneWaits(ThreadWorker& worker) {
  roster_.Park(worker.id);
  UpdateHints();
  if (pauses_ > 0) changed_.NotifyAll();  // who paused it may wait for this
  if (Waiting() <= 0) return true;
  roster_.Unpark(worker.id);
  UpdateHints();
  return false;
}

bool ThreadCore::Park(ThreadWorker& worker) {
  worker.wake.store(ThreadWorker::kAsleep, std::memory_order_relaxed);
  if (!ParkIfNoneWaits(worker)) {
    StartSearching(worker);
    return true;
  }
  worker.may_be_searching = false;
  int64_t since = NowNanos();
  while (true) {
    if (roster_.IsSlotBorrowed(worker.id) || IsBorrowed(worker)) {
      worker.wake.store(ThreadWorker::kAsleep, std::memory_order_relaxed);
      roster_.NoteChange(worker.id);  // must look at the clock afterwards
      mu_.Unlock();
      worker.Sleep(absl::InfiniteDuration());
      mu_.Lock();
      since = NowNanos();
      continue;
    }
    absl::Duration left =
        roster_.remaining() > static_cast<size_t>(min_workers_)
            ? idle_timeout_ - absl::Nanoseconds(NowNanos() - since)
            : absl::InfiniteDuration();
    left = std::min(left, UntilTooOld(worker));
    if (roster_.IsSearching(worker.id)) {
      // Somebody has taken it off the idle ones: the word comes now, if it is
      // not there yet.
      worker.may_be_searching = true;
      mu_.Unlock();
      while (worker.wake.load(std::memory_order_acquire) !=
             ThreadWorker::kWoken) {
        worker.Sleep(absl::Seconds(1));
      }
      mu_.Lock();
      return true;
    }
    if (left <= absl::ZeroDuration() || MustRetire(worker)) {
      roster_.Unpark(worker.id);
      UpdateHints();
      return false;
    }
    worker.wake.store(ThreadWorker::kAsleep, std::memory_order_relaxed);
    mu_.Unlock();
    worker.Sleep(left);
    mu_.Lock();
  }
}

void ThreadCore::StartSearching(ThreadWorker& worker) {
  roster_.StartSearching(worker.id);
  worker.may_be_searching = true;
}

void ThreadCore::StopSearching(ThreadWorker& worker) {
  roster_.StopSearching(worker.id);
  worker.may_be_searching = false;
}

void ThreadCore::PassOnSearch(ThreadWorker& worker) {
  if (!worker.may_be_searching) return;
  Wakeup wakeup;
  {
    MutexLock lock(mu_);
    StopSearching(worker);
    wakeup = FindWorker();
  }
  Dispatch(std::move(wakeup));
}

void ThreadCore::WakeToRecheck(ThreadWorker& worker) {
  worker.wake.store(ThreadWorker::kRecheck, std::memory_order_release);
  worker.WakeUp();
}

void ThreadCore::WakeIdleToRecheck() {
  roster_.NoteChange();
  roster_.ForEachIdle([](const WorkerPtr& worker) { WakeToRecheck(*worker); });
}

bool ThreadCore::Retire(const WorkerPtr& worker) {
  // Each joins those before it, while it still counts as a worker itself: if
  // its replacement were at work already, threads could end faster than they
  // are joined.
  ReapThreads();
  FlushLocal(*worker);
  MutexLock lock(mu_);
  worker->may_be_searching = false;
  if (!roster_.Contains(worker->id))
    return true;  // its thread ends the process, or it was left behind
  roster_.BeginLeaving(worker->id);
  UpdateHints();
  // From now on nobody prefetches anything, but somebody may have: that must
  // not wait, if another in this place could run it.
  lock.Unlock();
  RevokeOnePrefetched();
  lock.Lock();
  // Until it is forgotten, submitters count on this worker: that nobody else is
  // needed must hold in the same breath.
  while (true) {
    // Another in its place would find no more than this one did, and be one too
    // many meanwhile, so that one which is well would go.
    if (worker->gave_up && roster_.idle() == 0 && roster_.has_active()) break;
    Wakeup wakeup;
    bool dispatched = false;
    try {
      wakeup = FindWorker();
      if (wakeup.empty()) break;
    } catch (const std::exception&) {
      // There is nothing that another worker could be made of.
    }
    if (!wakeup.empty()) {
      lock.Unlock();
      dispatched = Dispatch(std::move(wakeup));
      lock.Lock();
    }
    if (dispatched) continue;
    if (roster_.has_active()) break;  // they will do
    roster_.StayOn(worker->id);
    UpdateHints();
    return false;
  }
  RetireForJoin(*worker);
  return true;
}

void ThreadCore::ForgetWithThread(ThreadWorker& worker) {
  Forget(worker);
  if (worker.thread_is_set.load(std::memory_order_acquire) &&
      worker.thread.joinable()) {
    worker.thread.Detach();
  }
}

void ThreadCore::AddUp(ThreadWorker& worker) {
  const auto add = [](int64_t& sum, int64_t& added, int64_t count) {
    sum += count - std::exchange(added, count);
  };
  add(counts_.completed, worker.added_up.completed, worker.completed.Get());
  add(counts_.failed, worker.added_up.failed, worker.failed.Get());
  add(counts_.cancelled, worker.added_up.cancelled, worker.cancelled.Get());
  add(counts_.lost, worker.added_up.lost, worker.lost_tasks.Get());
  if (std::exchange(worker.is_added_up, true)) return;
  if (worker.histograms != nullptr) {
    other_histograms_->wait.Add(worker.histograms->wait);
    other_histograms_->run.Add(worker.histograms->run);
  }
  const int64_t submitted = worker.local_submitted.Get();
  local_submitted_ += submitted;
  local_rest_ += submitted - worker.local_taken.Get();
  if (worker.is_listed.exchange(false)) listed_.fetch_sub(1);
}

void ThreadCore::RetireForJoin(ThreadWorker& worker) {
  AddUp(worker);
  roster_.Retire(worker.id);
  UpdateHints();
  changed_.NotifyAll();
}

void ThreadCore::Forget(ThreadWorker& worker) {
  AddUp(worker);
  roster_.Forget(worker.id);
  UpdateHints();
  changed_.NotifyAll();
}

void ThreadCore::UpdateHints() {
  over_max_.store(roster_.is_over_max(), std::memory_order_relaxed);
  const bool is_hungry = roster_.is_hungry();
  if (is_hungry == hungry_.load(std::memory_order_relaxed)) return;
  hungry_.store(is_hungry, std::memory_order_relaxed);
  if (is_hungry) PassSubmitters();
}

void ThreadCore::PassSubmitters() {
  { MutexLock submit(submit_mu_); }
  if (!has_local_queues_) return;
  roster_.ForEach(
      [](const WorkerPtr& worker) { MutexLock local(worker->local_mu); });
}

void ThreadCore::ReapThreads() {
  decltype(roster_.TakeRetired()) retired;
  {
    MutexLock lock(mu_);
    retired = roster_.TakeRetired();
  }
  for (const auto& [id, entry] : retired) {
    ThreadWorker& worker = *entry.worker;
    worker.thread_is_set.wait(false);
    if (!worker.thread.joinable()) continue;
    if (worker.thread.IsThisThread()) {
      // The last owner of the pool was this worker's own task: nobody is left
      // to join its thread.
      worker.thread.Detach();
    } else {
      worker.thread.Join();
    }
  }
}

}  // namespace asyncpal::internal
