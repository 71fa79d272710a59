#ifndef ASYNCPAL_POOL_INTERNAL_THREAD_CORE_H_
#define ASYNCPAL_POOL_INTERNAL_THREAD_CORE_H_

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/future/internal/spin_mutex.h"
#include "asyncpal/pool/internal/delayed_tasks.h"
#include "asyncpal/pool/internal/fork_generation.h"
#include "asyncpal/pool/internal/native_thread.h"
#include "asyncpal/pool/internal/observation.h"
#include "asyncpal/pool/internal/oldest_task.h"
#include "asyncpal/pool/internal/pending_limits.h"
#include "asyncpal/pool/internal/pending_tasks.h"
#include "asyncpal/pool/internal/pool_core.h"
#include "asyncpal/pool/internal/pool_lifecycle.h"
#include "asyncpal/pool/internal/pool_log.h"
#include "asyncpal/pool/internal/shutdown_registry.h"
#include "asyncpal/pool/internal/slot_queue.h"
#include "asyncpal/pool/internal/stall_detector.h"
#include "asyncpal/pool/internal/submission_watch.h"
#include "asyncpal/pool/internal/task_histograms.h"
#include "asyncpal/pool/internal/task_limits.h"
#include "asyncpal/pool/internal/thread_worker.h"
#include "asyncpal/pool/internal/timer_queue.h"
#include "asyncpal/pool/internal/tracer.h"
#include "asyncpal/pool/internal/view_core.h"
#include "asyncpal/pool/internal/worker_roster.h"

namespace asyncpal::internal {

// The engine of a ThreadPool, and what a ProcessCore has in common with it:
// there, too, each worker is a thread. It has the locks and their order; what
// they guard is in rooms of their own, each a plain value: the tasks that wait
// (pending_tasks.h), the workers (worker_roster.h), and how far the pool is
// (pool_lifecycle.h). What has finished is counted by each worker for itself.
//
// thread_core.cc holds the life of tasks, thread_core_local.cc that of those in
// a worker's own queue, thread_core_delayed.cc that of those that are submitted
// for later, thread_core_classes.cc that of those with a priority,
// thread_core_limits.cc what a full pool does with them,
// thread_core_help.cc that of tasks run by those who wait,
// thread_core_workers.cc that of workers, thread_core_lifecycle.cc that of the
// pool, thread_core_views.cc that of tasks which wait for their turn in a view,
// thread_core_stalls.cc finds out when it does not get on, and
// thread_core_observe.cc tells an observer, thread_core_calls.cc of posted
// calls.
//
// Threads: any may call the public methods. No lock is held while user code
// runs, or a thread is joined.
// Lifetime: each worker's thread shares the ownership.
// Ordering: tasks of one submitter start in the order of their submission.
// Errors: as in Pool. They are thrown after every lock has been given back.
// Shutdown: the last owner gone, no thread is left but that owner's own.
class ThreadCore : public PoolCore,
                   public std::enable_shared_from_this<ThreadCore>,
                   private ViewHost {
 public:
  // `options` have been checked. The pool is registered with `registry`.
  static std::shared_ptr<ThreadCore> Make(PoolOptions options,
                                          ShutdownRegistry* registry);
  ~ThreadCore() override;

  void Submit(TaskState* task) override;
  void Post(const PostedCall& posted, const void* call, size_t size) override;
  void SubmitAfter(TaskState* task, absl::Duration delay) override;
  void SubmitNext(TaskState* task, int64_t due) override;
  bool MoveDelayed(TaskState& task, int64_t due) override;
  int64_t ClockNow() const override;
  void SubmitChunk(TaskState* task, const Countdown& countdown) override;
  bool TrySubmit(TaskState* task, bool is_chunk) override;
  bool WaitForRoom(absl::Duration timeout) override;
  bool Reserve(bool needs_room, bool now) override;
  void FreeReserved() override;
  bool WaitForReservation(absl::Duration timeout) override;
  std::shared_ptr<ThreadWorker> SubmitAndHelp(TaskState* task) override;
  bool Help(ThreadWorker& place, TaskState& task) override;
  void StopHelping(std::shared_ptr<ThreadWorker> place) override;
  bool Fork(const PostedCall& posted, ForkedCall* call) override;
  void JoinForked(const PostedCall& posted, ForkedCall* call,
                  bool drop) override;
  bool HelpGroup(const void* group) override;
  ViewHost& view_host() override { return *this; }
  void CountRetry() override;
  void ReportUnobservedFailure(
      const std::string& what,
      const std::exception_ptr& error) noexcept override;
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
  std::vector<WorkerReport> ReportWorkers() const override;
  std::vector<PendingReport> ReportPending(size_t n) const override;
  std::string StackOf(int64_t worker, absl::Duration limit) const override;
  const std::string& name() const override { return options_.name; }
  PoolKind kind() const override { return PoolKind::kThreads; }
  bool Pause(absl::Duration wait_for_running) override;
  bool Resume() override;
  bool is_paused() const override;
  void set_max_workers(int n) override;
  int min_workers() const override;
  void set_min_workers(int n) override;
  int max_workers() const override { return max_workers_.load(); }
  absl::Duration idle_timeout() const override;
  void set_idle_timeout(absl::Duration timeout) override;
  bool is_closed() const override;
  bool is_terminated() const override;
  bool is_broken() const override;
  void Release() override;

  void OnPendingClaimed(TaskState& task, FutureState outcome) override;
  void OnFinished(TaskState& task, FutureState outcome) override;
  void OnUnobservedFailure(const TaskState& task,
                           std::exception_ptr error) noexcept override;

  // --- What its workers call, each on its own thread ---
  // Runs a pending task of this pool here. False: it can't.
  bool RunInline(ThreadWorker& worker, TaskState& task, bool alone);
  // Around a wait; in between, see RecheckStandIn() in ExecutionContext.
  void BeginBlocking(ThreadWorker& worker, const TaskState* awaited);
  void EndBlocking(ThreadWorker& worker);
  bool RecheckStandIn();
  // After the end of a task, see ThreadWorker::GoOn().
  TaskState* GoOn(ThreadWorker& worker);
  // Its thread ends the process.
  void LeaveForExit(ThreadWorker& worker);
  // `Error` is InitializerError or FinalizerError. Null: all is well.
  std::exception_ptr RunInitializer();
  std::exception_ptr RunFinalizer();
  // For a worker of an observed pool; else null.
  std::unique_ptr<TaskHistograms> MakeHistograms() const;
  // The task that this worker runs begins once more, as its process has died;
  // or it is about to fail for that.
  void OnNextAttempt(ThreadWorker& worker, const TaskState& task, int attempt);
  void OnTaskLost(ThreadWorker& worker, const TaskState& task);

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
             ShutdownRegistry* registry, PoolLog::Sink log_sink = nullptr);
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
  // Whether a worker that runs out of tasks waits actively for the next one for
  // a moment, before it sleeps.
  virtual bool spins_before_parking() const { return true; }
  // Whether a worker may become too large.
  virtual bool limits_worker_bytes() const { return false; }
  // Whether tasks run on this process's threads, and so on the caller's too.
  virtual bool runs_tasks_here() const { return true; }
  // What a pending task takes of max_pending_bytes.
  virtual int64_t PendingBytes(TaskState&) const { return 0; }
  // A running task has missed its timeout, and failed.
  virtual void OnTimeout(TaskState& task) { task.RequestStop(); }
  // The pool has broken, and what was pending is about to fail. Throws nothing.
  // On the thread that broke it, with no lock held.
  virtual void OnBroken(const std::exception_ptr&) {}
  // Ends all workers at once, whatever they do, and cancels what they run.
  // False: this kind of worker can't be ended.
  virtual bool KillWorkers() { return false; }
  // Puts what workers have prefetched and not started back in the queue.
  virtual void RevokePrefetched() ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_, mu_) {
  }
  // Calls `visit` with each of them.
  virtual void VisitAhead(const std::function<void(TaskState&)>&) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_) {}
  // Whether a worker has one that is running, or about to be.
  virtual bool HasStartedAhead() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_) {
    return false;
  }
  // Puts back one such task, on behalf of a worker without one.
  virtual bool RevokeOnePrefetched() { return false; }
  // What the sleeping worker is there for is in use by someone else; it must
  // neither go nor be given a task.
  virtual bool IsBorrowed(ThreadWorker&) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return false;
  }
  // The task that such a use has left to this worker, started and counted.
  // Null: none.
  virtual TaskState* TakeBorrowed(ThreadWorker&)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return nullptr;
  }

  // --- Tasks ---
  // The two halves of a submission. With `may_help`, an idle worker that is to
  // wake is borrowed for the caller instead. nullopt: there is no room, and
  // `task` is still the caller's.
  // The part of Accept() where it minds the submission.
  void PrepareSubmission(TaskState& task);
  // Those of SubmissionWatch are these from now on.
  void OnReasons(unsigned reasons);
  std::optional<Submission> Accept(TaskState* task, bool may_help, Room room);
  void DispatchFor(Submission submission);
  void PostSlot(const Slot& slot);
  // The same in a pool that observes_calls_. An id that is 0 becomes a new one.
  void PostTimed(const Slot& slot, CallInfo& call);
  bool PostsAsTask() const;
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
  // The same for a task of another class than the normal one; kClassed and its
  // id.
  uint64_t EnqueueClassed(bool* is_hungry, TaskState* task, Room room);
  static constexpr uint64_t kClassed = uint64_t{1} << 63;
  // A task's class, see TaskClasses.
  static int ClassOf(const TaskState& task);
  // The same for a task that has options, or needs room. 0: there is none.
  uint64_t EnqueueWithLimits(bool* is_hungry, TaskState* task, Room room);
  // Finds somebody for the queue, as the slot of that number is new in it.
  // Where that fails, takes it back and throws.
  Wakeup WakeFor(uint64_t number, bool may_help);
  // Takes that slot out of the queue, and its reference if it is a task. False:
  // it has left.
  bool RevokeSlot(uint64_t number, TaskState** task)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_, mu_);
  Room RoomForOthers() const {
    return pending_limits_.any() ? Room::kNeeded : Room::kNotNeeded;
  }
  // False: there is no room.
  bool SubmitIfRoom(TaskState* task, Room room);
  void SubmitOrWait(TaskState* task, const Countdown& countdown);
  // What a full pool does with a submission that does not wait.
  // Sleeps until there may be room again, which there was none of before
  // `version` was read. Gives the task up and throws TimeoutError at the end of
  // `countdown`.
  void AwaitRoom(TaskState* task, uint64_t version, const Countdown& countdown);
  void SubmitAboveLimit(TaskState* task);
  void RunOnCaller(TaskState* task);
  // The task is submitted and running here; returns its id.
  uint64_t StartOnCaller(TaskState* task);
  bool DropOldest();
  [[noreturn]] void Refuse(TaskState* task);
  bool WaitForRoom(absl::Duration timeout, bool now);
  PendingLimits::Load CurrentLoad() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // `now`: the task may begin at once.
  bool HasRoomFor(TaskState& task, bool now) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // --- Tasks that are submitted for later ---
  // Keeps the task until it is `due`. False: there is no room. Throws as
  // Accept(), which gives the task up.
  bool AcceptDelayed(TaskState* task, int64_t due, Room room);
  // Sees to it that somebody looks when the first is due.
  void SetDelayTimer() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The timer that was set for this time.
  void OnDelayTimer(int64_t due);
  // A timer was set for `due`. A clock that is moved by hand may have been
  // moved beyond that meanwhile, and calls nobody for what has passed.
  void QueueIfPassed(int64_t due);
  // Submits the first that is due, and finds a worker for it. False: none is.
  bool QueueDue(int64_t now);
  // The first enters the queue. Where there is no memory for that, it throws,
  // and nothing has changed.
  void MoveToQueue() ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_, mu_);
  // For a pool that drains: what is due by now is submitted, the rest
  // cancelled.
  void CancelDelayed();
  // A delayed task was claimed. True: its reference is the caller's.
  bool LeaveDelayed(TaskState& task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Whether the calling thread is inside a task or a callback of this pool.
  bool IsOwnThread() const;
  bool MayHelp() const;
  void BorrowSlot(ThreadWorker& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void RunTask(ThreadWorker& worker, TaskState* task);
  void CountRun(ThreadWorker& worker, int64_t depth);
  void RunPosted(ThreadWorker& worker, TakenTask& taken);
  // In a handler of what a posted call threw: counts it, and reports what
  // nobody else learns of. True: pthread_exit() threw it, and that has to go
  // on.
  bool CountFailedCall(ThreadWorker& worker, const TakenTask& taken);
  // The next task, started and counted. False: there is none; or with
  // `only_plain`, it is one that RunTask() has to look after.
  bool TakeTask(ThreadWorker& worker, TakenTask* taken,
                bool only_plain = false);
  // That where tasks of several classes wait, or none may be taken.
  bool TakeByClass(ThreadWorker& worker, TakenTask* taken);
  // The next one of all classes in the shared queue.
  bool TakeSharedByClass(ThreadWorker& worker, TakenTask* taken);
  // Called after each change of what it depends on.
  void UpdateTakeMode() ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_);
  // The other parts: from the shared queue, from a worker's own, from one of
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
  void MarkTaken(ThreadWorker& worker, TaskState* task)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_);
  // A task has left its queue out of turn, as it was started or claimed. True:
  // the queue's reference is the caller's.
  bool LeaveOutOfTurn(TaskState& task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_);
  // Never less than there are, of those that were in a queue when the locks of
  // the submitters were last passed.
  int64_t Pending() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const int64_t started = takes_.started();
    const int64_t held = held_.Get();
    return LocalPending() + submitted_.Get() - started + held + delayed_count_;
  }
  // The part of them that is in a queue, that no worker has prefetched, and
  // that may begin.
  int64_t Waiting() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (pauses_ > 0) [[unlikely]]
      return 0;
    return SharedWaiting() + (listed_.load() > 0 ? LocalPending() : 0);
  }
  int64_t SharedWaiting() const {
    const int64_t left = takes_.left();
    return submitted_.Get() - left;
  }
  int64_t LocalPending() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // A worker's fair share of the tasks that wait, which it may prefetch.
  // Zero: somebody else is free for them. Counted in prefetches_ otherwise.
  size_t FairPrefetchCount() ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_);
  // After that, the next of them, not started. Null: there is none.
  TaskState* PrefetchNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_);
  // A prefetched task, and its reference, goes back to the head of the queue.
  // The caller takes it from there, or sees to it by FindWorker() that somebody
  // does.
  void Requeue(TaskState* task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_, mu_);
  // What pending_limits_ count, and who waits for room, learn of a task that is
  // submitted, and of one that is pending no more.
  void OnPendingAdded(TaskState& task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OnPendingRemoved(TaskState& task);
  // A prefetched task is pending no more.
  void CountStarted(TaskState& task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_) {
    takes_.CountStarted();
    outbox_.EndPrefetch();
    OnPendingRemoved(task);
  }
  // A task that goes to a worker at once: submitted, started and counted.
  void StartDirectly(TaskState* task)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_, mu_);
  // No thread could be started. If no worker is left, takes the slot of that
  // number back and throws, and fails what else is pending.
  void RejectStranded(uint64_t number);
  void Untrack(uint64_t task_id);
  // Takes every pending task that nobody else has claimed, or leaves those that
  // are to finish.
  enum class Claim { kAll, kAllButFinish };
  struct PendingTasks {
    SlotChain chain;
    TaskOutbox tasks{chain};
    DelayedTasks delayed;
    std::vector<StateRef<TaskState>> held;  // that views had
    DroppedStates dropped;
    std::vector<TaskState*> skipped;
    bool has_classes = false;
    size_t count = 0;  // of all but `held`
  };
  // The two parts: what is in the queue, and what is delayed.
  void ClaimAllPending(FutureState outcome, PendingTasks* claimed,
                       Claim claim = Claim::kAll)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_, mu_);
  void ClaimAllDelayed(FutureState outcome, PendingTasks* claimed,
                       Claim claim = Claim::kAll)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Of what is in the queue, for a pool that drains, what never begins in a
  // pool that is closed.
  void ClaimSkipped(PendingTasks* claimed)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_, mu_);
  // The task is being accepted: notes whether it has a wish of its own for the
  // pool's shutdown.
  void NoteWish(const TaskState& task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  static AtShutdown WishOf(const TaskState& task);
  // Whether it never begins in a pool that is closed, though that drains.
  static bool IsSkipped(const TaskState& task);
  // Hands the claimed tasks over for TakeCancelledTasks(), and publishes.
  void HandToCaller(PendingTasks& claimed, FutureState outcome,
                    const std::exception_ptr& error);

  // --- Tasks that wait for their turn in a view ---
  void AddView(ViewCore& view) override;
  void RemoveView(ViewCore& view) override;
  void SubmitToView(ViewCore& view, TaskState* task, const void* key,
                    const Countdown* chunk) override;
  ViewEntry Hold(TaskState& task, bool needs_room) override;
  bool QueueHeld(TaskState* task, bool* must_wake) override;
  // The same for a task of another class than the normal one.
  bool QueueHeldClassed(TaskState* task, int task_class, bool* must_wake);
  bool will_look() const override;
  void WakeForHeld() override;
  ViewEntry CountHeld(TaskState& task);
  // What a full pool does with one: it is to be tried again, with room or not,
  // or this throws.
  Room MakeRoomForHeld(TaskState* task, const Countdown& countdown,
                       bool is_chunk, uint64_t version);
  // It has been accepted: its queue_deadline begins.
  void StartHeldTimer(TaskState* task);
  // Runs a held task here if the one that waits for it, on this thread, has a
  // place in its lane. False: it can't.
  bool RunHeldInline(ThreadWorker& worker, TaskState& task);
  // A held task is claimed or started, or is about to be queued.
  void CountUnheld(TaskState& task);
  // Claims those of which `is_meant(task)`, while nothing new can come.
  template <typename IsMeant>
  void ClaimHeldIf(FutureState outcome, PendingTasks* claimed,
                   const IsMeant& is_meant);
  // All of them, or all but those that are to finish.
  void ClaimHeld(FutureState outcome, PendingTasks* claimed,
                 Claim claim = Claim::kAll);
  // What never begins in a pool that is closed.
  void ClaimSkippedHeld(PendingTasks* claimed);
  // The one that was submitted first, claimed. None: there is none.
  StateRef<TaskState> ClaimOldestHeld();
  OldestTask OldestHeld() const;

  // --- What an observer is told, with no lock held ---
  class ObservedScope;
  class ObservedCall;
  bool has_observer() const {
    return observation_ != nullptr && observation_->has_observer();
  }
  // Whether a submission is to be observed at all.
  bool observes() const { return observation_ != nullptr || Tracer::IsOn(); }
  TracedTask Traced(const TaskState& task) const;
  TracedWorker Traced(const ThreadWorker& worker) const;
  // The task is about to be submitted. Throws what Check() throws.
  void BeginObserving(TaskState& task);
  // It was not, as the pool has refused it.
  void ReportRefused(TaskState& task) noexcept;
  void ReportStart(const ThreadWorker* worker, const TaskState& task,
                   int attempt) noexcept;
  // The same for calls that are posted and lie in the queue as they are.
  bool ObservesInPlace(const PostedCall& posted) const;
  void PostObserved(const Slot& slot);
  void ReportCallUnstarted(const CallInfo& call, FutureState outcome) noexcept;
  void RunObserved(ThreadWorker& worker, TakenTask& taken);
  // It has not run, and is about to become `outcome`; or it has.
  void ReportUnstarted(TaskState& task, FutureState outcome) noexcept;
  void ReportFinished(ThreadWorker* worker, TaskState& task,
                      FutureState outcome) noexcept;
  void ReportWorkerStarted(const ThreadWorker& worker);
  void ReportWorkerEnded(const ThreadWorker& worker, const std::string& why);
  TaskReport ReportOf(const TaskState& task, FutureState outcome) const;
  TaskReport ReportOfCall(const CallInfo& call, FutureState outcome) const;
  // Fills in which worker runs the task, as far as is known. `worker` is null
  // unless it is this thread.
  void FillInRun(ThreadWorker* worker, TaskReport& report);
  // The part of RunTask() for a task that is_watched(). Returns whether it is
  // tracked, which may be gone.
  bool RunWatched(ThreadWorker& worker, TaskState* task);
  // A task has begun: sees to it that somebody looks whether it runs too long.
  void LookForLongRuns();
  void ScheduleLongRunLook(absl::Duration delay);
  void ReportLongRuns();
  // Returns when to look again; infinite: not before the next task begins.
  absl::Duration ReportLongRunsOnce() ABSL_LOCKS_EXCLUDED(mu_);
  void ReportLongRun(const TaskReport& task, ThreadWorker& worker);
  // What is always known of one.
  static WorkerInfo InfoOf(const ThreadWorker& worker);
  // The parts of Stats().
  PoolStats CountAll() const;
  void AddHistograms(PoolStats& stats) const ABSL_LOCKS_EXCLUDED(mu_);

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
  // Why the worker is to make room for a new one: it has run its
  // max_tasks_per_worker, say. Null: it is not.
  const char* WhyRecycle(const ThreadWorker& worker) const;
  // Its age counts from now on.
  void BeginAge(ThreadWorker& worker) const;
  // How long it may be idle for its age.
  absl::Duration UntilTooOld(const ThreadWorker& worker) const;
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
  // For people.
  const char* WhyRetire() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
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
  // A worker that is idle, or whose slot is borrowed, has a look at what has
  // changed.
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

  // How long the oldest pending task has waited, of which that is what views
  // hold; zero: there is none.
  absl::Duration OldestPending(OldestTask oldest) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mu_, mu_);

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
  void CancelPendingAndAskToStop(Claim claim);
  void CancelSkipped();
  // Tasks that nobody is to wait for, and their workers.
  void AbandonTasks();
  // While it lives, a worker runs a task that may be abandoned.
  class AbandonableScope {
   public:
    AbandonableScope(ThreadCore& core, ThreadWorker& worker);
    ~AbandonableScope();
    AbandonableScope(const AbandonableScope&) = delete;
    AbandonableScope& operator=(const AbandonableScope&) = delete;

   private:
    ThreadCore& core_;
    ThreadWorker& worker_;
  };
  // Ends a pause, however often the pool was paused.
  void LiftPause();
  // No task is running.
  bool IsAtRest() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Starts workers until there are min_workers, or no more are to be had.
  void StartMinWorkers();
  // Wakes as many workers as what is in the queue needs.
  void FindAllWorkers();
  void ShutdownAtExit(absl::Duration limit);
  bool InForkedChild() const {
    return fork_generation_ != fork_generation.load(std::memory_order_relaxed);
  }
  std::string Label() const;

  PoolOptions options_;  // const, but its callables are called as non-const
  const PendingLimits pending_limits_;
  const PoolLog log_;
  const std::unique_ptr<Observation> observation_;  // null: not observed
  const uint64_t trace_id_ = Tracer::NewPool();
  // Whether submissions of plain tasks may be more than to queue them, by this
  // pool's options or a reason of SubmissionWatch. Stays so.
  std::atomic<bool> minds_submissions_;
  // Whether workers may be due to be replaced. Const once the pool is made.
  bool recycles_ = false;
  // Whether no posted call lies in the queue as it is, but those that are
  // observed there. Const once the pool is made.
  bool posts_as_tasks_ = false;
  // Whether there are such. Then all have a time. Const once the pool is made.
  bool observes_calls_ = false;
  // Whether some may not: that, or for a reason of SubmissionWatch. Stays so.
  std::atomic<bool> may_post_as_tasks_{false};
  ShutdownRegistry* const registry_;
  ShutdownRegistry::HandlerId handler_id_ = 0;  // its owner's only; 0: none
  const int64_t fork_generation_;

  // Where a thread holds several locks, it took views_mu_ first, then that of a
  // view, take_mu_, mu_, submit_mu_, the local_mu of a worker.

  mutable Mutex views_mu_;
  ViewList views_ ABSL_GUARDED_BY(views_mu_);

  // The cache line of those who submit.
  alignas(64) mutable SpinMutex submit_mu_;
  // Whether somebody is idle, or may be started. Written with mu_ held, and
  // read with submit_mu_ held: see UpdateHints().
  std::atomic<bool> hungry_{true};
  SharedCount submitted_;  // written with submit_mu_ held
  SlotChain chain_;
  SlotTail tail_ ABSL_GUARDED_BY(submit_mu_){chain_};
  SharedCount moved_;  // from workers' own queues; written with submit_mu_ held
  SharedCount held_;   // pending, and not yet in submitted_; the same

  // The cache line of those who take.
  alignas(64) mutable SpinMutex take_mu_;
  TakeCounts takes_;
  mutable TaskOutbox outbox_ ABSL_GUARDED_BY(take_mu_);
  // How workers take tasks. Written with take_mu_ held; a worker that reads it
  // without looks again at its next task.
  enum class TakeMode : uint8_t { kShared, kLocal, kByClass, kPaused };
  bool takes_none_ ABSL_GUARDED_BY(take_mu_) = false;  // the pool is paused
  std::atomic<TakeMode> take_mode_{TakeMode::kShared};
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
  // How often a worker was allowed to prefetch tasks. Another one that finds
  // nothing to do before it parks looks again if that has changed since it
  // looked for prefetched ones.
  uint64_t prefetches_ ABSL_GUARDED_BY(mu_) = 0;
  DelayedTasks delayed_ ABSL_GUARDED_BY(mu_);
  // Those, and what somebody has claimed and not yet accounted for.
  int64_t delayed_count_ ABSL_GUARDED_BY(mu_) = 0;
  // Tasks that wait elsewhere: they need room, and are not pending here.
  int64_t reserved_ ABSL_GUARDED_BY(mu_) = 0;
  // How many have left without having been in the queue.
  int64_t delayed_left_ ABSL_GUARDED_BY(mu_) = 0;
  TimerQueue::TimerId delay_timer_ ABSL_GUARDED_BY(mu_) = 0;  // 0: none is set
  int64_t delay_timer_due_ ABSL_GUARDED_BY(mu_) = DelayedTasks::kNever;
  int pauses_ ABSL_GUARDED_BY(mu_) = 0;  // how often it was paused
  int min_workers_ ABSL_GUARDED_BY(mu_);
  std::atomic<int> max_workers_;              // written with mu_ held
  int caller_runs_ ABSL_GUARDED_BY(mu_) = 0;  // tasks that submitters run
  absl::Duration idle_timeout_ ABSL_GUARDED_BY(mu_);
  std::vector<CancelledTask> cancelled_tasks_ ABSL_GUARDED_BY(mu_);
  // Whether there was a task with a wish for its shutdown, and whether it has
  // come so far that no running one is waited for that wishes that.
  bool has_wishes_ ABSL_GUARDED_BY(mu_) = false;
  bool abandons_ ABSL_GUARDED_BY(mu_) = false;
  // Counts as in PoolStats, of what no worker in the roster counts.
  PoolStats counts_ ABSL_GUARDED_BY(mu_);
  const std::unique_ptr<TaskHistograms> other_histograms_
      ABSL_PT_GUARDED_BY(mu_);                // the same for these
  int64_t revoked_ ABSL_GUARDED_BY(mu_) = 0;  // submitted, and then not
  // Of workers that are gone: what was submitted to their own queues, and the
  // part of it that did not leave by the front or the back.
  int64_t local_submitted_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t local_rest_ ABSL_GUARDED_BY(mu_) = 0;
  mutable FirstSeen oldest_call_ ABSL_GUARDED_BY(mu_);  // pending, and posted

  // Whether workers have queues of their own. Const once the pool is made.
  bool has_local_queues_ = false;
  // Whether tasks submit there: not while there is a trace.
  std::atomic<bool> submits_locally_{false};
  // How many of these may have something in them.
  std::atomic<int> listed_{0};

  // Both change with mu_ held; who reads them without looks again soon.
  std::atomic<bool> over_max_{false};  // more workers than max_workers
  // A worker that was needed could not be made, and nobody has tried again.
  std::atomic<bool> start_failed_{false};

  bool is_watched_ ABSL_GUARDED_BY(mu_) = false;
  StallDetector stall_;  // only who looks uses it
  std::atomic<bool> is_looking_for_long_runs_{false};

  TaskLimits limits_;
  SubmissionWatch::Listener submission_watch_{
      [this](unsigned reasons) { OnReasons(reasons); }};
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_THREAD_CORE_H_
