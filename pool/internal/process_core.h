#ifndef ASYNCPAL_POOL_INTERNAL_PROCESS_CORE_H_
#define ASYNCPAL_POOL_INTERNAL_PROCESS_CORE_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/ipc/call.h"
#include "asyncpal/ipc/worker/worker_connection.h"
#include "asyncpal/pool/internal/remote_task.h"
#include "asyncpal/pool/internal/restart_budget.h"
#include "asyncpal/pool/internal/thread_core.h"
#include "asyncpal/pool/internal/worker_hook.h"

namespace asyncpal::internal {

class ProcessWorker;

// Throws std::invalid_argument that names the option and its value.
void CheckProcessLimits(WhenFull when_full, int64_t max_pending_bytes,
                        int max_restarts, absl::Duration restart_window);

// The engine of a ProcessPool: that of a ThreadPool whose every worker thread
// serves one child process. The thread takes tasks from the queue as always,
// and running one means to send it to the child and to wait for the result.
// process_worker.h has what such a thread does; here is what others do to it.
class ProcessCore final : public ThreadCore, public RemoteCaller {
 public:
  struct Options {
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
    bool no_new_privileges = false;
    // For a host language's workers; see WorkerConnection::Options.
    std::vector<std::string> hidden_environment = {};
    RequestServer::Handler answer = nullptr;
  };

  // Both kinds of options have been checked. The pool is registered with
  // `registry`.
  static std::shared_ptr<ProcessCore> Make(PoolOptions options, Options remote,
                                           ShutdownRegistry* registry);

  // The encoded call of a process pool's task, which leaves `task` empty.
  // Throws SerializationError for a task of another kind, and InvalidStateError
  // for an empty one.
  static EncodedCall TakeCall(CancelledTask& task);

  void Submit(StateBase* task) override;
  bool TrySubmit(StateBase* task, bool is_chunk) override;
  // Submit(); the caller waits for the task next, without a limit.
  void SubmitAndWait(StateBase* task);
  void Test() override;

  int64_t max_payload_bytes() const { return remote_.max_payload_bytes; }
  std::weak_ptr<RemoteCaller> weak_caller() {
    return std::static_pointer_cast<ProcessCore>(shared_from_this());
  }

  Payload CallRemotely(StateBase& task, RemoteCall& call) override;
  bool Attend(StateBase& task) override;
  void Recall(StateBase& task) override;
  bool KillRunning(StateBase& task) override;
  void AskToStop(StateBase& task) override;

 protected:
  WorkerPtr MakeWorker(int64_t id, std::string name) override;
  bool looks_out() const override { return false; }
  bool runs_tasks_here() const override { return false; }
  int64_t PendingBytes(StateBase& task) const override;
  void OnTimeout(StateBase& task) override;
  bool KillWorkers() override;
  void RecallAll() override ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_, mu_);
  bool RecallOne() override;

 private:
  friend class ProcessWorker;

  ProcessCore(PoolOptions options, Options remote, ShutdownRegistry* registry);

  WorkerConnection::Options WorkerOptions(std::string worker) const;
  // Throws where starting a worker could go on without end.
  static void CheckMayStart();
  // What happens to workers, for the budget. True: it is spent.
  bool SpendDeath();
  bool SpendFailedStart();
  absl::Duration DelayAfterCrash();
  void OnStarted();
  void OnFinishedTask() {
    // Most of the time it is false already, and then nothing is written.
    if (has_deaths_.load(std::memory_order_relaxed)) ForgetDeaths();
  }
  void ForgetDeaths();
  // The error of a pool whose budget is spent.
  std::exception_ptr TooManyDeaths(const std::exception_ptr& last);
  bool HasOtherWorkers();
  // What a hook threw in a worker, nested in a HookError.
  template <typename HookError>
  std::exception_ptr HookFailure(const std::exception_ptr& thrown) const {
    return internal::HookFailure<HookError>(Label(), thrown);
  }
  std::vector<std::shared_ptr<ProcessWorker>> ProcessWorkers();
  // Sends `task` to an idle worker's child without waking its agent. False:
  // there is none, or the task needs an agent from the beginning.
  bool SubmitDirectly(StateBase* task, bool will_wait);
  class Visit;
  // The worker that runs `task` now, or null.
  std::shared_ptr<ProcessWorker> FindRunner(const StateBase& task);

  const Options remote_;
  // Whether a finished task has deaths to make forgotten.
  std::atomic<bool> has_deaths_{false};
  Mutex budget_mu_;
  RestartBudget budget_ ABSL_GUARDED_BY(budget_mu_);
  std::atomic<bool> killed_{false};  // no process is to be started any more
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_PROCESS_CORE_H_
