#include "asyncpal/pool/internal/thread_core.h"

#include <cxxabi.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <iterator>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/clock.h"
#include "asyncpal/future/internal/futex.h"
#include "asyncpal/pool/internal/ambient_trace.h"
#include "asyncpal/pool/internal/forked_call.h"

namespace asyncpal::internal {
namespace {

// An observed task, or one that was a call of a group, is looked for in the
// shared queue only.
bool MustShare(const TaskState& task) {
  return task.is_observed() || task.traceparent() != nullptr;
}

}  // namespace

template <typename Push>
uint64_t ThreadCore::Enqueue(bool* is_hungry, Push push) {
  CheckProcess();
  MutexLock submit(submit_mu_);
  while (!tail_.HasRoom()) [[unlikely]] {
      submit.Unlock();
      GrowQueue();
      submit.Lock();
    }
  if (!accepting()) [[unlikely]] {
    submit.Unlock();
    Check();
    submit.Lock();
  }
  submitted_.Add(1);
  const uint64_t number = push(tail_);
  *is_hungry = hungry_.load(std::memory_order_relaxed);
  return number;
}

void ThreadCore::GrowQueue() {
  SlotChunk::Ptr chunk;
  size_t bytes;
  {
    MutexLock submit(submit_mu_);
    bytes = tail_.wanted_bytes();
    if (bytes == SlotChunk::kBytes) chunk = tail_.TakeSpare();
  }
  if (chunk == nullptr) chunk = SlotChunk::Make(bytes);
  MutexLock submit(submit_mu_);
  chunk = tail_.Grow(std::move(chunk));
}

bool ThreadCore::LeaveOutOfTurn(TaskState& task) {
  OnPendingRemoved(task);
  if (task.is_apart()) {
    if (task.is_local()) {
      local_left_.Add(1);
      return false;
    }
    CountUnheld(task);
  }
  takes_.CountTaken();
  const bool was_found = outbox_.LeaveOutOfTurn(&task);
  outbox_.SweepIfStale(SharedWaiting());
  return was_found;
}

uint64_t ThreadCore::EnqueueWithLimits(bool* is_hungry, TaskState* task,
                                       Room room) {
  CheckProcess();
  PoolLifecycle::Refusal refusal;
  {
    MutexLock lock(mu_);
    if (!accepting()) refusal = lifecycle_.WhyNotOpen();
    if (!refusal) {
      if (room == Room::kNeeded && !HasRoomFor(*task, /*now=*/true)) return 0;
      if (task->task_id() == 0) {  // or a host has numbered it
        MutexLock submit(submit_mu_);
        task->set_task_id(tail_.NewId());
      }
      if (task->is_tracked()) {
        limits_.StartQueueTimer(task);
        NoteWish(*task);
      }
      MutexLock submit(submit_mu_);
      if (!tail_.HasRoom()) {
        auto chunk = SlotChunk::MakeOrNull(tail_.wanted_bytes());
        if (chunk != nullptr) tail_.Grow(std::move(chunk));
      }
      if (tail_.HasRoom()) {
        submitted_.Add(1);
        OnPendingAdded(*task);
        *is_hungry = hungry_.load(std::memory_order_relaxed);
        return tail_.Push(task);
      }
      // Where its queue_deadline was faster, that accounts for it.
      if (!task->ClaimPending()) submitted_.Add(1);
    }
  }
  if (refusal) refusal.Throw(Label());
  throw std::bad_alloc();
}

std::optional<ThreadCore::Submission> ThreadCore::Accept(TaskState* task,
                                                         bool may_help,
                                                         Room room) {
  try {
    bool is_hungry;
    uint64_t number = 0;
    const bool is_special = task->is_tracked() ||
                            minds_submissions_.load(std::memory_order_relaxed);
    if (is_special) PrepareSubmission(*task);
    if (is_special && (task->is_tracked() || pending_limits_.any())) {
      if (ClassOf(*task) != TaskClasses::kNormalClass) {
        number = EnqueueClassed(&is_hungry, task, room);
        if (number == 0) return std::nullopt;
      } else {
        FlushCurrent();
        number = EnqueueWithLimits(&is_hungry, task, room);
        if (number == 0) return std::nullopt;
        NoteShared(number);
      }
    } else if (is_special && MustShare(*task)) {
      FlushCurrent();
      number = Enqueue(&is_hungry, [task](SlotTail& tail) {
        if (task->task_id() == 0) task->set_task_id(tail.NewId());
        return tail.Push(task);
      });
      NoteShared(number);
    } else if (ThreadWorker* const worker = LocalSubmitter()) {
      EnqueueLocally(&is_hungry, *worker, Slot::Of(task));
    } else {
      number = Enqueue(&is_hungry, [task](SlotTail& tail) {
        task->set_task_id(tail.NewId());
        return tail.Push(task);
      });
      NoteShared(number);
    }
    if (!is_hungry) return Submission();
    return Submission{WakeFor(number, may_help), number};
  } catch (...) {
    limits_.CancelQueueTimer(*task);
    if (task->is_observed()) ReportRefused(*task);
    task->Release();
    throw;
  }
}

void ThreadCore::Post(const PostedCall& posted, const void* call, size_t size) {
  Slot slot = Slot::Of(posted, call, size);
  TaskState* task = nullptr;
  try {
    if (!may_post_as_tasks_.load(std::memory_order_relaxed) || !PostsAsTask()) {
      PostSlot(slot);
    } else if (ObservesInPlace(posted)) {
      PostObserved(slot);
    } else {
      task = posted.to_task(slot.call, this);
    }
  } catch (...) {
    if (posted.is_of_group()) posted.drop(slot.call);
    throw;
  }
  if (task != nullptr) Submit(task);
}

bool ThreadCore::PostsAsTask() const {
  return posts_as_tasks_ || Tracer::IsOn() ||
         AmbientTrace::Current() != nullptr;
}

void ThreadCore::PrepareSubmission(TaskState& task) {
  if (SubmissionWatch::Has(SubmissionWatch::kTraceparents)) {
    AmbientTrace::GiveTo(task);
  }
  if (observes()) BeginObserving(task);
}

void ThreadCore::OnReasons(unsigned reasons) {
  submits_locally_.store(
      has_local_queues_ && (reasons & SubmissionWatch::kTrace) == 0,
      std::memory_order_relaxed);
  if (reasons == 0) return;
  minds_submissions_.store(true, std::memory_order_relaxed);
  may_post_as_tasks_.store(true, std::memory_order_relaxed);
}

void ThreadCore::PostSlot(const Slot& slot) {
  bool is_hungry;
  uint64_t number = 0;
  if (ThreadWorker* const worker = LocalSubmitter()) {
    EnqueueLocally(&is_hungry, *worker, slot);
  } else {
    number = Enqueue(&is_hungry, [&slot](SlotTail& tail) {
      return tail.PushCall(slot, tail.NewId());
    });
    NoteShared(number);
  }
  if (is_hungry) DispatchFor({WakeFor(number, /*may_help=*/false), number});
}

void ThreadCore::PostTimed(const Slot& slot, CallInfo& call) {
  bool is_hungry;
  const uint64_t number = Enqueue(&is_hungry, [&slot, &call](SlotTail& tail) {
    if (call.id == 0) call.id = tail.NewId();
    return tail.PushTimedCall(slot, call);
  });
  if (is_hungry) DispatchFor({WakeFor(number, /*may_help=*/false), number});
}

void ThreadCore::DispatchFor(Submission submission) {
  if (submission.wakeup.empty()) return;
  if (!Dispatch(std::move(submission.wakeup))) {
    RejectStranded(submission.number);
  }
}

ThreadCore::Wakeup ThreadCore::WakeFor(uint64_t number, bool may_help) {
  std::exception_ptr error;
  {
    MutexLock lock(mu_);
    try {
      Wakeup wakeup = FindWorker();
      if (may_help && wakeup.wake != nullptr) BorrowSlot(*wakeup.wake);
      return wakeup;
    } catch (const std::exception&) {
      // There is no worker, and nothing that one could be made of.
      error = std::current_exception();
    }
  }
  if (number == 0) return {};  // the worker that has submitted it is there
  {
    TaskState* task = nullptr;  // its reference is the caller's
    MutexLock take(take_mu_);
    MutexLock lock(mu_);
    if (!RevokeSlot(number, &task)) return {};
  }
  std::rethrow_exception(error);
}

bool ThreadCore::RevokeSlot(uint64_t number, TaskState** task) {
  if ((number & kClassed) != 0) {
    *task = outbox_.FindClassed(number & ~kClassed);
    if (*task == nullptr || !(*task)->ClaimPending()) return false;
    outbox_.RemoveClassed(number & ~kClassed);
    OnPendingRemoved(**task);
    takes_.CountTaken();
    ++revoked_;
    return true;
  }
  Slot* const slot = outbox_.Find(number);
  if (slot == nullptr || slot->is_empty()) return false;
  *task = slot->is_task() ? slot->task : nullptr;
  if (*task != nullptr) {
    // Unless its queue_deadline was faster, and accounts for it.
    if (!(*task)->ClaimPending()) return false;
    OnPendingRemoved(**task);
  }
  *slot = Slot::Of(kNothing, nullptr, 0);
  takes_.CountTaken();
  ++revoked_;
  return true;
}

void ThreadCore::RejectStranded(uint64_t number) {
  const RejectedError error(absl::StrCat(
      Label(), " has no worker, and the system refused to start a thread"));
  bool mine_is_stranded = false;
  TaskState* mine = nullptr;
  PendingTasks others;
  {
    MutexLock take(take_mu_);
    MutexLock lock(mu_);
    if (roster_.size() > 0) return;  // then the tasks just wait
    mine_is_stranded = number != 0 && RevokeSlot(number, &mine);
    // Tasks of other threads that relied on the same worker.
    ClaimAllPending(FutureState::kFailed, &others);
  }
  ClaimHeld(FutureState::kFailed, &others);
  HandToCaller(others, FutureState::kFailed, std::make_exception_ptr(error));
  RunQuietHandlers();
  if (!mine_is_stranded) return;
  if (mine != nullptr) {
    limits_.CancelQueueTimer(*mine);
    if (mine->is_observed()) ReportRefused(*mine);
    mine->Release();
  }
  throw error;
}

void ThreadCore::OnPendingClaimed(TaskState& task, FutureState outcome) {
  limits_.CancelQueueTimer(task);
  if (task.is_observed()) ReportUnstarted(task, outcome);
  DroppedStates dropped;
  MutexLock take(take_mu_);
  MutexLock lock(mu_);
  if (task.is_delayed() ? LeaveDelayed(task) : LeaveOutOfTurn(task)) {
    dropped.Add(&task);
  }
  ++(outcome == FutureState::kCancelled ? counts_.cancelled : counts_.failed);
  if (TaskLimits::IsLate(task)) ++counts_.expired;
  if (Pending() == 0) changed_.NotifyAll();
  auto handlers = TakeQuietHandlers();
  auto swept = outbox_.TakeDropped();
  // The pool is bound to live only until its tasks are accounted for: once mu_
  // is given back, it may be gone.
  take.Unlock();
  lock.Unlock();
  handlers.Run();
}

void ThreadCore::ClaimAllPending(FutureState outcome, PendingTasks* claimed,
                                 Claim claim) {
  RevokePrefetched();
  {
    claimed->has_classes = outbox_.has_classes();
    MutexLock submit(submit_mu_);
    outbox_.TakeAll(tail_, claimed->tasks);
  }
  if (claim == Claim::kAllButFinish && has_wishes_) {
    outbox_.TakeBackFrom(claimed->tasks, [](const TaskState& task) {
      return WishOf(task) == AtShutdown::kFinish;
    });
  }
  UpdateTakeMode();
  claimed->tasks.ClaimAll([&](TaskState* task) {
    ++claimed->count;
    if (task != nullptr) OnPendingRemoved(*task);
  });
  const auto count = static_cast<int64_t>(claimed->count);
  takes_.CountTaken(count);
  (outcome == FutureState::kCancelled ? counts_.cancelled : counts_.failed) +=
      count;
  changed_.NotifyAll();
}

void ThreadCore::HandToCaller(PendingTasks& claimed, FutureState outcome,
                              const std::exception_ptr& error) {
  std::vector<StateRef<TaskState>> tasks;
  tasks.reserve(claimed.count);
  for (TakenTask next; claimed.tasks.PopNext(&next);) {
    if (next.task == nullptr && next.posted->to_task == nullptr) {
      ForkedCall& forked = ForkedCall::Of(next.call);
      forked.Cancel(error != nullptr ? error
                                     : std::make_exception_ptr(CancelledError(
                                           "a call of Both() was cancelled")));
      forked.SetDone();
      continue;
    }
    if (next.task == nullptr) {
      next.task = next.posted->to_task(next.call, this);
      next.task->set_task_id(next.call_info.id);
      if (next.call_info.submitted_at != 0) {
        ReportCallUnstarted(next.call_info, outcome);
      }
      next.task->ClaimPending();
    }
    tasks.push_back(StateRef<TaskState>::Adopt(next.task));
  }
  if (claimed.has_classes) {
    // In the order of their submission.
    std::stable_sort(tasks.begin(), tasks.end(),
                     [](const auto& a, const auto& b) {
                       return a->task_id() < b->task_id();
                     });
  }
  for (TaskState* const task : claimed.skipped) {
    tasks.push_back(StateRef<TaskState>::Adopt(task));
  }
  while (TaskState* const task = claimed.delayed.Pop()) {
    tasks.push_back(StateRef<TaskState>::Adopt(task));
  }
  std::move(claimed.held.begin(), claimed.held.end(),
            std::back_inserter(tasks));
  {
    MutexLock lock(mu_);
    for (const StateRef<TaskState>& task : tasks) {
      cancelled_tasks_.push_back(MakeCancelledTask(task));
    }
  }
  for (const StateRef<TaskState>& task : tasks) {
    if (task->is_observed()) ReportUnstarted(*task, outcome);
    task->PublishClaimed(outcome, error);
  }
}

bool ThreadCore::TakeTask(ThreadWorker& worker, TakenTask* taken,
                          bool only_plain) {
  bool found;
  const TakeMode mode = take_mode_.load(std::memory_order_relaxed);
  if (mode == TakeMode::kLocal) {
    DroppedStates dropped;
    // Each of the two queues gets its turn.
    const bool own_first = ++worker.turn % 2 == 0;
    found =
        (own_first && TakeLocal(worker, worker, taken, only_plain, dropped)) ||
        TakeShared(worker, taken, only_plain) ||
        (!own_first && TakeLocal(worker, worker, taken, only_plain, dropped)) ||
        (!only_plain && listed_.load() > 0 && Steal(worker, taken));
  } else {
    found = TakeShared(worker, taken, only_plain);
  }
  if (found) PassOnSearch(worker);
  return found;
}

bool ThreadCore::TakeShared(ThreadWorker& worker, TakenTask* taken,
                            bool only_plain) {
  DroppedStates dropped;
  take_mu_.LockPolitely();
  // Once the pool has been paused, no task may be taken that was not before.
  if (take_mode_.load(std::memory_order_relaxed) >= TakeMode::kByClass)
      [[unlikely]] {
    take_mu_.Unlock();
    return !only_plain && TakeByClass(worker, taken);
  }
  const bool found = outbox_.StartNext(only_plain, takes_, taken);
  if (found && taken->task != nullptr) {
    OnPendingRemoved(*taken->task);
    MarkTaken(worker, taken->task);
  } else if (found) {
    worker.depth.Add(1);
    worker.current_task.store(taken->call_info.id, std::memory_order_relaxed);
  }
  if (outbox_.has_dropped()) [[unlikely]]
    dropped = outbox_.TakeDropped();
  take_mu_.Unlock();
  return found;
}

size_t ThreadCore::FairPrefetchCount() {
  // What is prefetched would be before them.
  if (outbox_.has_above_normal()) return 0;
  MutexLock lock(mu_);
  // Whoever takes the place of a worker that goes is free for them, too.
  if (roster_.idle() > 0 || roster_.searching() > 0 || roster_.has_going() ||
      !roster_.is_full() || pauses_ > 0) {
    return 0;
  }
  const auto waiting = static_cast<size_t>(std::max<int64_t>(Waiting(), 0));
  const size_t count = (waiting + roster_.size() - 1) / roster_.size();
  if (count > 0) ++prefetches_;
  return count;
}

TaskState* ThreadCore::PrefetchNext() { return outbox_.PrefetchNext(takes_); }

void ThreadCore::Requeue(TaskState* task) { outbox_.Requeue(task, takes_); }

void ThreadCore::StartDirectly(TaskState* task) {
  if (task->task_id() == 0) {
    MutexLock submit(submit_mu_);
    task->set_task_id(tail_.NewId());
  }
  if (task->is_tracked()) tracked_.Add(task);
  {
    MutexLock submit(submit_mu_);
    submitted_.Add(1);
  }
  task->Start();
  takes_.CountTaken();
}

void ThreadCore::OnPendingAdded(TaskState& task) {
  if (pending_limits_.counts_bytes()) {
    pending_bytes_.fetch_add(PendingBytes(task));
  }
}

void ThreadCore::OnPendingRemoved(TaskState& task) {
  if (!pending_limits_.any()) return;
  if (pending_limits_.counts_bytes()) {
    pending_bytes_.fetch_sub(PendingBytes(task));
  }
  room_.Notify();
}

void ThreadCore::MarkTaken(ThreadWorker& worker, TaskState* task) {
  worker.depth.Add(1);
  worker.current_task.store(task->task_id(), std::memory_order_relaxed);
  if (task->is_tracked()) tracked_.Add(task);
}

void ThreadCore::RunTask(ThreadWorker& worker, TaskState* task) {
  const uint64_t id = task->task_id();
  const int64_t depth = worker.depth.Get() - 1;
  bool tracked = false;
  if (task->is_watched()) {
    tracked = RunWatched(worker, task);
  } else {
    const int64_t now = NowTicks();
    worker.running_since.store(now, std::memory_order_relaxed);
    worker.Run(task, now);
  }
  worker.AfterRun();
  CountRun(worker, depth);
  if (tracked) Untrack(id);
}

void ThreadCore::RunTaken(ThreadWorker& worker, TakenTask& taken) {
  if (taken.task != nullptr) {
    RunTask(worker, taken.task);
  } else if (observes_calls_) {
    RunObserved(worker, taken);
  } else {
    RunPosted(worker, taken);
  }
}

void ThreadCore::RunPosted(ThreadWorker& worker, TakenTask& taken) {
  worker.running_since.store(NowTicks(), std::memory_order_relaxed);
  ForkedCall* const forked =
      taken.posted->to_task == nullptr ? &ForkedCall::Of(taken.call) : nullptr;
  if (forked != nullptr) {
    // What comes into this worker's queue from now on is part of that call.
    MutexLock local(worker.local_mu);
    if (worker.local.empty()) forked->runner = worker.id;
  }
  try {
    taken.posted->run(taken.call);
    worker.completed.Add(1);
    worker.depth.Add(-1);
  } catch (...) {
    const bool ends_thread = CountFailedCall(worker, taken);
    if (forked != nullptr) forked->SetDone();
    if (ends_thread) throw;
    return CountRun(worker, worker.depth.Get());
  }
  CountRun(worker, worker.depth.Get());
  if (forked != nullptr) forked->SetDone();
}

bool ThreadCore::CountFailedCall(ThreadWorker& worker, const TakenTask& taken) {
  std::exception_ptr error = std::current_exception();
  const bool ends_thread = error == nullptr;
  const std::string task = absl::StrCat("task ", taken.call_info.id);
  if (ends_thread) {
    error = std::make_exception_ptr(InvalidStateError(
        absl::StrCat(task, " ended its thread by pthread_exit")));
  }
  worker.failed.Add(1);
  worker.depth.Add(-1);
  const bool is_forked = taken.posted->to_task == nullptr;
  if (!is_forked && !taken.posted->is_of_group()) {
    ReportUnobservedFailure(absl::StrCat("posted ", task, " failed"), error);
  }
  return ends_thread;
}

void ThreadCore::CountRun(ThreadWorker& worker, int64_t depth) {
  // A task that was settled by its timeout is accounted for there, but only
  // here does it leave the worker.
  if (worker.depth.Get() != depth) worker.depth.Add(-1);
  worker.tasks_done.Add(1);
  ++worker.tasks_since_start;
}

TaskState* ThreadCore::GoOn(ThreadWorker& worker) {
  // The run that is to end is not yet counted.
  if (worker.depth.Get() > 0 || over_max_.load(std::memory_order_relaxed) ||
      (recycles_ &&
       (WhyRecycle(worker) != nullptr ||
        worker.tasks_since_start + 1 == options_.max_tasks_per_worker))) {
    return nullptr;
  }
  TakenTask taken;
  if (!TakeTask(worker, &taken, /*only_plain=*/true)) return nullptr;
  TaskState* const next = taken.task;
  CountRun(worker, 1);
  const int64_t now = NowTicks();
  worker.running_since.store(now, std::memory_order_relaxed);
  next->MarkStarted(now);
  return next;
}

void ThreadCore::Untrack(uint64_t task_id) {
  StateRef<TaskState> dropped;  // released after the lock is given back
  MutexLock take(take_mu_);
  dropped = tracked_.Remove(task_id);
}

void ThreadCore::OnFinished(TaskState& task, FutureState outcome) {
  ThreadWorker* const worker = ThreadWorker::CurrentOf(*this);
  const bool watched = task.is_watched();
  if (watched && task.is_observed()) ReportFinished(worker, task, outcome);
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
    switch (outcome) {
      case FutureState::kCompleted:
        ++counts_.completed;
        break;
      case FutureState::kFailed:
        ++counts_.failed;
        if (TaskLimits::IsLate(task)) ++counts_.timed_out;
        break;
      default:
        ++counts_.cancelled;
        break;
    }
  }
  if (!watched || !task.is_tracked()) return;
  limits_.CancelRunningTimer(task);
  // By now nobody but the futures may hold the result.
  if (worker != nullptr) Untrack(task.task_id());
}

void ThreadCore::OnUnobservedFailure(const TaskState& task,
                                     std::exception_ptr error) noexcept {
  ReportUnobservedFailure(absl::StrCat("posted ", task.Describe(), " failed"),
                          error);
}

void ThreadCore::ReportUnobservedFailure(
    const std::string& what, const std::exception_ptr& error) noexcept {
  try {
    if (options_.unobserved_failure_handler != nullptr) {
      options_.unobserved_failure_handler(error);
      return;
    }
  } catch (...) {
    log_.WriteFailure(
        absl::StrCat(Label(), ": the unobserved_failure_handler threw"),
        std::current_exception());
  }
  log_.WriteFailure(absl::StrCat(Label(), ": ", what), error);
}

}  // namespace asyncpal::internal
