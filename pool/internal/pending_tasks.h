#ifndef ASYNCPAL_POOL_INTERNAL_PENDING_TASKS_H_
#define ASYNCPAL_POOL_INTERNAL_PENDING_TASKS_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "asyncpal/future/internal/task_state.h"
#include "asyncpal/pool/internal/oldest_task.h"
#include "asyncpal/pool/internal/slot_queue.h"
#include "asyncpal/pool/internal/task_classes.h"

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
  void CountRequeued() { left_.Add(-1); }

 private:
  SharedCount started_;
  SharedCount left_;
};

// What a worker is to run: a task, started, or a posted call.
struct TakenTask {
  explicit operator bool() const {
    return task != nullptr || posted != nullptr;
  }
  void Set(TaskState* started) {
    task = started;
    posted = nullptr;
  }
  void Set(const Slot& slot, const CallInfo& info) {
    task = nullptr;
    posted = slot.posted;
    std::memcpy(call, slot.call, kPostedCallBytes);
    call_info = info;
  }

  TaskState* task = nullptr;
  const PostedCall* posted = nullptr;
  CallInfo call_info = {};  // of the posted call
  alignas(void*) std::byte call[kPostedCallBytes];
};

// The end of the queue from which workers take, what was put back there, and
// the tasks of other classes than the normal one, which is in that queue.
//
// Threads: none of its own; a lock guards it as a whole.
// Lifetime: owns a reference to each task inside, and to those that it has
// skipped until TakeDropped().
// Ordering: first in, first out in each class; what was put back comes first.
// Errors: PrefetchNext() lets out what memory throws. The others do not throw.
// Shutdown: none.
class TaskOutbox {
 public:
  // `priority_step`: see TaskClasses.
  explicit TaskOutbox(SlotChain& chain,
                      int64_t priority_step = TaskClasses::kStrict)
      : slots_(chain), classes_(priority_step) {}
  ~TaskOutbox() {
    for (TaskState* const task : requeued_) task->Release();
  }

  // --- The other classes ---
  // Whether there is anything of them.
  bool has_classes() const { return !classes_.empty(); }
  bool has_above_normal() const { return classes_.has_above_normal(); }
  // Adds a task, with the caller's reference. Throws where there is no memory.
  void Add(TaskState* task, int task_class, int64_t now) {
    classes_.Add(task, task_class, now, slots_.pushed());
  }
  // The next one of all classes, started and counted. False: there is none.
  bool StartByClass(int64_t now, TakeCounts& counts, TakenTask* taken) {
    while (const std::optional<int> next = NextClass(now)) {
      if (*next == TaskClasses::kNormalClass) {
        if (StartNext(/*only_plain=*/false, counts, taken)) return true;
        continue;
      }
      TaskState* const task = classes_.Pop(*next);
      if (!task->Start()) {
        dropped_.Add(task);
        continue;
      }
      taken->Set(task);
      counts.CountTaken();
      return true;
    }
    return false;
  }
  // When the next one has its turn beside tasks of the normal class that are
  // elsewhere: before them, in turns with them, or behind them.
  enum class Turn { kFirst, kInTurns, kLast };
  Turn TurnOfNext(int64_t now) {
    const std::optional<int> next = NextClass(now);
    if (!next.has_value()) return Turn::kLast;
    if (*next == TaskClasses::kNormalClass) return Turn::kInTurns;
    return classes_.IsDueBeforeNormal(*next, now) ? Turn::kFirst : Turn::kLast;
  }
  // The one with that id; null: it has left. Remove() takes it out.
  TaskState* FindClassed(uint64_t id) const {
    TaskState* found = nullptr;
    classes_.ForEach([&](TaskState& task) {
      if (task.task_id() == id) found = &task;
      return found == nullptr;
    });
    return found;
  }
  void RemoveClassed(uint64_t id) { classes_.Remove(id); }

  // --- The normal class ---
  // The oldest task. Null: a posted call is next, or nothing.
  TaskState* FrontTask() {
    if (!requeued_.empty()) return requeued_.back();
    const Slot* const slot = slots_.Front();
    return slot != nullptr && slot->is_task() ? slot->task : nullptr;
  }
  // Takes that out, and its reference.
  TaskState* PopFrontTask() {
    TaskState* const task = FrontTask();
    if (task == nullptr) return nullptr;
    if (requeued_.empty()) {
      slots_.Pop();
    } else {
      requeued_.pop_back();
    }
    return task;
  }

  // The oldest that can still be started, started and counted. False: there is
  // none; or with `only_plain`, it is a posted call, has options or is
  // observed.
  bool StartNext(bool only_plain, TakeCounts& counts, TakenTask* taken) {
    while (true) {
      TaskState* task;
      if (!requeued_.empty()) [[unlikely]] {
        task = requeued_.back();
        if (only_plain && task->is_watched()) return false;
        requeued_.pop_back();
      } else {
        // Asked once: something may come in at any time.
        const Slot* const slot = slots_.Front();
        if (slot == nullptr) return false;
        if (!slot->is_task()) {
          if (only_plain) return false;
          taken->Set(*slot, slots_.front_call());
          slots_.Pop();
          counts.CountTaken();
          return true;
        }
        task = slot->task;
        if (only_plain && task->is_watched()) return false;
        slots_.Pop();
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
  TaskState* PrefetchNext(TakeCounts& counts) {
    while (TaskState* const task = FrontTask()) {
      requeued_.reserve(requeued_.size() + prefetched_ + 1);  // for Requeue()
      PopFrontTask();
      if (!task->Prefetch()) {
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
  void Requeue(TaskState* task, TakeCounts& counts) {
    --prefetched_;
    requeued_.push_back(task);
    counts.CountRequeued();
    task->Requeue();
  }

  // Calls `visit(task, kNoCall)` with what can still be started, oldest first,
  // or `visit(nullptr, call)` with what is known of a posted call, until that
  // says false.
  template <typename Visit>
  void ForEachPending(Visit&& visit) {
    for (auto it = requeued_.rbegin(); it != requeued_.rend(); ++it) {
      if ((*it)->can_start() && !visit(*it, kNoCall)) return;
    }
    bool goes_on = true;
    slots_.ForEach(kAll, [&](Slot& slot, const CallInfo& call) {
      if (slot.is_empty()) return true;
      if (!slot.is_task()) return goes_on = visit(nullptr, call);
      return goes_on = !slot.task->can_start() || visit(slot.task, kNoCall);
    });
    if (!goes_on) return;
    classes_.ForEach([&](TaskState& task) {
      return !task.can_start() || visit(&task, kNoCall);
    });
  }
  // Shows `oldest` the oldest of them.
  void FindOldest(OldestTask& oldest) {
    ForEachPending([&oldest](TaskState* task, const CallInfo& call) {
      oldest.See(task, call);
      return false;
    });
    classes_.ForEachHead([&oldest](TaskState& task) {
      if (task.can_start()) oldest.See(task);
    });
  }
  // Takes out the task that has waited longest, and its reference, as it is.
  // Null: there is none before the next posted call.
  TaskState* PopOldest() {
    TaskState* const front = FrontTask();
    if (has_classes() &&
        (front == nullptr || classes_.HasOlderThan(FrontNumber()))) {
      return classes_.PopOldest();
    }
    return PopFrontTask();
  }

  // The one with that number; null: it has left.
  Slot* Find(uint64_t number) { return slots_.Find(number); }
  bool HasLeft(uint64_t number) { return slots_.HasLeft(number); }

  // A thread that waits for this task has started it, or somebody has claimed
  // it. If it is found near the front, its reference goes to the caller, true;
  // else it becomes a stale slot, which must not keep it for long.
  bool LeaveOutOfTurn(TaskState* task) {
    if (FrontTask() == task) {
      PopFrontTask();
      return true;
    }
    bool found = false;
    slots_.ForEach(kNear, [&](Slot& slot, const CallInfo&) {
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
  bool Revoke(const PostedCall& posted, const void* address) {
    bool found = false;
    slots_.ForEach(kAll, [&](Slot& slot, const CallInfo&) {
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
    slots_.ForEach(kAll, [&](Slot& slot, const CallInfo& call) {
      found = slot.IsOfGroup(group);
      if (!found) return true;
      taken->Set(slot, call);
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
    slots_.ForEach(kAll, [&](Slot& slot, const CallInfo&) {
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
    classes_.TakeIf([](const TaskState& task) { return !task.can_start(); },
                    [&](TaskState* task) { dropped_.Add(task); });
    slots_.Sweep([&](Slot& slot) {
      if (!slot.is_task() || slot.task->can_start()) return false;
      dropped_.Add(slot.task);
      return true;
    });
  }

  // Moves everything into `rest`, a fresh one, with the tail's lock as well.
  void TakeAll(SlotTail& tail, TaskOutbox& rest) {
    slots_.TakeAll(tail, rest.slots_);
    rest.requeued_ = std::exchange(requeued_, {});
    rest.classes_.swap(classes_);
    rest.dropped_ = TakeDropped();
    stale_ = 0;
  }
  // Claims all tasks, and forgets those that somebody else has. `visit(task)`
  // for each that is claimed, `visit(nullptr)` for each posted call.
  template <typename Visit>
  void ClaimAll(Visit&& visit) {
    std::erase_if(requeued_, [&](TaskState* task) {
      const bool is_mine = task->ClaimPending();
      if (!is_mine) dropped_.Add(task);
      return !is_mine;
    });
    for (auto it = requeued_.rbegin(); it != requeued_.rend(); ++it) visit(*it);
    slots_.ForEach(kAll, [&](Slot& slot, const CallInfo&) {
      if (slot.is_empty()) return true;
      if (slot.is_task() && !slot.task->ClaimPending()) {
        dropped_.Add(slot.task);
        slot = Slot::Of(kNothing, nullptr, 0);
      } else {
        visit(slot.is_task() ? slot.task : nullptr);
      }
      return true;
    });
    classes_.TakeIf([](TaskState& task) { return !task.ClaimPending(); },
                    [&](TaskState* task) { dropped_.Add(task); });
    classes_.ForEach([&](TaskState& task) {
      visit(&task);
      return true;
    });
  }
  // Claims those of which `is_meant(task)`, oldest first, and calls
  // `take(task)` with each, which gets its reference.
  template <typename IsMeant, typename Take>
  void ClaimIf(IsMeant&& is_meant, Take&& take) {
    TakeIf(
        [&](TaskState& task) { return is_meant(task) && task.ClaimPending(); },
        take);
  }
  // Moves those back of which `is_meant(task)`, and which are in no other place
  // than `from`. There is nothing else here. Where it throws, it has changed
  // nothing.
  template <typename IsMeant>
  void TakeBackFrom(TaskOutbox& from, IsMeant&& is_meant) {
    size_t count = 0;
    from.ForEachPending([&](TaskState* task, const CallInfo&) {
      if (task != nullptr && is_meant(*task)) ++count;
      return true;
    });
    requeued_.reserve(count);
    from.TakeIf(
        [&](TaskState& task) { return task.can_start() && is_meant(task); },
        [&](TaskState* task) {
          if (requeued_.size() < count) requeued_.push_back(task);
        });
    std::reverse(requeued_.begin(), requeued_.end());
  }
  // The oldest, and its reference, as it is. False: there is none.
  // Nothing may come in meanwhile.
  bool PopNext(TakenTask* taken) {
    if (TaskState* const task = PopFrontTask()) {
      taken->Set(task);
      return true;
    }
    const Slot* const slot = slots_.Front();
    if (slot == nullptr) {
      TaskState* const task = classes_.PopOldest();
      if (task != nullptr) taken->Set(task);
      return task != nullptr;
    }
    taken->Set(*slot, slots_.front_call());
    slots_.Pop();
    return true;
  }

  bool has_dropped() const { return !dropped_.empty(); }
  // The caller gives up those references once it holds no lock.
  DroppedStates TakeDropped() { return std::move(dropped_); }

 private:
  // Takes out tasks of which `is_meant(task)`, oldest first.
  template <typename IsMeant, typename Take>
  void TakeIf(IsMeant&& is_meant, Take&& take) {
    for (size_t i = requeued_.size(); i > 0; --i) {
      TaskState* const task = requeued_[i - 1];
      if (!is_meant(*task)) continue;
      requeued_.erase(requeued_.begin() + static_cast<ptrdiff_t>(i) - 1);
      take(task);
    }
    slots_.ForEach(kAll, [&](Slot& slot, const CallInfo&) {
      if (!slot.is_task() || !is_meant(*slot.task)) return true;
      TaskState* const task = slot.task;
      slot = Slot::Of(kNothing, nullptr, 0);
      take(task);
      return true;
    });
    classes_.TakeIf(is_meant, take);
  }
  // The number of the first in the normal class; nullopt: there is none.
  std::optional<uint64_t> FrontNumber() {
    if (!requeued_.empty()) return 0;
    if (slots_.Front() == nullptr) return std::nullopt;
    return slots_.front_number();
  }
  std::optional<int> NextClass(int64_t now) {
    try {
      classes_.Mark(now, slots_.pushed());
    } catch (const std::bad_alloc&) {
      // Then what comes next counts as older than it is.
    }
    const auto before = static_cast<int64_t>(classes_.size());
    const std::optional<int> next = classes_.Next(FrontNumber(), now, dropped_);
    const auto skipped = before - static_cast<int64_t>(classes_.size());
    stale_ = std::max<int64_t>(stale_ - skipped, 0);
    return next;
  }

  static constexpr int64_t kNear = 64;
  static constexpr uint64_t kAll = std::numeric_limits<uint64_t>::max();

  void Skip(TaskState* task) {
    if (stale_ > 0) --stale_;
    dropped_.Add(task);
  }
  // The next task's memory may be in another processor's cache.
  void PrefetchMemory() const {
    const Slot* const next = slots_.Second();
    if (next != nullptr && next->is_task()) __builtin_prefetch(next->task, 1);
  }

  SlotHead slots_;
  TaskClasses classes_;
  std::vector<TaskState*> requeued_;  // the oldest last
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
  void Add(TaskState* task) {
    tasks_.emplace(task->task_id(), StateRef<TaskState>::Share(task));
  }
  // What it held, to be destroyed with no lock held. Empty: it is not here.
  StateRef<TaskState> Remove(uint64_t id) {
    const auto found = tasks_.find(id);
    if (found == tasks_.end()) return {};
    StateRef<TaskState> task = std::move(found->second);
    tasks_.erase(found);
    return task;
  }
  const TaskState* Find(uint64_t id) const {
    const auto found = tasks_.find(id);
    return found == tasks_.end() ? nullptr : found->second.get();
  }
  template <typename Visit>
  void ForEach(Visit&& visit) const {
    for (const auto& [id, task] : tasks_) visit(task);
  }

 private:
  std::unordered_map<uint64_t, StateRef<TaskState>> tasks_;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_PENDING_TASKS_H_
