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
}  // namespace internal

// What thread pools and process pools have in common. A pool starts workers as
// tasks come, up to max_workers, and lets them go when they have been idle for
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

  // Starts one worker of this configuration beside the pool, which runs the
  // initializer and the finalizer and no task. Throws what goes wrong as
  // InitializerError or FinalizerError. The pool itself is not changed.
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

  // Gives each task that Shutdown() cancelled or a broken pool left once: a
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

  const std::string& name() const;
  // 1, 2, 3, ...: the how-manieth pool of this process it is.
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

 private:
  const std::shared_ptr<internal::PoolCore> core_;
  const uint64_t id_;
};

}  // namespace asyncpal

#endif  // ASYNCPAL_POOL_POOL_H_
