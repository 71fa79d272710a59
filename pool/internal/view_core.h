#ifndef ASYNCPAL_POOL_INTERNAL_VIEW_CORE_H_
#define ASYNCPAL_POOL_INTERNAL_VIEW_CORE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "asyncpal/future/countdown.h"
#include "asyncpal/future/internal/spin_mutex.h"
#include "asyncpal/future/internal/task_state.h"
#include "asyncpal/pool/internal/pool_core.h"
#include "asyncpal/pool/internal/view_lane.h"

namespace asyncpal::internal {

class ViewCore;
class ViewPlace;
using TaskLane = ViewLane<ViewPlace>;

// What becomes of a task that comes to a view.
enum class ViewEntry {
  kHasPlace,  // it goes to the pool's queue now
  kHeld,      // it waits, and the pool knows of it
  kFull,      // the pool has no room for it
  kRefused,   // the pool accepts nothing
};

// What views ask of their pool. A task that waits for its turn in a view is
// *held*: accepted and pending, but not in the pool's queue.
class ViewHost {
 public:
  // While it lives, a view is known to its pool.
  virtual void AddView(ViewCore& view) = 0;
  virtual void RemoveView(ViewCore& view) = 0;

  // Submits `task` by view.Enter(), as Submit() does, or with `chunk`, as
  // SubmitChunk(). Takes over the caller's reference.
  virtual void SubmitToView(ViewCore& view, TaskState* task, const void* key,
                            const Countdown* chunk) = 0;

  // The next three with the view's lock held. Accepts `task` as held, with
  // `needs_room` only if the pool is not full.
  virtual ViewEntry Hold(TaskState& task, bool needs_room) = 0;
  // Moves a held task, and its reference, to the back of the queue, and says
  // whether the caller must go on with WakeForHeld(). False: it is not held any
  // more, and nothing was done. Throws std::bad_alloc.
  virtual bool QueueHeld(TaskState* task, bool* must_wake) = 0;
  // Whether this thread is a worker's that looks at the queue next.
  virtual bool will_look() const = 0;

  // Sees to it that somebody looks at the queue.
  virtual void WakeForHeld() = 0;

 protected:
  ~ViewHost() = default;
};

// The part of a task that its view knows.
//
// Threads: any; what changes is guarded by the view's lock.
// Lifetime: part of its task. Shares the view until its task has let go of its
// place, or was given back.
// Ordering: none. Errors: none. Shutdown: see ViewCore.
class ViewPlace {
 public:
  ViewPlace() = default;
  ViewPlace(const ViewPlace&) = delete;
  ViewPlace& operator=(const ViewPlace&) = delete;
  ~ViewPlace() { End(); }

  // Once, before others know the task.
  void Bind(ViewCore& view, TaskState& task);
  // The task's callable is gone, or the task will not run in this pool: it
  // waits no more, or its place goes to the next.
  void End() noexcept;
  // The task is about to run, and nobody has a future of it: takes over what
  // End() would do, as the task may be gone by then. Its place is taken until
  // PassOn() of that lane; the caller owns a reference to the view.
  TaskLane& Detach();
  // See TaskState::CheckWaitForHeld(), of the task that has this place.
  void CheckWait(const TaskState& self, TaskState& awaited);
  // Whether the task that has this place runs on this thread, and `other` waits
  // for a place in the same lane.
  bool IsBefore(const ViewPlace& other);
  // Whoever has started the task otherwise takes it out of what waits. True:
  // with its reference there. False: it has got a place meanwhile.
  bool StopWaiting();

  ViewCore& view() const { return *view_; }

  ViewPlace* lane_previous = nullptr;  // while it waits, as is the next one
  ViewPlace* lane_next = nullptr;
  ViewPlace* previous = nullptr;  // the same, of the whole view
  ViewPlace* next = nullptr;

 private:
  friend class ViewCore;

  TaskState* task_ = nullptr;  // const once bound, as is this:
  ViewCore* view_ = nullptr;
  TaskLane* lane_ = nullptr;  // while it waits, or has a place
  bool waits_ = false;
  bool has_place_ = false;
  // Whether it owns a reference to the view. While the task runs, only its
  // thread clears it; and that thread sets the other one.
  std::atomic<bool> shares_view_{false};
  bool is_detached_ = false;
};

// A view of a pool: what Serial(), Limited() and Keyed() return, behind its
// handles. Each task of it that has a place is an ordinary task of the pool;
// the others are held here, and each is given to the pool when a place is free.
// A place is taken from then until the task's callable has returned and is
// destroyed, or the task was cancelled, refused or given back.
//
// Threads: any. Its lock is taken before the pool's, and no user code runs
// with it but what a key's type does.
// Lifetime: shared by its handles, and by each task that waits or has a place.
// Shares the pool's core.
// Ordering: tasks of one submitter start in the order of their submission,
// those of one key in a view with keys.
// Errors: as Pool.
// Shutdown: the pool takes what waits, by TakeWaiting().
class ViewCore {
 public:
  ViewCore(std::shared_ptr<PoolCore> pool, std::string name, int places);
  ViewCore(const ViewCore&) = delete;
  ViewCore& operator=(const ViewCore&) = delete;

  void AddReference() { references_.fetch_add(1, std::memory_order_relaxed); }
  void Release() {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  PoolCore& pool() const { return *pool_; }
  const std::string& name() const { return name_; }
  int places() const { return places_; }

  // Takes over the caller's reference to `task`, whose place is bound to this.
  // `key`: what it is submitted for, of the type that the view was made for.
  void Submit(TaskState* task, const void* key, const Countdown* chunk) {
    host_.SubmitToView(*this, task, key, chunk);
  }

  // --- What its pool calls ---
  // A task comes. What waits here owns the reference that was the caller's.
  ViewEntry Enter(TaskState& task, const void* key, bool needs_room);
  // Takes what waits and `is_meant(task)`, in the order of submission: claims
  // it and adds it to `claimed`, unless somebody else has claimed it.
  template <typename IsMeant>
  void TakeWaiting(const IsMeant& is_meant,
                   std::vector<StateRef<TaskState>>& claimed,
                   DroppedStates& dropped) {
    MutexLock lock(mu_);
    ViewPlace* next;
    for (ViewPlace* place = waiting_.front(); place != nullptr; place = next) {
      next = place->next;
      TaskState* const task = place->task_;
      if (!is_meant(*task)) continue;
      StopWaitingLocked(*place);
      if (task->ClaimPending()) {
        claimed.push_back(StateRef<TaskState>::Adopt(task));
      } else {
        dropped.Add(task);
      }
    }
  }
  // Calls `visit` with what waits, in that order, until that says false.
  template <typename Visit>
  void ForEachWaiting(Visit&& visit) {
    MutexLock lock(mu_);
    for (ViewPlace* place = waiting_.front(); place != nullptr;
         place = place->next) {
      if (!visit(*place->task_)) return;
    }
  }

  // A place of that lane is given back by a task that has none any more.
  // `will_look`: on the thread of a worker that looks at the queue next.
  void PassOn(TaskLane& lane, bool will_look) noexcept;

  ViewHost& host() const { return host_; }

 protected:
  virtual ~ViewCore();

  // With the lock held: the lane for `key`, which is made if it is new; and
  // that lane, which has become quiet. What comes back is destroyed without the
  // lock.
  virtual TaskLane& FindLane(const void* key) = 0;
  virtual std::shared_ptr<void> OnQuiet(TaskLane& lane) = 0;

 private:
  friend class ViewPlace;
  friend class ViewList;

  // What remains to be done without the lock.
  struct Rest {
    bool must_wake = false;
    StateRef<TaskState> failed = {};  // for lack of memory
    DroppedStates tasks = {};
    std::shared_ptr<void> lane = nullptr;
  };

  void EndPlace(ViewPlace& place) noexcept;
  void StopWaitingLocked(ViewPlace& place) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void PassOnLocked(TaskLane& lane, Rest& rest)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Finish(Rest& rest, bool will_look) noexcept;

  const std::shared_ptr<PoolCore> pool_;
  ViewHost& host_;
  const std::string name_;
  const int places_;
  std::atomic<int64_t> references_{1};

  alignas(64) SpinMutex mu_;
  LinkedList<ViewPlace, &ViewPlace::previous, &ViewPlace::next> waiting_
      ABSL_GUARDED_BY(mu_);

  ViewCore* list_previous_ = nullptr;  // a ViewList's
  ViewCore* list_next_ = nullptr;
};

// The views of a pool.
//
// Threads: none of its own; a lock guards it as a whole, which is taken before
// those of views. Lifetime: a view is in it while it lives.
// Ordering: that of Add(). Errors, Shutdown: none.
class ViewList {
 public:
  void Add(ViewCore& view) { views_.PushBack(view); }
  void Remove(ViewCore& view) { views_.Remove(view); }
  bool empty() const { return views_.empty(); }
  template <typename Visit>
  void ForEach(Visit&& visit) const {
    for (ViewCore* view = views_.front(); view != nullptr;
         view = view->list_next_) {
      visit(*view);
    }
  }

 private:
  LinkedList<ViewCore, &ViewCore::list_previous_, &ViewCore::list_next_> views_;
};

// Shares a view.
class ViewRef {
 public:
  explicit ViewRef(ViewCore* adopted) : view_(adopted) {}
  ViewRef(const ViewRef& other) : view_(other.view_) { view_->AddReference(); }
  ViewRef& operator=(ViewRef other) noexcept {
    std::swap(view_, other.view_);
    return *this;
  }
  ~ViewRef() { view_->Release(); }

  ViewCore* operator->() const { return view_; }
  ViewCore& operator*() const { return *view_; }

 private:
  ViewCore* view_;
};

// A view without keys.
class PlainViewCore final : public ViewCore {
 public:
  PlainViewCore(std::shared_ptr<PoolCore> pool, std::string name, int places)
      : ViewCore(std::move(pool), std::move(name), places), lane_(places) {}

 protected:
  TaskLane& FindLane(const void*) override { return lane_; }
  std::shared_ptr<void> OnQuiet(TaskLane&) override { return nullptr; }

 private:
  TaskLane lane_;  // guarded by the view's lock
};

// One with a lane for each key that has tasks.
template <typename K>
class KeyedViewCore final : public ViewCore {
 public:
  explicit KeyedViewCore(std::shared_ptr<PoolCore> pool)
      : ViewCore(std::move(pool), /*name=*/"", /*places=*/1) {}

 protected:
  TaskLane& FindLane(const void* key) override {
    const auto [it, is_new] =
        lanes_.try_emplace(*static_cast<const K*>(key), places());
    if (is_new) it->second.key = &it->first;
    return it->second;
  }
  std::shared_ptr<void> OnQuiet(TaskLane& lane) override {
    auto node = lanes_.extract(*static_cast<KeyLane&>(lane).key);
    // Many keys at once leave a large table behind.
    if (lanes_.bucket_count() > 64 &&
        lanes_.size() < lanes_.bucket_count() / 8) {
      lanes_.rehash(0);
    }
    using Node = decltype(node);
    if constexpr (std::is_trivially_destructible_v<K>) return nullptr;
    return std::make_shared<Node>(std::move(node));
  }

 private:
  struct KeyLane : TaskLane {
    explicit KeyLane(int places) : TaskLane(places) {}
    const K* key = nullptr;
  };

  std::unordered_map<K, KeyLane> lanes_;  // guarded by the view's lock
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_VIEW_CORE_H_
