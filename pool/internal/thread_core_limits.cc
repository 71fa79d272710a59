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

absl::Duration QueueDeadline(const StateBase& task) {
  const auto* const attachment =
      static_cast<const TaskOptionsAttachment*>(task.attachment());
  return attachment == nullptr ? absl::InfiniteDuration()
                               : attachment->options.queue_deadline;
}

}  // namespace

void ThreadCore::Submit(StateBase* task) {
  if (SubmitIfRoom(task, RoomForOthers())) {
    return;
  }
  switch (options_.when_full) {
    case WhenFull::kBlock:
      SubmitOrWait(task, Countdown(QueueDeadline(*task)));
      return;
    case WhenFull::kReject:
      Refuse(task);
    case WhenFull::kCallerRuns:
      if (IsOwnThread()) {
        SubmitAboveLimit(task);
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

void ThreadCore::SubmitChunk(StateBase* task, const Countdown& countdown) {
  if (SubmitIfRoom(task, RoomForOthers())) {
    return;
  }
  SubmitOrWait(task, countdown);
}

bool ThreadCore::TrySubmit(StateBase* task, bool is_chunk) {
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
  return false;
}

bool ThreadCore::WaitForRoom(absl::Duration timeout) {
  const Countdown countdown(timeout);
  while (true) {
    const uint64_t version = room_.version();
    Check();
    {
      MutexLock lock(mu_);
      const PendingLimits::Load load = CurrentLoad();
      if (pending_limits_.HasRoom(load, 0) || IsOwnThread()) return true;
    }
    BlockingScope blocking(nullptr);
    room_.WaitForChange(version, blocking.LimitSleep(countdown.Remaining()));
    if (countdown.Remaining() == absl::ZeroDuration()) return false;
  }
}

bool ThreadCore::SubmitIfRoom(StateBase* task, Room room) {
  std::optional<Submission> submission = Accept(task, /*may_help=*/false, room);
  if (!submission.has_value()) return false;
  DispatchFor(*std::move(submission));
  return true;
}

void ThreadCore::SubmitOrWait(StateBase* task, const Countdown& countdown) {
  if (!pending_limits_.CanEverHold(PendingBytes(*task))) Refuse(task);
  if (IsOwnThread()) {
    SubmitAboveLimit(task);
    return;
  }
  while (true) {
    const uint64_t version = room_.version();
    if (SubmitIfRoom(task, Room::kNeeded)) return;
    {
      BlockingScope blocking(nullptr);
      room_.WaitForChange(version, blocking.LimitSleep(countdown.Remaining()));
    }
    if (countdown.Remaining() > absl::ZeroDuration()) continue;
    task->Release();
    throw TimeoutError(absl::StrCat(Label(), " had no room for a task for ",
                                    absl::FormatDuration(countdown.timeout()),
                                    ": ", pending_limits_.Describe()));
  }
}

void ThreadCore::SubmitAboveLimit(StateBase* task) {
  const auto mine = StateRef<StateBase>::Share(task);
  SubmitIfRoom(task, Room::kNotNeeded);
  // Another worker may have been faster.
  ThreadWorker* const worker = ThreadWorker::CurrentOf(*this);
  if (runs_tasks_here() && worker != nullptr)
    RunInline(*worker, *task, /*alone=*/false);
}

void ThreadCore::RunOnCaller(StateBase* task) {
  const auto self = shared_from_this();  // the task may drop the pool
  const uint64_t id = StartOnCaller(task);
  const bool tracked = task->is_tracked();
  const CallerRun run = {this, caller_run};
  caller_run = &run;
  if (!tracked || limits_.StartRunningTimer(task)) {
    task->Run(NowTicks());
  } else {
    task->Release();
  }
  caller_run = run.outer;
  if (tracked) Untrack(id);
  {
    MutexLock lock(mu_);
    --caller_runs_;
    changed_.NotifyAll();
  }
  RunQuietHandlers();
}

uint64_t ThreadCore::StartOnCaller(StateBase* task) {
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
    task->Release();
    throw;
  }
}

bool ThreadCore::DropOldest() {
  StateRef<StateBase> dropped;
  DroppedStates stale;
  Wakeup wakeup;
  {
    MutexLock take(take_mu_);
    MutexLock lock(mu_);
    RecallAll();  // what workers have at hand is the oldest
    while (!dropped) {
      StateBase* const oldest = outbox_.PopFrontTask();
      if (oldest == nullptr) break;
      if (oldest->ClaimPending()) {
        dropped = StateRef<StateBase>::Adopt(oldest);
        ++counts_.rejected;
      } else {
        stale.Add(oldest);
      }
    }
    wakeup = FindWorker();
  }
  Dispatch(std::move(wakeup));
  if (!dropped) return false;
  const RejectedError error(absl::StrCat(
      dropped->Describe(), " was dropped for a newer one: ", Label(),
      " is full, ", pending_limits_.Describe()));
  const std::exception_ptr why = std::make_exception_ptr(error);
  dropped->OnGivenBack(FutureState::kFailed, why);
  dropped->SettleClaimed(FutureState::kFailed, why);
  return true;
}

void ThreadCore::Refuse(StateBase* task) {
  const int64_t bytes = PendingBytes(*task);
  task->Release();
  {
    MutexLock lock(mu_);
    ++counts_.rejected;
  }
  if (!pending_limits_.CanEverHold(bytes)) {
    throw RejectedError(absl::StrCat(
        Label(), " can never have room for a task whose arguments take ", bytes,
        " bytes: ", pending_limits_.Describe()));
  }
  throw RejectedError(
      absl::StrCat(Label(), " is full: ", pending_limits_.Describe()));
}

PendingLimits::Load ThreadCore::CurrentLoad() const {
  const size_t max_workers = static_cast<size_t>(options_.max_workers);
  const size_t staying = roster_.staying();
  const size_t to_start = max_workers > staying ? max_workers - staying : 0;
  return {.tasks = Pending(),
          .bytes = pending_bytes_.load(),
          .free_workers = static_cast<int64_t>(roster_.searching() +
                                               roster_.idle() + to_start)};
}

bool ThreadCore::HasRoomFor(StateBase& task) const {
  return pending_limits_.HasRoom(CurrentLoad(), PendingBytes(task));
}

bool ThreadCore::IsOwnThread() const {
  if (ThreadWorker::CurrentOf(*this) != nullptr) return true;
  for (const CallerRun* run = caller_run; run != nullptr; run = run->outer) {
    if (run->core == this) return true;
  }
  return false;
}

}  // namespace asyncpal::internal
