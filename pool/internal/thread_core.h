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
#include "asyncpal/future/internal/spin_mutex.h"
#include "asyncpal/pool/internal/fork_generation.h"
#include "asyncpal/pool/internal/native_thread.h"
#include "asyncpal/pool/internal/pending_limits.h"
#include "asyncpal/pool/internal/pending_tasks.h"
#include "asyncpal/pool/internal/pool_core.h"
#include "asyncpal/pool/internal/pool_lifecycle.h"
#include "asyncpal/pool/internal/shutdown_registry.h"
#include "asyncpal/pool/internal/slot_queue.h"
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
// thread_core.cc holds the life of tasks, thread_core_local.cc that of those in
// a worker's own queue, thread_core_limits.cc what a full pool does with them,
// thread_core_help.cc that of tasks run by those who wait,
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
  void Post(const PostedCall& posted, const void* call, size_t size) override;
  void SubmitChunk(StateBase* task, const Countdown& countdown) override;
  bool TrySubmit(StateBase* task, bool is_chunk) override;
  bool WaitForRoom(absl::Duration timeout) override;
  std::shared_ptr<ThreadWorker> SubmitAndHelp(StateBase* task) override;
  bool Help(ThreadWorker& place, StateBase& task) override;
  void StopHelping(std::shared_ptr<ThreadWorker> place) override;
  bool Fork(const PostedCall& posted, ForkedCall* call) override;
  void JoinForked(const PostedCall& posted, ForkedCall* call,
                  bool drop) override;
  bool HelpGroup(const void* group) override;
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
  PoolKind kind() const override { return PoolKind::kThreads; }
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
  bool RunInline(ThreadWorker& worker, StateBase& task, bool alone);
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
  // A task that is in the queue now, and what has to be done for it.
  struct Submission {
    Wakeup wakeup;
    uint64_t number = 0;  // its slot's; 0: it is in nobody's way any more
  };

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
  std::optional<Submission> Accept(StateBase* task, bool may_help, Room room);
  void DispatchFor(Submission submission);
  void PostSlot(const Slot& slot);
  // Calls `push` with the tail of the queue. Sets `is_hungry` if somebody may
  // have to be found for what it pushes. Throws what Check() throws.
  template <typename Push>
  uint64_t Enqueue(bool* is_hungry, Push push);
  void GrowQueue();
  // The worker on this thread, if what its task submits goes into its own
  // queue.
  ThreadWorker* LocalSubmitter();
  // Whether all that the worker's task has put into the shared queue has left.
  bool HasLeftSharedQueue(ThreadWorker& worker);
  // Enqueue() into that one. A task gets its id.
  void EnqueueLocally(bool* is_hungry, ThreadWorker& worker, const Slot& slot);
  // On the thread of a worker with a queue of its own, around a submission to
  // the shared one: keeps the order of what this thread submits.
  void FlushCurrent();
  void NoteShared(uint64_t number);
  // The same for a task that has options, or needs room. 0: there is none.
  uint64_t EnqueueWithLimits(bool* is_hungry, StateBase* task, Room room);
  // Finds somebody for the queue, as the slot of that number is new in it.
  // Where that fails, takes it back and throws.
  Wakeup WakeFor(uint64_t number, bool may_help);
  // Takes that slot out of the queue, and its reference if it is a task. False:
  // it has left.
  bool Withdraw(uint64_t number, StateBase** task)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_, mu_);
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
  void RunPosted(ThreadWorker& worker, TakenTask& taken);
  // The next task, started and counted. False: there is none; or with
  // `only_plain`, it is one that RunTask() has to look after.
  bool TakeTask(ThreadWorker& worker, TakenTask* taken,
                bool only_plain = false);
  // The parts of that: from the shared queue, from a worker's own, from one of
  // all others.
  bool TakeShared(ThreadWorker& worker, TakenTask* taken, bool only_plain);
  bool TakeLocal(ThreadWorker& from, ThreadWorker& worker, TakenTask* taken,
                 bool only_plain, DroppedStates& dropped);
  bool Steal(ThreadWorker& worker, TakenTask* taken);
  // Runs a task here that `runner` has forked while it ran the caller's call.
  // False: there is none at this moment.
  bool HelpRunner(ThreadWorker& worker, int64_t runner);
  // A task of that group which has not begun, counted as taken by this worker,
  // and the part of it for what is in one worker's own queue.
  bool TakeOfGroup(const void* group, ThreadWorker& worker, TakenTask* taken);
  bool TakeOfGroupFrom(ThreadWorker& from, const void* group,
                       ThreadWorker& worker, TakenTask* taken);
  void RunTaken(ThreadWorker& worker, TakenTask& taken);
  // Moves what is in a worker's own queue to the shared one.
  void FlushLocal(ThreadWorker& worker);
  void FlushAllLocal();
  void MarkTaken(ThreadWorker& worker, StateBase* task)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_);
  // A task has left its queue out of turn, as it was started or claimed. True:
  // the queue's reference is the caller's.
  bool LeaveOutOfTurn(StateBase& task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_);
  // Never less than there are, of those that were in a queue when the locks of
  // the submitters were last passed.
  int64_t Pending() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const int64_t started = takes_.started();
    return LocalPending() + submitted_.Get() - started;
  }
  // The part of them that no worker has at hand.
  int64_t Waiting() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return SharedWaiting() + (listed_.load() > 0 ? LocalPending() : 0);
  }
  int64_t SharedWaiting() const {
    const int64_t left = takes_.left();
    return submitted_.Get() - left;
  }
  int64_t LocalPending() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
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
    takes_.CountStarted();
    outbox_.EndPrefetch();
    OnPendingRemoved(task);
  }
  // A task that goes to a worker at once: submitted, started and counted.
  void StartDirectly(StateBase* task)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_, mu_);
  // No thread could be started. If no worker is left, takes the slot of that
  // number back and throws, and fails what else is pending.
  void RejectStranded(uint64_t number);
  void Untrack(uint64_t task_id);
  // Takes every pending task that nobody else has claimed.
  struct PendingTasks {
    SlotChain chain;
    TaskOutbox tasks{chain};
    size_t count = 0;
  };
  void ClaimAllPending(FutureState outcome, PendingTasks* claimed)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_, mu_);
  // Hands the claimed tasks over for TakeCancelledTasks(), and publishes.
  void GiveBack(PendingTasks& claimed, FutureState outcome,
                const std::exception_ptr& error);
  void ReportUnobserved(const std::string& task,
                        const std::exception_ptr& error) noexcept;

  // --- Workers ---
  // Sees to it that somebody will look at the queue, if that is allowed.
  Wakeup FindWorker() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // False: a thread could not be started; its worker is forgotten again.
  bool Dispatch(Wakeup wakeup);
  WorkerPtr AddWorker() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool StartThread(const WorkerPtr& worker);
  void WorkerMain(const WorkerPtr& worker);
  void WorkUntilRetired(ThreadWorker& worker);
  // The next task, started; false: the worker must retire.
  bool NextTask(ThreadWorker& worker, TakenTask* taken);
  // It has run its max_tasks_per_worker.
  bool IsWornOut(const ThreadWorker& worker) const;
  // False: a lost worker has nothing to live on for.
  bool Revive(ThreadWorker& worker);
  // Says what others read of the roster without the lock, after each change of
  // it. If that makes the pool hungry, whoever does it looks at Waiting()
  // afterwards, in the same section: a submitter that did not see it has pushed
  // its task before.
  void UpdateHints() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Waits for those that are pushing at this moment.
  void PassSubmitters() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The worker becomes idle. False: it does not, as a task waits.
  bool ParkIfNoneWaits(ThreadWorker& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
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
  std::string DescribeStall(const PoolStats& stats) ABSL_LOCKS_EXCLUDED(mu_);

  // --- The pool ---
  // Throws in a forked child. There no lock can be trusted, so it comes first.
  void CheckProcess() const {
    if (InForkedChild()) [[unlikely]]
      ThrowForked();
  }
  [[noreturn]] void ThrowForked() const;
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
  bool InForkedChild() const {
    return fork_generation_ != fork_generation.load(std::memory_order_relaxed);
  }
  std::string Label() const;

  PoolOptions options_;  // const, but its callables are called as non-const
  const PendingLimits pending_limits_;
  ShutdownRegistry* const registry_;
  ShutdownRegistry::HandlerId handler_id_ = 0;  // its owner's only; 0: none
  const int64_t fork_generation_;

  // Where a thread holds several locks, it took take_mu_ first, then mu_, then
  // submit_mu_, then the local_mu of a worker.

  // The cache line of those who submit.
  alignas(64) mutable SpinMutex submit_mu_;
  // Whether somebody is idle, or may be started. Written with mu_ held, and
  // read with submit_mu_ held: see UpdateHints().
  std::atomic<bool> hungry_{true};
  SharedCount submitted_;  // written with submit_mu_ held
  SlotChain chain_;
  SlotTail tail_ ABSL_GUARDED_BY(submit_mu_){chain_};
  SharedCount moved_;  // from workers' own queues; written with submit_mu_ held

  // The cache line of those who take.
  alignas(64) mutable SpinMutex take_mu_;
  TakeCounts takes_;
  TaskOutbox outbox_ ABSL_GUARDED_BY(take_mu_){chain_};
  TrackedTasks tracked_ ABSL_GUARDED_BY(take_mu_);
  SharedCount local_left_;  // workers' own queues out of turn; with take_mu_

  RoomSignal
      room_;  // notified when there may be some again, if pending_limits_.any()
  std::atomic<int64_t> pending_bytes_{0};  // if pending_limits_.counts_bytes()

  alignas(64) mutable Mutex mu_;  // a cache line apart from what workers write
  CondVar changed_;               // a worker is gone, or a pending task is
  Roster roster_ ABSL_GUARDED_BY(mu_);
  PoolLifecycle lifecycle_ ABSL_GUARDED_BY(mu_);
  size_t spinning_ ABSL_GUARDED_BY(mu_) = 0;  // look out before they park
  int caller_runs_ ABSL_GUARDED_BY(mu_) = 0;  // tasks that submitters run
  absl::Duration idle_timeout_ ABSL_GUARDED_BY(mu_);
  std::vector<CancelledTask> cancelled_tasks_ ABSL_GUARDED_BY(mu_);
  // Counts as in PoolStats, of what no worker in the roster counts.
  PoolStats counts_ ABSL_GUARDED_BY(mu_);
  int64_t withdrawn_ ABSL_GUARDED_BY(mu_) = 0;  // submitted, and then not
  // Of workers that are gone: what was submitted to their own queues, and the
  // part of it that did not leave by the front or the back.
  int64_t local_submitted_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t local_rest_ ABSL_GUARDED_BY(mu_) = 0;

  // Whether workers have queues of their own. Const once the pool is made.
  bool has_local_queues_ = false;
  // How many of these may have something in them.
  std::atomic<int> listed_{0};

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
