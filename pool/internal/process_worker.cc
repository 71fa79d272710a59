#include "asyncpal/pool/internal/process_worker.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/clock.h"
#include "asyncpal/ipc/worker_main.h"

namespace asyncpal::internal {
namespace {

// While the system lacks something that a process needs, the only worker of a
// pool tries so often to start one.
constexpr int kMaxPatience = 10;

UniqueFd MakeEventFd() {
  UniqueFd fd =
      OffStandardStreams(UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)));
  if (!fd) {
    throw std::system_error(errno, std::generic_category(),
                            "can't make an eventfd for a worker");
  }
  return fd;
}

// What an event of the sleeping agent is about.
enum class Source : uint32_t { kWakeUp, kChildEnded, kChildSocket };

UniqueFd MakeEpollFd(int wake_fd) {
  UniqueFd fd = OffStandardStreams(UniqueFd(epoll_create1(EPOLL_CLOEXEC)));
  epoll_event event = {.events = EPOLLIN, .data = {}};
  event.data.u32 = static_cast<uint32_t>(Source::kWakeUp);
  if (!fd || epoll_ctl(fd.get(), EPOLL_CTL_ADD, wake_fd, &event) != 0) {
    throw std::system_error(errno, std::generic_category(),
                            "can't make an epoll for a worker");
  }
  return fd;
}

// An event that comes once. What can't be watched is found out by its use.
void Watch(int epoll_fd, int operation, int fd, uint32_t events,
           Source source) {
  epoll_event event = {.events = events | EPOLLONESHOT, .data = {}};
  event.data.u32 = static_cast<uint32_t>(source);
  epoll_ctl(epoll_fd, operation, fd, &event);
}

// Whether the system may have again tomorrow what it lacks today.
bool IsShortage(const std::error_code& code) {
  return code == std::errc::resource_unavailable_try_again ||
         code == std::errc::not_enough_memory ||
         code == std::errc::too_many_files_open ||
         code == std::errc::too_many_files_open_in_system;
}

int PollMs(absl::Duration timeout) {
  if (timeout > absl::Hours(24)) return -1;
  return static_cast<int>(
      absl::ToInt64Milliseconds(absl::Ceil(timeout, absl::Milliseconds(1))));
}

}  // namespace

ProcessWorker::ProcessWorker(ProcessCore& core, int64_t id, std::string name)
    : ThreadWorker(core, id, std::move(name)),
      process_core_(core),
      wake_fd_(MakeEventFd()),
      sleep_fd_(MakeEpollFd(wake_fd_.get())) {}

// ------------------------------------------------------------- The child

std::exception_ptr ProcessWorker::Begin() { return StartChild(); }

bool ProcessWorker::Revive() {
  DropChild();
  if (auto error = StartChild()) process_core_.Break(std::move(error));
  return !lost.load();
}

std::exception_ptr ProcessWorker::StartChild() {
  const ProcessCore& pool = process_core_;
  lost.store(true);
  gave_up = false;
  for (int failures = 1;; ++failures) {
    if (pool.killed_.load()) return nullptr;
    std::exception_ptr error;
    bool shortage = false;
    try {
      ProcessCore::CheckMayStart();
      auto child = std::make_shared<WorkerProcess>(pool.WorkerOptions(name));
      {
        MutexLock lock(child_mu_);
        child_ = std::move(child);
        // Who kills all workers comes before this, or finds the child.
        if (pool.killed_.load()) child_->Kill();
      }
      if (auto thrown = child_->Greet()) {
        const bool killed = child_->was_killed();
        DropChild();
        return killed ? nullptr : pool.HookFailure<InitializerError>(thrown);
      }
      process_core_.budget_.OnStarted();
      child_pid_.store(child_->pid());
      child_starter_ = std::this_thread::get_id();
      child_ended_ = false;
      is_watching_ = false;
      Watch(sleep_fd_.get(), EPOLL_CTL_ADD, child_->pidfd(), EPOLLIN,
            Source::kChildEnded);
      Watch(sleep_fd_.get(), EPOLL_CTL_ADD, child_->fd(), 0,
            Source::kChildSocket);
      lost.store(false);
      return nullptr;
    } catch (const std::system_error& failure) {
      shortage = IsShortage(failure.code());
      error = std::current_exception();
    } catch (const std::exception&) {
      error = std::current_exception();
    }
    const bool killed = child_ != nullptr && child_->was_killed();
    DropChild();
    if (killed && pool.killed_.load()) return nullptr;
    const bool is_last = shortage ? failures >= kMaxPatience
                                  : process_core_.budget_.SpendFailedStart();
    if (shortage && process_core_.HasOtherWorkers()) {
      WaitToRetry(failures);
      gave_up = true;
      return nullptr;  // the others will do
    }
    if (is_last) {
      return NestException(
          BrokenPoolError(absl::StrCat(pool.Label(),
                                       ": no worker process can "
                                       "be started: ",
                                       DescribeException(error))),
          error);
    }
    if (!WaitToRetry(failures)) return nullptr;
  }
}

bool ProcessWorker::WaitToRetry(int failures) {
  const int64_t until =
      NowNanos() + (int64_t{10'000'000} << std::min(failures - 1, 6));
  while (!process_core_.killed_.load()) {
    const int64_t left = until - NowNanos();
    if (left <= 0) return true;
    pollfd woken = {wake_fd_.get(), POLLIN, 0};
    if (poll(&woken, 1, static_cast<int>(left / 1'000'000) + 1) > 0) {
      eventfd_t count;
      eventfd_read(wake_fd_.get(), &count);
    }
  }
  return false;
}

void ProcessWorker::EnsureChild() {
  if (child_ != nullptr && running_ != nullptr) {
    // It still has a task that was given up before it was waited for.
    child_->Kill();
    child_->BuryAndDescribe("running");
    RecallOwn();
    DropChild();
  }
  if (child_ != nullptr) return;
  if (auto error = StartChild()) {
    process_core_.Break(error);
    std::rethrow_exception(error);
  }
  if (lost.load()) {
    throw RejectedError(absl::StrCat(process_core_.Label(),
                                     ": no worker process can be started"));
  }
}

void ProcessWorker::DropChild() {
  std::shared_ptr<WorkerProcess> dead;  // ended and reaped with no lock held
  MutexLock lock(child_mu_);
  dead = std::move(child_);
  running_ = nullptr;
  child_pid_.store(0);
  lost.store(true);
  lock.Unlock();
}

std::exception_ptr ProcessWorker::End() {
  if (child_ == nullptr) return nullptr;
  if (lost.load()) {
    DropChild();
    return nullptr;
  }
  std::exception_ptr thrown;
  try {
    thrown = child_->Stop();
  } catch (const std::exception&) {
    LogFailure(absl::StrCat(name, " did not end as it should"),
               std::current_exception());
  }
  const bool killed = child_->was_killed();
  DropChild();
  if (thrown == nullptr || killed) return nullptr;
  return process_core_.HookFailure<FinalizerError>(thrown);
}

void ProcessWorker::Sleep(absl::Duration timeout) {
  epoll_event events[3];
  const int count = epoll_wait(sleep_fd_.get(), events, 3, PollMs(timeout));
  MutexLock lock(process_core_.mu_);
  for (int i = 0; i < count; ++i) {
    switch (static_cast<Source>(events[i].data.u32)) {
      case Source::kWakeUp: {
        eventfd_t value;
        eventfd_read(wake_fd_.get(), &value);
        break;
      }
      case Source::kChildEnded:
        child_ended_ = true;
        child_spoke_ = true;
        break;
      case Source::kChildSocket:
        is_watching_ = false;
        child_spoke_ = true;
        break;
    }
  }
  if (child_ended_ && loan_ == Loan::kNone) lost.store(true);
}

void ProcessWorker::WakeUp() { eventfd_write(wake_fd_.get(), 1); }

// ------------------------------------------------------------- Its tasks

void ProcessWorker::SetRunning(StateBase* task, const Ticket& ticket) {
  MutexLock lock(child_mu_);
  running_ = task;
  running_ticket_ = ticket;
}

Payload ProcessWorker::Call(StateBase& task, const RemoteCall& call) {
  int attempts = 0;
  bool is_sent =
      running_ == &task;  // ahead of its time, or by who submitted it
  // What comes next must not overtake it.
  if (is_sent) call.WaitForLoan();
  while (true) {
    if (!is_sent) {
      if (task.is_done()) {
        throw CancelledError(absl::StrCat(task.Describe(), " was given up"));
      }
      EnsureChild();
      SetRunning(&task, child_->Offer(nullptr));
      try {
        child_->Send(running_ticket_, call.call());
      } catch (...) {
        child_->Withdraw(running_ticket_);
        SetRunning(nullptr, {});
        throw;
      }
    }
    is_sent = false;
    // What was wanted of it before anyone could find it here.
    if (task.is_done()) {
      KillIfRunning(task);
    } else if (task.cancel_requested()) {
      task.RequestStop();
    }
    const Ticket ticket = running_ticket_;
    OfferNext(ticket);
    auto outcome = Receive(ticket);
    if (!outcome.has_value()) {
      HandleDeath(task, ticket, attempts);
      continue;
    }
    SetRunning(nullptr, {});
    process_core_.budget_.OnFinishedTask();
    if (outcome->exiting) {
      RecallOwn();
      DropChild();
    }
    if (outcome->failure != nullptr) {
      std::rethrow_exception(outcome->failure);
    }
    return std::move(outcome->value);
  }
}

std::optional<WorkerProcess::Outcome> ProcessWorker::Receive(
    const Ticket& ticket) {
  while (true) {
    auto outcome = child_->Receive();
    if (!outcome.has_value() || outcome->attempt == ticket.attempt) {
      return outcome;
    }
    // Nobody waits for that any more, or it can't be.
    if (outcome->attempt > ticket.attempt) {
      child_->Condemn("a worker sent a result of a task that it does not have");
    }
  }
}

void ProcessWorker::HandleDeath(StateBase& task, const Ticket& ticket,
                                int& attempts) {
  const ClaimPage::Claim claim = child_->Look(ticket);
  const bool killed = child_->was_killed();
  const WorkerLostError::Cause cause = child_->BuryAndDescribe(
      claim == ClaimPage::Claim::kFinished ? "sending the result" : "running");
  const std::string loss = child_->loss();
  RecallOwn();
  DropChild();
  if (killed) {
    // On purpose, and if it was not for a timeout, which has failed the task
    // before, then to cancel it.
    task.Settle(FutureState::kCancelled, nullptr);
    throw CancelledError(absl::StrCat(task.Describe(), " was killed"));
  }
  const WorkerLostError error(
      absl::StrCat(task.Describe(), " was lost while ", cause.phase,
                   ": worker process ", cause.pid, " of ",
                   process_core_.Label(), " ", loss),
      cause);
  if (process_core_.budget_.SpendDeath(NowNanos())) {
    process_core_.Break(NestException(
        BrokenPoolError(absl::StrCat(
            process_core_.Label(), ": more than ",
            process_core_.budget_.max_deaths(),
            " worker processes died within 5 s and no task was finished")),
        std::make_exception_ptr(error)));
  } else {
    if (claim == ClaimPage::Claim::kOffered) return;  // it had not begun
    const auto* const options =
        static_cast<const TaskOptionsAttachment*>(task.attachment());
    const int max_attempts =
        options == nullptr ? 1 : options->options.max_attempts;
    if (++attempts < max_attempts && !task.is_done()) return;
  }
  if (!task.is_done()) lost_tasks.Add(1);
  throw error;
}

// ------------------------------------------------------ The one at hand

void ProcessWorker::OfferNext(const Ticket& running) {
  const int max_tasks = process_core_.options_.max_tasks_per_worker;
  if (pumping_ || (max_tasks > 0 && tasks_since_start + 2 > max_tasks)) return;
  StateRef<StateBase> task;
  Ticket ticket;
  {
    MutexLock take(process_core_.take_mu_);
    if (offered_ != nullptr) return;
    StateBase* const next = process_core_.TakeForOffer();
    if (next == nullptr) return;
    const Payload& arguments = next->remote_call()->call().arguments;
    if (!arguments.is_memfd() && arguments.size() > kMaxInlineBytes) {
      // Both sides might wait for each other to read.
      MutexLock lock(process_core_.mu_);
      process_core_.PutBack(next);
      return;
    }
    task = StateRef<StateBase>::Share(next);
    task->remote_call()->Lend();
    offered_ = next;
    offered_started_ = false;
    ticket = offered_ticket_ = child_->Offer(&running);
  }
  bool is_sent = true;
  try {
    child_->Send(ticket, task->remote_call()->call());
  } catch (const std::exception&) {
    is_sent = false;  // it fails when its turn comes
  }
  task->remote_call()->EndLoan();
  if (!is_sent) RecallOwn();
}

StateBase* ProcessWorker::TakeOffered() {
  MutexLock take(process_core_.take_mu_);
  if (offered_ == nullptr) return nullptr;
  StateBase* const task = std::exchange(offered_, nullptr);
  if (!std::exchange(offered_started_, false)) {
    task->StartOffered();
    process_core_.CountStarted();
  }
  process_core_.MarkTaken(*this, task);
  SetRunning(task, offered_ticket_);
  return task;
}

bool ProcessWorker::Recall(const StateBase* task) {
  if (!has_offered() || (task != nullptr && offered_ != task)) {
    return false;
  }
  if (child_->Withdraw(offered_ticket_)) {
    process_core_.PutBack(std::exchange(offered_, nullptr));
    return true;
  }
  offered_->StartOffered();
  process_core_.CountStarted();
  offered_started_ = true;
  return false;
}

void ProcessWorker::RecallOwn() {
  ThreadCore::Wakeup wakeup;
  {
    MutexLock take(process_core_.take_mu_);
    MutexLock lock(process_core_.mu_);
    if (Recall(nullptr)) wakeup = process_core_.FindWorker();
  }
  process_core_.Dispatch(std::move(wakeup));
}

// ------------------------------------------------------------------ Loans

void ProcessWorker::WatchChild(bool watch) {
  if (std::exchange(is_watching_, watch) == watch) return;
  Watch(sleep_fd_.get(), EPOLL_CTL_MOD, child_->fd(),
        watch ? uint32_t{EPOLLIN} : 0, Source::kChildSocket);
}

std::shared_ptr<WorkerProcess> ProcessWorker::Lend(StateBase* task,
                                                   bool will_wait,
                                                   Ticket* ticket) {
  loan_ = will_wait ? Loan::kReserved : Loan::kUnattended;
  lent_task_ = task;
  child_spoke_ = false;
  MutexLock lock(child_mu_);
  running_ = task;
  *ticket = running_ticket_ = child_->Offer(nullptr);
  WatchChild(!will_wait);
  return child_;
}

std::shared_ptr<WorkerProcess> ProcessWorker::BeginVisit(
    const StateBase& task) {
  if (lent_task_ != &task ||
      (loan_ != Loan::kUnattended && loan_ != Loan::kReserved)) {
    return nullptr;
  }
  loan_ = Loan::kVisited;
  MutexLock lock(child_mu_);
  WatchChild(false);
  return child_;
}

bool ProcessWorker::EndLoan(bool is_done) {
  loan_ = Loan::kNone;
  if (child_ended_) lost.store(true);
  if (is_done) lent_task_ = nullptr;
  if (is_done && offered_ == nullptr && process_core_.Waiting() == 0 &&
      !process_core_.MustRetire(*this) && !process_core_.IsWornOut(*this)) {
    process_core_.idle_.push_back(shared_from_this());
    return false;
  }
  searching = true;
  ++process_core_.searching_;
  wake.store(kWoken, std::memory_order_release);
  return true;
}

void ProcessWorker::ForgetSent(const Ticket& ticket) {
  bool must_wake = false;
  {
    MutexLock take(process_core_.take_mu_);
    MutexLock lock(process_core_.mu_);
    MutexLock child_lock(child_mu_);
    if (child_ != nullptr) child_->Withdraw(ticket);
    running_ = nullptr;
    if (loan_ != Loan::kNone) must_wake = EndLoan(/*is_done=*/false);
  }
  if (must_wake) WakeUp();
}

bool ProcessWorker::is_lent() {
  if (loan_ == Loan::kUnattended && child_spoke_) EndLoan(/*is_done=*/false);
  return loan_ != Loan::kNone;
}

StateBase* ProcessWorker::TakeLent() {
  return std::exchange(lent_task_, nullptr);
}

// ----------------------------------------------- Waiting inside a callback

bool ProcessWorker::RunInline(StateBase& task) {
  if (task.owner() != &process_core_ || pumping_) return false;
  bool is_offered;
  {
    MutexLock take(process_core_.take_mu_);
    is_offered = offered_ == &task;
  }
  if (is_offered) {
    StateBase* const own = TakeOffered();
    process_core_.RunTask(*this, own);
    return true;
  }
  RecallOwn();
  {
    MutexLock take(process_core_.take_mu_);
    if (offered_ != nullptr) return false;  // the child is busy with it
  }
  return ThreadWorker::RunInline(task);
}

bool ProcessWorker::BeginBlocking(const StateBase* awaited) {
  if (!pumping_) {
    RecallOwn();
    bool is_started;
    {
      MutexLock take(process_core_.take_mu_);
      is_started = offered_ != nullptr;
    }
    // The wait may depend on its result.
    if (is_started) {
      pumping_ = true;
      pump_owner_ = std::this_thread::get_id();
      try {
        pump_ = std::thread([this] {
          ThreadWorker::SetCurrent(this);
          process_core_.RunTask(*this, TakeOffered());
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

// A child gets a signal when the thread that has started it ends. For the agent
// that is as it should be; the pump's is to be gone before.
void ProcessWorker::EndChildOfThisThread() {
  if (child_ == nullptr || child_starter_ != std::this_thread::get_id()) return;
  if (auto error = End()) process_core_.Break(std::move(error));
}

void ProcessWorker::AfterRun() {
  if (!pumping_ || pump_owner_ != std::this_thread::get_id()) return;
  pump_.join();
  pump_ = std::thread();
  pumping_ = false;
}

// --------------------------------------------------- What others do to it

bool ProcessWorker::IsRunning(const StateBase& task) {
  // Both at once, since the offered task becomes the running one.
  MutexLock take(process_core_.take_mu_);
  MutexLock lock(child_mu_);
  return running_ == &task || (offered_ == &task && offered_started_);
}

bool ProcessWorker::KillIfRunning(const StateBase& task) {
  MutexLock take(process_core_.take_mu_);
  MutexLock lock(child_mu_);
  if (child_ == nullptr) return false;
  Ticket ticket;
  if (running_ == &task) {
    ticket = running_ticket_;
  } else if (offered_ == &task && offered_started_) {
    ticket = offered_ticket_;
  } else {
    return false;
  }
  if (!child_->Interrupt(ticket) && !child_->Withdraw(ticket)) return false;
  child_->Kill();
  return true;
}

void ProcessWorker::AskToStop(const StateBase& task) {
  MutexLock take(process_core_.take_mu_);
  MutexLock lock(child_mu_);
  if (child_ == nullptr) return;
  if (running_ == &task) {
    child_->Cancel(running_ticket_);
  } else if (offered_ == &task) {
    child_->Cancel(offered_ticket_);
  }
}

void ProcessWorker::KillChild() {
  {
    MutexLock lock(child_mu_);
    if (child_ != nullptr) child_->Kill();
  }
  WakeUp();
}

}  // namespace asyncpal::internal
