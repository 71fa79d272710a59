#include "asyncpal/pool/internal/process_driver.h"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/clock.h"
#include "asyncpal/future/internal/execution_context.h"
#include "asyncpal/future/internal/rebuilt_error.h"
#include "asyncpal/pool/internal/cpu_count.h"
#include "asyncpal/pool/internal/initializer.h"
#include "asyncpal/pool/internal/pool_core.h"
#include "asyncpal/pool/internal/thread_core.h"

// How it works. With tasks ahead (prefetched_tasks.h), some wait behind a slow
// one though a worker is free for them. Therefore a slow one makes the driver
// revoke all but one, and idle drivers take from those that have some.

namespace asyncpal::internal {
namespace {

// While the system lacks something that a process needs, the only worker of a
// pool tries this often to start one.
constexpr int kMaxStartAttempts = 10;

// What takes longer makes others wait that are behind it.
constexpr int64_t kQuickNanos = 1'000'000;

// Whether the system may have again tomorrow what it lacks today.
bool IsShortage(const std::error_code& code) {
  return code == std::errc::resource_unavailable_try_again ||
         code == std::errc::not_enough_memory ||
         code == std::errc::too_many_files_open ||
         code == std::errc::too_many_files_open_in_system;
}

int MaxAttempts(const TaskState& task) {
  const auto* const options =
      static_cast<const TaskOptionsAttachment*>(task.attachment());
  return options == nullptr ? 1 : options->options.max_attempts;
}

}  // namespace

ProcessDriver::ProcessDriver(ThreadCore& core, DriverPool& pool,
                             ProcessSupply& supply, int64_t id,
                             std::string name)
    : ThreadWorker(core, id, std::move(name)), pool_(pool), supply_(supply) {}

// ----------------------------------------------------------- The process

bool ProcessDriver::Revive() {
  const auto& dead = own_child();
  const bool died_without_task =
      dead != nullptr && !dead->was_killed() && own_running().child == nullptr;
  WorkerLostError::Cause cause;
  if (dead != nullptr && !dead->was_killed()) {
    cause = dead->ReapAndDescribe("idle");
  }
  if (died_without_task && supply_.SpendDeath()) {
    const WorkerLostError error(
        absl::StrCat("idle worker process ", cause.pid, " of ", supply_.Label(),
                     " ", dead->loss()),
        cause);
    DropDeadChild(cause);
    pool_.Break(supply_.TooManyDeaths(std::make_exception_ptr(error)));
    return false;
  }
  DropDeadChild(cause);
  if (auto error = StartChild()) pool_.Break(std::move(error));
  return !lost.load();
}

std::exception_ptr ProcessDriver::StartChild() {
  lost.store(true);
  gave_up = false;
  if (!WaitUntil(std::exchange(no_start_before_, 0))) return nullptr;
  for (int failures = 1;; ++failures) {
    if (supply_.is_killed()) return nullptr;
    std::exception_ptr error;
    bool shortage = false;
    try {
      TryStartChild(error);
      return error;
    } catch (const std::system_error& failure) {
      shortage = IsShortage(failure.code());
      error = std::current_exception();
    } catch (const std::exception&) {
      error = std::current_exception();
    }
    const bool killed = own_child() != nullptr && own_child()->was_killed();
    DropChild("it did not start");
    if (killed && supply_.is_killed()) return nullptr;
    const bool is_last =
        shortage ? failures >= kMaxStartAttempts : supply_.SpendFailedStart();
    if (shortage && pool_.HasOtherWorkers()) {
      WaitToRetry(failures);
      gave_up = true;
      return nullptr;  // the others will do
    }
    if (is_last) return supply_.NoneCanStart(error);
    if (!WaitToRetry(failures)) return nullptr;
  }
}

void ProcessDriver::TryStartChild(std::exception_ptr& error) {
  auto child = supply_.Connect(name);
  {
    MutexLock lock(child_mu_);
    child_ = child;
    // Whoever kills all workers comes before this, or finds the process.
    if (supply_.is_killed()) child_->Kill();
  }
  if (auto thrown = child->Handshake()) {
    const bool killed = child->was_killed();
    child = nullptr;
    DropChild("it did not start");
    if (!killed)
      error = InitializerFailure<InitializerError>(supply_.Label(), thrown);
    return;
  }
  supply_.OnStarted();
  child_pid_.store(child->pid());
  child_starter_ = std::this_thread::get_id();
  is_announced_ = true;
  is_too_large = false;
  supply_.OnNewProcess(child->pid());
  pool_.OnChildStarted(*this);
  waiter_.Add(child->fd(), child->pidfd());
  lost.store(false);
}

bool ProcessDriver::WaitToRetry(int failures) {
  return WaitUntil(NowNanos() +
                   (int64_t{10'000'000} << std::min(failures - 1, 6)));
}

bool ProcessDriver::WaitUntil(int64_t until) {
  while (!supply_.is_killed()) {
    const int64_t left = until - NowNanos();
    if (left <= 0) return true;
    waiter_.WaitForWakeUp(absl::Nanoseconds(left));
  }
  return false;
}

void ProcessDriver::EnsureChild() {
  if (own_child() != nullptr && own_running().child == own_child()) {
    // It still has a task that was given up before it was waited for.
    own_child()->Kill();
    own_child()->ReapAndDescribe("running");
    pool_.RevokeAll(*this, /*rest=*/0);
    DropChild("its task was given up");
  }
  if (own_child() != nullptr) return;
  if (auto error = StartChild()) {
    pool_.Break(error);
    std::rethrow_exception(error);
  }
  if (lost.load()) {
    throw RejectedError(
        absl::StrCat(supply_.Label(), ": no worker process can be started"));
  }
}

void ProcessDriver::DropChild(const std::string& why) {
  if (std::exchange(is_announced_, false)) pool_.OnChildEnded(*this, why);
  std::shared_ptr<WorkerConnection> dead;  // ended and reaped with no lock held
  Handed running;
  MutexLock lock(child_mu_);
  dead = std::move(child_);
  running = std::exchange(running_, {});
  child_pid_.store(0);
  lost.store(true);
  lock.Unlock();
}

void ProcessDriver::DropDeadChild(const WorkerLostError::Cause& cause) {
  const auto& dead = own_child();
  if (dead == nullptr) return DropChild("");
  if (dead->was_killed()) return DropChild("it was killed");
  pool_.OnChildLost(*this);
  supply_.TellOfLoss(cause, dead->loss());
  DropChild(absl::StrCat("it ", dead->loss()));
}

std::exception_ptr ProcessDriver::End() {
  if (own_child() == nullptr) return nullptr;
  pool_.OnChildStopped(*this);
  if (lost.load()) {
    DropDeadChild(own_child()->ReapAndDescribe("idle"));
    return nullptr;
  }
  std::exception_ptr thrown;
  try {
    thrown = own_child()->Stop();
  } catch (const std::exception&) {
    supply_.log().WriteFailure(absl::StrCat(name, " did not end as it should"),
                               std::current_exception());
  }
  const bool killed = own_child()->was_killed();
  DropChild(killed ? "it was killed" : why_retired);
  if (thrown == nullptr || killed) return nullptr;
  return InitializerFailure<FinalizerError>(supply_.Label(), thrown);
}

void ProcessDriver::Sleep(absl::Duration timeout) {
  const WorkerWaiter::Events events = waiter_.Wait(timeout);
  if (events.child_ended || events.child_spoke) pool_.OnEvents(*this, events);
}

void ProcessDriver::WatchSocket(bool watch) {
  MutexLock lock(child_mu_);
  if (child_ != nullptr) waiter_.WatchSocket(child_->fd(), watch);
}

// ------------------------------------------------------------- Its tasks

void ProcessDriver::SetRunning(Handed handed) {
  MutexLock lock(child_mu_);
  std::swap(running_, handed);
  lock.Unlock();  // the old one may hold the last reference to a dead process
}

ProcessDriver::Handed ProcessDriver::HandDirectly(TaskState* task) {
  MutexLock lock(child_mu_);
  child_->NotifyForAll();
  running_ = {task, child_, child_->IssueTicket()};
  return running_;
}

void ProcessDriver::ForgetHanded(const Ticket& ticket) {
  MutexLock lock(child_mu_);
  if (running_.child != nullptr) running_.child->Revoke(ticket);
  running_ = {};
}

void ProcessDriver::Run(TaskState* task, int64_t now) {
  task->MarkStarted(now);
  RunningTask link(*task);
  RemoteCall& call = *RemoteCall::Of(*task);
  RemoteOutcome outcome;
  KeptResult result;
  try {
    outcome = Call(*task, call, result);
  } catch (...) {
    outcome.failure = std::current_exception();
    if (outcome.failure == nullptr) {
      // pthread_exit() in a callback: this unwinding must go on.
      call.Deliver(
          {.failure = std::make_exception_ptr(InvalidStateError(absl::StrCat(
               task->Describe(), " ended its thread by pthread_exit")))});
      throw;
    }
  }
  call.Deliver(std::move(outcome));
  // The task may be gone, but its result has been decoded.
  if (result.file < 0) return;
  if (const auto child = result.child.lock()) {
    child->ReleaseResult(result.file, result.ticket);
  }
}

RemoteOutcome ProcessDriver::Call(TaskState& task, RemoteCall& call,
                                  KeptResult& result) {
  int attempts = 0;
  // Ahead of time, or by its submitter.
  bool is_sent = own_running().task == &task;
  // What comes next must not overtake it.
  if (is_sent) call.WaitForSends();
  const int64_t now = running_since.load(std::memory_order_relaxed);
  is_quick_ = TicksToNanos(now - std::exchange(call_began_, now)) < kQuickNanos;
  int reported = 0;
  while (true) {
    if (!is_sent) Send(task, call, FirstAttempt(task) + attempts);
    is_sent = false;
    if (attempts > reported) {
      core.OnNextAttempt(*this, task, FirstAttempt(task) + attempts);
      reported = attempts;
    }
    // What was wanted of it before anyone could find it here.
    if (task.is_done()) {
      KillRunning(task);
    } else if (task.cancel_requested()) {
      task.RequestStop();
    }
    const Handed& running = own_running();
    WorkerConnection& child = *running.child;
    const uint64_t notify_from = Prefetch();
    if (notify_from != 0 &&
        child.WaitForOutcome(running.ticket, absl::Nanoseconds(kQuickNanos),
                             notify_from) ==
            WorkerConnection::Waited::kTimeout) {
      // It takes longer than others should wait for it.
      pool_.RevokeAll(*this, /*rest=*/1);
    }
    auto outcome = child.Receive(running.ticket);
    if (!outcome.has_value()) {
      if (auto end = HandleDeath(task, attempts)) return *std::move(end);
      call.SetRunner(nullptr);
      continue;
    }
    const uint64_t calls_begun =
        outcome->failure != nullptr ? child.CallsBegun(running.ticket) : 0;
    if (outcome->kept_file >= 0) {
      result = {running.child, running.ticket, outcome->kept_file};
    }
    SetRunning({});
    supply_.OnFinishedTask();
    if (outcome->exiting) {
      pool_.RevokeAll(*this, /*rest=*/0);
      pool_.OnChildLost(*this);
      const std::string why = "a task ended its thread by pthread_exit()";
      supply_.TellOfLoss({.pid = child_pid_.load(), .phase = "running"}, why);
      DropChild(why);
    }
    return {.value = std::move(outcome->value),
            .failure = std::move(outcome->failure),
            .parts = std::move(outcome->parts),
            .calls_begun = calls_begun};
  }
}

void ProcessDriver::Send(TaskState& task, RemoteCall& call, int run) {
  if (task.is_done()) {
    throw CancelledError(absl::StrCat(task.Describe(), " was given up"));
  }
  EnsureChild();
  SetRunning({&task, own_child(), own_child()->IssueTicket()});
  call.SetRunner(this);
  try {
    own_child()->Send(own_running().ticket, call.call(), LabelsOf(task, run));
  } catch (...) {
    own_child()->Revoke(own_running().ticket);
    SetRunning({});
    throw;
  }
}

uint64_t ProcessDriver::Prefetch() {
  const auto& child = own_child();
  if (pumping_ || own_running().child != child || !child->can_prefetch()) {
    return 0;
  }
  const DriverPool::Batch batch =
      pool_.Prefetch(*this, own_running(), is_quick_);
  if (batch.orders.empty()) return batch.notify_from;
  bool are_sent = true;
  try {
    child->Send(batch.orders);
  } catch (const std::exception&) {
    are_sent = false;  // the one at fault fails when its turn comes
  }
  for (const auto& task : batch.tasks) RemoteCall::Of(*task)->EndSend();
  if (!are_sent) pool_.RevokeAll(*this, /*rest=*/0);
  return batch.notify_from;
}

std::optional<RemoteOutcome> ProcessDriver::HandleDeath(TaskState& task,
                                                        int& attempts) {
  const Handed running = own_running();
  const ClaimPage::Claim claim = running.child->Look(running.ticket);
  const bool killed = running.child->was_killed();
  const WorkerLostError::Cause cause = running.child->ReapAndDescribe(
      claim == ClaimPage::Claim::kFinished ? "sending the result" : "running");
  pool_.RevokeAll(*this, /*rest=*/0);
  // Of several tasks that the process has begun, the first to come here tells.
  const bool is_news = running.child == own_child();
  if (is_news) {
    DropDeadChild(cause);
  } else {
    SetRunning({});
  }
  if (killed) {
    // On purpose, and if it was not for a timeout, which has failed the task
    // before, then to cancel it.
    task.Settle(FutureState::kCancelled, nullptr);
    return RemoteOutcome{.failure = std::make_exception_ptr(CancelledError(
                             absl::StrCat(task.Describe(), " was killed")))};
  }
  const std::exception_ptr error = LossOf(task, running, cause);
  if (claim == ClaimPage::Claim::kPrefetched) {  // it had not begun
    if (!is_news || !supply_.SpendDeath()) return std::nullopt;
    const std::exception_ptr broken = supply_.TooManyDeaths(error);
    pool_.Break(broken);
    return RemoteOutcome{.failure = broken};
  }
  if (is_news) {
    no_start_before_ =
        NowNanos() + absl::ToInt64Nanoseconds(supply_.DelayAfterCrash());
  }
  if (++attempts < MaxAttempts(task) && !task.is_done()) return std::nullopt;
  if (!task.is_done()) {
    lost_tasks.Add(1);
    core.OnTaskLost(*this, task);
  }
  return RemoteOutcome{
      .failure = error,
      .parts = running.child->TakeParts(running.ticket),
      .calls_begun = running.child->CallsBegun(running.ticket)};
}

std::exception_ptr ProcessDriver::LossOf(
    TaskState& task, const Handed& running,
    const WorkerLostError::Cause& cause) const {
  return MakeRemoteException(
      WorkerLostError(
          absl::StrCat(task.Describe(), " was lost while ", cause.phase,
                       ": worker process ", cause.pid, " of ", supply_.Label(),
                       " ", running.child->loss()),
          cause),
      running.child->crash_trace(), /*cause=*/nullptr);
}

// ----------------------------------------------- Waiting inside a callback

bool ProcessDriver::RunInline(TaskState& task, bool alone) {
  if (task.owner() != &core || pumping_) return false;
  if (TaskState* const own = pool_.StartPrefetched(*this, &task)) {
    pool_.RunTask(*this, own);
    return true;
  }
  pool_.RevokeAll(*this, /*rest=*/0);
  if (pool_.HasPrefetched(*this)) return false;  // the process is busy with it
  return ThreadWorker::RunInline(task, alone);
}

bool ProcessDriver::BeginBlocking(const TaskState* awaited) {
  if (!pumping_) {
    pool_.RevokeAll(*this, /*rest=*/0);
    // The wait may depend on the results of those that have begun.
    if (pool_.HasPrefetched(*this)) {
      pumping_ = true;
      pump_owner_ = std::this_thread::get_id();
      try {
        pump_ = std::thread([this] {
          ThreadWorker::SetCurrent(this);
          while (TaskState* const task = TakePrefetched()) {
            pool_.RunTask(*this, task);
          }
          EndChildOfThisThread();
          ThreadWorker::SetCurrent(nullptr);
        });
      } catch (const std::system_error&) {
        pumping_ = false;
        throw;
      }
    }
  }
  return ThreadWorker::BeginBlocking(awaited);
}

// A process gets a signal when the thread that has started it ends. For the
// driver's that is as it should be; the pump's is to be gone before.
void ProcessDriver::EndChildOfThisThread() {
  if (own_child() == nullptr || child_starter_ != std::this_thread::get_id()) {
    return;
  }
  if (auto error = End()) pool_.Break(std::move(error));
}

void ProcessDriver::AfterRun() {
  if (pumping_) {
    // What follows is for the driver's own thread, not for the pump's.
    if (pump_owner_ != std::this_thread::get_id()) return;
    pump_.join();
    pump_ = std::thread();
    pumping_ = false;
  }
  is_too_large = supply_.IsTooLarge(child_pid_.load());
}

// --------------------------------------------------- What others do to it

ProcessDriver::Hold ProcessDriver::GetHold() {
  return {
      .pool = pool_.GetHold(),
      .runner = std::static_pointer_cast<ProcessDriver>(shared_from_this())};
}

bool ProcessDriver::ReceiveWithin(TaskState& task, absl::Duration limit) {
  // A driver has a process of its own to serve.
  if (CurrentOf(core) != nullptr || !pool_.BeginReceiveOnWaiter(*this, task)) {
    return false;
  }
  struct Receiving {
    ~Receiving() { pool.EndReceiveOnWaiter(driver, is_done); }
    DriverPool& pool;
    ProcessDriver& driver;
    bool is_done = false;
  } receiving{pool_, *this};
  Handed running;
  {
    MutexLock lock(child_mu_);
    running = running_;
  }
  if (running.child == nullptr) return false;
  WorkerConnection& child = *running.child;
  // With a single processor, the process needs that of whoever spins.
  static const bool spins = ProbablyAvailableCpus() > 1;
  auto waited =
      spins ? child.SpinForOutcome(running.ticket)
            : child.WaitForOutcome(running.ticket, absl::ZeroDuration(), 0);
  if (waited == WorkerConnection::Waited::kTimeout) {
    pool_.WatchOnWaiter(*this);
    waited = child.WaitForOutcome(running.ticket, limit, /*notify_from=*/0);
  }
  // What else may be is the driver's business, for whom the outcome is kept.
  if (waited != WorkerConnection::Waited::kOutcome ||
      !RemoteCall::Of(task)->IsForWaiter(child.outcome().value)) {
    return false;
  }
  ThreadWorker* const outer = Current();
  SetCurrent(this);
  receiving.is_done = true;
  pool_.RunTask(*this, &task);
  SetCurrent(outer);
  return true;
}

bool ProcessDriver::Revoke(TaskState& task) {
  pool_.Revoke(*this, task);
  return true;
}

std::optional<ProcessDriver::Handed> ProcessDriver::FindHanded(
    const TaskState& task) {
  // In this order: a prefetched task becomes the running one.
  if (auto handed = pool_.FindPrefetched(*this, task)) return handed;
  MutexLock lock(child_mu_);
  if (running_.task != &task) return std::nullopt;
  return running_;
}

bool ProcessDriver::KillRunning(TaskState& task) {
  const auto handed = FindHanded(task);
  if (!handed.has_value() || !handed->child->Interrupt(handed->ticket)) {
    return false;
  }
  handed->child->Kill();
  return true;
}

void ProcessDriver::AskToStop(TaskState& task) {
  const auto handed = FindHanded(task);
  if (handed.has_value()) handed->child->Cancel(handed->ticket);
}

std::string ProcessDriver::StackOfTask(absl::Duration limit) {
  std::shared_ptr<WorkerConnection> child;
  {
    MutexLock lock(child_mu_);
    child = running_.child;
  }
  return child == nullptr ? "" : child->CaptureStack(limit);
}

std::optional<TaskProgress> ProcessDriver::ProgressOf(TaskState& task) {
  const auto handed = FindHanded(task);
  return handed.has_value() ? handed->child->ReadProgress(handed->ticket)
                            : std::nullopt;
}

void ProcessDriver::KillChild() {
  {
    MutexLock lock(child_mu_);
    if (child_ != nullptr) child_->Kill();
  }
  WakeUp();
}

}  // namespace asyncpal::internal
