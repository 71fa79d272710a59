#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <limits>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/countdown.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/clock.h"
#include "asyncpal/future/internal/trampoline.h"
#include "asyncpal/pool/internal/fork_generation.h"
#include "asyncpal/pool/internal/thread_core.h"
#include "asyncpal/pool/internal/worker_hook.h"

namespace asyncpal::internal {
namespace {

// How long killed workers may take to be gone.
constexpr absl::Duration kTimeToDie = absl::Seconds(2);

}  // namespace

std::shared_ptr<ThreadCore> ThreadCore::Make(PoolOptions options,
                                             ShutdownRegistry* registry) {
  std::shared_ptr<ThreadCore> core(
      new ThreadCore(std::move(options), registry));
  core->RegisterForShutdown();
  return core;
}

void ThreadCore::RegisterForShutdown() {
  handler_id_ =
      registry_->Register([weak = weak_from_this()](absl::Duration limit) {
        if (const auto core = weak.lock()) core->ShutdownAtExit(limit);
      });
}

ThreadCore::ThreadCore(PoolOptions options, ShutdownRegistry* registry)
    : options_(std::move(options)),
      registry_(registry),
      fork_generation_(ForkGeneration()),
      idle_timeout_(options_.idle_timeout) {}

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
    given_up = given_up_;
  }
  if (!given_up) Shutdown({});
  registry_->Deregister(std::exchange(handler_id_, 0));
}

bool ThreadCore::InForkedChild() const {
  return fork_generation_ != ForkGeneration();
}

std::string ThreadCore::Label() const {
  return absl::StrCat("pool '", options_.name, "'");
}

void ThreadCore::CheckProcess() const {
  if (!InForkedChild()) return;
  throw ClosedPoolError(absl::StrCat(
      Label(),
      " belongs to the parent process: after fork() a child must make its "
      "own"));
}

void ThreadCore::CheckOpen() const {
  if (broken_ != nullptr) std::rethrow_exception(broken_);
  if (closed_) {
    throw ClosedPoolError(
        absl::StrCat(Label(), " is closed: it was shut down before this call"));
  }
}

void ThreadCore::Check() {
  CheckProcess();
  MutexLock lock(mu_);
  CheckOpen();
}

void ThreadCore::Test() {
  const std::string label = Label() + ": Test()";
  std::exception_ptr error;
  try {
    std::thread([&] {
      error = RunHook<InitializerError>(options_.initializer, label);
      if (error != nullptr) return;
      error = RunHook<FinalizerError>(options_.finalizer, label);
    }).join();
  } catch (const std::system_error&) {
    error = NestException(
        RejectedError(absl::StrCat(label, " could not start a thread")),
        std::current_exception());
  }
  if (error != nullptr) std::rethrow_exception(error);
}

int ThreadCore::SpawnWorkers(int n) {
  CheckProcess();
  int started = 0;
  while (started < n) {
    WorkerPtr worker;
    {
      MutexLock lock(mu_);
      CheckOpen();
      if (workers_.size() >= static_cast<size_t>(options_.max_workers)) break;
      worker = NewWorker();
    }
    if (!StartThread(worker)) {
      RejectStranded(nullptr);
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
  if (ThreadWorker::CurrentOf(*this) != nullptr) {
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
    ++joiners_;
    NudgeIdleWorkers();
    while (true) {
      joined = IsQuiet();
      const absl::Duration left = countdown.Remaining();
      if (joined || left == absl::ZeroDuration()) break;
      changed_.WaitFor(mu_, left);
    }
    --joiners_;
  }
  if (joined) ReapThreads();
  return joined;
}

uint64_t ThreadCore::StartJoin(absl::AnyInvocable<void()> handler) {
  CheckMayJoin();
  uint64_t join;
  {
    MutexLock lock(mu_);
    join = ++last_join_;
    joins_.emplace(join, std::move(handler));
    ++joiners_;
    NudgeIdleWorkers();
  }
  RunQuietHandlers();
  return join;
}

bool ThreadCore::EndJoin(uint64_t join) {
  absl::AnyInvocable<void()> dropped;  // destroyed with no lock held
  MutexLock lock(mu_);
  const auto found = joins_.find(join);
  if (found == joins_.end()) return false;
  dropped = std::move(found->second);
  joins_.erase(found);
  --joiners_;
  return true;
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
    on_terminated_ = std::move(handler);
  }
  RunQuietHandlers();
}

void ThreadCore::QuietHandlers::Run() {
  for (auto& [join, handler] : joins) handler();
  if (terminated != nullptr) terminated();
}

ThreadCore::QuietHandlers ThreadCore::TakeQuietHandlers() {
  QuietHandlers handlers;
  if (!IsQuiet()) return handlers;
  joiners_ -= static_cast<int>(joins_.size());
  handlers.joins.swap(joins_);
  if (closed_) handlers.terminated = std::exchange(on_terminated_, nullptr);
  return handlers;
}

void ThreadCore::RunQuietHandlers() {
  QuietHandlers handlers;
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
    closed_now = !std::exchange(closed_, true);
    StopAccepting();
    NudgeIdleWorkers();
  }
  if (mode != ShutdownMode::kDrain) CancelPendingAndAskToStop();
  if (mode == ShutdownMode::kKill) KillWorkers();
  RunQuietHandlers();
  return closed_now;
}

bool ThreadCore::Shutdown(const ShutdownOptions& options) {
  if (InForkedChild()) return false;
  const Countdown countdown(options.deadline);
  const bool closed_now = Close(options.mode);
  if (ThreadWorker::CurrentOf(*this) != nullptr) return closed_now;
  bool terminated = WaitTerminated(countdown.Remaining());
  if (!terminated) {
    if (options.mode == ShutdownMode::kDrain) CancelPendingAndAskToStop();
    // Those that are killed end by themselves, soon.
    const bool killed = options.mode != ShutdownMode::kKill && KillWorkers();
    terminated = WaitTerminated(killed ? kTimeToDie : absl::ZeroDuration());
  }
  if (terminated) ReapThreads();
  return closed_now;
}

void ThreadCore::CancelPendingAndAskToStop() {
  std::vector<StateRef<StateBase>> pending;
  std::vector<StateRef<StateBase>> running;
  {
    MutexLock take(take_mu_);
    MutexLock lock(mu_);
    pending = ClaimAllPending(FutureState::kCancelled);
    for (const auto& [id, task] : tracked_) running.push_back(task);
  }
  // Callbacks and stop callbacks run in here, with no lock held.
  GiveBack(std::move(pending), FutureState::kCancelled, nullptr);
  for (const StateRef<StateBase>& task : running) {
    task->RequestCancel();
    task->RequestStop();
  }
}

void ThreadCore::Break(std::exception_ptr error) {
  std::vector<StateRef<StateBase>> pending;
  {
    MutexLock take(take_mu_);
    MutexLock lock(mu_);
    if (broken_ != nullptr) return;
    broken_ = error;
    StopAccepting();
    NudgeIdleWorkers();
    pending = ClaimAllPending(FutureState::kFailed);
  }
  GiveBack(std::move(pending), FutureState::kFailed, error);
}

void ThreadCore::ShutdownAtExit(absl::Duration limit) {
  if (InForkedChild()) return;
  Shutdown({.mode = ShutdownMode::kCancelPending, .deadline = limit});
  if (is_terminated()) return;
  {
    MutexLock lock(mu_);
    given_up_ = true;
  }
  for (const WorkerInfo& worker : Workers()) {
    const std::string what =
        worker.busy ? absl::StrCat("'", worker.current_task,
                                   "' is still running after ",
                                   absl::FormatDuration(worker.running_for))
                    : "a worker does not end";
    std::fprintf(stderr,
                 "asyncpal: %s: %s in %s, and is left behind as the process "
                 "ends\n",
                 Label().c_str(), what.c_str(), worker.name.c_str());
  }
}

void ThreadWorker::LeaveForExit() {
  {
    MutexLock lock(core.mu_);
    left_for_exit = true;
    if (core.workers_.count(id) == 0) return;
    core.Forget(*this);
    if (thread_is_set.load(std::memory_order_acquire)) thread.detach();
  }
  core.RunQuietHandlers();
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
  stats.pending = Pending();
  for (const auto& [id, worker] : workers_) {
    stats.completed += worker->completed.Get();
    stats.failed += worker->failed.Get();
    stats.cancelled += worker->cancelled.Get();
    stats.lost += worker->lost_tasks.Get();
    if (worker->depth.Get() > 0) ++stats.busy;
  }
  stats.workers = static_cast<int64_t>(workers_.size());
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
  for (const auto& [id, worker] : workers_) {
    WorkerInfo info{.id = id,
                    .name = worker->name,
                    .pid = worker->pid(),
                    .busy = worker->depth.Get() > 0,
                    .tasks_done = worker->tasks_done.Get()};
    if (info.busy) {
      const uint64_t task = worker->current_task.load();
      const auto tracked = tracked_.find(task);
      info.current_task =
          tracked != tracked_.end() ? tracked->second->name() : "";
      if (info.current_task.empty()) {
        info.current_task = absl::StrCat("task ", task);
      }
      const int64_t since = worker->running_since.load();
      if (since != 0) info.running_for = absl::Nanoseconds(NowNanos() - since);
    }
    infos.push_back(std::move(info));
  }
  std::sort(
      infos.begin(), infos.end(),
      [](const WorkerInfo& a, const WorkerInfo& b) { return a.id < b.id; });
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
  NudgeIdleWorkers();
}

bool ThreadCore::is_closed() const {
  if (InForkedChild()) return true;
  MutexLock lock(mu_);
  return closed_;
}

bool ThreadCore::is_terminated() const {
  if (InForkedChild()) return true;
  MutexLock lock(mu_);
  return Terminated();
}

bool ThreadCore::is_broken() const {
  if (InForkedChild()) return false;
  MutexLock lock(mu_);
  return broken_ != nullptr;
}

}  // namespace asyncpal::internal
