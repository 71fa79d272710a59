#include "asyncpal/pool/internal/process_core.h"

#include <stdexcept>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/clock.h"
#include "asyncpal/ipc/worker/worker_main.h"
#include "asyncpal/ipc/worker/worker_protocol.h"
#include "asyncpal/pool/internal/process_worker.h"

namespace asyncpal::internal {
namespace {

void CheckOptions(const ProcessCore::Options& options) {
  if (options.max_payload_bytes <= 0) {
    throw std::invalid_argument(absl::StrCat("max_payload_bytes is ",
                                             options.max_payload_bytes,
                                             "; it must be more than 0"));
  }
  if (options.handshake_timeout < absl::ZeroDuration()) {
    throw std::invalid_argument(
        absl::StrCat("handshake_timeout is ",
                     absl::FormatDuration(options.handshake_timeout),
                     "; it must not be less than 0, which is the default"));
  }
  if (!options.worker_command.empty() && options.worker_command[0].empty()) {
    throw std::invalid_argument(
        "worker_command has an empty string for a program");
  }
}

}  // namespace

void CheckProcessLimits(WhenFull when_full, int64_t max_pending_bytes,
                        int max_restarts, absl::Duration restart_window) {
  if (when_full == WhenFull::kCallerRuns) {
    throw std::invalid_argument(
        "when_full is kCallerRuns; a process pool runs no task on the calling "
        "thread");
  }
  CheckLimit("max_pending_bytes", max_pending_bytes);
  if (max_restarts < 0) {
    throw std::invalid_argument(
        absl::StrCat("max_restarts is ", max_restarts,
                     "; it must not be negative (0: the default)"));
  }
  CheckDuration("restart_window", restart_window);
}

std::shared_ptr<ProcessCore> ProcessCore::Make(PoolOptions options,
                                               Options remote,
                                               ShutdownRegistry* registry) {
  CheckOptions(remote);
  std::shared_ptr<ProcessCore> core(
      new ProcessCore(std::move(options), std::move(remote), registry));
  core->RegisterForShutdown();
  return core;
}

ProcessCore::ProcessCore(PoolOptions options, Options remote,
                         ShutdownRegistry* registry)
    : ThreadCore(std::move(options), remote.max_pending_bytes, registry),
      remote_(std::move(remote)),
      budget_(remote_.max_restarts, remote_.restart_window,
              options_.max_workers) {}

int64_t ProcessCore::PendingBytes(StateBase& task) const {
  return static_cast<int64_t>(task.remote_call()->call().arguments.size());
}

bool ProcessCore::SpendDeath() {
  MutexLock lock(budget_mu_);
  has_deaths_.store(true, std::memory_order_relaxed);
  return budget_.SpendDeath(NowNanos());
}

bool ProcessCore::SpendFailedStart() {
  MutexLock lock(budget_mu_);
  return budget_.SpendFailedStart();
}

absl::Duration ProcessCore::DelayAfterCrash() {
  MutexLock lock(budget_mu_);
  return budget_.DelayAfterCrash(NowNanos());
}

void ProcessCore::OnStarted() {
  MutexLock lock(budget_mu_);
  budget_.OnStarted();
}

void ProcessCore::ForgetDeaths() {
  MutexLock lock(budget_mu_);
  has_deaths_.store(false, std::memory_order_relaxed);
  budget_.OnFinishedTask();
}

std::exception_ptr ProcessCore::TooManyDeaths(const std::exception_ptr& last) {
  int max_restarts;
  absl::Duration window;
  {
    MutexLock lock(budget_mu_);
    max_restarts = budget_.max_restarts();
    window = budget_.window();
  }
  return NestException(
      BrokenPoolError(absl::StrCat(
          Label(), ": more than ", max_restarts,
          " worker processes died within ", absl::FormatDuration(window),
          " while they ran no task, and no task was finished meanwhile "
          "(max_restarts and restart_window set this limit)")),
      last);
}

ThreadCore::WorkerPtr ProcessCore::MakeWorker(int64_t id, std::string name) {
  return std::make_shared<ProcessWorker>(*this, id, std::move(name));
}

WorkerConnection::Options ProcessCore::WorkerOptions(std::string worker) const {
  return {.command = remote_.worker_command,
          .environment = remote_.worker_environment,
          .pool = options_.name,
          .worker = std::move(worker),
          .initializer = remote_.initializer.call(),
          .finalizer = remote_.finalizer.call(),
          .max_payload_bytes = remote_.max_payload_bytes,
          .handshake_timeout = remote_.handshake_timeout,
          .no_new_privileges = remote_.no_new_privileges,
          .hidden_environment = remote_.hidden_environment,
          .answer = remote_.answer};
}

void ProcessCore::CheckMayStart() {
  if (IsFutureWorker()) {
    throw InvalidStateError(
        "a process that was started as a worker uses a pool before main(); "
        "workers would start workers without end");
  }
  if (WorkerDepth() >= kMaxWorkerDepth) {
    throw InvalidStateError(
        absl::StrCat("this worker process has ", kMaxWorkerDepth,
                     " others above it; no pool can start workers below that"));
  }
}

bool ProcessCore::HasOtherWorkers() {
  MutexLock lock(mu_);
  return roster_.size() > 1;
}

EncodedCall ProcessCore::TakeCall(CancelledTask& task) {
  StateRef<StateBase>& state = TaskOf(task);
  if (!state) {
    throw InvalidStateError(
        "this CancelledTask was already called or moved from");
  }
  RemoteCall* const call = state->remote_call();
  if (call == nullptr) {
    throw SerializationError(absl::StrCat(
        "cancelled ", state->Describe(),
        " comes from a thread pool, and its callable can't be sent to another "
        "process; call it, or post it to a thread pool"));
  }
  EncodedCall taken = call->TakeCall();
  state = {};
  return taken;
}

void ProcessCore::Test() {
  CheckMayStart();
  WorkerConnection child(WorkerOptions(absl::StrCat(options_.name, "-test")));
  std::exception_ptr error = child.Handshake();
  if (error != nullptr) {
    std::rethrow_exception(HookFailure<InitializerError>(error));
  }
  error = child.Stop();
  if (error != nullptr) {
    std::rethrow_exception(HookFailure<FinalizerError>(error));
  }
}

void ProcessCore::Submit(StateBase* task) {
  if (!SubmitDirectly(task, /*will_wait=*/false)) ThreadCore::Submit(task);
}

bool ProcessCore::TrySubmit(StateBase* task, bool is_chunk) {
  return SubmitDirectly(task, /*will_wait=*/false) ||
         ThreadCore::TrySubmit(task, is_chunk);
}

void ProcessCore::SubmitAndWait(StateBase* task) {
  // An agent has a child of its own to serve, and visits no other.
  const bool will_wait = ThreadWorker::CurrentOf(*this) == nullptr;
  if (!SubmitDirectly(task, will_wait)) ThreadCore::Submit(task);
}

bool ProcessCore::SubmitDirectly(StateBase* task, bool will_wait) {
  RemoteCall& call = *task->remote_call();
  const Payload& arguments = call.call().arguments;
  if (task->is_tracked() || InForkedChild() ||
      !pending_limits_.CanEverHold(PendingBytes(*task)) ||
      (!arguments.is_memfd() && arguments.size() > kMaxInlineBytes)) {
    return false;
  }
  const auto mine = StateRef<StateBase>::Share(task);
  std::shared_ptr<ProcessWorker> worker;
  std::shared_ptr<WorkerConnection> child;
  WorkerConnection::Ticket ticket;
  {
    MutexLock take(take_mu_);
    MutexLock lock(mu_);
    const WorkerPtr newest = roster_.NewestIdle();
    if (!accepting() || newest == nullptr || Waiting() > 0 ||
        newest->lost.load()) {
      return false;
    }
    worker = std::static_pointer_cast<ProcessWorker>(newest);
    roster_.BorrowNewest();
    UpdateHints();
    const int64_t now = NowTicks();
    StartDirectly(task);
    task->MarkStarted(now);
    MarkTaken(*worker, task);
    worker->running_since.store(now, std::memory_order_relaxed);
    call.Lend();
    child = worker->Lend(task, will_wait, &ticket);
  }
  try {
    child->Send(ticket, call.call());
  } catch (const std::exception&) {
    // The agent will see that it has nothing to wait for, try again, and fail
    // the task.
    worker->ForgetSent(ticket);
  }
  call.EndLoan();
  return true;
}

// A thread that waits for a task of a lent worker, as long as it serves the
// child in the agent's place.
class ProcessCore::Visit {
 public:
  Visit(ProcessCore& core, const StateBase& task) : core_(core) {
    MutexLock lock(core_.mu_);
    core_.roster_.ForEach([&](const WorkerPtr& worker) {
      if (child_ != nullptr) return;
      auto& candidate = static_cast<ProcessWorker&>(*worker);
      child_ = candidate.BeginVisit(task, &ticket_);
      if (child_ == nullptr) return;
      worker_ = std::static_pointer_cast<ProcessWorker>(worker);
    });
  }
  ~Visit() {
    if (worker_ == nullptr) return;
    bool must_wake;
    {
      MutexLock take(core_.take_mu_);
      MutexLock lock(core_.mu_);
      must_wake = worker_->EndLoan(is_done_);
    }
    if (must_wake) worker_->WakeUp();
  }
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;

  // False: the child has died first, which is the agent's business.
  bool Serve(StateBase& task) {
    if (worker_ == nullptr) return false;
    auto waited = child_->WaitForOutcome(ticket_, absl::ZeroDuration(), 0);
    if (waited == WorkerConnection::Waited::kTimeout) {
      {
        MutexLock lock(core_.mu_);
        worker_->StopWatching();
      }
      waited = child_->WaitForOutcome(ticket_);
    }
    if (waited == WorkerConnection::Waited::kDead) return false;
    ThreadWorker* const outer = ThreadWorker::Current();
    ThreadWorker::SetCurrent(worker_.get());
    is_done_ = true;
    core_.RunTask(*worker_, &task);
    ThreadWorker::SetCurrent(outer);
    return true;
  }

 private:
  ProcessCore& core_;
  std::shared_ptr<ProcessWorker> worker_;
  std::shared_ptr<WorkerConnection> child_;
  WorkerConnection::Ticket ticket_;
  bool is_done_ = false;
};

bool ProcessCore::Attend(StateBase& task) {
  // An agent has a child of its own to serve.
  if (InForkedChild() || ThreadWorker::CurrentOf(*this) != nullptr) {
    return false;
  }
  return Visit(*this, task).Serve(task);
}

Payload ProcessCore::CallRemotely(StateBase& task, RemoteCall& call) {
  return static_cast<ProcessWorker*>(ThreadWorker::CurrentOf(*this))
      ->Call(task, call);
}

std::vector<std::shared_ptr<ProcessWorker>> ProcessCore::ProcessWorkers() {
  std::vector<std::shared_ptr<ProcessWorker>> workers;
  MutexLock lock(mu_);
  workers.reserve(roster_.size());
  roster_.ForEach([&](const WorkerPtr& worker) {
    workers.push_back(std::static_pointer_cast<ProcessWorker>(worker));
  });
  return workers;
}

std::shared_ptr<ProcessWorker> ProcessCore::FindRunner(const StateBase& task) {
  for (auto& worker : ProcessWorkers()) {
    if (worker->IsRunning(task)) return std::move(worker);
  }
  return nullptr;
}

// Recall(), KillRunning() and AskToStop() do nothing in a forked process. It
// shares sockets and claim pages with workers that are not its own.

void ProcessCore::Recall(StateBase& task) {
  if (InForkedChild()) return;
  Wakeup wakeup;
  {
    MutexLock take(take_mu_);
    MutexLock lock(mu_);
    bool is_recalled = false;
    roster_.ForEach([&](const WorkerPtr& worker) {
      is_recalled =
          is_recalled || static_cast<ProcessWorker&>(*worker).Recall(task);
    });
    if (is_recalled) wakeup = FindWorker();
  }
  Dispatch(std::move(wakeup));
}

void ProcessCore::RecallAll() {
  // Who calls this takes all that is in the queue: nobody is to be woken.
  while (true) {
    ProcessWorker* owner = nullptr;
    StateBase* last = nullptr;
    // The last submitted goes back first, so that the queue keeps its order.
    roster_.ForEach([&](const WorkerPtr& worker) {
      auto* const candidate = static_cast<ProcessWorker*>(worker.get());
      StateBase* const offered = candidate->LastOffered();
      if (offered != nullptr &&
          (last == nullptr || offered->task_id() > last->task_id())) {
        owner = candidate;
        last = offered;
      }
    });
    if (owner == nullptr) return;
    owner->Recall(*last);
  }
}

bool ProcessCore::RecallOne() {
  MutexLock take(take_mu_);
  MutexLock lock(mu_);
  if (lifecycle_.must_retire()) return false;
  bool is_recalled = false;
  roster_.ForEach([&](const WorkerPtr& worker) {
    if (is_recalled) return;
    auto& process_worker = static_cast<ProcessWorker&>(*worker);
    StateBase* const offered = process_worker.LastOffered();
    is_recalled = offered != nullptr && process_worker.Recall(*offered);
  });
  return is_recalled;
}

bool ProcessCore::KillRunning(StateBase& task) {
  if (InForkedChild()) return false;
  const auto runner = FindRunner(task);
  if (runner != nullptr && !runner->KillIfRunning(task)) return false;
  // A task without a runner is on its way to one, which looks at what it is
  // asked to run.
  task.RequestCancel();
  task.Settle(FutureState::kCancelled, nullptr);
  if (task.state() != FutureState::kCancelled) return false;
  if (runner == nullptr) OnTimeout(task);
  return true;
}

void ProcessCore::OnTimeout(StateBase& task) {
  if (const auto runner = FindRunner(task)) runner->KillIfRunning(task);
}

void ProcessCore::AskToStop(StateBase& task) {
  if (InForkedChild()) return;
  if (const auto runner = FindRunner(task)) runner->AskToStop(task);
}

bool ProcessCore::KillWorkers() {
  killed_.store(true);
  for (const auto& worker : ProcessWorkers()) worker->KillChild();
  return true;
}

}  // namespace asyncpal::internal
