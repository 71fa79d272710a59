#include <exception>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/countdown.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/clock.h"
#include "asyncpal/future/internal/execution_context.h"
#include "asyncpal/pool/internal/thread_core.h"

// What becomes of submissions to a full pool.
//
// How it works. Room is looked for under the lock that queues the task, so
// limits hold exactly. Who finds none and may wait sleeps on room_, which is
// notified whenever a task is pending no more, and when the pool closes or
// breaks; it takes the signal's version before it looks, so that no word is
// lost, and then tries again. Nobody waits on a thread of the pool's own, which
// might be the one that has to make the room.

namespace asyncpal::internal {
namespace {

// The pools whose tasks submitters run on this thread, innermost first.
struct CallerRun {
  const ThreadCore* core;
  const CallerRun* outer;
};
constinit thread_local const CallerRun* caller_run = nullptr;

}  // namespace

void ThreadCore::Submit(TaskState* task) {
  if (SubmitIfRoom(task, RoomForOthers())) {
    return;
  }
  switch (options_.when_full) {
    case WhenFull::kBlock:
      SubmitOrWait(task, Countdown(TaskLimits::QueueDeadline(*task)));
      return;
    case WhenFull::kReject:
      Refuse(task);
    case WhenFull::kCallerRuns:
      if (IsOwnThread()) {
        SubmitAboveLimit(task);
      } else if (is_paused()) {
        SubmitOrWait(task, Countdown(TaskLimits::QueueDeadline(*task)));
      } else {
        RunOnCaller(task);
      }
      return;
    case WhenFull::kDropOldest:
      if (!pending_limits_.CanEverHold(PendingBytes(*task))) Refuse(task);
      do {
        // Nothing pending is left: the room is taken by what others submit.
        if (!DropOldest()) {
          SubmitIfRoom(task, Room::kNotNeeded);
          return;
        }
      } while (!SubmitIfRoom(task, Room::kNeeded));
      return;
  }
}

void ThreadCore::SubmitChunk(TaskState* task, const Countdown& countdown) {
  if (SubmitIfRoom(task, RoomForOthers())) {
    return;
  }
  SubmitOrWait(task, countdown);
}

bool ThreadCore::TrySubmit(TaskState* task, bool is_chunk) {
  if (SubmitIfRoom(task, RoomForOthers())) {
    return true;
  }
  const bool waits = is_chunk || options_.when_full == WhenFull::kBlock;
  if (!waits) {
    Submit(task);
    return true;
  }
  if (IsOwnThread() || !pending_limits_.CanEverHold(PendingBytes(*task))) {
    SubmitOrWait(task, Countdown(absl::ZeroDuration()));
    return true;
  }
  // The caller makes another one for its next try.
  if (task->is_observed()) ReportRefused(*task);
  return false;
}

bool ThreadCore::WaitForRoom(absl::Duration timeout) {
  return WaitForRoom(timeout, /*now=*/true);
}

bool ThreadCore::WaitForReservation(absl::Duration timeout) {
  return WaitForRoom(timeout, /*now=*/false);
}

bool ThreadCore::WaitForRoom(absl::Duration timeout, bool now) {
  const Countdown countdown(timeout);
  while (true) {
    const uint64_t version = room_.version();
    Check();
    {
      MutexLock lock(mu_);
      const PendingLimits::Load load = CurrentLoad();
      if (pending_limits_.HasRoom(load, 0, now) || IsOwnThread()) return true;
    }
    BlockingScope blocking(nullptr);
    room_.WaitForChange(version, blocking.LimitSleep(countdown.Remaining()));
    if (countdown.Remaining() == absl::ZeroDuration()) return false;
  }
}

bool ThreadCore::Reserve(bool needs_room, bool now) {
  needs_room = needs_room && !IsOwnThread();
  while (true) {
    if (needs_room) Check();
    {
      MutexLock lock(mu_);
      if (!needs_room || pending_limits_.HasRoom(CurrentLoad(), 0, now)) {
        ++reserved_;
        return true;
      }
      if (options_.when_full == WhenFull::kReject) ++counts_.rejected;
    }
    switch (options_.when_full) {
      case WhenFull::kReject:
        throw RejectedError(
            absl::StrCat(Label(), " is full: ", pending_limits_.Describe()));
      case WhenFull::kDropOldest:
        // Nothing pending is left: the room is taken by what others submit.
        if (!DropOldest()) needs_room = false;
        break;
      default:
        return false;
    }
  }
}

void ThreadCore::FreeReserved() {
  {
    MutexLock lock(mu_);
    --reserved_;
  }
  room_.Notify();
}

bool ThreadCore::SubmitIfRoom(TaskState* task, Room room) {
  std::optional<Submission> submission = Accept(task, /*may_help=*/false, room);
  if (!submission.has_value()) return false;
  DispatchFor(*std::move(submission));
  return true;
}

void ThreadCore::SubmitOrWait(TaskState* task, const Countdown& countdown) {
  if (!pending_limits_.CanEverHold(PendingBytes(*task))) Refuse(task);
  if (IsOwnThread()) {
    SubmitAboveLimit(task);
    return;
  }
  while (true) {
    const uint64_t version = room_.version();
    if (SubmitIfRoom(task, Room::kNeeded)) return;
    AwaitRoom(task, version, countdown);
  }
}

void ThreadCore::AwaitRoom(TaskState* task, uint64_t version,
                           const Countdown& countdown) {
  {
    BlockingScope blocking(nullptr);
    room_.WaitForChange(version, blocking.LimitSleep(countdown.Remaining()));
  }
  if (countdown.Remaining() > absl::ZeroDuration()) return;
  if (task->is_observed()) ReportRefused(*task);
  task->Release();
  throw TimeoutError(absl::StrCat(Label(), " had no room for a task for ",
                                  absl::FormatDuration(countdown.timeout()),
                                  ": ", pending_limits_.Describe()));
}

void ThreadCore::SubmitToView(ViewCore& view, TaskState* task, const void* key,
                              const Countdown* chunk) {
  const Countdown countdown =
      chunk != nullptr ? *chunk : Countdown(TaskLimits::QueueDeadline(*task));
  // Afterwards it may be over, and gone.
  const auto timed = task->is_tracked() ? StateRef<TaskState>::Share(task)
                                        : StateRef<TaskState>();
  Room room = RoomForOthers();
  while (true) {
    const uint64_t version = pending_limits_.any() ? room_.version() : 0;
    ViewEntry entry;
    try {
      CheckProcess();
      if (task->is_tracked() ||
          minds_submissions_.load(std::memory_order_relaxed)) {
        PrepareSubmission(*task);
      }
      entry = view.Enter(*task, key, room == Room::kNeeded);
      if (entry == ViewEntry::kRefused) Check();
    } catch (...) {
      if (task->is_observed()) ReportRefused(*task);
      task->Release();
      throw;
    }
    switch (entry) {
      case ViewEntry::kHasPlace:
        if (chunk != nullptr) {
          SubmitChunk(task, countdown);
        } else {
          Submit(task);
        }
        return;
      case ViewEntry::kHeld:
        if (timed) StartHeldTimer(timed.get());
        return;
      case ViewEntry::kFull:
        room = MakeRoomForHeld(task, countdown, chunk != nullptr, version);
        break;
      case ViewEntry::kRefused:
        break;
    }
  }
}

ThreadCore::Room ThreadCore::MakeRoomForHeld(TaskState* task,
                                             const Countdown& countdown,
                                             bool is_chunk, uint64_t version) {
  if (!pending_limits_.CanEverHold(PendingBytes(*task))) Refuse(task);
  if (!is_chunk && options_.when_full == WhenFull::kReject) Refuse(task);
  if (!is_chunk && options_.when_full == WhenFull::kDropOldest) {
    // Nothing pending is left: the room is taken by what others submit.
    return DropOldest() ? Room::kNeeded : Room::kNotNeeded;
  }
  if (IsOwnThread()) return Room::kNotNeeded;
  AwaitRoom(task, version, countdown);
  return Room::kNeeded;
}

void ThreadCore::StartHeldTimer(TaskState* task) {
  try {
    limits_.StartQueueTimer(task);
  } catch (const std::exception&) {
    task->Fail(std::current_exception());
  }
  // It may have started meanwhile, and must not be kept for the timer.
  if (task->state() != FutureState::kPending) limits_.CancelQueueTimer(*task);
}

void ThreadCore::SubmitAboveLimit(TaskState* task) {
  const auto mine = StateRef<TaskState>::Share(task);
  SubmitIfRoom(task, Room::kNotNeeded);
  // Another worker may have been faster.
  ThreadWorker* const worker = ThreadWorker::CurrentOf(*this);
  if (runs_tasks_here() && worker != nullptr)
    RunInline(*worker, *task, /*alone=*/false);
}

void ThreadCore::RunOnCaller(TaskState* task) {
  const auto self = shared_from_this();  // the task may drop the pool
  const uint64_t id = StartOnCaller(task);
  const bool tracked = task->is_tracked();
  const CallerRun run = {this, caller_run};
  caller_run = &run;
  const bool traces = task->is_observed() && Tracer::IsOn();
  const TracedTask traced = {.pool = trace_id_, .id = id};
  if (task->is_observed()) {
    if (has_observer() && task->SetStartReported()) {
      ReportStart(nullptr, *task, FirstAttempt(*task));
    }
    if (traces) {
      Tracer::OnStart(Traced(*task), /*worker=*/nullptr, FirstAttempt(*task));
    }
    task->MarkStarted(NowTicks());
  }
  if (task->is_observed() && observation_ != nullptr) {
    MutexLock lock(mu_);
    other_histograms_->wait.Record(task->waited_nanos());
  }
  if (!tracked || limits_.StartRunningTimer(task)) {
    task->Run(NowTicks());
  } else {
    task->Release();
  }
  caller_run = run.outer;
  if (traces) Tracer::OnRunEnd(traced);
  if (tracked) Untrack(id);
  {
    MutexLock lock(mu_);
    --caller_runs_;
    changed_.NotifyAll();
  }
  RunQuietHandlers();
}

uint64_t ThreadCore::StartOnCaller(TaskState* task) {
  try {
    CheckProcess();
    PoolLifecycle::Refusal refusal;
    {
      MutexLock take(take_mu_);
      MutexLock lock(mu_);
      if (!accepting()) refusal = lifecycle_.WhyNotOpen();
      if (!refusal) {
        StartDirectly(task);
        ++caller_runs_;
        return task->task_id();
      }
    }
    refusal.Throw(Label());
  } catch (...) {
    if (task->is_observed()) ReportRefused(*task);
    task->Release();
    throw;
  }
}

bool ThreadCore::DropOldest() {
  StateRef<TaskState> dropped;
  DroppedStates stale;
  Wakeup wakeup;
  {
    MutexLock take(take_mu_);
    MutexLock lock(mu_);
    RevokePrefetched();  // what workers have prefetched is the oldest
    while (!dropped) {
      TaskState* oldest = outbox_.PopOldest();
      if (oldest == nullptr) oldest = delayed_.Pop();
      if (oldest == nullptr) break;
      if (oldest->ClaimPending()) {
        dropped = StateRef<TaskState>::Adopt(oldest);
        ++counts_.rejected;
      } else {
        stale.Add(oldest);
      }
    }
    wakeup = FindWorker();
  }
  Dispatch(std::move(wakeup));
  if (!dropped) {
    dropped = ClaimOldestHeld();
    if (!dropped) return false;
    MutexLock lock(mu_);
    ++counts_.rejected;
  }
  const RejectedError error(absl::StrCat(
      dropped->Describe(), " was dropped for a newer one: ", Label(),
      " is full, ", pending_limits_.Describe()));
  const std::exception_ptr why = std::make_exception_ptr(error);
  dropped->OnGivenBack(FutureState::kFailed, why);
  dropped->SettleClaimed(FutureState::kFailed, why);
  return true;
}

void ThreadCore::Refuse(TaskState* task) {
  const int64_t bytes = PendingBytes(*task);
  {
    MutexLock lock(mu_);
    ++counts_.rejected;
  }
  if (task->is_observed()) ReportRefused(*task);
  task->Release();
  if (!pending_limits_.CanEverHold(bytes)) {
    throw RejectedError(absl::StrCat(
        Label(), " can never have room for a task whose arguments take ", bytes,
        " bytes: ", pending_limits_.Describe()));
  }
  throw RejectedError(
      absl::StrCat(Label(), " is full: ", pending_limits_.Describe()));
}

PendingLimits::Load ThreadCore::CurrentLoad() const {
  const auto max_workers = static_cast<size_t>(max_workers_.load());
  const size_t staying = roster_.staying();
  const size_t to_start = max_workers > staying ? max_workers - staying : 0;
  // What a view holds can't begin at once either.
  const int64_t later = delayed_count_ + held_.Get();
  return {.tasks = Pending() - later,
          .delayed = later + reserved_,
          .bytes = pending_bytes_.load(),
          .free_workers = static_cast<int64_t>(roster_.searching() +
                                               roster_.idle() + to_start)};
}

bool ThreadCore::HasRoomFor(TaskState& task, bool now) const {
  return pending_limits_.HasRoom(CurrentLoad(), PendingBytes(task), now);
}

bool ThreadCore::IsOwnThread() const {
  if (ThreadWorker::CurrentOf(*this) != nullptr) return true;
  for (const CallerRun* run = caller_run; run != nullptr; run = run->outer) {
    if (run->core == this) return true;
  }
  return false;
}

}  // namespace asyncpal::internal
