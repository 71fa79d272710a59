#ifndef ASYNCPAL_POOL_PROCESS_POOL_H_
#define ASYNCPAL_POOL_PROCESS_POOL_H_

#include <cstdint>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "asyncpal/future/future.h"
#include "asyncpal/future/internal/future_access.h"
#include "asyncpal/ipc/call.h"
#include "asyncpal/ipc/codec.h"
#include "asyncpal/ipc/init_worker.h"
#include "asyncpal/pool/cancelled_task.h"
#include "asyncpal/pool/internal/map_codec.h"
#include "asyncpal/pool/internal/pool_core.h"
#include "asyncpal/pool/internal/remote_task.h"
#include "asyncpal/pool/internal/view_core.h"
#include "asyncpal/pool/internal/view_state.h"
#include "asyncpal/pool/options.h"
#include "asyncpal/pool/pool.h"
#include "asyncpal/pool/pool_maps.h"
#include "asyncpal/pool/pool_periodics.h"
#include "asyncpal/pool/pool_retries.h"
#include "asyncpal/pool/pool_view.h"

namespace asyncpal {

// How a pool of processes is made: the fields of PoolOptions, and more.
struct ProcessPoolOptions {
  // At most this many workers. 0: the CPUs that this process may use (by
  // affinity and cgroup).
  int max_workers = 0;
  std::string name = {};
  absl::Duration idle_timeout = absl::Seconds(60);

  // Run in each worker process, before its first task and after its last. What
  // one throws, or a worker that ends in one, breaks the pool.
  Shippable initializer = {};
  Shippable finalizer = {};

  // A worker process ends after this many tasks, and another takes its place.
  // 0: no limit.
  int max_tasks_per_worker = 0;

  // Gets what a posted task threw, in this process, on the thread that serves
  // the worker. Default: a message (SetLogSink()).
  absl::AnyInvocable<void(std::exception_ptr)> unobserved_failure_handler = {};

  // The program that workers run, and its arguments. Default: this executable.
  // Another program must link this library, and gets tasks by TaskName only.
  std::vector<std::string> worker_command = {};

  // Arguments or results with more bytes fail with a SerializationError.
  int64_t max_payload_bytes = kDefaultMaxPayloadBytes;

  // A worker process that has sent no handshake this long after its start is
  // killed, and counts as one that could not be started. 0: 10 s for this
  // executable, and 60 s for a worker_command, which may have to start a
  // language runtime first. The initializer has its own limit,
  // initializer_timeout.
  absl::Duration handshake_timeout = absl::ZeroDuration();

  // As in PoolOptions; WhenFull::kCallerRuns is a std::invalid_argument.
  int64_t max_pending = 0;
  WhenFull when_full = WhenFull::kBlock;

  // A worker whose initializer takes longer is killed, and the pool breaks:
  // InitializerError with a TimeoutError nested.
  absl::Duration initializer_timeout = absl::InfiniteDuration();

  // As in PoolOptions. The observer is told in this process.
  absl::Duration stall_threshold = absl::InfiniteDuration();
  std::shared_ptr<PoolObserver> observer = {};
  bool histograms = false;

  // At most this many bytes of encoded arguments wait; when_full applies to
  // them, too. A call that is larger by itself is a RejectedError. 0: no limit.
  int64_t max_pending_bytes = 0;

  // The pool breaks when more workers than this die within the window while
  // they run no task (at their start, between tasks), and none finishes one. A
  // task that ends its worker only fails itself and never breaks a pool. After
  // this many such deaths in a window, each further one delays the replacement
  // of its worker, by 100 ms at most. 0: max(8, 2 x max_workers).
  int max_restarts = 0;
  absl::Duration restart_window = absl::Seconds(5);

  // Sets PR_SET_NO_NEW_PRIVS in workers: programs that tasks start don't get
  // the privileges of their files (setuid, setgid, capabilities), so that sudo,
  // ping, newuidmap, sendmail and the like fail.
  bool no_new_privileges = false;

  // As in PoolOptions.
  absl::Duration priority_step = absl::Seconds(1);
  int min_workers = 0;
  absl::Duration max_worker_age = absl::InfiniteDuration();
  std::shared_ptr<Clock> clock = {};

  // A worker process that has more resident memory of its own after a task,
  // shared memory aside, ends, and another takes its place. A limit that is
  // below what a new process takes is said once (SetLogSink()), and is none. In
  // bytes; 0: no limit.
  int64_t max_worker_bytes = 0;
};

class ProcessPool;

namespace internal {

// Makes the task for `f(args...)`, which is a State of its result, and encodes
// the call.
template <template <typename> typename State, typename F, typename... A>
auto* NewRemoteTask(PoolCore& core, int64_t max_payload_bytes,
                    const char* function, uint32_t flags, const F& f,
                    const A&... args) {
  using Callable = std::decay_t<const F&>;
  using R = RemoteResult<F, A...>;
  const Callable& callable = f;
  if (IsEmptyCallable(callable)) {
    throw std::invalid_argument(std::string(function) + " on pool '" +
                                core.name() + "': the callable is empty");
  }
  if (!core.accepting()) core.Check();
  return new RemoteTask<R, State<R>>(
      &core, flags, kWantsStopToken<Callable, ShippedArg<A>...>,
      EncodeCall({.max_bytes = max_payload_bytes}, callable,
                 static_cast<const std::decay_t<const A&>&>(args)...));
}

// See pool_view.h.
template <>
class ViewTasks<ProcessPool> {
 public:
  template <typename F, typename... A>
  using Result = RemoteResult<F, A...>;

  static constexpr absl::Duration kMapTaskCost = absl::Microseconds(6);
  static constexpr bool kSendsCalls = true;

  ViewTasks(PoolCore& core, int64_t max_payload_bytes)
      : core_(&core), max_payload_bytes_(max_payload_bytes) {}

  template <typename F, typename... A>
  auto* NewTask(const char* function, uint32_t flags, const F& f,
                const A&... args) {
    return NewTaskOn<ViewState>(function, flags, f, args...);
  }
  // The same for a task of no view, on top of another state.
  template <template <typename> typename State, typename F, typename... A>
  auto* NewTaskOn(const char* function, uint32_t flags, const F& f,
                  const A&... args) {
    CheckShippable<F, A...>();
    if constexpr (kShippable<F, A...>) {
      return NewRemoteTask<State>(*core_, max_payload_bytes_, function, flags,
                                  f, args...);
    } else {
      return static_cast<RemoteTask<int, State<int>>*>(nullptr);
    }
  }

 private:
  PoolCore* core_;  // the view shares it
  int64_t max_payload_bytes_;
};

}  // namespace internal

// Runs tasks in processes of their own, which can crash and be killed without
// harm to this one.
//
//   bool IsPrime(int64_t n);
//
//   ProcessPool pool;
//   Future<bool> prime = pool.Submit(IsPrime, 112272535095293);
//   for (double area : pool.Map(Area, shapes)) Print(area);
//
// Nothing has to be registered, and main() needs no code: the workers are
// started from this same executable, and become workers before main(). They
// have its static objects, but none of its other state.
//
// A task is a callable whose type or address tells what it does: a free or
// static member function, a lambda or function object without captures, a
// callable with a Codec; arguments and results are of standard types or have a
// Codec (see codec.h). Anything else is a compile error. They are encoded in
// the call, so later changes do not reach the worker. A std::stop_token as the
// first parameter works as in a ThreadPool.
//
// When a worker dies (by a signal, exit(), abort() or for lack of memory), the
// one task that it was running fails with WorkerLostError, or runs again if its
// TaskOptions::max_attempts allow it; all others continue, and a new worker
// starts. Future::Kill() and TaskOptions::timeout end a running task by ending
// its worker. A task runs at most once unless it says otherwise.
//
// What a task throws is thrown by Collect() as the same type if that is of the
// standard hierarchy, of this library, or registered by
// ASYNCPAL_REGISTER_EXCEPTION, otherwise as RemoteError. Its causes are nested
// in it, and GetRemoteTraceback() gives the stack of the throw for each.
//
// What a task prints appears on this process's stdout and stderr, line by line.
// Its stdin is empty. Signals that this program ignores are ignored in workers,
// too, except for SIGCHLD, SIGTERM and those of faults; workers also ignore
// SIGTTOU, so that a terminal's `stty tostop` stops none of them.
//
// A program with privileges of its file (setuid, setgid, file capabilities)
// can't be its own worker: whoever started such a worker would have these
// privileges. Its pools break at their first use, and the error says to set
// worker_command.
//
// Threads: any thread may call any method, also a callback of a future of the
// pool. Each worker has a thread in this process that waits for its results; it
// decodes them and runs callbacks.
// Lifetime: the destructor is Shutdown(). Futures outlive the pool. Workers end
// when this process does, however it ends.
// Ordering: tasks from one thread start in the order of their submission.
// Errors: as for ThreadPool. An argument that can't be encoded is a
// SerializationError at the call; a result, that of its future. The pool breaks
// when no worker can be started, or when too many workers die that run no task;
// see max_restarts.
// Shutdown: see Pool and GlobalShutdown. ShutdownMode::kKill and a deadline
// that passes kill the workers, and cancel what they run.
class ProcessPool : public Pool,
                    public PoolMaps<ProcessPool>,
                    public PoolPeriodics<ProcessPool>,
                    public PoolRetries<ProcessPool> {
 public:
  // Starts no process but those of min_workers. Throws std::invalid_argument
  // for a bad option.
  explicit ProcessPool(ProcessPoolOptions options = {});
  explicit ProcessPool(int max_workers);
  ~ProcessPool() override;

  // Encodes the call and hands it to a worker, or queues it when all are busy;
  // never waits for one.
  template <typename F, typename... A>
  requires(!internal::kIsOptions<F>)
      Future<internal::RemoteResult<F, A...>> Submit(F&& f, A&&... args) {
    internal::CheckShippable<F, A...>();
    if constexpr (internal::kShippable<F, A...>) {
      return SubmitTask(NewTask("Submit", 0, f, args...));
    } else {
      return {};
    }
  }
  template <typename F, typename... A>
  Future<internal::RemoteResult<F, A...>> Submit(TaskOptions options, F&& f,
                                                 A&&... args) {
    internal::CheckShippable<F, A...>();
    if constexpr (internal::kShippable<F, A...>) {
      return SubmitTask(internal::AttachOptions(
          std::move(options),
          NewTask("Submit", internal::TaskState::kTracked, f, args...)));
    } else {
      return {};
    }
  }

  // The same for a task that is to begin no earlier than after `delay`; as for
  // ThreadPool.
  template <typename F, typename... A>
  requires(!internal::kIsOptions<F>)
      Future<internal::RemoteResult<F, A...>> SubmitAfter(absl::Duration delay,
                                                          F&& f, A&&... args) {
    internal::CheckShippable<F, A...>();
    if constexpr (internal::kShippable<F, A...>) {
      return SubmitTaskAfter(delay, NewTask("SubmitAfter", 0, f, args...));
    } else {
      return {};
    }
  }
  template <typename F, typename... A>
  Future<internal::RemoteResult<F, A...>> SubmitAfter(absl::Duration delay,
                                                      TaskOptions options,
                                                      F&& f, A&&... args) {
    internal::CheckShippable<F, A...>();
    if constexpr (internal::kShippable<F, A...>) {
      return SubmitTaskAfter(
          delay, internal::AttachOptions(
                     std::move(options),
                     NewTask("SubmitAfter", internal::TaskState::kTracked, f,
                             args...)));
    } else {
      return {};
    }
  }

  // Submits the task, waits for it, and returns its result or throws what it
  // threw.
  template <typename F, typename... A>
  requires(!internal::kIsOptions<F>) internal::RemoteResult<F, A...> Run(
      F&& f, A&&... args) {
    if constexpr (internal::kShippable<F, A...>) {
      auto* const task = NewTask("Run", 0, f, args...);
      auto future = FutureOf(task);
      SubmitAndWait(task);
      return std::move(future).Collect();
    } else {
      return Submit(f, args...).Collect();  // does not compile, and says why
    }
  }
  template <typename F, typename... A>
  internal::RemoteResult<F, A...> Run(TaskOptions options, F&& f, A&&... args) {
    return Submit(std::move(options), std::forward<F>(f),
                  std::forward<A>(args)...)
        .Collect();
  }

  // Submits a task whose result is not needed. What it throws goes to the
  // pool's unobserved_failure_handler.
  template <typename F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, CancelledTask>) void Post(
      F&& f) {
    internal::CheckShippable<F>();
    if constexpr (internal::kShippable<F>) {
      core().Submit(NewTask("Post", internal::TaskState::kDetached, f));
    }
  }
  template <typename F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, CancelledTask>) void Post(
      TaskOptions options, F&& f) {
    internal::CheckShippable<F>();
    if constexpr (internal::kShippable<F>) {
      constexpr uint32_t kFlags =
          internal::TaskState::kDetached | internal::TaskState::kTracked;
      core().Submit(internal::AttachOptions(std::move(options),
                                            NewTask("Post", kFlags, f)));
    }
  }
  // A task of a thread pool can't be sent: SerializationError, and `task` stays
  // as it was.
  void Post(CancelledTask&& task) { Post(TaskOptions(), std::move(task)); }
  void Post(TaskOptions options, CancelledTask&& task);

  // Views of this pool, see pool_view.h: of tasks that run one at a time, or at
  // most `n` at once, and of tasks with keys that run one at a time for each
  // key. Serial() and Limited() make a new one with each call. Throws
  // std::invalid_argument if n < 1.
  PoolView<ProcessPool> Serial(std::string name = "") {
    return Limited(1, std::move(name));
  }
  PoolView<ProcessPool> Limited(int n, std::string name = "") {
    internal::CheckPlaces(n);
    return PoolView<ProcessPool>(internal::ViewRef(new internal::PlainViewCore(
                                     shared_core(), std::move(name), n)),
                                 tasks());
  }
  template <typename K>
  KeyedPool<K, ProcessPool> Keyed() {
    return KeyedPool<K, ProcessPool>(
        internal::ViewRef(new internal::KeyedViewCore<K>(shared_core())),
        tasks());
  }

 protected:
  // For the pools of fixed size; `max_workers` replaces the option, which must
  // not say otherwise.
  ProcessPool(ProcessPoolOptions options, int max_workers,
              const char* class_name);

 private:
  friend class PoolMaps<ProcessPool>;
  friend class PoolPeriodics<ProcessPool>;
  friend class PoolRetries<ProcessPool>;
  template <typename, typename, typename, bool>
  friend class internal::LazyMap;
  static constexpr bool kRunsTasksHere = false;
  static constexpr bool kSendsCalls =
      internal::ViewTasks<ProcessPool>::kSendsCalls;

  internal::ViewTasks<ProcessPool> tasks() {
    return internal::ViewTasks<ProcessPool>(core(), max_payload_bytes_);
  }
  static constexpr absl::Duration kMapTaskCost =
      internal::ViewTasks<ProcessPool>::kMapTaskCost;

  explicit ProcessPool(std::shared_ptr<internal::PoolCore> core);

  template <typename F, typename... A>
  auto* NewTask(const char* function, uint32_t flags, const F& f,
                const A&... args) {
    return internal::NewRemoteTask<internal::ResultState>(
        core(), max_payload_bytes_, function, flags, f, args...);
  }

  // Submit() for a map, which waits for room in a full pool.
  template <typename F>
  Future<internal::RemoteResult<F>> SubmitChunk(const Countdown& countdown,
                                                F&& f) {
    internal::CheckShippable<F>();
    if constexpr (internal::kShippable<F>) {
      auto* const task = NewTask("Map", 0, f);
      auto future = FutureOf(task);
      core().SubmitChunk(task, countdown);
      return future;
    } else {
      return {};
    }
  }

  template <typename T>
  static Future<T> FutureOf(internal::RemoteTask<T>* task) {
    return internal::FutureAccess::Make<T>(
        internal::StateRef<internal::ResultState<T>>::Share(task));
  }
  template <typename T>
  Future<T> SubmitTask(internal::RemoteTask<T>* task) {
    auto future = FutureOf(task);
    core().Submit(task);
    return future;
  }
  template <typename T>
  Future<T> SubmitTaskAfter(absl::Duration delay,
                            internal::RemoteTask<T>* task) {
    auto future = FutureOf(task);
    core().SubmitAfter(task, delay);
    return future;
  }
  void SubmitAndWait(internal::TaskState* task);

  const int64_t max_payload_bytes_;
};

// Pools of a fixed size. Tasks of a SingleProcessPool run one after the other,
// in the order of their submission. ProcessPoolOptions::max_workers is 0 or
// that size.
class SingleProcessPool : public ProcessPool {
 public:
  explicit SingleProcessPool(ProcessPoolOptions options = {})
      : ProcessPool(std::move(options), 1, "SingleProcessPool") {}
};

// Two workers.
class DualProcessPool : public ProcessPool {
 public:
  explicit DualProcessPool(ProcessPoolOptions options = {})
      : ProcessPool(std::move(options), 2, "DualProcessPool") {}
};

// Three workers.
class TripleProcessPool : public ProcessPool {
 public:
  explicit TripleProcessPool(ProcessPoolOptions options = {})
      : ProcessPool(std::move(options), 3, "TripleProcessPool") {}
};

// Four workers.
class QuadProcessPool : public ProcessPool {
 public:
  explicit QuadProcessPool(ProcessPoolOptions options = {})
      : ProcessPool(std::move(options), 4, "QuadProcessPool") {}
};

}  // namespace asyncpal

#endif  // ASYNCPAL_POOL_PROCESS_POOL_H_
