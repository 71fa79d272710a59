#ifndef ASYNCPAL_POOL_THREAD_POOL_H_
#define ASYNCPAL_POOL_THREAD_POOL_H_

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/time/time.h"
#include "asyncpal/future/future.h"
#include "asyncpal/future/internal/future_access.h"
#include "asyncpal/future/internal/task.h"
#include "asyncpal/pool/internal/forked_call.h"
#include "asyncpal/pool/internal/pool_core.h"
#include "asyncpal/pool/internal/posted_call.h"
#include "asyncpal/pool/internal/view_core.h"
#include "asyncpal/pool/internal/view_state.h"
#include "asyncpal/pool/options.h"
#include "asyncpal/pool/pool.h"
#include "asyncpal/pool/pool_maps.h"
#include "asyncpal/pool/pool_periodics.h"
#include "asyncpal/pool/pool_retries.h"
#include "asyncpal/pool/pool_view.h"
#include "asyncpal/pool/task_group.h"

namespace asyncpal {
namespace internal {

// Throws std::invalid_argument for a callable that is empty.
template <typename F>
void CheckCallable(const PoolCore& core, const char* function, const F& f) {
  if (IsEmptyCallable(f)) {
    throw std::invalid_argument(std::string(function) + " on pool '" +
                                core.name() + "': the callable is empty");
  }
}

// See pool_view.h.
template <>
class ViewTasks<ThreadPool> {
 public:
  template <typename F, typename... A>
  using Result = TaskResult<F, A...>;

  static constexpr absl::Duration kMapTaskCost = absl::Microseconds(2);
  static constexpr bool kSendsCalls = false;

  explicit ViewTasks(PoolCore& core) : core_(&core) {}

  template <typename F, typename... A>
  auto* NewTask(const char* function, uint32_t flags, F&& f, A&&... args) {
    return NewTaskOn<ViewState>(function, flags, std::forward<F>(f),
                                std::forward<A>(args)...);
  }
  // The same for a task of no view, on top of another state.
  template <template <typename> typename State, typename F, typename... A>
  auto* NewTaskOn(const char* function, uint32_t flags, F&& f, A&&... args) {
    CheckCallable(*core_, function, f);
    // Before the arguments are moved.
    if (!core_->accepting()) core_->Check();
    return NewTaskOf<State>(core_, flags, std::forward<F>(f),
                            std::forward<A>(args)...);
  }

 private:
  PoolCore* core_;  // the view shares it
};

}  // namespace internal

// Runs tasks on threads of this process.
//
//   ThreadPool pool({.max_workers = 4, .name = "loader"});
//   Future<Page> page = pool.Submit(Load, url);
//   int sum = pool.Run([](int a, int b) { return a + b; }, 10, 2);
//   for (int square : pool.Map(Square, numbers)) Print(square);
//
// A task is any callable with its arguments, decayed and stored as std::thread
// does it; use std::ref to pass a reference. One whose first parameter is a
// std::stop_token gets one, through which Cancel(), a timeout and a shutdown
// request it to stop. TaskOptions may come before the callable. The map family
// is described in pool_maps.h.
//
// Threads: any thread may call any method, also from inside a task. A task that
// waits for a pending task of its own pool runs it itself; for other futures,
// of any pool, further workers stand in. Where that does not help, see
// PoolStats::stalls.
// Lifetime: the destructor is Shutdown(); called by a task of the pool's own,
// it does not wait. Futures outlive the pool.
// Ordering: tasks from one thread start in the order of their submission.
// Errors: an empty callable or a bad option is a std::invalid_argument; a
// closed pool throws ClosedPoolError, a broken one its error, and RejectedError
// is thrown if no thread can be started. A task that was refused was not
// submitted.
// Shutdown: see Pool and GlobalShutdown. A task that ends its thread by
// pthread_exit() fails with InvalidStateError, and a new worker replaces it.
class ThreadPool : public Pool,
                   public PoolMaps<ThreadPool>,
                   public PoolPeriodics<ThreadPool>,
                   public PoolRetries<ThreadPool> {
 public:
  // Starts no thread but those of min_workers. Throws std::invalid_argument for
  // a bad option.
  explicit ThreadPool(PoolOptions options = {});
  explicit ThreadPool(int max_workers);
  ~ThreadPool() override;

  // Hands the task to a worker, or queues it when all are busy; never waits
  // for one.
  template <typename F, typename... A>
  requires(!internal::kIsOptions<F>)
      Future<internal::TaskResult<F, A...>> Submit(F&& f, A&&... args) {
    return SubmitTask(
        NewTask("Submit", 0, std::forward<F>(f), std::forward<A>(args)...));
  }
  template <typename F, typename... A>
  Future<internal::TaskResult<F, A...>> Submit(TaskOptions options, F&& f,
                                               A&&... args) {
    return SubmitTask(internal::AttachOptions(
        std::move(options),
        NewTask("Submit", internal::TaskState::kTracked, std::forward<F>(f),
                std::forward<A>(args)...)));
  }

  // The same for a task that is to begin no earlier than after `delay`; zero or
  // less: at once; infinite: never, so that it waits to be cancelled. Until
  // then it is pending, counts in PoolStats::delayed and against max_pending,
  // and holds no worker. A full pool does not refuse it when its time has come.
  // Of tasks with the same time, the one that was submitted first comes first.
  //
  // A shutdown cancels it unless its time has come by then, even a drain;
  // Join() waits for it.
  template <typename F, typename... A>
  requires(!internal::kIsOptions<F>)
      Future<internal::TaskResult<F, A...>> SubmitAfter(absl::Duration delay,
                                                        F&& f, A&&... args) {
    return SubmitTaskAfter(delay, NewTask("SubmitAfter", 0, std::forward<F>(f),
                                          std::forward<A>(args)...));
  }
  template <typename F, typename... A>
  Future<internal::TaskResult<F, A...>> SubmitAfter(absl::Duration delay,
                                                    TaskOptions options, F&& f,
                                                    A&&... args) {
    return SubmitTaskAfter(
        delay, internal::AttachOptions(
                   std::move(options),
                   NewTask("SubmitAfter", internal::TaskState::kTracked,
                           std::forward<F>(f), std::forward<A>(args)...)));
  }

  // Submits the task, waits for it, and returns its result or throws what it
  // threw.
  template <typename F, typename... A>
  requires(!internal::kIsOptions<F>) internal::TaskResult<F, A...> Run(
      F&& f, A&&... args) {
    return Submit(std::forward<F>(f), std::forward<A>(args)...).Collect();
  }
  template <typename F, typename... A>
  internal::TaskResult<F, A...> Run(TaskOptions options, F&& f, A&&... args) {
    return Submit(std::move(options), std::forward<F>(f),
                  std::forward<A>(args)...)
        .Collect();
  }

  // Calls both, at once if a worker is free, and returns their results as a
  // std::pair, with a std::monostate for a void. Neither runs any more when it
  // returns or throws: they may use what lives on the caller's stack. Inside a
  // task of this pool `f` runs on this thread, and so does `g` unless another
  // thread has begun it: this is the way to split work recursively.
  //
  //   auto [left, right] = pool.Both([&] { return Sum(begin, middle); },
  //                                  [&] { return Sum(middle, end); });
  //
  // Errors, Shutdown: as for TaskGroup.
  template <typename F, typename G>
  auto Both(F&& f, G&& g) {
    using Second = internal::ForkedCallOf<std::remove_reference_t<G>>;
    static constexpr const internal::PostedCall& kSecond =
        internal::kForkedCall<std::remove_reference_t<G>>;
    Second second(g);
    if (!core().Fork(kSecond, &second)) return BothByTasks(f, g);
    auto first = [&] {
      struct Drop {  // where `f` throws
        internal::PoolCore& core;
        Second* second;
        ~Drop() {
          if (second != nullptr) core.JoinForked(kSecond, second, true);
        }
      } drop{core(), &second};
      auto result = internal::InvokeStored(f);
      drop.second = nullptr;
      return result;
    }();
    core().JoinForked(kSecond, &second, /*drop=*/false);
    return std::pair(std::move(first), second.TakeResult());
  }

  // Submits a task whose result is not needed. What it throws goes to the
  // pool's unobserved_failure_handler.
  template <typename F>
  void Post(F&& f) {
    using Call = std::decay_t<F>;
    if constexpr (internal::kIsPostedInPlace<Call>) {
      internal::CheckCallable(core(), "Post", f);
      const Call call(std::forward<F>(f));
      core().Post(internal::kPostedCall<Call>, &call, sizeof(call));
    } else {
      core().Submit(
          NewTask("Post", internal::TaskState::kDetached, std::forward<F>(f)));
    }
  }
  template <typename F>
  void Post(TaskOptions options, F&& f) {
    constexpr uint32_t kFlags =
        internal::TaskState::kDetached | internal::TaskState::kTracked;
    core().Submit(internal::AttachOptions(
        std::move(options), NewTask("Post", kFlags, std::forward<F>(f))));
  }

  // Views of this pool, see pool_view.h: of tasks that run one at a time, or at
  // most `n` at once, and of tasks with keys that run one at a time for each
  // key. Serial() and Limited() make a new one with each call. Throws
  // std::invalid_argument if n < 1.
  PoolView<ThreadPool> Serial(std::string name = "") {
    return Limited(1, std::move(name));
  }
  PoolView<ThreadPool> Limited(int n, std::string name = "") {
    internal::CheckPlaces(n);
    return PoolView<ThreadPool>(internal::ViewRef(new internal::PlainViewCore(
                                    shared_core(), std::move(name), n)),
                                tasks());
  }
  template <typename K>
  KeyedPool<K, ThreadPool> Keyed() {
    return KeyedPool<K, ThreadPool>(
        internal::ViewRef(new internal::KeyedViewCore<K>(shared_core())),
        tasks());
  }

 protected:
  // For the pools of fixed size; `max_workers` replaces the option, which must
  // not say otherwise.
  ThreadPool(PoolOptions options, int max_workers, const char* class_name);

 private:
  friend class PoolMaps<ThreadPool>;
  friend class PoolPeriodics<ThreadPool>;
  friend class PoolRetries<ThreadPool>;
  friend class TaskGroup;
  template <typename, typename, typename, bool>
  friend class internal::LazyMap;
  static constexpr bool kRunsTasksHere = true;
  static constexpr bool kSendsCalls =
      internal::ViewTasks<ThreadPool>::kSendsCalls;

  internal::ViewTasks<ThreadPool> tasks() {
    return internal::ViewTasks<ThreadPool>(core());
  }
  // What one task of a lazy map costs, with what its reader does for it.
  static constexpr absl::Duration kMapTaskCost =
      internal::ViewTasks<ThreadPool>::kMapTaskCost;

  // Both() for callers that are not inside a task of a pool with such a queue.
  template <typename F, typename G>
  auto BothByTasks(F& f, G& g) {
    std::optional<decltype(internal::InvokeStored(f))> first;
    std::optional<decltype(internal::InvokeStored(g))> second;
    TaskGroup group(*this);
    group.Run([&second, &g] { second.emplace(internal::InvokeStored(g)); });
    if (group.IsInside()) {
      first.emplace(internal::InvokeStored(f));
    } else {
      group.Run([&first, &f] { first.emplace(internal::InvokeStored(f)); });
    }
    group.Wait();
    return std::pair(*std::move(first), *std::move(second));
  }

  template <typename F, typename... A>
  auto* NewTask(const char* function, uint32_t flags, F&& f, A&&... args) {
    internal::CheckCallable(core(), function, f);
    // Before the arguments are moved.
    if (!core().accepting()) core().Check();
    return internal::NewTask(&core(), flags, std::forward<F>(f),
                             std::forward<A>(args)...);
  }

  // Submit() for a map, which waits for room in a full pool.
  template <typename F>
  Future<internal::TaskResult<F>> SubmitChunk(const Countdown& countdown,
                                              F&& f) {
    auto* const task = NewTask("Map", 0, std::forward<F>(f));
    auto mine = internal::StateRef<
        internal::ResultState<internal::TaskResult<F>>>::ShareNew(task);
    core().SubmitChunk(task, countdown);
    return internal::FutureAccess::Make<internal::TaskResult<F>>(
        std::move(mine));
  }

  template <typename T, typename Call, bool kStoppable>
  Future<T> SubmitTask(internal::Task<T, Call, kStoppable>* task) {
    auto mine = internal::StateRef<internal::ResultState<T>>::ShareNew(task);
    core().Submit(task);
    return internal::FutureAccess::Make<T>(std::move(mine));
  }
  template <typename T, typename Call, bool kStoppable>
  Future<T> SubmitTaskAfter(absl::Duration delay,
                            internal::Task<T, Call, kStoppable>* task) {
    auto mine = internal::StateRef<internal::ResultState<T>>::ShareNew(task);
    core().SubmitAfter(task, delay);
    return internal::FutureAccess::Make<T>(std::move(mine));
  }
};

// Pools of a fixed size, as Java's Executors know them. Tasks of a
// SingleThreadPool run one after the other, in the order of their submission.
// PoolOptions::max_workers is 0 or that size.
class SingleThreadPool : public ThreadPool {
 public:
  explicit SingleThreadPool(PoolOptions options = {})
      : ThreadPool(std::move(options), 1, "SingleThreadPool") {}
};

// Two workers.
class DualThreadPool : public ThreadPool {
 public:
  explicit DualThreadPool(PoolOptions options = {})
      : ThreadPool(std::move(options), 2, "DualThreadPool") {}
};

// Three workers.
class TripleThreadPool : public ThreadPool {
 public:
  explicit TripleThreadPool(PoolOptions options = {})
      : ThreadPool(std::move(options), 3, "TripleThreadPool") {}
};

// Four workers.
class QuadThreadPool : public ThreadPool {
 public:
  explicit QuadThreadPool(PoolOptions options = {})
      : ThreadPool(std::move(options), 4, "QuadThreadPool") {}
};

}  // namespace asyncpal

#endif  // ASYNCPAL_POOL_THREAD_POOL_H_
