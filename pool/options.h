#ifndef ASYNCPAL_POOL_OPTIONS_H_
#define ASYNCPAL_POOL_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "asyncpal/future/internal/cpp20.h"

// What can be set for pools and tasks, and what a pool reports about itself.
// All durations are on the steady clock, or on PoolOptions::clock; a negative
// one is a std::invalid_argument at the call that takes it. (absl::Seconds(NaN)
// is an infinite duration by Abseil's definition, negative or positive by the
// NaN's sign.)

namespace asyncpal {

class Clock;
class MapProgress;
class PoolObserver;

// What a submission to a full pool does: one where max_pending tasks wait.
//
// On a thread of the pool's own, kBlock never blocks: a thread pool runs the
// task at once, on that thread, and a process pool accepts it beyond the limit.
// Maps wait for room in every mode.
enum class WhenFull {
  // Waits until there is room. Throws what Check() throws if the pool is closed
  // or breaks meanwhile, and TimeoutError when the task's queue_deadline
  // passes.
  kBlock,
  // Throws RejectedError.
  kReject,
  // Runs the task on the calling thread, before Submit() returns; thread pools
  // only. SubmitAfter() waits for room instead.
  kCallerRuns,
  // The task that has waited longest makes room: its future fails with
  // RejectedError. TakeCancelledTasks() does not return it.
  kDropOldest,
};

// Which of the tasks that wait begins first. A higher class goes before a lower
// one, but not for ever: a task waits behind later ones of higher classes for
// one PoolOptions::priority_step per class between them, and no longer.
enum class TaskPriority { kBackground, kLow, kNormal, kHigh, kUrgent };

// What a shutdown does with one task, whatever its mode says of others.
enum class AtShutdown {
  // What the mode says.
  kAsPool,
  // It is cancelled if it has not begun, even where the pool drains.
  kSkip,
  // It runs, though the mode cancels what is pending, and is not asked to stop;
  // at its own time, if it was submitted for later. When the deadline passes it
  // is treated as any other, and ShutdownMode::kKill cancels it at once.
  kFinish,
  // Nobody waits for it. If it has not begun, it is cancelled. If it runs, a
  // process pool kills its worker; a thread pool asks it to stop and leaves its
  // thread behind, which ends without a finalizer when the task does. So it
  // must
  // use nothing that goes away with the pool or with the program.
  kAbandon,
};

// How a pool of threads is made.
struct PoolOptions {
  // At most this many workers. 0: the CPUs that this process may use (by
  // affinity and cgroup), plus five, since tasks of threads tend to wait. See
  // also Pool::set_max_workers().
  int max_workers = 0;

  // For messages and thread names. Default: the pool class's name.
  std::string name = {};

  // A worker that has been idle for this long retires. Infinite: never.
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
  // does not count, and one that is submitted for later does from its
  // submission. 0: no limit.
  int64_t max_pending = 0;
  // What a submission to a full pool does.
  WhenFull when_full = WhenFull::kBlock;

  // The size of each worker's stack, in bytes; rounded up to what a thread
  // needs. 0: the system's default.
  size_t stack_size = 0;

  // An initializer that takes longer breaks the pool: InitializerError with a
  // TimeoutError nested. Its thread can't be ended: a message (SetLogSink())
  // names it, and it is no longer waited for.
  absl::Duration initializer_timeout = absl::InfiniteDuration();

  // A task that runs longer is reported once: to the observer, and by a message
  // (SetLogSink()). Nobody looks while nothing runs.
  absl::Duration stall_threshold = absl::InfiniteDuration();

  // Is told what happens in the pool; see observer.h.
  std::shared_ptr<PoolObserver> observer = {};

  // Fills PoolStats::wait and run; an observer does so, too.
  bool histograms = false;

  // By how long a task counts as older than it is for each class that its
  // priority is above another's. Infinite: a lower class waits until no higher
  // one does. Pools in which all tasks are of normal priority never look at it.
  absl::Duration priority_step = absl::Seconds(1);

  // This many workers are started with the pool, in the background, stay when
  // they are idle, and are replaced if they end. At most max_workers.
  int min_workers = 0;

  // A worker that is older, by a tenth more or less, retires when it has no
  // task, as after max_tasks_per_worker. Infinite: no limit.
  absl::Duration max_worker_age = absl::InfiniteDuration();

  // What delays and the limits in TaskOptions are measured by; see clock.h.
  // Null: the system's steady clock.
  std::shared_ptr<Clock> clock = {};
};

// For one task; the first argument of Submit(), Run() and Post().
struct TaskOptions {
  // Shown by Workers() and in messages.
  std::string name = {};

  // A task that runs longer fails with TimeoutError at that moment. A process
  // pool kills and replaces its worker; a thread pool asks the task to stop
  // through its std::stop_token, and the worker stays busy until it returns.
  absl::Duration timeout = absl::InfiniteDuration();

  // A task that has not started after this long never starts: TimeoutError. Of
  // one that is submitted for later, it counts from when that has come.
  absl::Duration queue_deadline = absl::InfiniteDuration();

  // Process pools: how often a task whose worker was lost may run.
  int max_attempts = 1;

  // Before or after which other tasks it begins. Tasks of one thread start in
  // the order of their submission as far as they have the same priority.
  TaskPriority priority = TaskPriority::kNormal;

  // What becomes of it when its pool is shut down.
  AtShutdown at_shutdown = AtShutdown::kAsPool;
  // The trace that the task belongs to, as W3C's Trace Context defines it; the
  // task has it by TaskContext. Empty: that of the submitter: of its
  // TraceparentScope, or of the task that submits (task_context.h).
  std::string traceparent = {};
};

// What a map does about a call that fails: one that throws, whose worker is
// lost, or whose result can't be sent back.
enum class OnError {
  kRaise,  // ends, and throws the failure
  // Leaves its result out and goes on. MapOptions::progress is told how many
  // failed. Of its chunk, a lost worker costs the call that ran and the results
  // of its last 10 ms or so; the rest runs elsewhere.
  kSkip,
};

// For the map family.
struct MapOptions {
  // How many calls make one task. More are faster for short calls. 0: as many
  // as suit the times that the calls take, by the ones that are done; a chunk
  // then takes some 20 times what a task costs, and less where little is left.
  size_t chunk_size = 1;

  // Lazy maps: how many tasks may be submitted before their results are taken
  // from the returned range. 0: twice max_workers.
  size_t buffer_size = 0;

  // False: results come as they are done, as from MapUnordered().
  bool keep_order = true;

  // Limits the whole map, from the call on.
  absl::Duration timeout = absl::InfiniteDuration();

  // Is told how far the map is; see progress.h and progress_bar.h. Null: nobody
  // is.
  std::shared_ptr<MapProgress> progress = {};

  // What a call that fails does to the map. MapSettled() and its like give
  // failures as results, and take no other than kRaise.
  OnError on_error = OnError::kRaise;
};

// What happens to tasks when a pool is shut down.
enum class ShutdownMode {
  kCancelPending,  // cancel what is pending, ask what runs to stop, wait for it
  kDrain,          // run everything that was submitted
  kKill,           // as kCancelPending; a process pool kills its workers
};

// How a pool is shut down.
struct ShutdownOptions {
  // What happens to tasks.
  ShutdownMode mode = ShutdownMode::kCancelPending;

  // When it passes, kDrain continues as kCancelPending, a process pool kills
  // its workers, and the call returns without waiting for threads still busy.
  absl::Duration deadline = absl::InfiniteDuration();
};

// What happens to open pools at the end of the process.
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

// How many durations were not longer than which bound.
struct DurationHistogram {
  // 1 us, 2 us, 4 us, ..., 36 min, 1 h.
  std::vector<absl::Duration> bounds = {};
  // counts[i]: longer than bounds[i - 1], and not than bounds[i]; the last one:
  // longer than all bounds.
  std::vector<int64_t> counts = {};
  absl::Duration sum = absl::ZeroDuration();
};

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
  // Tasks that had not started by their queue_deadline, and tasks that ran
  // longer than their timeout; both are counted in failed too.
  int64_t expired = 0;
  int64_t timed_out = 0;
  // Workers that have become ready for tasks, those that replaced others
  // included; and workers that ended though nobody wanted them to: processes
  // that died, threads that a task ended by pthread_exit().
  int64_t workers_started = 0;
  int64_t workers_lost = 0;
  // How long the task has been pending that has waited longest; zero: none is.
  // For tasks posted without options, it counts from the first look at the
  // pool that found them oldest: by whoever asks for this, or by the pool
  // itself, which looks all the time while every worker is busy.
  absl::Duration oldest_pending = absl::ZeroDuration();
  // How long the tasks that have started had waited, and how long those that
  // have run did so; a little ahead of the counts, or behind. Empty without
  // PoolOptions::histograms and without an observer.
  DurationHistogram wait = {};
  DurationHistogram run = {};
  // Of the pending ones, those whose time is yet to come: see SubmitAfter().
  int64_t delayed = 0;
  // How often a task was tried again: see SubmitRetrying(). Each attempt is a
  // task in the counts above.
  int64_t retried = 0;
};

// One worker, as it was when Workers() was called.
struct WorkerInfo {
  int64_t id = 0;         // 1, 2, 3, ... per pool
  std::string name = {};  // the pool's, and its id
  // The worker's process id, or the thread's id; none before there is one.
  std::optional<int64_t> pid = {};
  bool busy = false;
  int64_t tasks_done = 0;
  std::string current_task = {};  // its name, or `task 7`; empty: none
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
void CheckTraceparent(const std::string& traceparent);
void CheckMapOptions(const MapOptions& options);
void CheckDuration(const char* name, absl::Duration value);
void CheckLimit(const char* name, int64_t value);
// Of a pool that exists: 1 at least, and as many as there may be.
void CheckMaxWorkers(int value, int min_workers);
void CheckMinWorkers(int value, int max_workers);
// The size of a pool whose class says that it has `size` workers; max_workers
// must be 0 or that.
int FixedSize(int max_workers, int size, const char* class_name);

}  // namespace internal
}  // namespace asyncpal

#endif  // ASYNCPAL_POOL_OPTIONS_H_
