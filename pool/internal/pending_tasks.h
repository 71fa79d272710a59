#ifndef ASYNCPAL_POOL_INTERNAL_PENDING_TASKS_H_
#define ASYNCPAL_POOL_INTERNAL_PENDING_TASKS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "asyncpal/future/internal/shared_state.h"
#include "asyncpal/pool/internal/slot_queue.h"

// The tasks of a pool that wait for a worker: what is counted of them, and the
// end of their queue from which workers take.

namespace asyncpal::internal {

// A number that is written with a lock held, and read without.
//
// Threads: as said. Ordering: whoever sees a value sees what was done before
// it.
class SharedCount {
 public:
  int64_t Get() const { return value_.load(std::memory_order_acquire); }
  void Add(int64_t n) {
    value_.store(value_.load(std::memory_order_relaxed) + n,
                 std::memory_order_release);
  }

 private:
  std::atomic<int64_t> value_{0};
};

// How many tasks have left the queue. Counted when that happens, be the slot
// still there or not. Written with the outbox's lock.
//
// Threads: any may read. A reader without the lock may see fewer tasks gone
// than are, and if it reads `submitted` afterwards, takes tasks for waiting
// that are not, never the other way round.
class TakeCounts {
 public:
  // How many are pending no more.
  int64_t started() const { return started_.Get(); }
  // Those, and the ones that workers have prefetched.
  int64_t left() const { return left_.Get(); }

  void CountStarted() { started_.Add(1); }
  void CountLeft() { left_.Add(1); }
  void CountTaken(int64_t n = 1) {
    started_.Add(n);
    left_.Add(n);
  }
  // With the pool's lock as well.
  void CountPutBack() { left_.Add(-1); }

 private:
  SharedCount started_;
  SharedCount left_;
};

// What a worker is to run: a task, started, or a posted call.
struct TakenTask {
  explicit operator bool() const {
    return task != nullptr || posted != nullptr;
  }
  void Set(StateBase* started) {
    task = started;
    posted = nullptr;
  }
  void Set(const Slot& slot, uint64_t call_id) {
    task = nullptr;
    posted = slot.posted;
    std::memcpy(call, slot.call, kPostedCallBytes);
    id = call_id;
  }

  StateBase* task = nullptr;
  const PostedCall* posted = nullptr;
  uint64_t id = 0;  // of the posted call
  alignas(void*) std::byte call[kPostedCallBytes];
};

// The end of the queue from which workers take, and what was put back there.
//
// Threads: none of its own; a lock guards it as a whole.
// Lifetime: owns a reference to each task inside, and to those that it has
// skipped until TakeDropped().
// Ordering: first in, first out; what was put back comes first.
// Errors: PrefetchNext() lets out what memory throws. The others do not throw.
// Shutdown: none.
class TaskOutbox {
 public:
  explicit TaskOutbox(SlotChain& chain) : slots_(chain) {}
  ~TaskOutbox() {
    for (StateBase* const task : put_back_) task->Release();
  }

  // The oldest task. Null: a posted call is next, or nothing.
  StateBase* FrontTask() {
    if (!put_back_.empty()) return put_back_.back();
    const Slot* const slot = slots_.Front();
    return slot != nullptr && slot->is_task() ? slot->task : nullptr;
  }
  // Takes that out, and its reference.
  StateBase* PopFrontTask() {
    StateBase* const task = FrontTask();
    if (task == nullptr) return nullptr;
    if (put_back_.empty()) {
      slots_.Pop();
    } else {
      put_back_.pop_back();
    }
    return task;
  }

  // The oldest that can still be started, started and counted. False: there is
  // none; or with `only_plain`, it is a posted call or has options.
  bool StartNext(bool only_plain, TakeCounts& counts, TakenTask* taken) {
    while (true) {
      // Asked once: something may come in at any time.
      const Slot* const slot = put_back_.empty() ? slots_.Front() : nullptr;
      if (put_back_.empty() && slot == nullptr) return false;
      if (slot != nullptr && !slot->is_task()) {
        if (only_plain) return false;
        taken->Set(*slot, slots_.front_id());
        slots_.Pop();
        counts.CountTaken();
        return true;
      }
      StateBase* const task = slot != nullptr ? slot->task : put_back_.back();
      if (only_plain && task->is_tracked()) return false;
      if (slot != nullptr) {
        slots_.Pop();
      } else {
        put_back_.pop_back();
      }
      if (!task->Start()) {
        Skip(task);
        continue;
      }
      taken->Set(task);
      counts.CountTaken();
      PrefetchMemory();
      return true;
    }
  }
  // The next task for a worker that prefetches it: it leaves the queue, and
  // stays pending. Null: there is none.
  StateBase* PrefetchNext(TakeCounts& counts) {
    while (StateBase* const task = FrontTask()) {
      put_back_.reserve(put_back_.size() + prefetched_ + 1);  // for PutBack()
      PopFrontTask();
      if (!task->Offer()) {
        Skip(task);
        continue;
      }
      counts.CountLeft();
      ++prefetched_;
      return task;
    }
    return nullptr;
  }
  // A prefetched task has started.
  void EndPrefetch() { --prefetched_; }
  // A prefetched task, and its reference, is the first in the queue again.
  void PutBack(StateBase* task, TakeCounts& counts) {
    --prefetched_;
    put_back_.push_back(task);
    counts.CountPutBack();
    task->TakeBack();
  }

  // The one with that number; null: it has left.
  Slot* Find(uint64_t number) { return slots_.Find(number); }
  bool HasLeft(uint64_t number) { return slots_.HasLeft(number); }

  // A thread that waits for this task has started it, or somebody has claimed
  // it. If it is found near the front, its reference goes to the caller, true;
  // else it becomes a stale slot, which must not keep it for long.
  bool LeaveOutOfTurn(StateBase* task) {
    if (FrontTask() == task) {
      PopFrontTask();
      return true;
    }
    bool found = false;
    slots_.ForEach(kNear, [&](Slot& slot, uint64_t) {
      if (!slot.is_task() || slot.task != task) return true;
      slot = Slot::Of(kNothing, nullptr, 0);
      found = true;
      return false;
    });
    if (!found) ++stale_;
    return found;
  }
  // Takes out the posted call whose first bytes are `address`. False: it is not
  // here.
  bool Withdraw(const PostedCall& posted, const void* address) {
    bool found = false;
    slots_.ForEach(kAll, [&](Slot& slot, uint64_t) {
      if (slot.posted != &posted ||
          std::memcmp(slot.call, &address, sizeof(address)) != 0) {
        return true;
      }
      slot = Slot::Of(kNothing, nullptr, 0);
      found = true;
      return false;
    });
    return found;
  }
  // Takes out the oldest posted call of that group. False: there is none.
  bool TakeOfGroup(const void* group, TakenTask* taken) {
    bool found = false;
    slots_.ForEach(kAll, [&](Slot& slot, uint64_t id) {
      found = slot.IsOfGroup(group);
      if (!found) return true;
      taken->Set(slot, id);
      slot = Slot::Of(kNothing, nullptr, 0);
      return false;
    });
    return found;
  }
  // Takes out the oldest task that can be started and of which
  // `is_meant(task)`, started. False: there is none.
  template <typename IsMeant>
  bool StartFirst(IsMeant&& is_meant, TakenTask* taken) {
    bool found = false;
    slots_.ForEach(kAll, [&](Slot& slot, uint64_t) {
      found = slot.is_task() && is_meant(*slot.task) && slot.task->Start();
      if (!found) return true;
      taken->Set(slot.task);
      slot = Slot::Of(kNothing, nullptr, 0);
      return false;
    });
    return found;
  }
  // Forgets stale slots if there are more of them than of the `waiting` others.
  void SweepIfStale(int64_t waiting) {
    if (stale_ < kNear || stale_ < waiting) return;
    stale_ = 0;
    slots_.Sweep([&](Slot& slot) {
      if (!slot.is_task() || slot.task->can_start()) return false;
      dropped_.Add(slot.task);
      return true;
    });
  }

  // Moves everything into `rest`, a fresh one, with the tail's lock as well.
  void TakeAll(SlotTail& tail, TaskOutbox& rest) {
    slots_.TakeAll(tail, rest.slots_);
    rest.put_back_ = std::exchange(put_back_, {});
    rest.dropped_ = TakeDropped();
    stale_ = 0;
  }
  // Claims all tasks, and forgets those that somebody else has. `visit(task)`
  // for each that is claimed, `visit(nullptr)` for each posted call.
  template <typename Visit>
  void ClaimAll(Visit&& visit) {
    std::erase_if(put_back_, [&](StateBase* task) {
      const bool is_mine = task->ClaimPending();
      if (!is_mine) dropped_.Add(task);
      return !is_mine;
    });
    for (auto it = put_back_.rbegin(); it != put_back_.rend(); ++it) visit(*it);
    slots_.ForEach(kAll, [&](Slot& slot, uint64_t) {
      if (slot.is_empty()) return true;
      if (slot.is_task() && !slot.task->ClaimPending()) {
        dropped_.Add(slot.task);
        slot = Slot::Of(kNothing, nullptr, 0);
      } else {
        visit(slot.is_task() ? slot.task : nullptr);
      }
      return true;
    });
  }
  // The oldest, and its reference, as it is. False: there is none.
  // Nothing may come in meanwhile.
  bool PopNext(TakenTask* taken) {
    if (StateBase* const task = PopFrontTask()) {
      taken->Set(task);
      return true;
    }
    const Slot* const slot = slots_.Front();
    if (slot == nullptr) return false;
    taken->Set(*slot, slots_.front_id());
    slots_.Pop();
    return true;
  }

  bool has_dropped() const { return !dropped_.empty(); }
  // The caller gives up those references once it holds no lock.
  DroppedStates TakeDropped() { return std::move(dropped_); }

 private:
  static constexpr int64_t kNear = 64;
  static constexpr uint64_t kAll = std::numeric_limits<uint64_t>::max();

  void Skip(StateBase* task) {
    if (stale_ > 0) --stale_;
    dropped_.Add(task);
  }
  // The next task's memory may be in another processor's cache.
  void PrefetchMemory() const {
    const Slot* const next = slots_.Second();
    if (next != nullptr && next->is_task()) __builtin_prefetch(next->task, 1);
  }

  SlotHead slots_;
  std::vector<StateBase*> put_back_;  // the oldest last
  size_t prefetched_ = 0;
  int64_t stale_ = 0;  // slots of tasks that have left out of turn, at most
  DroppedStates dropped_;
};

// The running tasks that have options or a stop token, by their ids.
//
// Threads: none of its own; a lock guards it as a whole.
// Lifetime: owns a reference to each. Ordering: none.
// Errors: Add() lets out what memory throws. Shutdown: none.
class TrackedTasks {
 public:
  void Add(StateBase* task) {
    tasks_.emplace(task->task_id(), StateRef<StateBase>::Share(task));
  }
  // What it held, to be destroyed with no lock held. Empty: it is not here.
  StateRef<StateBase> Remove(uint64_t id) {
    const auto found = tasks_.find(id);
    if (found == tasks_.end()) return {};
    StateRef<StateBase> task = std::move(found->second);
    tasks_.erase(found);
    return task;
  }
  const StateBase* Find(uint64_t id) const {
    const auto found = tasks_.find(id);
    return found == tasks_.end() ? nullptr : found->second.get();
  }
  template <typename Visit>
  void ForEach(Visit&& visit) const {
    for (const auto& [id, task] : tasks_) visit(task);
  }

 private:
  std::unordered_map<uint64_t, StateRef<StateBase>> tasks_;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_PENDING_TASKS_H_
