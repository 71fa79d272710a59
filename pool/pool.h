#ifndef ASYNCPAL_POOL_POOL_H_
#define ASYNCPAL_POOL_POOL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "asyncpal/pool/cancelled_task.h"
#include "asyncpal/pool/options.h"

namespace asyncpal {

namespace internal {
class PoolCore;
class PoolReporter;
}  // namespace internal

// What thread pools and process pools have in common. A pool starts workers as
// tasks come, up to max_workers, and ends them when they have been idle for
// idle_timeout; with nothing to do it holds no worker and uses no CPU.
//
// Threads: any thread may call any method, workers of the pool included.
// Lifetime: the destructor is Shutdown(); futures outlive the pool.
// Ordering: tasks from one thread start in the order of their submission.
// Errors: ClosedPoolError and BrokenPoolError as in Check().
// Shutdown: GlobalShutdown closes every open pool at the end of the program.
class Pool {
 public:
  virtual ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // Calls `visit` with each pool of this process, closed ones too, in the order
  // in which they were made, on this thread. A pool's destructor waits while a
  // visitor is inside, so it must not destroy the pool that it is given. What
  // it throws ends the walk.
  static void ForEach(absl::AnyInvocable<void(Pool&)> visit);

  // Throws ClosedPoolError after Shutdown(), and for a broken pool its error:
  // InitializerError or FinalizerError with the cause nested, or another
  // BrokenPoolError. Submit() does the same.
  void Check();

  // Starts one worker with this pool's configuration beside the pool, which
  // runs the initializer and the finalizer but no task. Throws what goes wrong
  // as InitializerError or FinalizerError. The pool itself is not changed.
  void Test();

  // Starts up to n more workers, or as many as max_workers has room for, and
  // returns how many. Workers with nothing to do retire as always. If the
  // system has too few threads, it starts fewer; if it has none, RejectedError.
  int SpawnWorkers(int n);
  int SpawnMaxWorkers();

  // Blocks until all submitted work is done and all workers have retired; the
  // pool stays open. False: `timeout` passed. From inside one of the pool's
  // own workers: InvalidStateError.
  bool Join(absl::Duration timeout = absl::InfiniteDuration());

  // Closes the pool: pending tasks are cancelled, running ones are asked to
  // stop and waited for. True if this call closed it. On a closed pool it asks
  // again, in its own mode, waits as well, and returns false. From inside one
  // of the pool's own workers it does not wait; the pool ends after the task.
  bool Shutdown();
  bool Shutdown(const ShutdownOptions& options);

  // Returns each task that Shutdown() cancelled or a broken pool left, once: a
  // second call returns only what has come since. Tasks cancelled through their
  // own future are not among them.
  std::vector<CancelledTask> TakeCancelledTasks();

  // While all workers wait for futures inside their tasks, further workers may
  // stand in for them, so CountWorkers() can exceed max_workers().
  int CountWorkers() const;
  int CountBusyWorkers() const;
  int CountFreeWorkers() const;
  int CountPendingTasks() const;
  PoolStats Stats() const;
  std::vector<WorkerInfo> Workers() const;

  // From now on no task begins, but those that a running one waits for without
  // a limit, until Resume() has been called as often as this. Submissions,
  // their limits and delays go on, and so do maps as far as they get without
  // results. Waits for `wait_for_running` at most until no task is running any
  // more, and returns whether none is. Shutdown() ends the pause; a closed pool
  // can't be paused. Throws InvalidStateError if it is to wait inside one of
  // the pool's own workers. See also ExecutionFence.
  bool Pause(absl::Duration wait_for_running = absl::ZeroDuration());
  // Throws InvalidStateError if an open pool is not paused.
  void Resume();
  bool is_paused() const;

  // Changes how many workers there may be, at least 1, and never waits. If
  // tasks wait, more workers start at once; if there are too many, idle ones go
  // now, and busy ones after their task. The pools of a fixed size refuse it,
  // with std::invalid_argument.
  void set_max_workers(int n);
  int min_workers() const;
  // See PoolOptions::min_workers; missing workers are started at once.
  void set_min_workers(int n);

  const std::string& name() const;
  // 1, 2, 3, ..., in the order in which this process made its pools.
  uint64_t id() const { return id_; }
  PoolKind kind() const;
  int max_workers() const;
  absl::Duration idle_timeout() const;
  // Also affects workers that are idle already.
  void set_idle_timeout(absl::Duration timeout);

  bool is_closed() const;
  // Closed, every task done, and no worker left.
  bool is_terminated() const;
  bool is_broken() const;

 protected:
  explicit Pool(std::shared_ptr<internal::PoolCore> core);
  internal::PoolCore& core() const { return *core_; }
  // For the pools of a fixed size.
  void FixSize(const char* class_name) { fixed_class_ = class_name; }
  const std::shared_ptr<internal::PoolCore>& shared_core() const {
    return core_;
  }

 private:
  friend class ExecutionFence;
  friend class internal::PoolReporter;

  // Resume(), whatever became of the pause meanwhile.
  void EndFence() noexcept;

  const std::shared_ptr<internal::PoolCore> core_;
  const uint64_t id_;
  const char* fixed_class_ = nullptr;  // null: the size may change
};

// Pauses a pool while it lives. Fences nest.
//
//   {
//     ExecutionFence fence(pool, absl::Seconds(10));
//     if (fence.is_quiet()) Reload();  // no task runs
//   }
//
// Threads: one at a time. Lifetime: must not outlive the pool.
// Ordering: what tasks did that had ended is visible when it is_quiet().
// Errors: as Pool::Pause(). Shutdown: ends the pause early.
class ExecutionFence {
 public:
  explicit ExecutionFence(
      Pool& pool, absl::Duration wait_for_running = absl::ZeroDuration())
      : pool_(pool), is_quiet_(pool.Pause(wait_for_running)) {}
  ~ExecutionFence() { pool_.EndFence(); }
  ExecutionFence(const ExecutionFence&) = delete;
  ExecutionFence& operator=(const ExecutionFence&) = delete;

  // Whether no task was running when it was made.
  bool is_quiet() const { return is_quiet_; }

 private:
  Pool& pool_;
  const bool is_quiet_;
};

}  // namespace asyncpal

#endif  // ASYNCPAL_POOL_POOL_H_
