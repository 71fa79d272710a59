#ifndef ASYNCPAL_POOL_POOL_VIEW_H_
#define ASYNCPAL_POOL_POOL_VIEW_H_

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "asyncpal/future/countdown.h"
#include "asyncpal/future/future.h"
#include "asyncpal/future/internal/future_access.h"
#include "asyncpal/pool/internal/pool_core.h"
#include "asyncpal/pool/internal/view_core.h"
#include "asyncpal/pool/options.h"
#include "asyncpal/pool/pool_maps.h"

namespace asyncpal {

class ThreadPool;

namespace internal {

// How the tasks of views are made: one specialization for each kind of pool.
// NewTask() checks the callable, Check()s the pool, and makes a task on top of
// a ViewState; Result<F, A...> is what that brings.
template <typename PoolType>
class ViewTasks;

// Throws std::invalid_argument unless there is at least one place.
void CheckPlaces(int n);

}  // namespace internal

// Part of a pool: its tasks run on the pool's workers, at most so many of them
// at once, in the order of their submission.
//
//   ThreadPool pool;
//   PoolView log = pool.Serial("log");      // one at a time
//   PoolView disk = pool.Limited(2, "disk");  // two at a time
//   log.Post([line] { Write(line); });
//   Future<Page> page = disk.Submit(Read, name);
//
// A view holds its tasks and gives the pool its next one when that may start,
// at the back of the pool's queue: a view with many tasks keeps nobody waiting.
// It is made without starting anything, holds no thread, and is a handle;
// copies are the same view. The name is for messages.
//
// A task has its place until its callable has returned and is destroyed, also
// where the future has missed its timeout before; callbacks of its future may
// wait for tasks behind it.
//
// Threads: any thread may call any method. A task that waits without a limit
// for one that waits in its own view runs it itself, in its own place. With one
// place that would be the middle of the other: a task of a serial view that
// waits, in whatever way, for one behind it gets InvalidStateError, which names
// both. What it can't see is a longer way round, through a task outside of the
// view or WhenAll(); that never ends.
// Lifetime: the tasks stay when the last handle goes, and run in their order.
// A handle keeps no pool open: when that is gone, submissions throw
// ClosedPoolError. What a lazy map returns needs the view.
// Ordering: tasks of one submitter get their places in the order of their
// submission; where there is one place, they run in that order.
// Errors: as for the pool's own. A full pool (max_pending) counts what waits
// here, and does with a submission what its when_full says; kCallerRuns waits
// for room unless the task may start.
// Shutdown: that of the pool: what waits here is pending, cancelled with the
// rest and handed back by TakeCancelledTasks(); a drain runs it. at_shutdown
// counts for it, too; behind a task that is abandoned, the next one begins when
// that has ended. In a paused pool the next one has its place, and waits.
template <typename PoolType = ThreadPool>
class PoolView : public PoolMaps<PoolView<PoolType>> {
  using Tasks = internal::ViewTasks<PoolType>;

 public:
  // As those of the pool.
  template <typename F, typename... A>
  requires(!internal::kIsOptions<F>)
      Future<typename Tasks::template Result<F, A...>> Submit(F&& f,
                                                              A&&... args) {
    return SubmitTask(tasks_.NewTask("Submit", 0, std::forward<F>(f),
                                     std::forward<A>(args)...));
  }
  template <typename F, typename... A>
  Future<typename Tasks::template Result<F, A...>> Submit(TaskOptions options,
                                                          F&& f, A&&... args) {
    return SubmitTask(internal::AttachOptions(
        std::move(options),
        tasks_.NewTask("Submit", internal::TaskState::kTracked,
                       std::forward<F>(f), std::forward<A>(args)...)));
  }
  template <typename F, typename... A>
  requires(!internal::kIsOptions<F>) auto Run(F&& f, A&&... args) {
    return Submit(std::forward<F>(f), std::forward<A>(args)...).Collect();
  }
  template <typename F, typename... A>
  auto Run(TaskOptions options, F&& f, A&&... args) {
    return Submit(std::move(options), std::forward<F>(f),
                  std::forward<A>(args)...)
        .Collect();
  }
  template <typename F>
  void Post(F&& f) {
    SubmitState(tasks_.NewTask("Post", internal::TaskState::kDetached,
                               std::forward<F>(f)),
                nullptr);
  }
  template <typename F>
  void Post(TaskOptions options, F&& f) {
    constexpr uint32_t kFlags =
        internal::TaskState::kDetached | internal::TaskState::kTracked;
    SubmitState(internal::AttachOptions(
                    std::move(options),
                    tasks_.NewTask("Post", kFlags, std::forward<F>(f))),
                nullptr);
  }

  const std::string& name() const { return view_->name(); }
  // How many of its tasks may run at once.
  int limit() const { return view_->places(); }

 private:
  friend PoolType;
  friend class PoolMaps<PoolView<PoolType>>;
  template <typename, typename, typename, bool>
  friend class internal::LazyMap;
  template <typename, typename>
  friend class KeyedPool;
  static constexpr bool kRunsTasksHere = false;  // as far as maps can tell
  static constexpr absl::Duration kMapTaskCost = Tasks::kMapTaskCost;
  static constexpr bool kSendsCalls = Tasks::kSendsCalls;

  PoolView(internal::ViewRef view, Tasks tasks,
           std::shared_ptr<const void> key = nullptr)
      : view_(std::move(view)),
        tasks_(std::move(tasks)),
        key_(std::move(key)) {}

  int max_workers() const {
    return std::min(view_->pool().max_workers(), view_->places());
  }

  template <typename F>
  auto SubmitChunk(const Countdown& countdown, F&& f) {
    return SubmitTask(tasks_.NewTask("Map", 0, std::forward<F>(f)), &countdown);
  }
  template <typename T>
  Future<T> SubmitTask(internal::ResultState<T>* task,
                       const Countdown* chunk = nullptr) {
    auto future = internal::FutureAccess::Make<T>(
        internal::StateRef<internal::ResultState<T>>::Share(task));
    SubmitState(task, chunk);
    return future;
  }
  void SubmitState(internal::TaskState* task, const Countdown* chunk) {
    task->view_place()->Bind(*view_, *task);
    view_->Submit(task, key_.get(), chunk);
  }

  internal::ViewRef view_;
  Tasks tasks_;
  std::shared_ptr<const void> key_;  // null: a view without keys
};

// Part of a pool whose tasks have keys: those of one key run one at a time, in
// the order of their submission, and those of different keys side by side.
//
//   KeyedPool<std::string> accounts = pool.Keyed<std::string>();
//   accounts.Post(account, [=] { Transfer(account, amount); });
//   accounts.Key(account).MapAll(Audit, entries);
//
// A key takes no memory while it has no task, so there may be any number of
// them over time. K is copied, hashed and compared as by std::unordered_map,
// which must not use the pool: a lock is held meanwhile.
//
// Threads, Lifetime, Ordering, Errors, Shutdown: as a PoolView with one place,
// for each key.
template <typename K, typename PoolType = ThreadPool>
class KeyedPool {
  using View = PoolView<PoolType>;

 public:
  // As those of the pool, for that key.
  template <typename F, typename... A>
  auto Submit(const K& key, F&& f, A&&... args) {
    return ViewOf(key).Submit(std::forward<F>(f), std::forward<A>(args)...);
  }
  template <typename F, typename... A>
  auto Run(const K& key, F&& f, A&&... args) {
    return Submit(key, std::forward<F>(f), std::forward<A>(args)...).Collect();
  }
  template <typename... F>
  void Post(const K& key, F&&... f) {
    ViewOf(key).Post(std::forward<F>(f)...);
  }

  // The serial view of that key's tasks, with all that a view has.
  View Key(K key) const {
    return View(view_, tasks_, std::make_shared<const K>(std::move(key)));
  }

 private:
  friend PoolType;
  using Tasks = internal::ViewTasks<PoolType>;

  KeyedPool(internal::ViewRef view, Tasks tasks)
      : view_(std::move(view)), tasks_(std::move(tasks)) {}

  // For a call that ends before the key does.
  View ViewOf(const K& key) const {
    return View(view_, tasks_,
                std::shared_ptr<const void>(std::shared_ptr<void>(), &key));
  }

  internal::ViewRef view_;
  Tasks tasks_;
};

}  // namespace asyncpal

#endif  // ASYNCPAL_POOL_POOL_VIEW_H_
