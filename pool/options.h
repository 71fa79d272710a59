#ifndef ASYNCPAL_POOL_OPTIONS_H_
#define ASYNCPAL_POOL_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <type_traits>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "asyncpal/future/internal/cpp20.h"

// What can be set for pools and tasks, and what a pool reports about itself.
// All durations are on the steady clock; a negative one is a
// std::invalid_argument at the call that takes it. (absl::Seconds(NaN) is an
// infinite duration by Abseil's definition, negative or positive by the NaN's
// sign.)

namespace asyncpal {

// What a submission to a full pool does: one where max_pending tasks wait.
//
// On a thread of the pool's own it never blocks under kBlock: a thread pool
// runs the task there and then, a process pool takes it above the limit. Maps
// wait for room whatever this says.
enum class WhenFull {
  // Waits until there is room. Throws as Check() if the pool is closed or
  // breaks meanwhile, and TimeoutError when the task's queue_deadline passes.
  kBlock,
  // Throws RejectedError.
  kReject,
  // Runs the task on the calling thread, before Submit() returns; thread pools
  // only.
  kCallerRuns,
  // The task that has waited longest makes room: its future fails with
  // RejectedError. TakeCancelledTasks() does not have it.
  kDropOldest,
};

// How a pool of threads is made.
struct PoolOptions {
  // At most this many workers. 0: the CPUs that this process may use (by
  // affinity and cgroup), plus five, since tasks of threads tend to wait.
  int max_workers = 0;

  // For messages and thread names. Default: the pool class's name.
  std::string name = {};

  // A worker that has had nothing to do for this long retires. Infinite: never.
  absl::Duration idle_timeout = absl::Seconds(60);

  // Run by each worker, on its own thread, before its first task and after its
  // last. Several workers may be inside the same one at once. What one throws
  // breaks the pool.
  absl::AnyInvocable<void()> initializer = {};
  absl::AnyInvocable<void()> finalizer = {};

  // A worker retires after this many tasks, and another takes its place. 0: no
  // limit.
  int max_tasks_per_worker = 0;

  // Gets what a posted task threw, on the worker that ran it. Default: a
  // message (SetLogSink()).
  absl::AnyInvocable<void(std::exception_ptr)> unobserved_failure_handler = {};

  // At most this many tasks wait for a worker; a task for which one is free
  // does not count. 0: no limit.
  int64_t max_pending = 0;
  // What a submission to a full pool does.
  WhenFull when_full = WhenFull::kBlock;

  // The size of each worker's stack, in bytes; rounded up to what a thread
  // needs. 0: the system's default.
  size_t stack_size = 0;

  // An initializer that takes longer breaks the pool: InitializerError with a
  // TimeoutError nested. Its thread can't be ended: a message (SetLogSink())
  // names it, and nobody waits for it any more.
  absl::Duration initializer_timeout = absl::InfiniteDuration();
};

// For one task; the first argument of Submit(), Run() and Post().
struct TaskOptions {
  // Shows in Workers() and in messages.
  std::string name = {};

  // A task that runs longer fails with TimeoutError, then and there. A process
  // pool kills and replaces its worker; a thread pool asks the task to stop
  // through its std::stop_token, and the worker stays busy until it returns.
  absl::Duration timeout = absl::InfiniteDuration();

  // A task that has not started after this long never starts: TimeoutError.
  absl::Duration queue_deadline = absl::InfiniteDuration();

  // Process pools: how often a task whose worker was lost may run.
  int max_attempts = 1;
};

// For the map family.
struct MapOptions {
  // How many calls make one task. More is faster for short calls.
  size_t chunk_size = 1;

  // Lazy maps: how many tasks may be submitted and not yet taken from the
  // returned range. 0: twice max_workers.
  size_t buffer_size = 0;

  // False: results come as they are done, as from MapUnordered().
  bool keep_order = true;

  // Limits the whole map, from the call on.
  absl::Duration timeout = absl::InfiniteDuration();
};

// What becomes of tasks when a pool is shut down.
enum class ShutdownMode {
  kCancelPending,  // cancel what is pending, ask what runs to stop, wait for it
  kDrain,          // run everything that was submitted
  kKill,           // as kCancelPending; a process pool kills its workers
};

// How a pool is shut down.
struct ShutdownOptions {
  // What becomes of tasks.
  ShutdownMode mode = ShutdownMode::kCancelPending;

  // When it passes, kDrain goes on as kCancelPending, a process pool kills its
  // workers, and the call returns without waiting for threads still busy.
  absl::Duration deadline = absl::InfiniteDuration();
};

// What becomes of open pools at the end of the process.
enum class ExitMode {
  // Cancel what is pending, ask what runs to stop, and wait for it.
  kCancel,
  // Run everything that was submitted until the deadline; then as kCancel.
  kDrain,
  // Nothing: threads go with the process, worker processes by themselves.
  kNone,
};

// What a pool's workers are.
enum class PoolKind { kThreads, kProcesses };

// A consistent snapshot: workers = busy + idle, and submitted = pending +
// running + completed + failed + cancelled.
struct PoolStats {
  int64_t workers = 0;
  int64_t busy = 0;
  int64_t idle = 0;
  int64_t submitted = 0;
  int64_t pending = 0;
  int64_t running = 0;
  int64_t completed = 0;
  int64_t failed = 0;
  int64_t cancelled = 0;
  int64_t lost = 0;  // failed because the worker died; counted in failed too
  // Tasks for which there was no room: refused at the call (these were never
  // submitted), or dropped for another task (these are counted in failed too).
  int64_t rejected = 0;
  // How often tasks were pending, every worker was blocked inside a task by
  // waits for futures or locks, and nothing began or ended for a second. The
  // first time, a message (SetLogSink()) tells what each worker waits for.
  int64_t stalls = 0;
};

// One worker, as it was when Workers() was called.
struct WorkerInfo {
  int64_t id = 0;         // 1, 2, 3, ... per pool
  std::string name = {};  // the pool's, and its id
  // Of the worker process, or the thread's id; none before there is one.
  std::optional<int64_t> pid = {};
  bool busy = false;
  int64_t tasks_done = 0;
  std::string current_task = {};  // its name, else `task 7`; empty: none
  absl::Duration running_for = absl::ZeroDuration();
};

namespace internal {

// Whether F is one of the options that may come before a callable.
template <typename F>
inline constexpr bool kIsOptions =
    std::is_same_v<std::remove_cvref_t<F>, TaskOptions> ||
    std::is_same_v<std::remove_cvref_t<F>, MapOptions>;

// Each throws std::invalid_argument that names the field and its value.
// CheckPoolOptions() also fills in the defaults.
void CheckPoolOptions(PoolOptions& options, const char* default_name);
void CheckTaskOptions(const TaskOptions& options);
void CheckMapOptions(const MapOptions& options);
void CheckDuration(const char* name, absl::Duration value);
void CheckLimit(const char* name, int64_t value);
// The size of a pool whose class says that it has `size` workers; max_workers
// must be 0 or that.
int FixedSize(int max_workers, int size, const char* class_name);

}  // namespace internal
}  // namespace asyncpal

#endif  // ASYNCPAL_POOL_OPTIONS_H_
