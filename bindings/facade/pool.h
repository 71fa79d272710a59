#ifndef ASYNCPAL_BINDINGS_FACADE_POOL_H_
#define ASYNCPAL_BINDINGS_FACADE_POOL_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "asyncpal/bindings/facade/durations.h"
#include "asyncpal/pool/host/host_pool.h"
#include "asyncpal/pool/options.h"

// The pools as SWIG sees them: no templates, durations as nanoseconds, and
// nothing that waits where the host has to be able to interrupt the wait. The
// largest int64_t is an infinite duration.

namespace asyncpal {
class Clock;
class PoolObserver;
}  // namespace asyncpal

namespace asyncpal::facade {

class LogHost;

// As asyncpal::PoolOptions.
struct NativePoolOptions {
  int max_workers = 0;
  std::string name;
  int64_t idle_timeout = 60000000000;  // ns
  int max_tasks_per_worker = 0;
  // False: Library::Shutdown() leaves the pool alone.
  bool close_on_exit = true;
  int64_t initializer_timeout = kForever;  // ns
  int64_t max_pending = 0;
  int when_full = 0;  // as WhenFull: block, reject, run on the caller, drop
  int64_t stack_size = 0;  // of a ThreadPool's own threads, in bytes
  int64_t stall_threshold = kForever;  // ns
  bool histograms = false;
  // Of a ThreadPool: its host has no queue of its own, since an observer, and
  // what measures, must see each task. See SetObserver().
  std::shared_ptr<PoolObserver> observer = nullptr;
  // What delays and the limits of tasks are measured by; null: the system's
  // steady clock. See SetClock().
  std::shared_ptr<Clock> clock = nullptr;
  // Of a ThreadPool: its workers' threads come from Host::StartWorker().
  bool host_makes_threads = false;
  int64_t priority_step = 1000000000;  // ns
  int min_workers = 0;
  int64_t max_worker_age = kForever;  // ns
  // Gets the pool's messages; null: that of the library. See SetPoolLog().
  std::shared_ptr<LogHost> log = nullptr;
};

inline constexpr int64_t kNotNext = -1;

// As asyncpal::TaskOptions.
struct NativeTaskOptions {
  std::string name;
  int64_t timeout = kForever;         // ns
  int64_t queue_deadline = kForever;  // ns
  int max_attempts = 1;
  // What messages of a thread pool call the task, where the host counts its
  // tasks and submits others that are none. 0: the pool's own count.
  int64_t number = 0;
  std::string traceparent;  // empty: none
  int priority = 2;         // as TaskPriority: background, low, normal, ...
  int at_shutdown = 0;      // as AtShutdown: as the pool, skip, finish, abandon
  // Which attempt at something it is, where the host tries again; see
  // CountRetry().
  int attempt = 1;
  // The task may not begin before (ns): as asyncpal::ThreadPool::SubmitAfter().
  // A submission to a full pool then blocks where when_full says so.
  int64_t delay = 0;
  // The next run of a task that the pool has accepted before, which needs no
  // room: when it is due, on Pool::clock_now(). kNotNext: it is none.
  int64_t next_due = kNotNext;
};

// As asyncpal::DurationHistogram. Errors: an index that is out of range throws
// std::out_of_range.
class DurationHistogram {
 public:
  DurationHistogram() = default;
  explicit DurationHistogram(const asyncpal::DurationHistogram& histogram);

  // How many counts there are: one more than bounds, or none of either.
  int size() const { return static_cast<int>(counts_.size()); }
  int64_t bound(int index) const { return bounds_.at(index); }  // ns
  int64_t count(int index) const { return counts_.at(index); }
  int64_t sum() const { return sum_; }  // ns

 private:
  std::vector<int64_t> bounds_;
  std::vector<int64_t> counts_;
  int64_t sum_ = 0;
};

// As asyncpal::PoolStats.
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
  int64_t lost = 0;
  int64_t rejected = 0;
  int64_t stalls = 0;  // those that native code finds: none of a host's threads
  int64_t expired = 0;
  int64_t timed_out = 0;
  int64_t workers_started = 0;
  int64_t workers_lost = 0;
  int64_t oldest_pending = 0;  // ns
  DurationHistogram wait;
  DurationHistogram run;
  int64_t delayed = 0;  // without those that wait in the host
  int64_t retried = 0;
};

// As asyncpal::WorkerInfo.
struct WorkerInfo {
  int64_t id = 0;
  std::string name;
  int64_t pid = 0;  // 0: none yet
  bool busy = false;
  int64_t tasks_done = 0;
  std::string current_task;
  int64_t running_for = 0;  // ns
};

class WorkerList {
 public:
  explicit WorkerList(std::vector<WorkerInfo> workers)
      : workers_(std::move(workers)) {}
  int size() const { return static_cast<int>(workers_.size()); }
  const WorkerInfo& at(int index) const { return workers_.at(index); }

 private:
  std::vector<WorkerInfo> workers_;
};

// In place of a handle.
inline constexpr int64_t kNoHandle = 0;

// Part of a pool, as asyncpal::PoolView or KeyedPool: a handle, which may go
// while tasks of it wait. Threads: any.
class View {
 public:
  explicit View(host::HostView view) : view_(std::move(view)) {}

 private:
  friend class ThreadPool;
  friend class ProcessPool;

  const host::HostView view_;
};

// How Close() treats what was submitted; as asyncpal::ShutdownMode.
enum CloseMode { kCloseDrain = 0, kCloseCancelPending, kCloseKill };

// What both kinds of pools offer to the host. The methods do what those of
// asyncpal::Pool do, except as said.
//
// Threads: any thread may call any method but the destructor.
// Lifetime: when the object goes, the pool drains and ends by itself; the host
// object is needed until the last worker has gone.
// Errors: as asyncpal::Pool; the wrapper turns exceptions into the host's.
class Pool {
 public:
  virtual ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  void Check();
  void Test();
  int SpawnWorkers(int n);
  int SpawnMaxWorkers();

  // Waits until a full pool may have room, `nanos` at most; false: it has none.
  // For after a Submit() that has returned no handle. It may be taken by others
  // meanwhile.
  bool WaitForRoom(int64_t nanos);

  // For a host that keeps tasks until their time, and submits each with a
  // next_due then: as host::HostPool.
  bool Reserve(bool needs_room, bool now);
  void FreeReserved();
  bool WaitForReservation(int64_t nanos);

  // Begins to wait until all submitted work is done and no worker is left: the
  // host's Joined(join) is called then, perhaps at once. Until then workers
  // retire as they run out of tasks. Returns what EndJoin() takes.
  int64_t StartJoin(int64_t join);
  // Gives up waiting. False: Joined() was called, or is about to be.
  bool EndJoin(int64_t started);

  // Closes the pool without waiting. True: this call did it; a further one
  // still sets its own mode going.
  bool Close(int mode);

  // Pause() does not wait for what runs. Resume() returns whether the pool was
  // paused, or is closed.
  void Pause();
  bool Resume();
  bool is_paused() const { return pool_->is_paused(); }
  // While it is paused: whether no task is running any more.
  bool IsQuiet() { return pool_->IsQuiet(); }
  void set_max_workers(int n) { pool_->set_max_workers(n); }
  int min_workers() const { return pool_->min_workers(); }
  void set_min_workers(int n) { pool_->set_min_workers(n); }

  // A new view of tasks that run at most `places` at a time, for messages
  // called `name`; and one of tasks whose keys are numbers, which run one at a
  // time for each key. Throws std::invalid_argument if `places` is less than 1.
  View* NewView(int places, const std::string& name);
  View* NewKeyedView();

  // A task is about to be submitted again, since it has failed: for
  // PoolStats::retried.
  void CountRetry() { pool_->CountRetry(); }
  // What delays are measured by: ns since a moment that is always the same.
  int64_t clock_now() const { return pool_->ClockNow(); }

  PoolStats Stats() const;
  WorkerList Workers() const;
  std::string name() const { return pool_->name(); }
  int max_workers() const { return pool_->max_workers(); }
  int64_t idle_timeout() const;
  void set_idle_timeout(int64_t nanos);
  bool is_closed() const { return pool_->is_closed(); }
  bool is_terminated() const { return pool_->is_terminated(); }
  bool is_broken() const { return pool_->is_broken(); }

 protected:
  // `joined` tells the host, and keeps it alive.
  Pool(std::unique_ptr<host::HostPool> pool,
       std::function<void(int64_t)> joined)
      : pool_(std::move(pool)), joined_(std::move(joined)) {}
  host::HostPool& pool() const { return *pool_; }

 private:
  const std::unique_ptr<host::HostPool> pool_;
  const std::function<void(int64_t)> joined_;
};

WorkerInfo ToWorkerInfo(const asyncpal::WorkerInfo& worker);

// What a pool of these settings is made with. Throws std::invalid_argument.
PoolOptions ToPoolOptions(const NativePoolOptions& settings);

host::LogSink ToLogSink(const NativePoolOptions& settings);

// Messages of pools of these settings go to `host`, which they own until their
// last worker has gone.
void SetPoolLog(NativePoolOptions& settings, LogHost* host);

// What the pool keeps with a task that has settings.
TaskOptions ToTaskOptions(const NativeTaskOptions& settings);
host::HostTaskInfo ToTaskInfo(const NativeTaskOptions& settings);

}  // namespace asyncpal::facade

#endif  // ASYNCPAL_BINDINGS_FACADE_POOL_H_
