#ifndef ASYNCPAL_POOL_INTERNAL_THREAD_CORE_H_
#define ASYNCPAL_POOL_INTERNAL_THREAD_CORE_H_

#include <atomic>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/pool/internal/pool_core.h"
#include "asyncpal/pool/internal/shutdown_registry.h"
#include "asyncpal/pool/internal/task_queue.h"
#include "asyncpal/pool/internal/thread_worker.h"
#include "asyncpal/pool/internal/timer_queue.h"

namespace asyncpal::internal {

// The engine of a ThreadPool, and what a ProcessCore has in common with it:
// there, too, each worker is a thread. Tasks come in under one mutex, which
// also guards the set of workers, and are taken under another, so that
// submitters and workers meet only when the workers have taken everything. What
// has finished is counted by each worker for itself. thread_core.cc holds the
// life of tasks, thread_core_help.cc that of tasks run by those who wait,
// thread_core_workers.cc that of workers, thread_core_lifecycle.cc that of the
// pool.
class ThreadCore : public PoolCore,
                   public std::enable_shared_from_this<ThreadCore> {
 public:
  // `options` have been checked. The pool is registered with `registry`.
  static std::shared_ptr<ThreadCore> Make(PoolOptions options,
                                          ShutdownRegistry* registry);
  ~ThreadCore() override;

  void Submit(StateBase* task) override;
  std::shared_ptr<ThreadWorker> SubmitAndHelp(StateBase* task) override;
  bool Help(ThreadWorker& place, StateBase& task) override;
  void StopHelping(std::shared_ptr<ThreadWorker> place) override;
  void Check() override;
  void Test() override;
  int SpawnWorkers(int n) override;
  bool Join(absl::Duration timeout) override;
  bool Shutdown(const ShutdownOptions& options) override;
  bool Close(ShutdownMode mode) override;
  void CallWhenTerminated(absl::AnyInvocable<void()> handler) override;
  uint64_t StartJoin(absl::AnyInvocable<void()> handler) override;
  bool EndJoin(uint64_t join) override;
  std::vector<CancelledTask> TakeCancelledTasks() override;
  PoolStats Stats() const override;
  std::vector<WorkerInfo> Workers() const override;
  const std::string& name() const override { return options_.name; }
  int max_workers() const override { return options_.max_workers; }
  absl::Duration idle_timeout() const override;
  void set_idle_timeout(absl::Duration timeout) override;
  bool is_closed() const override;
  bool is_terminated() const override;
  bool is_broken() const override;
  void Release() override;

  void OnPendingClaimed(StateBase& task, FutureState outcome) override;
  void OnFinished(StateBase& task, FutureState outcome) override;
  void OnUnobservedFailure(const StateBase& task,
                           std::exception_ptr error) noexcept override;

 protected:
  friend class ThreadWorker;
  using WorkerPtr = std::shared_ptr<ThreadWorker>;

  // What a thread must do for the queue after it has given back the lock.
  struct Wakeup {
    WorkerPtr wake;   // parked, and taken off the idle stack
    WorkerPtr start;  // new, and has no thread yet
  };

  ThreadCore(PoolOptions options, ShutdownRegistry* registry);
  // Once, right after the construction.
  void RegisterForShutdown();

  // --- What kinds of pools differ in ---
  virtual WorkerPtr MakeWorker(int64_t id, std::string name);
  // Whether a worker that runs out of tasks looks out for the next one for a
  // moment, before it sleeps.
  virtual bool looks_out() const { return true; }
  // A running task has missed its timeout, and failed.
  virtual void OnTimeout(StateBase& task) { task.RequestStop(); }
  // Ends all workers at once, whatever they do, and cancels what they run.
  // False: this kind of worker can't be ended.
  virtual bool KillWorkers() { return false; }
  // Puts what workers have at hand and have not started back in the queue.
  virtual void RecallAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_, mu_) {}
  // The same for one such task, on behalf of a worker without one.
  virtual bool RecallOne() { return false; }

  // --- Tasks ---
  // The two halves of Submit(). With `may_help`, an idle worker that is to wake
  // is lent to the caller instead.
  Wakeup Accept(StateBase* task, bool may_help);
  void DispatchFor(StateBase* task, Wakeup wakeup);
  bool MayHelp() const;
  void Lend(ThreadWorker& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void RunTask(ThreadWorker& worker, StateBase* task);
  void CountRun(ThreadWorker& worker, int64_t depth);
  bool RunInline(ThreadWorker& worker, StateBase& task);
  // The next task, started and counted; null: there is none. `only_plain`: or
  // it is one that RunTask() has to look after.
  StateBase* TakeTask(ThreadWorker& worker, bool only_plain = false);
  // Puts what has come in behind what is there to be taken.
  void MoveInbox() ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_, mu_);
  void MarkTaken(ThreadWorker& worker, StateBase* task)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_);
  int64_t Pending() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The part of them that no worker has at hand.
  int64_t Waiting() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // A worker's fair share of the tasks that wait, which it may have at hand.
  // Zero: somebody else is free for them.
  size_t ShareToOffer() ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_);
  // After that, the next of them, not started. Null: there is none.
  StateBase* TakeForOffer() ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_);
  // An offered task, and its reference, goes back to the head of the queue. The
  // caller takes it from there, or sees to it by FindWorker() that somebody
  // does.
  void PutBack(StateBase* task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_, mu_);
  // A task is pending no more; it was offered, or not.
  void CountStarted() ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_);
  void CountTaken() ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_);
  Wakeup Enqueue(StateBase* task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // No thread could be started. If no worker is left, takes `mine` back and
  // throws, and fails what else is pending.
  void RejectStranded(StateBase* mine);
  // The timers of TaskOptions. False: without its timer the task has failed.
  void StartQueueTimer(StateBase* task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CancelQueueTimer(const StateBase& task);
  bool StartRunningTimer(StateBase* task);
  void Untrack(uint64_t task_id);
  TimerQueue& Timers() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Takes every pending task that nobody else has claimed.
  std::vector<StateRef<StateBase>> ClaimAllPending(FutureState outcome)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_, mu_);
  // Hands the claimed tasks over for TakeCancelledTasks(), and publishes.
  void GiveBack(std::vector<StateRef<StateBase>> tasks, FutureState outcome,
                const std::exception_ptr& error);

  // --- Workers ---
  // Sees to it that somebody will look at the queue, if that is allowed.
  Wakeup FindWorker() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // All but those that are about to make room for others.
  size_t StayingWorkers() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return workers_.size() - leaving_;
  }
  // False: a thread could not be started; its worker is forgotten again.
  bool Dispatch(Wakeup wakeup);
  WorkerPtr NewWorker() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool StartThread(const WorkerPtr& worker);
  void WorkerMain(const WorkerPtr& worker);
  void WorkUntilRetired(ThreadWorker& worker);
  // The next task, started; null: the worker must retire.
  StateBase* NextTask(ThreadWorker& worker);
  // It has run its max_tasks_per_worker.
  bool IsWornOut(const ThreadWorker& worker) const;
  // False: a lost worker has nothing to live on for.
  bool Revive(ThreadWorker& worker);
  // Whether there are more workers than max_workers, and one could go. Who goes
  // for that says so by DecideToGo() before it gives back the lock.
  bool IsSpareStandIn() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void UpdateOverMax() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool MustRetire(const ThreadWorker& worker) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Sleeps until there is work, true, or it is time to go, false.
  bool Park(ThreadWorker& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void StartSearching(ThreadWorker& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Others have counted on this worker: whoever calls this sees to a successor,
  // by FindWorker() in the same section, unless nothing waits.
  void StopSearching(ThreadWorker& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Both, for a worker that has found a task and has no lock.
  void PassOnSearch(ThreadWorker& worker);
  // Between the two, a searching worker is not counted on while others are
  // idle.
  void BeginStarting(ThreadWorker& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void EndStarting(ThreadWorker& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void DecideToGo(ThreadWorker& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Whether a worker is left that does not wait for this pool, nor goes.
  bool HasActiveWorkers() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return StayingWorkers() > blocked_ + starting_;
  }
  // False: nobody else can be started for the queue, so the worker must go on.
  bool Retire(const WorkerPtr& worker);
  void Nudge(ThreadWorker& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void NudgeIdleWorkers() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Forget(ThreadWorker& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void LeaveForJoin(const WorkerPtr& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Joins the threads of workers that have retired.
  void ReapThreads();

  // --- The pool ---
  // Both throw. After fork() no lock can be trusted, so that comes first.
  void CheckProcess() const;
  void CheckOpen() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool IsQuiet() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return Pending() == 0 && workers_.empty();
  }
  bool Terminated() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return closed_ && IsQuiet();
  }
  void CheckMayJoin() const;
  // What is to be called, without the lock, because the pool is quiet now, or
  // has even terminated. Each comes out once, and that takes no memory.
  struct QuietHandlers {
    std::map<uint64_t, absl::AnyInvocable<void()>> joins;
    absl::AnyInvocable<void()> terminated;

    void Run();
  };
  QuietHandlers TakeQuietHandlers() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void RunQuietHandlers();
  bool WaitTerminated(absl::Duration timeout);
  void Break(std::exception_ptr error);
  void CancelPendingAndAskToStop();
  void ShutdownAtExit(absl::Duration limit);
  bool InForkedChild() const;
  std::string Label() const;

  PoolOptions options_;  // const, but its callables are called as non-const
  ShutdownRegistry* const registry_;
  ShutdownRegistry::HandlerId handler_id_ = 0;  // its owner's only; 0: none
  const int64_t fork_generation_;

  // Where a thread holds both, it took take_mu_ first. A task's links are
  // guarded by the lock of its queue, and by both while it leaves out of turn.
  mutable Mutex take_mu_;
  TaskQueue outbox_ ABSL_GUARDED_BY(take_mu_);  // the older tasks
  std::unordered_map<uint64_t, StateRef<StateBase>> tracked_
      ABSL_GUARDED_BY(take_mu_);  // running tasks with options or a stop token
  // How many tasks are not pending any more. Written with take_mu_ held; who
  // reads without it may see less, and then takes tasks for pending that are
  // not, never the other way round.
  std::atomic<int64_t> taken_{0};
  // How many have left the queues: those, and the ones that workers have at
  // hand. Shrinks only with mu_ held too.
  std::atomic<int64_t> left_queue_{0};

  alignas(64) mutable Mutex mu_;  // a cache line apart from what workers write
  CondVar changed_;               // a worker is gone, or a pending task is
  TaskQueue inbox_ ABSL_GUARDED_BY(mu_);
  std::atomic<bool> inbox_hint_{false};  // not empty, for who spins
  std::vector<CancelledTask> cancelled_tasks_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<TimerQueue> timers_ ABSL_GUARDED_BY(mu_);

  // Counts as in PoolStats, of what no live worker counts. `pending` is not
  // kept here: it is what was submitted and not taken.
  PoolStats counts_ ABSL_GUARDED_BY(mu_);

  std::unordered_map<int64_t, WorkerPtr> workers_ ABSL_GUARDED_BY(mu_);
  // Newest last, with room for all, so that parking does not throw.
  std::vector<WorkerPtr> idle_ ABSL_GUARDED_BY(mu_);
  WorkerPtr retired_ ABSL_GUARDED_BY(mu_);  // not yet joined; chained
  std::atomic<bool> over_max_{false};  // more than max_workers, for who asks
  // A worker that was needed could not be made, and nobody has tried again.
  // Changes with mu_ held; who sleeps and reads it without looks again soon.
  std::atomic<bool> start_failed_{false};
  int64_t last_worker_id_ ABSL_GUARDED_BY(mu_) = 0;
  size_t searching_ ABSL_GUARDED_BY(mu_) = 0;
  // Those among them whose initializer, or child, may take long.
  size_t starting_ ABSL_GUARDED_BY(mu_) = 0;
  size_t spinning_ ABSL_GUARDED_BY(mu_) = 0;
  size_t going_ ABSL_GUARDED_BY(mu_) = 0;  // have decided to retire
  // Those among them that have run their finalizer, and make room for others.
  size_t leaving_ ABSL_GUARDED_BY(mu_) = 0;
  size_t blocked_ ABSL_GUARDED_BY(mu_) = 0;   // workers that wait for this pool
  uint64_t nudges_ ABSL_GUARDED_BY(mu_) = 0;  // how often all idle ones woke up
  int joiners_ ABSL_GUARDED_BY(mu_) = 0;      // those of joins_ among them
  uint64_t last_join_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Duration idle_timeout_ ABSL_GUARDED_BY(mu_);

  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  bool given_up_ ABSL_GUARDED_BY(mu_) = false;  // at the process's end
  std::exception_ptr broken_ ABSL_GUARDED_BY(mu_);
  absl::AnyInvocable<void()> on_terminated_ ABSL_GUARDED_BY(mu_);
  std::map<uint64_t, absl::AnyInvocable<void()>> joins_ ABSL_GUARDED_BY(mu_);
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_THREAD_CORE_H_
