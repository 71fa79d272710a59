#ifndef ASYNCPAL_POOL_INTERNAL_THREAD_CORE_H_
#define ASYNCPAL_POOL_INTERNAL_THREAD_CORE_H_

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/pool/internal/native_thread.h"
#include "asyncpal/pool/internal/pending_limits.h"
#include "asyncpal/pool/internal/pending_tasks.h"
#include "asyncpal/pool/internal/pool_core.h"
#include "asyncpal/pool/internal/pool_lifecycle.h"
#include "asyncpal/pool/internal/shutdown_registry.h"
#include "asyncpal/pool/internal/stall_detector.h"
#include "asyncpal/pool/internal/task_limits.h"
#include "asyncpal/pool/internal/thread_worker.h"
#include "asyncpal/pool/internal/worker_roster.h"

namespace asyncpal::internal {

// The engine of a ThreadPool, and what a ProcessCore has in common with it:
// there, too, each worker is a thread. It has the locks and their order; what
// they guard is in rooms of their own, each a plain value: the tasks that wait
// (pending_tasks.h), the workers (worker_roster.h), and how far the pool is
// (pool_lifecycle.h). What has finished is counted by each worker for itself.
//
// thread_core.cc holds the life of tasks, thread_core_limits.cc what a full
// pool does with them, thread_core_help.cc that of tasks run by those who wait,
// thread_core_workers.cc that of workers, thread_core_lifecycle.cc that of the
// pool, thread_core_stalls.cc finds out when it does not get on.
//
// Threads: any may call the public methods. No lock is held while user code
// runs, or a thread is joined.
// Lifetime: each worker's thread shares the ownership.
// Ordering: tasks of one submitter start in the order of their submission.
// Errors: as in Pool. They are thrown after every lock has been given back.
// Shutdown: the last owner gone, no thread is left but that owner's own.
class ThreadCore : public PoolCore,
                   public std::enable_shared_from_this<ThreadCore> {
 public:
  // `options` have been checked. The pool is registered with `registry`.
  static std::shared_ptr<ThreadCore> Make(PoolOptions options,
                                          ShutdownRegistry* registry);
  ~ThreadCore() override;

  void Submit(StateBase* task) override;
  void SubmitChunk(StateBase* task, const Countdown& countdown) override;
  bool TrySubmit(StateBase* task, bool is_chunk) override;
  bool WaitForRoom(absl::Duration timeout) override;
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

  // --- What its workers call, each on its own thread ---
  // Runs a pending task of this pool here. False: it can't.
  bool RunInline(ThreadWorker& worker, StateBase& task);
  // Around a wait; in between, see RecheckStandIn() in ExecutionContext.
  void BeginBlocking(ThreadWorker& worker, const StateBase* awaited);
  void EndBlocking(ThreadWorker& worker);
  bool RecheckStandIn();
  // After the end of a task, see ThreadWorker::GoOn().
  StateBase* GoOn(ThreadWorker& worker);
  // Its thread ends the process.
  void LeaveForExit(ThreadWorker& worker);
  // `Error` is InitializerError or FinalizerError. Null: all is well.
  std::exception_ptr RunInitializer();
  std::exception_ptr RunFinalizer();

 protected:
  using WorkerPtr = std::shared_ptr<ThreadWorker>;
  using Roster = WorkerRoster<WorkerPtr>;
  // What a thread must do for the queue after it has given back the lock.
  using Wakeup = Roster::Choice;
  // Whether a submission minds the limits on what is pending.
  enum class Room { kNeeded, kNotNeeded };

  ThreadCore(PoolOptions options, int64_t max_pending_bytes,
             ShutdownRegistry* registry);
  // Once, right after the construction.
  void RegisterForShutdown();

  // --- What kinds of pools differ in ---
  virtual WorkerPtr MakeWorker(int64_t id, std::string name);
  // Starts a new worker's thread, which calls `main`; on the thread that needs
  // the worker, with no lock held. Throws where there is none to be had. Not
  // joinable: somebody else has made the thread, and nobody joins it.
  virtual NativeThread MakeThread(const ThreadWorker& worker,
                                  absl::AnyInvocable<void()> main);
  // Whether this finds out that all workers are blocked. Not where somebody
  // else does, who knows more of what tasks wait for.
  virtual bool looks_for_stalls() const { return true; }
  // Whether a worker that runs out of tasks looks out for the next one for a
  // moment, before it sleeps.
  virtual bool looks_out() const { return true; }
  // Whether tasks run on this process's threads, and so on the caller's too.
  virtual bool runs_tasks_here() const { return true; }
  // What a pending task takes of max_pending_bytes.
  virtual int64_t PendingBytes(StateBase&) const { return 0; }
  // A running task has missed its timeout, and failed.
  virtual void OnTimeout(StateBase& task) { task.RequestStop(); }
  // The pool has broken, and what was pending has failed. On the thread that
  // broke it, with no lock held.
  virtual void OnBroken(const std::exception_ptr&) {}
  // Ends all workers at once, whatever they do, and cancels what they run.
  // False: this kind of worker can't be ended.
  virtual bool KillWorkers() { return false; }
  // Puts what workers have at hand and have not started back in the queue.
  virtual void RecallAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_, mu_) {}
  // The same for one such task, on behalf of a worker without one.
  virtual bool RecallOne() { return false; }
  // What the sleeping worker is there for is in use by someone else; it must
  // neither go nor be given a task.
  virtual bool IsBorrowed(ThreadWorker&) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return false;
  }
  // The task that such a use has left to this worker, started and counted.
  // Null: none.
  virtual StateBase* TakeBorrowed(ThreadWorker&)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return nullptr;
  }

  // --- Tasks ---
  // The two halves of a submission. With `may_help`, an idle worker that is to
  // wake is lent to the caller instead. nullopt: there is no room, and `task`
  // is still the caller's.
  std::optional<Wakeup> Accept(StateBase* task, bool may_help, Room room);
  void DispatchFor(StateBase* task, Wakeup wakeup);
  Room RoomForOthers() const {
    return pending_limits_.any() ? Room::kNeeded : Room::kNotNeeded;
  }
  // False: there is no room.
  bool SubmitIfRoom(StateBase* task, Room room);
  void SubmitOrWait(StateBase* task, const Countdown& countdown);
  // What a full pool does with a submission that does not wait.
  void SubmitAboveLimit(StateBase* task);
  void RunOnCaller(StateBase* task);
  // The task is submitted and running here; returns its id.
  uint64_t StartOnCaller(StateBase* task);
  bool DropOldest();
  [[noreturn]] void Refuse(StateBase* task);
  PendingLimits::Load CurrentLoad() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool HasRoomFor(StateBase& task) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Whether the calling thread is inside a task or a callback of this pool.
  bool IsOwnThread() const;
  bool MayHelp() const;
  void Lend(ThreadWorker& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void RunTask(ThreadWorker& worker, StateBase* task);
  void CountRun(ThreadWorker& worker, int64_t depth);
  // The next task, started and counted; null: there is none. `only_plain`: or
  // it is one that RunTask() has to look after.
  StateBase* TakeTask(ThreadWorker& worker, bool only_plain = false);
  // Puts what has come in behind what is there to be taken.
  void MoveInbox() ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_, mu_);
  void MarkTaken(ThreadWorker& worker, StateBase* task)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_);
  int64_t Pending() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return inbox_.CountPending(flow_);
  }
  // The part of them that no worker has at hand.
  int64_t Waiting() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return inbox_.CountWaiting(flow_);
  }
  // A worker's fair share of the tasks that wait, which it may have at hand.
  // Zero: somebody else is free for them.
  size_t ShareToOffer() ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_);
  // After that, the next of them, not started. Null: there is none.
  StateBase* TakeForOffer() ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_);
  // An offered task, and its reference, goes back to the head of the queue. The
  // caller takes it from there, or sees to it by FindWorker() that somebody
  // does.
  void PutBack(StateBase* task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_, mu_);
  // What pending_limits_ count, and who waits for room, learn of a task that is
  // submitted, and of one that is pending no more.
  void OnPendingAdded(StateBase& task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OnPendingRemoved(StateBase& task);
  // An offered task is pending no more.
  void CountStarted(StateBase& task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_) {
    flow_.CountStarted();
    OnPendingRemoved(task);
  }
  Wakeup Enqueue(StateBase* task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // No thread could be started. If no worker is left, takes `mine` back and
  // throws, and fails what else is pending.
  void RejectStranded(StateBase* mine);
  void Untrack(uint64_t task_id);
  // Takes every pending task that nobody else has claimed.
  std::vector<StateRef<StateBase>> ClaimAllPending(FutureState outcome)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_, mu_);
  // Hands the claimed tasks over for TakeCancelledTasks(), and publishes.
  void GiveBack(std::vector<StateRef<StateBase>> tasks, FutureState outcome,
                const std::exception_ptr& error);

  // --- Workers ---
  // Sees to it that somebody will look at the queue, if that is allowed.
  Wakeup FindWorker() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // False: a thread could not be started; its worker is forgotten again.
  bool Dispatch(Wakeup wakeup);
  WorkerPtr AddWorker() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool StartThread(const WorkerPtr& worker);
  void WorkerMain(const WorkerPtr& worker);
  void WorkUntilRetired(ThreadWorker& worker);
  // The next task, started; null: the worker must retire.
  StateBase* NextTask(ThreadWorker& worker);
  // It has run its max_tasks_per_worker.
  bool IsWornOut(const ThreadWorker& worker) const;
  // False: a lost worker has nothing to live on for.
  bool Revive(ThreadWorker& worker);
  void UpdateOverMax() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool MustRetire(const ThreadWorker& worker) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Sleeps until there is work, true, or it is time to go, false.
  bool Park(ThreadWorker& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Others count on this worker from now on.
  void StartSearching(ThreadWorker& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // They do so no more: whoever calls this sees to a successor, by FindWorker()
  // in the same section, unless nothing waits.
  void StopSearching(ThreadWorker& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Both, for a worker that has found a task and has no lock.
  void PassOnSearch(ThreadWorker& worker);
  // False: nobody else can be started for the queue, so the worker must go on.
  bool Retire(const WorkerPtr& worker);
  // A worker that is idle, or lent, has a look at what has changed.
  static void WakeToRecheck(ThreadWorker& worker);
  void WakeIdleToRecheck() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Takes over its counts: it is about to leave the roster.
  void AddUp(ThreadWorker& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Runs the initializer within its time. False: the pool is broken.
  bool BeginWork(ThreadWorker& worker);
  // Its initializer has taken too long: nobody waits for this thread any more.
  void LeaveInInitializer(ThreadWorker& worker);
  // A worker that nobody waits for any more, with its thread.
  void ForgetWithThread(ThreadWorker& worker)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // It is no worker any more; it has a thread to be joined, or not.
  void RetireForJoin(ThreadWorker& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Forget(ThreadWorker& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Joins the threads of workers that have retired.
  void ReapThreads();

  // --- Stalls ---
  // No worker is to be had for what waits: from now on somebody looks whether
  // that changes.
  void WatchForStall() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Returns when to look again, infinite: not before WatchForStall().
  absl::Duration LookForStall();
  // One more for workers that wait for other pools. False: there is none.
  bool AddStandIn();
  bool IsEachWorkerBlocked();
  void ReportStall(const PoolStats& stats);

  // --- The pool ---
  // Throws in a forked child. There no lock can be trusted, so it comes first.
  void CheckProcess() const;
  bool IsQuiet() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return Pending() == 0 && roster_.size() == 0 && caller_runs_ == 0;
  }
  bool Terminated() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return lifecycle_.is_closed() && IsQuiet();
  }
  void CheckMayJoin() const;
  // What is to be called, without the lock, if the pool is quiet now.
  PoolLifecycle::QuietHandlers TakeQuietHandlers()
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void RunQuietHandlers();
  bool WaitTerminated(absl::Duration timeout);
  void Break(std::exception_ptr error);
  void CancelPendingAndAskToStop();
  void ShutdownAtExit(absl::Duration limit);
  bool InForkedChild() const;
  std::string Label() const;

  PoolOptions options_;  // const, but its callables are called as non-const
  const PendingLimits pending_limits_;
  ShutdownRegistry* const registry_;
  ShutdownRegistry::HandlerId handler_id_ = 0;  // its owner's only; 0: none
  const int64_t fork_generation_;

  // Where a thread holds both, it took take_mu_ first.
  mutable Mutex take_mu_;
  TaskOutbox outbox_ ABSL_GUARDED_BY(take_mu_);
  TrackedTasks tracked_ ABSL_GUARDED_BY(take_mu_);
  TaskFlow flow_;

  RoomSignal
      room_;  // notified when there may be some again, if pending_limits_.any()
  std::atomic<int64_t> pending_bytes_{0};  // if pending_limits_.counts_bytes()

  alignas(64) mutable Mutex mu_;  // a cache line apart from what workers write
  CondVar changed_;               // a worker is gone, or a pending task is
  TaskInbox inbox_ ABSL_GUARDED_BY(mu_);
  Roster roster_ ABSL_GUARDED_BY(mu_);
  PoolLifecycle lifecycle_ ABSL_GUARDED_BY(mu_);
  size_t spinning_ ABSL_GUARDED_BY(mu_) = 0;  // look out before they park
  int caller_runs_ ABSL_GUARDED_BY(mu_) = 0;  // tasks that submitters run
  absl::Duration idle_timeout_ ABSL_GUARDED_BY(mu_);
  std::vector<CancelledTask> cancelled_tasks_ ABSL_GUARDED_BY(mu_);
  // Counts as in PoolStats, of what no worker in the roster counts.
  PoolStats counts_ ABSL_GUARDED_BY(mu_);

  // Both change with mu_ held; who reads them without looks again soon.
  std::atomic<bool> over_max_{false};  // more workers than max_workers
  // A worker that was needed could not be made, and nobody has tried again.
  std::atomic<bool> start_failed_{false};

  bool is_watched_ ABSL_GUARDED_BY(mu_) = false;
  StallDetector stall_;  // only who looks uses it

  TaskLimits limits_;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_THREAD_CORE_H_
