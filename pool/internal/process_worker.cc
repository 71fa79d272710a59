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
#include "asyncpal/ipc/worker/worker_main.h"

namespace asyncpal::internal {
namespace {

// While the system lacks something that a process needs, the only worker of a
// pool tries so often to start one.
constexpr int kMaxPatience = 10;

// What takes longer makes others wait that are at hand behind it.
constexpr int64_t kQuickNanos = 1'000'000;

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

// How a program that is not this one was started; empty for this one.
std::string DescribeCommand(const std::vector<std::string>& command) {
  constexpr size_t kMaxBytes = 16 * 1024;
  std::string text;
  for (const std::string& word : command) {
    absl::StrAppend(&text, text.empty() ? "; the command was: " : " ",
                    word.find(' ') == std::string::npos
                        ? word
                        : absl::StrCat("\"", word, "\""));
    if (text.size() > kMaxBytes) {
      text.resize(kMaxBytes);
      return text + "...";
    }
  }
  return text;
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
      sleep_fd_(MakeEpollFd(wake_fd_.get())) {
  offered_.reserve(ClaimPage::kSlots);  // so that offering does not throw
}

// ------------------------------------------------------------- The child

std::exception_ptr ProcessWorker::Begin() { return StartChild(); }

bool ProcessWorker::Revive() {
  if (DiedWithoutTask() && process_core_.SpendDeath()) {
    const WorkerLostError::Cause cause = child_->ReapAndDescribe("idle");
    const WorkerLostError error(
        absl::StrCat("idle worker process ", cause.pid, " of ",
                     process_core_.Label(), " ", child_->loss()),
        cause);
    DropChild();
    process_core_.Break(
        process_core_.TooManyDeaths(std::make_exception_ptr(error)));
    return false;
  }
  DropChild();
  if (auto error = StartChild()) process_core_.Break(std::move(error));
  return !lost.load();
}

bool ProcessWorker::DiedWithoutTask() {
  MutexLock lock(child_mu_);
  return child_ != nullptr && running_.child == nullptr &&
         !child_->was_killed();
}

std::exception_ptr ProcessWorker::StartChild() {
  const ProcessCore& pool = process_core_;
  lost.store(true);
  gave_up = false;
  if (!WaitUntil(std::exchange(no_start_before_, 0))) return nullptr;
  for (int failures = 1;; ++failures) {
    if (pool.killed_.load()) return nullptr;
    std::exception_ptr error;
    bool shortage = false;
    try {
      ProcessCore::CheckMayStart();
      auto child = std::make_shared<WorkerConnection>(pool.WorkerOptions(name));
      {
        MutexLock lock(child_mu_);
        child_ = std::move(child);
        // Who kills all workers comes before this, or finds the child.
        if (pool.killed_.load()) child_->Kill();
      }
      if (auto thrown = child_->Handshake()) {
        const bool killed = child_->was_killed();
        DropChild();
        return killed ? nullptr : pool.HookFailure<InitializerError>(thrown);
      }
      process_core_.OnStarted();
      child_pid_.store(child_->pid());
      child_starter_ = std::this_thread::get_id();
      child_ended_ = false;
      is_watching_ = false;
      if (child_->pidfd() != -1) {
        Watch(sleep_fd_.get(), EPOLL_CTL_ADD, child_->pidfd(), EPOLLIN,
              Source::kChildEnded);
      }
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
    const bool is_last =
        shortage ? failures >= kMaxPatience : process_core_.SpendFailedStart();
    if (shortage && process_core_.HasOtherWorkers()) {
      WaitToRetry(failures);
      gave_up = true;
      return nullptr;  // the others will do
    }
    if (is_last) {
      return NestException(
          BrokenPoolError(absl::StrCat(
              pool.Label(),
              ": no worker process can be started: ", DescribeException(error),
              DescribeCommand(pool.remote_.worker_command))),
          error);
    }
    if (!WaitToRetry(failures)) return nullptr;
  }
}

bool ProcessWorker::WaitToRetry(int failures) {
  return WaitUntil(NowNanos() +
                   (int64_t{10'000'000} << std::min(failures - 1, 6)));
}

bool ProcessWorker::WaitUntil(int64_t until) {
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
  if (child_ != nullptr && running_.child == child_) {
    // It still has a task that was given up before it was waited for.
    child_->Kill();
    child_->ReapAndDescribe("running");
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
  std::shared_ptr<WorkerConnection> dead;  // ended and reaped with no lock held
  Sent running;
  MutexLock lock(child_mu_);
  dead = std::move(child_);
  running = std::exchange(running_, {});
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
        // Where there are no pidfds, nothing else tells.
        if ((events[i].events & EPOLLHUP) != 0) child_ended_ = true;
        break;
    }
  }
  if (child_ended_ && loan_ == Loan::kNone) lost.store(true);
}

void ProcessWorker::WatchChild(bool watch) {
  if (std::exchange(is_watching_, watch) == watch) return;
  Watch(sleep_fd_.get(), EPOLL_CTL_MOD, child_->fd(),
        watch ? uint32_t{EPOLLIN} : 0, Source::kChildSocket);
}

void ProcessWorker::WakeUp() { eventfd_write(wake_fd_.get(), 1); }

// ------------------------------------------------------------- Its tasks

void ProcessWorker::SetRunning(Sent sent) {
  MutexLock lock(child_mu_);
  std::swap(running_, sent);
  lock.Unlock();  // the old one may hold the last reference to a dead child
}

Payload ProcessWorker::Call(StateBase& task, const RemoteCall& call) {
  int attempts = 0;
  bool is_sent = running_.task == &task;  // ahead of time, or by its submitter
  // What comes next must not overtake it.
  if (is_sent) call.WaitForLoan();
  const int64_t now = running_since.load(std::memory_order_relaxed);
  is_quick_ = now - std::exchange(call_began_, now) < kQuickNanos;
  while (true) {
    if (!is_sent) {
      if (task.is_done()) {
        throw CancelledError(absl::StrCat(task.Describe(), " was given up"));
      }
      EnsureChild();
      SetRunning({&task, child_, child_->Offer()});
      try {
        child_->Send(running_.ticket, call.call());
      } catch (...) {
        child_->Revoke(running_.ticket);
        SetRunning({});
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
    WorkerConnection& child = *running_.child;
    const uint64_t notify_from = OfferNext();
    if (notify_from != 0 &&
        child.WaitForOutcome(running_.ticket, absl::Nanoseconds(kQuickNanos),
                             notify_from) ==
            WorkerConnection::Waited::kTimeout) {
      RecallOwn(/*rest=*/1);  // it takes longer than others should wait for it
    }
    auto outcome = child.Receive(running_.ticket);
    if (!outcome.has_value()) {
      HandleDeath(task, attempts);
      continue;
    }
    SetRunning({});
    process_core_.OnFinishedTask();
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

void ProcessWorker::HandleDeath(StateBase& task, int& attempts) {
  const auto [sent, child, ticket] = running_;
  const ClaimPage::Claim claim = child->Look(ticket);
  const bool killed = child->was_killed();
  const WorkerLostError::Cause cause = child->ReapAndDescribe(
      claim == ClaimPage::Claim::kFinished ? "sending the result" : "running");
  RecallOwn();
  // Of several tasks that the child has begun, the first to come here tells.
  const bool is_news = child == child_;
  if (is_news) {
    DropChild();
  } else {
    SetRunning({});
  }
  if (killed) {
    // On purpose, and if it was not for a timeout, which has failed the task
    // before, then to cancel it.
    task.Settle(FutureState::kCancelled, nullptr);
    throw CancelledError(absl::StrCat(task.Describe(), " was killed"));
  }
  const WorkerLostError error(
      absl::StrCat(task.Describe(), " was lost while ", cause.phase,
                   ": worker process ", cause.pid, " of ",
                   process_core_.Label(), " ", child->loss()),
      cause);
  if (claim == ClaimPage::Claim::kOffered) {  // it had not begun
    if (!is_news || !process_core_.SpendDeath()) return;
    const std::exception_ptr broken =
        process_core_.TooManyDeaths(std::make_exception_ptr(error));
    process_core_.Break(broken);
    std::rethrow_exception(broken);
  }
  if (is_news) {
    no_start_before_ =
        NowNanos() + absl::ToInt64Nanoseconds(process_core_.DelayAfterCrash());
  }
  const auto* const options =
      static_cast<const TaskOptionsAttachment*>(task.attachment());
  const int max_attempts =
      options == nullptr ? 1 : options->options.max_attempts;
  if (++attempts < max_attempts && !task.is_done()) return;
  if (!task.is_done()) lost_tasks.Add(1);
  throw error;
}

// --------------------------------------------------- What others do to it

bool ProcessWorker::IsRunning(const StateBase& task) {
  // Both at once, since an offered task becomes the running one.
  MutexLock take(process_core_.take_mu_);
  MutexLock lock(child_mu_);
  return running_.task == &task || FindStarted(task) != nullptr;
}

bool ProcessWorker::KillIfRunning(const StateBase& task) {
  MutexLock take(process_core_.take_mu_);
  MutexLock lock(child_mu_);
  const Sent* const sent =
      running_.task == &task ? &running_ : FindStarted(task);
  if (sent == nullptr) return false;
  WorkerConnection& child = *sent->child;
  if (!child.Interrupt(sent->ticket)) return false;
  child.Kill();
  return true;
}

void ProcessWorker::AskToStop(const StateBase& task) {
  MutexLock take(process_core_.take_mu_);
  MutexLock lock(child_mu_);
  const Sent* const sent =
      running_.task == &task ? &running_ : FindStarted(task);
  if (sent != nullptr) sent->child->Cancel(sent->ticket);
}

void ProcessWorker::KillChild() {
  {
    MutexLock lock(child_mu_);
    if (child_ != nullptr) child_->Kill();
  }
  WakeUp();
}

}  // namespace asyncpal::internal
