#ifndef ASYNCPAL_POOL_INTERNAL_POOL_CORE_H_
#define ASYNCPAL_POOL_INTERNAL_POOL_CORE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "asyncpal/future/countdown.h"
#include "asyncpal/future/internal/shared_state.h"
#include "asyncpal/pool/cancelled_task.h"
#include "asyncpal/pool/options.h"

namespace asyncpal::internal {

class ForkedCall;
class ThreadWorker;
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
  virtual void Submit(StateBase* task) = 0;
  // The same for a posted call of `size` bytes, which are copied, and dropped
  // where it throws.
  virtual void Post(const PostedCall& posted, const void* call,
                    size_t size) = 0;
  // The same for a map's chunk, which waits for room whatever `when_full` says.
  // Throws TimeoutError where there is none by the end of `countdown`.
  virtual void SubmitChunk(StateBase* task, const Countdown& countdown) = 0;
  // Submit(), or SubmitChunk(), for one who must not be blocked. False: the
  // pool is full, and `task` is still the caller's.
  virtual bool TrySubmit(StateBase* task, bool is_chunk) = 0;
  // Waits until a full pool may have room again, `timeout` at most; returns
  // whether it has. Throws what Pool::Check() throws.
  virtual bool WaitForRoom(absl::Duration timeout) = 0;

  // The same by a thread that is about to wait for the task, and may as well
  // run it. Not null: nobody was woken for it, and the caller has this worker's
  // place until StopHelping(), which it must call before it waits.
  virtual std::shared_ptr<ThreadWorker> SubmitAndHelp(StateBase* task) = 0;
  // Runs `task` here, in that place. False: it is not pending, or not next.
  virtual bool Help(ThreadWorker& place, StateBase& task) = 0;
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
  virtual const std::string& name() const = 0;
  virtual PoolKind kind() const = 0;
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
  static CancelledTask MakeCancelledTask(StateRef<StateBase> task) {
    return CancelledTask(std::move(task));
  }
  // Empty once it was called.
  static StateRef<StateBase>& TaskOf(CancelledTask& task) { return task.task_; }

  // For good: the pool is closed or broken.
  void StopAccepting() { accepting_.store(false, std::memory_order_relaxed); }

 private:
  std::atomic<bool> accepting_{true};
};

// What a pool keeps with a task that has options.
struct TaskOptionsAttachment : TaskAttachment {
  explicit TaskOptionsAttachment(TaskOptions o) : options(std::move(o)) {}
  const TaskOptions options;
  // 0: none. Written when the timer has been started, by which time it may have
  // run.
  std::atomic<uint64_t> queue_timer = 0;
  std::atomic<uint64_t> running_timer = 0;
};

// Checks `options` and keeps them with a task that nobody else has yet. Gives
// the task up where it throws.
template <typename Task>
Task* AttachOptions(TaskOptions options, Task* task) {
  auto owned = StateRef<Task>::Adopt(task);
  CheckTaskOptions(options);
  std::string name = options.name;
  task->Attach(std::move(name),
               std::make_unique<TaskOptionsAttachment>(std::move(options)));
  return owned.Detach();
}

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_POOL_CORE_H_
