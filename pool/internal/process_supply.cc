#include "asyncpal/pool/internal/process_supply.h"

#include <optional>
#include <stdexcept>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/clock.h"
#include "asyncpal/future/log.h"
#include "asyncpal/ipc/worker/worker_main.h"
#include "asyncpal/ipc/worker/worker_protocol.h"
#include "asyncpal/pool/internal/own_memory.h"
#include "asyncpal/pool/internal/pool_log.h"
#include "asyncpal/pool/options.h"

namespace asyncpal::internal {
namespace {

// Throws where starting a worker could go on without end.
void CheckMayStart() {
  if (IsFutureWorker()) {
    throw InvalidStateError(
        "a process that was started as a worker uses a pool before main(), or "
        "before InitWorker(); workers would start workers without end");
  }
  if (WorkerDepth() >= kMaxWorkerDepth) {
    throw InvalidStateError(
        absl::StrCat("this worker process has ", kMaxWorkerDepth,
                     " others above it; no pool can start workers below that"));
  }
}

// Throws where a worker that is this program would be no worker.
void CheckBecomesWorker() {
  if (!BecomesWorker()) {
    throw InvalidStateError(
        "this program can't be started as a worker, since its main() would run "
        "there: call asyncpal::InitWorker() first in main(), or link with "
        "-Wl,--wrap=main");
  }
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

}  // namespace

void CheckProcessOptions(const ProcessOptions& options) {
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
  CheckDuration("initializer_timeout", options.initializer_timeout);
  if (!options.worker_command.empty() && options.worker_command[0].empty()) {
    throw std::invalid_argument(
        "worker_command has an empty string for a program");
  }
}

ProcessSupply::ProcessSupply(ProcessOptions options, std::string pool,
                             int max_workers, Connector connect)
    : options_(std::move(options)),
      pool_(std::move(pool)),
      log_(options_.log_sink),
      connect_(std::move(connect)),
      worker_bytes_(options_.max_worker_bytes),
      budget_(options_.max_restarts, options_.restart_window, max_workers) {}

std::string ProcessSupply::Label() const {
  return absl::StrCat("pool '", pool_, "'");
}

void ProcessSupply::TellOfLoss(const WorkerLostError::Cause& cause,
                               const std::string& loss) const {
  if (options_.on_loss == nullptr) return;
  options_.on_loss(WorkerLostError(
      absl::StrCat("worker process ", cause.pid, " of ", Label(), " ", loss),
      cause));
}

std::shared_ptr<WorkerConnection> ProcessSupply::Connect(
    std::string worker) const {
  CheckMayStart();
  const WorkerOptions options = {
      .command = options_.worker_command,
      .environment = options_.worker_environment,
      .pool = pool_,
      .worker = std::move(worker),
      .initializer = options_.initializer.call(),
      .finalizer = options_.finalizer.call(),
      .max_payload_bytes = options_.max_payload_bytes,
      .handshake_timeout = options_.handshake_timeout,
      .initializer_timeout = options_.initializer_timeout,
      .no_new_privileges = options_.no_new_privileges,
      .hidden_environment = options_.hidden_environment,
      .answer = options_.answer};
  if (connect_ != nullptr) return connect_(options);
  if (options.command.empty()) CheckBecomesWorker();
  return std::make_shared<WorkerConnection>(options);
}

void ProcessSupply::OnStarted() {
  MutexLock lock(mu_);
  budget_.OnStarted();
}

void ProcessSupply::ForgetDeaths() {
  MutexLock lock(mu_);
  has_deaths_.store(false, std::memory_order_relaxed);
  budget_.OnFinishedTask();
}

absl::Duration ProcessSupply::DelayAfterCrash() {
  MutexLock lock(mu_);
  return budget_.DelayAfterCrash(NowNanos());
}

bool ProcessSupply::SpendFailedStart() {
  MutexLock lock(mu_);
  return budget_.SpendFailedStart();
}

bool ProcessSupply::SpendDeath() {
  MutexLock lock(mu_);
  has_deaths_.store(true, std::memory_order_relaxed);
  return budget_.SpendDeath(NowNanos());
}

std::exception_ptr ProcessSupply::TooManyDeaths(
    const std::exception_ptr& last) const {
  int max_restarts;
  absl::Duration window;
  {
    MutexLock lock(mu_);
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

std::exception_ptr ProcessSupply::NoneCanStart(
    const std::exception_ptr& last) const {
  return NestException(
      BrokenPoolError(absl::StrCat(
          Label(), ": no worker process can be started: ",
          DescribeException(last), DescribeCommand(options_.worker_command))),
      last);
}

void ProcessSupply::OnNewProcess(pid_t pid) {
  const int64_t limit = worker_bytes_.load();
  if (limit == 0 || !LooksTooLarge(pid)) return;
  if (worker_bytes_.exchange(0) == 0) return;  // somebody else has said it
  log_.Write(
      LogSeverity::kWarning,
      absl::StrCat(Label(), ": max_worker_bytes is ", limit,
                   ", but a new worker process takes ",
                   OwnMemory(pid).value_or(0),
                   " bytes before its first task; the limit is ignored"));
}

bool ProcessSupply::LooksTooLarge(pid_t pid) const {
  const std::optional<int64_t> bytes = OwnMemory(pid);
  return bytes.has_value() && *bytes > worker_bytes_.load();
}

}  // namespace asyncpal::internal
