#ifndef ASYNCPAL_POOL_INTERNAL_POOL_CORE_H_
#define ASYNCPAL_POOL_INTERNAL_POOL_CORE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "asyncpal/future/countdown.h"
#include "asyncpal/future/internal/task_state.h"
#include "asyncpal/pool/cancelled_task.h"
#include "asyncpal/pool/internal/pool_report.h"
#include "asyncpal/pool/options.h"

namespace asyncpal::internal {

class ForkedCall;
class ThreadWorker;
class ViewHost;
struct PostedCall;

// The engine of a pool. It outlives the Pool object for as long as a worker
// needs it; the methods are those of Pool.
class PoolCore : public TaskOwner {
 public:
  virtual ~PoolCore() = default;

  // Accepts `task`, of which it gets one reference, and gives it its id. In a
  // full pool it does what PoolOptions::when_full says. Throws what
  // Pool::Check() throws, or RejectedError where there is no room or no worker
  // can be started for it; the reference is then given up.
  virtual void Submit(TaskState* task) = 0;
  // The same for a posted call of `size` bytes, which are copied, and dropped
  // where it throws.
  virtual void Post(const PostedCall& posted, const void* call,
                    size_t size) = 0;
  // The same for a task that is to wait that long before it may begin; zero or
  // less: not at all. Until then it is pending in no queue. In a full pool it
  // waits for room where `when_full` is kCallerRuns, and on the pool's own
  // threads needs none.
  virtual void SubmitAfter(TaskState* task, absl::Duration delay) = 0;
  // The same for the next run of a task that the pool has accepted before: it
  // needs no room. `due` is on the pool's clock.
  virtual void SubmitNext(TaskState* task, int64_t due) = 0;
  // A task that is still to wait does so until `due`, or is queued at once.
  // False: it does not wait. The caller has a reference.
  virtual bool MoveDelayed(TaskState& task, int64_t due) = 0;
  // Nanoseconds on the pool's clock.
  virtual int64_t ClockNow() const = 0;
  // The same as Submit() for a map's chunk, which waits for room whatever
  // `when_full` says. Throws TimeoutError where there is none by the end of
  // `countdown`.
  virtual void SubmitChunk(TaskState* task, const Countdown& countdown) = 0;
  // Submit(), or SubmitChunk(), for one who must not be blocked. False: the
  // pool is full, and `task` is still the caller's.
  virtual bool TrySubmit(TaskState* task, bool is_chunk) = 0;
  // Waits until a full pool may have room again, `timeout` at most; returns
  // whether it has. Throws what Pool::Check() throws.
  virtual bool WaitForRoom(absl::Duration timeout) = 0;
  // Room for a task that waits for its time elsewhere, as SubmitAfter() of one
  // takes it, until FreeReserved(); then SubmitNext() submits it. `now`: it is
  // due at once; not `needs_room`: it counts even if the pool is full. False:
  // the pool is full, and the caller waits by WaitForReservation(). Throws as
  // SubmitAfter().
  virtual bool Reserve(bool needs_room, bool now) = 0;
  virtual void FreeReserved() = 0;
  virtual bool WaitForReservation(absl::Duration timeout) = 0;

  // The same by a thread that is about to wait for the task, and may as well
  // run it. Not null: nobody was woken for it, and the caller has this worker's
  // place until StopHelping(), which it must call before it waits.
  virtual std::shared_ptr<ThreadWorker> SubmitAndHelp(TaskState* task) = 0;
  // Runs `task` here, in that place. False: it is not pending, or not next.
  virtual bool Help(ThreadWorker& place, TaskState& task) = 0;
  virtual void StopHelping(std::shared_ptr<ThreadWorker> place) = 0;

  // Puts `call`, to be run by `posted`, where other workers find it, and the
  // caller by JoinForked(), which must follow on this thread. False: the caller
  // is not inside a task of this pool, or the pool has no such place. Throws
  // what Pool::Check() throws.
  virtual bool Fork(const PostedCall& posted, ForkedCall* call) = 0;
  // If nobody has begun it: runs it here, or with `drop` forgets it. Else waits
  // until it is done.
  virtual void JoinForked(const PostedCall& posted, ForkedCall* call,
                          bool drop) = 0;

  // Runs a task here that belongs to that group and has not begun. False: there
  // is none, or the caller is not inside a task of this pool.
  virtual bool HelpGroup(const void* group) = 0;

  // For views of this pool.
  virtual ViewHost& view_host() = 0;

  // A task is about to be tried again: for PoolStats::retried.
  virtual void CountRetry() = 0;
  // Calls the unobserved_failure_handler, or else logs `what` with `error`.
  virtual void ReportUnobservedFailure(
      const std::string& what, const std::exception_ptr& error) noexcept = 0;

  virtual void Check() = 0;
  virtual void Test() = 0;
  virtual int SpawnWorkers(int n) = 0;
  virtual bool Join(absl::Duration timeout) = 0;
  virtual bool Shutdown(const ShutdownOptions& options) = 0;
  // The part of Shutdown() that does not wait: `mode` is set going.
  virtual bool Close(ShutdownMode mode) = 0;
  // `handler` runs once, when the pool is_terminated(): on the thread that
  // brought that about, which may be a worker at its end, or at once. A pool
  // has one such handler.
  virtual void CallWhenTerminated(absl::AnyInvocable<void()> handler) = 0;
  // Join() for one who does not wait here: `handler` runs once, where Join()
  // would return true, on the thread that brought that about, or at once. Until
  // then, or EndJoin(), workers retire when they are out of tasks. Throws as
  // Join().
  virtual uint64_t StartJoin(absl::AnyInvocable<void()> handler) = 0;
  // True: the handler has not run, and never will.
  virtual bool EndJoin(uint64_t join) = 0;
  virtual std::vector<CancelledTask> TakeCancelledTasks() = 0;
  virtual PoolStats Stats() const = 0;
  virtual std::vector<WorkerInfo> Workers() const = 0;
  // For DumpState(). The oldest `n` of what is pending, about in order.
  virtual std::vector<WorkerReport> ReportWorkers() const = 0;
  virtual std::vector<PendingReport> ReportPending(size_t n) const = 0;
  // ThreadWorker::StackOfTask() of the worker of that id.
  virtual std::string StackOf(int64_t worker, absl::Duration limit) const = 0;
  virtual const std::string& name() const = 0;
  virtual PoolKind kind() const = 0;
  // As those of Pool. Resume() returns false where an open pool is not paused.
  virtual bool Pause(absl::Duration wait_for_running) = 0;
  virtual bool Resume() = 0;
  virtual bool is_paused() const = 0;
  virtual void set_max_workers(int n) = 0;
  virtual int min_workers() const = 0;
  virtual void set_min_workers(int n) = 0;
  virtual int max_workers() const = 0;
  virtual absl::Duration idle_timeout() const = 0;
  virtual void set_idle_timeout(absl::Duration timeout) = 0;
  virtual bool is_closed() const = 0;
  virtual bool is_terminated() const = 0;
  virtual bool is_broken() const = 0;

  // Whether Check() would not throw, as far as one can tell without a lock.
  bool accepting() const { return accepting_.load(std::memory_order_relaxed); }

  // The Pool object goes away: Shutdown(), unless the process is ending and
  // has given this pool up.
  virtual void Release() = 0;
  // The same for a pool that nobody will wait for: runs what was submitted, and
  // goes when its last worker does.
  void Abandon() { Close(ShutdownMode::kDrain); }

 protected:
  static CancelledTask MakeCancelledTask(StateRef<TaskState> task) {
    return CancelledTask(std::move(task));
  }
  // Empty once it was called.
  static StateRef<TaskState>& TaskOf(CancelledTask& task) { return task.task_; }

  // For good: the pool is closed or broken.
  void StopAccepting() { accepting_.store(false, std::memory_order_relaxed); }

 private:
  std::atomic<bool> accepting_{true};
};

// What a pool keeps with a task that has options.
struct TaskOptionsAttachment : TaskAttachment {
  TaskOptionsAttachment(TaskOptions o, int number)
      : options(std::move(o)), attempt(number) {}
  const TaskOptions options;
  const int attempt;  // of a task that is retried: which one this is
  // 0: none. Written when the timer has been started, by which time it may have
  // run.
  std::atomic<uint64_t> queue_timer = 0;
  std::atomic<uint64_t> running_timer = 0;
  // A timer has found the task late, and is about to fail it for that.
  std::atomic<bool> is_late = false;
};

// Which attempt at it a pool's task is that begins: SubmitRetrying() makes a
// task of each.
inline int FirstAttempt(const TaskState& task) {
  const auto* const attachment =
      static_cast<const TaskOptionsAttachment*>(task.attachment());
  return attachment == nullptr ? 1 : attachment->attempt;
}

// The part of AttachOptions() that does not depend on the task's type.
void KeepOptions(TaskOptions options, TaskState& task, int attempt);

// Checks `options` and keeps them with a task that nobody else has yet. Gives
// the task up where it throws.
template <typename Task>
Task* AttachOptions(TaskOptions options, Task* task, int attempt = 1) {
  auto owned = StateRef<Task>::Adopt(task);
  CheckTaskOptions(options);
  KeepOptions(std::move(options), *task, attempt);
  return owned.Detach();
}

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_POOL_CORE_H_
