#ifndef ASYNCPAL_POOL_INTERNAL_PROCESS_SUPPLY_H_
#define ASYNCPAL_POOL_INTERNAL_PROCESS_SUPPLY_H_

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/ipc/call.h"
#include "asyncpal/ipc/payload.h"
#include "asyncpal/ipc/worker/request_channel.h"
#include "asyncpal/ipc/worker/worker_connection.h"
#include "asyncpal/ipc/worker/worker_launch.h"
#include "asyncpal/pool/internal/pool_log.h"
#include "asyncpal/pool/internal/restart_budget.h"

namespace asyncpal::internal {

// What ProcessPoolOptions has beyond PoolOptions, and what host languages need.
struct ProcessOptions {
  std::vector<std::string> worker_command;
  // "NAME=value", in the environment of workers alone.
  std::vector<std::string> worker_environment = {};
  Shippable initializer;
  Shippable finalizer;
  int64_t max_payload_bytes = kDefaultMaxPayloadBytes;
  // 0: no limit.
  int64_t max_pending_bytes = 0;
  // 0: see RestartBudget.
  int max_restarts = 0;
  absl::Duration restart_window = absl::Seconds(5);
  // How long a child may take to become a worker.
  absl::Duration handshake_timeout = absl::ZeroDuration();  // by the command
  absl::Duration initializer_timeout = absl::InfiniteDuration();
  bool no_new_privileges = false;
  // Of its own memory, after a task. 0: no limit.
  int64_t max_worker_bytes = 0;
  // See WorkerOptions.
  std::vector<std::string> hidden_environment = {};
  RequestServer::Handler answer = nullptr;
  // Called for each process that was ready for tasks and has ended though
  // nobody wanted it to, on the thread that serves it, with no lock held. It
  // must not throw. Null: nobody is told.
  std::function<void(const WorkerLostError&)> on_loss = nullptr;
  PoolLog::Sink log_sink = nullptr;
};

// Throws std::invalid_argument that names the option and its value.
void CheckProcessOptions(const ProcessOptions& options);

// Where the worker processes of one pool come from, and how many of them may be
// lost before the pool is.
//
// Threads: any may call any method.
// Lifetime: connections don't need it.
// Ordering: none.
// Errors: Connect() throws; the rest as said.
// Shutdown: after Kill() nobody is to start any more, which the caller sees to
// by is_killed().
class ProcessSupply {
 public:
  using Connector = absl::AnyInvocable<std::shared_ptr<WorkerConnection>(
      const WorkerOptions&) const>;

  // `pool` is its name. The options have been checked. With `connect`, workers
  // are started by other means.
  ProcessSupply(ProcessOptions options, std::string pool, int max_workers,
                Connector connect = nullptr);

  const ProcessOptions& options() const { return options_; }
  const PoolLog& log() const { return log_; }
  // "pool 'p'".
  std::string Label() const;

  // Starts a process, to which the handshake is still to be made. Throws
  // std::system_error; InvalidStateError where a start could go on without end,
  // or this program's main() would run in the process.
  std::shared_ptr<WorkerConnection> Connect(std::string worker) const;

  bool is_killed() const { return killed_.load(); }
  void Kill() { killed_.store(true); }

  // Looks how much memory a new process takes: if that is more than
  // max_worker_bytes, says so, and there is no such limit any more.
  void OnNewProcess(pid_t pid);
  // Whether the process takes more than max_worker_bytes.
  bool IsTooLarge(pid_t pid) const {
    return worker_bytes_.load(std::memory_order_relaxed) > 0 &&
           LooksTooLarge(pid);
  }

  // What happens to workers: see RestartBudget.
  void OnStarted();
  void OnFinishedTask() {
    // Most of the time it is false already, and then nothing is written.
    if (has_deaths_.load(std::memory_order_relaxed)) ForgetDeaths();
  }
  absl::Duration DelayAfterCrash();
  // True: it was one too many, and the pool must break.
  bool SpendFailedStart();
  bool SpendDeath();

  // With what it breaks then: the last of too many deaths, or what has kept the
  // last process from starting, is nested in it.
  std::exception_ptr TooManyDeaths(const std::exception_ptr& last) const;
  std::exception_ptr NoneCanStart(const std::exception_ptr& last) const;

  // See ProcessOptions::on_loss. `loss`: how it ended, for people.
  void TellOfLoss(const WorkerLostError::Cause& cause,
                  const std::string& loss) const;

 private:
  void ForgetDeaths();
  bool LooksTooLarge(pid_t pid) const;

  const ProcessOptions options_;
  const std::string pool_;
  const PoolLog log_;
  const Connector connect_;  // null: by LaunchWorker()
  std::atomic<bool> killed_{false};
  std::atomic<int64_t> worker_bytes_;  // max_worker_bytes; 0: no limit
  // Whether a finished task has deaths to make forgotten.
  std::atomic<bool> has_deaths_{false};
  mutable Mutex mu_;
  RestartBudget budget_ ABSL_GUARDED_BY(mu_);
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_PROCESS_SUPPLY_H_
