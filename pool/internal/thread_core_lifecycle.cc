#include <unistd.h>

#include <algorithm>
#include <exception>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/countdown.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/clock.h"
#include "asyncpal/future/internal/futex.h"
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

// As TaskClasses has it. What is longer than anything lives is strict.
int64_t StepNanos(absl::Duration step) {
  return step > absl::Hours(24 * 3650)
             ? TaskClasses::kStrict
             : std::max<int64_t>(absl::ToInt64Nanoseconds(step), 1);
}

}  // namespace

std::shared_ptr<ThreadCore> ThreadCore::Make(PoolOptions options,
                                             ShutdownRegistry* registry) {
  std::shared_ptr<ThreadCore> core(
      new ThreadCore(std::move(options), /*max_pending_bytes=*/0, registry));
  core->RegisterForShutdown();
  return core;
}

void ThreadCore::RegisterForShutdown() {
  if (spins_before_parking()) {
    const int cpus = ProbablyAvailableCpus();
    MutexLock lock(mu_);
    roster_.set_max_waking(static_cast<size_t>(cpus));
  }
  posts_as_tasks_ = !runs_tasks_here() || minds_submissions_.load();
  may_post_as_tasks_.store(posts_as_tasks_);
  observes_calls_ = runs_tasks_here() && observation_ != nullptr &&
                    !observation_->looks_for_stalls() && !pending_limits_.any();
  recycles_ = options_.max_tasks_per_worker > 0 || limits_worker_bytes() ||
              options_.max_worker_age != absl::InfiniteDuration();
  // A pool of one runs its tasks strictly in the order of their submission.
  has_local_queues_ = options_.max_workers > 1 &&
                      options_.max_tasks_per_worker == 0 && !posts_as_tasks_;
  {
    MutexLock take(take_mu_);
    UpdateTakeMode();
  }
  submits_locally_.store(has_local_queues_);
  SubmissionWatch::Add(submission_watch_);
  handler_id_ =
      registry_->Register([weak = weak_from_this()](absl::Duration limit) {
        if (const auto core = weak.lock()) core->ShutdownAtExit(limit);
      });
  StartMinWorkers();
}

ThreadCore::ThreadCore(PoolOptions options, int64_t max_pending_bytes,
                       ShutdownRegistry* registry, PoolLog::Sink log_sink)
    : options_(std::move(options)),
      pending_limits_(options_.max_pending, max_pending_bytes),
      log_(std::move(log_sink)),
      observation_(
          options_.observer != nullptr || options_.histograms ||
                  options_.stall_threshold != absl::InfiniteDuration()
              ? std::make_unique<Observation>(options_.observer, Label(),
                                              options_.stall_threshold, log_)
              : nullptr),
      minds_submissions_(pending_limits_.any() || observation_ != nullptr),
      registry_(registry),
      fork_generation_(ForkGeneration()),
      outbox_(chain_, StepNanos(options_.priority_step)),
      roster_(static_cast<size_t>(options_.max_workers), kMaxStandIns),
      min_workers_(options_.min_workers),
      max_workers_(options_.max_workers),
      idle_timeout_(options_.idle_timeout),
      other_histograms_(MakeHistograms()),
      limits_([this](TaskState& task) { OnTimeout(task); }, options_.clock) {}

ThreadCore::~ThreadCore() {
  SubmissionWatch::Remove(submission_watch_);
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
  StartMinWorkers();
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
  // An idle worker is gone sooner than this thread would be asleep.
  YieldUntil([this] { return is_terminated(); });
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
  if (!handlers.joins.empty()) StartMinWorkers();
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
  if (mode == ShutdownMode::kDrain) {
    CancelSkipped();
    CancelDelayed();
  } else {
    CancelPendingAndAskToStop(
        mode == ShutdownMode::kKill ? Claim::kAll : Claim::kAllButFinish);
  }
  AbandonTasks();
  LiftPause();
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
    if (options.mode != ShutdownMode::kKill) {
      CancelPendingAndAskToStop(Claim::kAll);
    }
    // Those that are killed end by themselves, soon.
    const bool killed = options.mode != ShutdownMode::kKill && KillWorkers();
    terminated =
        WaitTerminated(killed ? kKillGracePeriod : absl::ZeroDuration());
  }
  if (terminated) ReapThreads();
  return closed_now;
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
  ClaimHeld(FutureState::kFailed, &pending);
  {
    MutexLock take(take_mu_);
    MutexLock lock(mu_);
    ClaimAllPending(FutureState::kFailed, &pending);
    ClaimAllDelayed(FutureState::kFailed, &pending);
  }
  room_.Notify();
  OnBroken(error);
  HandToCaller(pending, FutureState::kFailed, error);
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
    log_.Write(LogSeverity::kWarning,
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
