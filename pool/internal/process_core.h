#ifndef ASYNCPAL_POOL_INTERNAL_PROCESS_CORE_H_
#define ASYNCPAL_POOL_INTERNAL_PROCESS_CORE_H_

#include <algorithm>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/ipc/call.h"
#include "asyncpal/ipc/worker/worker_connection.h"
#include "asyncpal/pool/internal/borrowed_slot.h"
#include "asyncpal/pool/internal/prefetched_tasks.h"
#include "asyncpal/pool/internal/process_driver.h"
#include "asyncpal/pool/internal/process_supply.h"
#include "asyncpal/pool/internal/thread_core.h"

namespace asyncpal::internal {

// Throws std::invalid_argument that names the option and its value.
void CheckProcessLimits(WhenFull when_full, int64_t max_pending_bytes,
                        int max_restarts, absl::Duration restart_window);

// The engine of a ProcessPool: that of a ThreadPool whose every worker is a
// ProcessDriver. To the books of a ThreadCore it adds, under the same locks,
// what each driver has ahead and whether its place is borrowed.
//
// Threads, Lifetime, Ordering, Errors, Shutdown: as ThreadCore.
class ProcessCore final : public ThreadCore, private DriverPool {
 public:
  using Options = ProcessOptions;

  // Both kinds of options have been checked. The pool is registered with
  // `registry`.
  static std::shared_ptr<ProcessCore> Make(PoolOptions options, Options remote,
                                           ShutdownRegistry* registry);

  // The encoded call of a process pool's task, which leaves `task` empty.
  // Throws SerializationError for a task of another kind, and InvalidStateError
  // for an empty one.
  static EncodedCall TakeCall(CancelledTask& task);

  void Submit(TaskState* task) override;
  bool TrySubmit(TaskState* task, bool is_chunk) override;
  // Submit(); the caller waits for the task next, without a limit.
  void SubmitAndWait(TaskState* task);
  void Test() override;
  PoolKind kind() const override { return PoolKind::kProcesses; }

  int64_t max_payload_bytes() const {
    return supply_.options().max_payload_bytes;
  }

 protected:
  WorkerPtr MakeWorker(int64_t id, std::string name) override;
  bool spins_before_parking() const override { return false; }
  bool runs_tasks_here() const override { return false; }
  bool limits_worker_bytes() const override {
    return supply_.options().max_worker_bytes > 0;
  }
  int64_t PendingBytes(TaskState& task) const override;
  void OnTimeout(TaskState& task) override;
  bool KillWorkers() override;
  void RevokePrefetched() override ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_, mu_);
  void VisitAhead(const std::function<void(TaskState&)>& visit) const override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_);
  bool HasStartedAhead() const override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_) {
    return std::any_of(prefetched_.begin(), prefetched_.end(),
                       [](const auto& each) { return !each.second.empty(); });
  }
  bool RevokeOnePrefetched() override;
  bool IsBorrowed(ThreadWorker& worker) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  TaskState* TakeBorrowed(ThreadWorker& worker) override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

 private:
  using Prefetched = PrefetchedTasks<WorkerConnection>;

  ProcessCore(PoolOptions options, Options remote, ShutdownRegistry* registry);

  std::shared_ptr<const void> GetHold() override { return shared_from_this(); }
  void Break(std::exception_ptr error) override {
    ThreadCore::Break(std::move(error));
  }
  bool HasOtherWorkers() override;
  void RunTask(ProcessDriver& driver, TaskState* task) override {
    ThreadCore::RunTask(driver, task);
  }
  Batch Prefetch(ProcessDriver& driver, const Handed& running,
                 bool is_quick) override;
  TaskState* StartPrefetched(ProcessDriver& driver,
                             const TaskState* only) override;
  bool HasPrefetched(const ProcessDriver& driver) override;
  std::optional<Handed> FindPrefetched(const ProcessDriver& driver,
                                       const TaskState& task) override;
  void Revoke(ProcessDriver& driver, TaskState& task) override;
  void RevokeAll(ProcessDriver& driver, size_t rest) override;
  void OnChildStarted(ProcessDriver& driver) override;
  void OnEvents(ProcessDriver& driver,
                const WorkerWaiter::Events& events) override;
  bool BeginReceiveOnWaiter(ProcessDriver& driver,
                            const TaskState& task) override;
  void WatchOnWaiter(ProcessDriver& driver) override;
  void EndReceiveOnWaiter(ProcessDriver& driver, bool is_done) override;
  void OnChildStopped(ProcessDriver& driver) override;
  void OnChildLost(ProcessDriver& driver) override;
  void OnChildEnded(ProcessDriver& driver, const std::string& why) override;

  // Sends `task` to an idle driver's process without waking the driver. False:
  // there is none, or the task needs a driver from the beginning.
  bool SubmitDirectly(TaskState* task, bool will_wait);
  // What was to be sent so was not: the driver will see that it has nothing to
  // wait for, try again, and fail the task.
  void GiveUpDirect(ProcessDriver& driver,
                    const WorkerConnection::Ticket& ticket);
  // The driver is to wake, and has what its place was borrowed for.
  void ReturnSlot(ProcessDriver& driver, BorrowedSlot& slot)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  size_t CountToPrefetch(const ProcessDriver& driver, const Prefetched& ahead,
                         bool is_quick) ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_);
  // Whether a worker has prefetched tasks that others might run.
  bool HasRevocable() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_);
  // True: `task` is in the queue again.
  bool RevokeFrom(Prefetched& ahead, TaskState& task)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_, mu_);
  Prefetched* FindAhead(const ThreadWorker& worker)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_);
  BorrowedSlot* FindSlot(const ThreadWorker& worker)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  ProcessSupply supply_;
  // By the ids of the drivers that have a process.
  std::map<int64_t, Prefetched> prefetched_ ABSL_GUARDED_BY(take_mu_);
  std::map<int64_t, BorrowedSlot> borrowed_ ABSL_GUARDED_BY(mu_);
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_PROCESS_CORE_H_
