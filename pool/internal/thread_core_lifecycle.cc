#include <unistd.h>

#include <algorithm>
#include <exception>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/countdown.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/clock.h"
#include "asyncpal/future/internal/trampoline.h"
#include "asyncpal/future/log.h"
#include "asyncpal/pool/internal/cpu_count.h"
#include "asyncpal/pool/internal/fork_generation.h"
#include "asyncpal/pool/internal/thread_core.h"

namespace asyncpal::internal {
namespace {

// How long killed workers may take to be gone.
constexpr absl::Duration kKillGracePeriod = absl::Seconds(2);

// How many workers beyond max_workers may stand in for blocked ones.
constexpr size_t kMaxStandIns = 256;

// The part of the time at exit that tasks have, after a drain, to end when they
// are asked to.
constexpr absl::Duration kMaxStopGracePeriod = absl::Milliseconds(250);

}  // namespace

std::shared_ptr<ThreadCore> ThreadCore::Make(PoolOptions options,
                                             ShutdownRegistry* registry) {
  std::shared_ptr<ThreadCore> core(
      new ThreadCore(std::move(options), /*max_pending_bytes=*/0, registry));
  core->RegisterForShutdown();
  return core;
}

void ThreadCore::RegisterForShutdown() {
  if (looks_out()) {
    const int cpus = ProbablyAvailableCpus();
    MutexLock lock(mu_);
    roster_.set_max_waking(static_cast<size_t>(cpus));
  }
  // A pool of one runs its tasks strictly in the order of their submission.
  has_local_queues_ = runs_tasks_here() && options_.max_workers > 1 &&
                      options_.max_tasks_per_worker == 0 &&
                      !pending_limits_.any();
  handler_id_ =
      registry_->Register([weak = weak_from_this()](absl::Duration limit) {
        if (const auto core = weak.lock()) core->ShutdownAtExit(limit);
      });
}

ThreadCore::ThreadCore(PoolOptions options, int64_t max_pending_bytes,
                       ShutdownRegistry* registry)
    : options_(std::move(options)),
      pending_limits_(options_.max_pending, max_pending_bytes),
      registry_(registry),
      fork_generation_(ForkGeneration()),
      roster_(static_cast<size_t>(options_.max_workers), kMaxStandIns),
      idle_timeout_(options_.idle_timeout),
      limits_([this](StateBase& task) { OnTimeout(task); }) {}

ThreadCore::~ThreadCore() {
  if (InForkedChild()) return;
  ReapThreads();
  if (handler_id_ != 0) registry_->Deregister(handler_id_);
}

void ThreadCore::Release() {
  // Neither the threads nor the locks of the parent process exist here.
  if (InForkedChild()) return;
  bool given_up;
  {
    MutexLock lock(mu_);
    given_up = lifecycle_.is_given_up();
  }
  if (!given_up) Shutdown({});
  registry_->Deregister(std::exchange(handler_id_, 0));
}

std::string ThreadCore::Label() const {
  return absl::StrCat("pool '", options_.name, "'");
}

void ThreadCore::ThrowForked() const {
  throw ClosedPoolError(absl::StrCat(
      Label(),
      " belongs to the parent process: after fork() a child must make its "
      "own"));
}

void ThreadCore::Check() {
  CheckProcess();
  PoolLifecycle::Refusal refusal;
  {
    MutexLock lock(mu_);
    refusal = lifecycle_.WhyNotOpen();
  }
  if (refusal) refusal.Throw(Label());
}

int ThreadCore::SpawnWorkers(int n) {
  CheckProcess();
  int started = 0;
  std::exception_ptr error;
  while (started < n) {
    Check();
    WorkerPtr worker;
    {
      MutexLock lock(mu_);
      if (roster_.is_full()) break;
      if (lifecycle_.WhyNotOpen()) continue;  // by now
      try {
        worker = AddWorker();
      } catch (const std::exception&) {
        error = std::current_exception();
      }
    }
    if (error != nullptr) std::rethrow_exception(error);
    if (!StartThread(worker)) {
      RejectStranded(0);
      if (started > 0) break;
      throw RejectedError(
          absl::StrCat(Label(), ": SpawnWorkers(", n,
                       ") found that the system refuses to start a thread"));
    }
    ++started;
  }
  return started;
}

void ThreadCore::CheckMayJoin() const {
  CheckProcess();
  if (IsOwnThread()) {
    throw InvalidStateError(
        absl::StrCat(Label(),
                     ": Join() inside one of its own workers would wait for "
                     "itself"));
  }
}

bool ThreadCore::Join(absl::Duration timeout) {
  CheckMayJoin();
  Trampoline::RunPutOff();  // a task may wait for it
  const Countdown countdown(timeout);
  bool joined;
  {
    MutexLock lock(mu_);
    lifecycle_.BeginJoin();
    WakeIdleToRecheck();
    while (true) {
      joined = IsQuiet();
      const absl::Duration left = countdown.Remaining();
      if (joined || left == absl::ZeroDuration()) break;
      changed_.WaitFor(mu_, left);
    }
    lifecycle_.EndJoin();
  }
  if (joined) ReapThreads();
  return joined;
}

uint64_t ThreadCore::StartJoin(absl::AnyInvocable<void()> handler) {
  CheckMayJoin();
  uint64_t join;
  {
    MutexLock lock(mu_);
    join = lifecycle_.StartJoin(std::move(handler));
    WakeIdleToRecheck();
  }
  RunQuietHandlers();
  return join;
}

bool ThreadCore::EndJoin(uint64_t join) {
  absl::AnyInvocable<void()> dropped;  // destroyed with no lock held
  MutexLock lock(mu_);
  return lifecycle_.CancelJoin(join, &dropped);
}

bool ThreadCore::WaitTerminated(absl::Duration timeout) {
  Trampoline::RunPutOff();  // a task may wait for it
  const Countdown countdown(timeout);
  MutexLock lock(mu_);
  while (!Terminated()) {
    const absl::Duration left = countdown.Remaining();
    if (left == absl::ZeroDuration()) return false;
    changed_.WaitFor(mu_, left);
  }
  return true;
}

void ThreadCore::CallWhenTerminated(absl::AnyInvocable<void()> handler) {
  {
    MutexLock lock(mu_);
    lifecycle_.SetOnTerminated(std::move(handler));
  }
  RunQuietHandlers();
}

PoolLifecycle::QuietHandlers ThreadCore::TakeQuietHandlers() {
  return IsQuiet() ? lifecycle_.TakeQuietHandlers()
                   : PoolLifecycle::QuietHandlers();
}

void ThreadCore::RunQuietHandlers() {
  PoolLifecycle::QuietHandlers handlers;
  {
    MutexLock lock(mu_);
    handlers = TakeQuietHandlers();
  }
  handlers.Run();
}

bool ThreadCore::Close(ShutdownMode mode) {
  if (InForkedChild()) return false;
  bool closed_now;
  {
    MutexLock lock(mu_);
    closed_now = lifecycle_.Close();
    StopAccepting();
    PassSubmitters();  // those who are in there get in
    WakeIdleToRecheck();
  }
  room_.Notify();
  if (mode != ShutdownMode::kDrain) CancelPendingAndAskToStop();
  if (mode == ShutdownMode::kKill) KillWorkers();
  RunQuietHandlers();
  return closed_now;
}

bool ThreadCore::Shutdown(const ShutdownOptions& options) {
  if (InForkedChild()) return false;
  const Countdown countdown(options.deadline);
  const bool closed_now = Close(options.mode);
  if (IsOwnThread()) return closed_now;
  bool terminated = WaitTerminated(countdown.Remaining());
  if (!terminated) {
    if (options.mode == ShutdownMode::kDrain) CancelPendingAndAskToStop();
    // Those that are killed end by themselves, soon.
    const bool killed = options.mode != ShutdownMode::kKill && KillWorkers();
    terminated =
        WaitTerminated(killed ? kKillGracePeriod : absl::ZeroDuration());
  }
  if (terminated) ReapThreads();
  return closed_now;
}

void ThreadCore::CancelPendingAndAskToStop() {
  PendingTasks pending;
  std::vector<StateRef<StateBase>> running;
  FlushAllLocal();  // the pool accepts no more
  {
    MutexLock take(take_mu_);
    MutexLock lock(mu_);
    ClaimAllPending(FutureState::kCancelled, &pending);
    tracked_.ForEach(
        [&](const StateRef<StateBase>& task) { running.push_back(task); });
  }
  // Callbacks and stop callbacks run in here, with no lock held.
  GiveBack(pending, FutureState::kCancelled, nullptr);
  for (const StateRef<StateBase>& task : running) {
    task->RequestCancel();
    task->RequestStop();
  }
}

void ThreadCore::Break(std::exception_ptr error) {
  PendingTasks pending;
  {
    MutexLock take(take_mu_);
    MutexLock lock(mu_);
    if (!lifecycle_.Break(error)) return;
    StopAccepting();
    PassSubmitters();
    WakeIdleToRecheck();
  }
  FlushAllLocal();
  {
    MutexLock take(take_mu_);
    MutexLock lock(mu_);
    ClaimAllPending(FutureState::kFailed, &pending);
  }
  room_.Notify();
  GiveBack(pending, FutureState::kFailed, error);
  OnBroken(error);
}

void ThreadCore::ShutdownAtExit(absl::Duration limit) {
  if (InForkedChild()) return;
  const ExitMode mode = registry_->mode();
  if (mode == ExitMode::kNone) return;
  if (mode == ExitMode::kDrain) {
    const absl::Duration grace = std::min(limit / 4, kMaxStopGracePeriod);
    Shutdown({.mode = ShutdownMode::kDrain, .deadline = limit - grace});
    if (WaitTerminated(grace)) ReapThreads();
  } else {
    Shutdown({.deadline = limit});
  }
  if (is_terminated()) return;
  {
    MutexLock lock(mu_);
    lifecycle_.GiveUp();
  }
  for (const WorkerInfo& worker : Workers()) {
    const std::string what =
        worker.busy ? absl::StrCat("'", worker.current_task,
                                   "' is still running after ",
                                   absl::FormatDuration(worker.running_for))
                    : "a worker does not end";
    Log(LogSeverity::kWarning,
        absl::StrCat(Label(), ": ", what, " in ", worker.name,
                     ", and is left behind as the process ends"));
  }
}

void ThreadCore::LeaveForExit(ThreadWorker& worker) {
  FlushLocal(worker);
  {
    MutexLock lock(mu_);
    if (!roster_.Contains(worker.id)) return;
    ForgetWithThread(worker);
  }
  RunQuietHandlers();
}

std::vector<CancelledTask> ThreadCore::TakeCancelledTasks() {
  if (InForkedChild()) return {};
  MutexLock lock(mu_);
  return std::exchange(cancelled_tasks_, {});
}

PoolStats ThreadCore::Stats() const {
  if (InForkedChild()) return {};
  MutexLock take(take_mu_);
  MutexLock lock(mu_);
  PoolStats stats = counts_;
  // No task starts while it counts them.
  struct LocalLocks {
    explicit LocalLocks(const Roster& r) ABSL_NO_THREAD_SAFETY_ANALYSIS
        : roster(r) {
      roster.ForEach([](const WorkerPtr& w) ABSL_NO_THREAD_SAFETY_ANALYSIS {
        w->local_mu.Lock();
      });
    }
    ~LocalLocks() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      roster.ForEach([](const WorkerPtr& w) ABSL_NO_THREAD_SAFETY_ANALYSIS {
        w->local_mu.Unlock();
      });
    }
    const Roster& roster;
  };
  std::optional<LocalLocks> local_locks;
  if (has_local_queues_) local_locks.emplace(roster_);
  stats.pending = Pending();
  stats.submitted =
      submitted_.Get() - withdrawn_ - moved_.Get() + local_submitted_;
  roster_.ForEach([&](const WorkerPtr& worker) {
    stats.submitted += worker->local_submitted.Get();
  });
  roster_.ForEach([&](const WorkerPtr& worker) {
    stats.completed += worker->completed.Get();
    stats.failed += worker->failed.Get();
    stats.cancelled += worker->cancelled.Get();
    stats.lost += worker->lost_tasks.Get();
    if (worker->depth.Get() > 0) ++stats.busy;
  });
  stats.workers = static_cast<int64_t>(roster_.size());
  stats.idle = stats.workers - stats.busy;
  // Of what was started, the part that nobody has counted as finished.
  stats.running = stats.submitted - stats.pending - stats.completed -
                  stats.failed - stats.cancelled;
  return stats;
}

std::vector<WorkerInfo> ThreadCore::Workers() const {
  if (InForkedChild()) return {};
  std::vector<WorkerInfo> infos;
  MutexLock take(take_mu_);
  MutexLock lock(mu_);
  std::vector<WorkerPtr> workers;  // those in the roster keep them, too
  roster_.ForEach([&](const WorkerPtr& worker) { workers.push_back(worker); });
  for (const WorkerPtr& worker : workers) {
    WorkerInfo info{.id = worker->id,
                    .name = worker->name,
                    .pid = worker->pid(),
                    .busy = worker->depth.Get() > 0,
                    .tasks_done = worker->tasks_done.Get()};
    if (info.busy) {
      const uint64_t id = worker->current_task.load();
      const StateBase* const task = tracked_.Find(id);
      if (task != nullptr) info.current_task = task->name();
      if (info.current_task.empty())
        info.current_task = absl::StrCat("task ", id);
      const int64_t since = worker->running_since.load();
      if (since != 0) {
        info.running_for = absl::Nanoseconds(TicksToNanos(NowTicks() - since));
      }
    }
    infos.push_back(std::move(info));
  }
  return infos;
}

absl::Duration ThreadCore::idle_timeout() const {
  if (InForkedChild()) return options_.idle_timeout;
  MutexLock lock(mu_);
  return idle_timeout_;
}

void ThreadCore::set_idle_timeout(absl::Duration timeout) {
  if (InForkedChild()) return;
  MutexLock lock(mu_);
  idle_timeout_ = timeout;
  WakeIdleToRecheck();
}

bool ThreadCore::is_closed() const {
  if (InForkedChild()) return true;
  MutexLock lock(mu_);
  return lifecycle_.is_closed();
}

bool ThreadCore::is_terminated() const {
  if (InForkedChild()) return true;
  MutexLock lock(mu_);
  return Terminated();
}

bool ThreadCore::is_broken() const {
  if (InForkedChild()) return false;
  MutexLock lock(mu_);
  return lifecycle_.is_broken();
}

}  // namespace asyncpal::internal
