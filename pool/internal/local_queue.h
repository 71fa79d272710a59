#ifndef ASYNCPAL_POOL_INTERNAL_LOCAL_QUEUE_H_
#define ASYNCPAL_POOL_INTERNAL_LOCAL_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include "asyncpal/future/internal/task_state.h"
#include "asyncpal/pool/internal/oldest_task.h"
#include "asyncpal/pool/internal/slot_queue.h"

namespace asyncpal::internal {

// What one worker's tasks have submitted: a ring of slots. They leave at its
// front, oldest first; but also at its back, to the task that waits for the
// newest.
//
//   SpinMutex local_mu;
//   LocalQueue local ABSL_GUARDED_BY(local_mu);
//
// Threads: none of its own; a lock guards it as a whole.
// Lifetime: owns a reference to each task inside.
// Ordering: first in, first out, but for the newest. A task that has left out
// of turn leaves its slot behind, until that is an end of the ring or it is
// full. Errors: does not throw. Shutdown: none.
class LocalQueue {
 public:
  struct Entry {
    Slot slot;
    uint64_t id = 0;  // of a posted call
  };
  // Memory for more entries.
  struct Ring {
    Ring() = default;  // no memory
    explicit Ring(size_t n) : entries(new Entry[n]), capacity(n) {}
    std::unique_ptr<Entry[]> entries;
    size_t capacity = 0;
  };

  LocalQueue() = default;
  ~LocalQueue() {
    for (; !empty(); PopFront()) {
      if (Front().slot.is_task()) Front().slot.task->Release();
    }
  }
  LocalQueue(const LocalQueue&) = delete;
  LocalQueue& operator=(const LocalQueue&) = delete;

  bool empty() const { return front_ == back_; }
  bool HasRoom() const { return back_ - front_ != capacity_; }
  // What Grow() wants.
  size_t wanted_capacity() const {
    return capacity_ == 0 ? kFirstCapacity : 2 * capacity_;
  }
  // There is no room. First forgets what is stale, whose references go to
  // `dropped`; if that is not much, moves to `ring`. Gives back the memory that
  // is not needed.
  Ring Grow(Ring ring, DroppedStates& dropped) {
    Sweep(dropped);
    if (2 * (back_ - front_) <= capacity_ && capacity_ > 0) return ring;
    if (ring.capacity < wanted_capacity()) return ring;
    for (size_t i = front_; i != back_; ++i) {
      ring.entries[i & (ring.capacity - 1)] = entries_[i & (capacity_ - 1)];
    }
    std::swap(ring.entries, entries_);
    std::swap(ring.capacity, capacity_);
    return ring;
  }

  void Push(const Slot& slot, uint64_t id) {
    Entry& entry = entries_[back_++ & (capacity_ - 1)];
    entry.slot = slot;
    entry.id = id;
  }
  // Not empty.
  Entry& Front() { return entries_[front_ & (capacity_ - 1)]; }
  Entry& Back() { return entries_[(back_ - 1) & (capacity_ - 1)]; }
  void PopFront() { ++front_; }
  void PopBack() { --back_; }

  // Takes `task` out, and its reference, if it is at either end.
  bool PopIfAtAnEnd(const TaskState* task) {
    if (empty()) return false;
    if (Holds(Back(), task)) {
      PopBack();
      return true;
    }
    if (!Holds(Front(), task)) return false;
    PopFront();
    return true;
  }
  // Takes out the posted call whose first bytes are `address`. False: it is not
  // here.
  bool Revoke(const PostedCall& posted, const void* address) {
    for (size_t i = back_; i != front_; --i) {
      Slot& slot = entries_[(i - 1) & (capacity_ - 1)].slot;
      if (slot.posted != &posted ||
          std::memcmp(slot.call, &address, sizeof(address)) != 0) {
        continue;
      }
      if (i == back_) {
        PopBack();
      } else {
        slot = Slot::Of(kNothing, nullptr, 0);
      }
      return true;
    }
    return false;
  }
  // Takes out the newest posted call of that group. False: there is none.
  bool TakeOfGroup(const void* group, Entry* taken) {
    for (size_t i = back_; i != front_; --i) {
      Entry& entry = entries_[(i - 1) & (capacity_ - 1)];
      if (!entry.slot.IsOfGroup(group)) continue;
      *taken = entry;
      if (i == back_) {
        PopBack();
      } else {
        entry.slot = Slot::Of(kNothing, nullptr, 0);
      }
      return true;
    }
    return false;
  }
  // Calls `visit(task, kNoCall)` with what has not left out of turn, oldest
  // first, or `visit(nullptr, call)` with what is known of a posted call, until
  // that says false.
  template <typename Visit>
  void ForEachPending(Visit&& visit) const {
    for (size_t i = front_; i != back_; ++i) {
      const Entry& entry = entries_[i & (capacity_ - 1)];
      if (IsStale(entry.slot)) continue;
      TaskState* const task = entry.slot.is_task() ? entry.slot.task : nullptr;
      const CallInfo call = {.id = entry.id, .submitted_at = 0};
      if (!visit(task, task == nullptr ? call : kNoCall)) return;
    }
  }
  // Shows `oldest` the oldest of them.
  void FindOldest(OldestTask& oldest) const {
    ForEachPending([&oldest](TaskState* task, const CallInfo& call) {
      oldest.See(task, call);
      return false;
    });
  }
  // Forgets tasks at the back that have left out of turn.
  void TrimBack(DroppedStates& dropped) {
    while (!empty() && IsStale(Back().slot)) {
      if (Back().slot.is_task()) dropped.Add(Back().slot.task);
      PopBack();
    }
  }

 private:
  static constexpr size_t kFirstCapacity = 64;  // a power of two

  static bool Holds(const Entry& entry, const TaskState* task) {
    return entry.slot.is_task() && entry.slot.task == task;
  }
  static bool IsStale(const Slot& slot) {
    return slot.is_task() ? !slot.task->can_start() : slot.is_empty();
  }
  void Sweep(DroppedStates& dropped) {
    size_t end = front_;
    for (size_t i = front_; i != back_; ++i) {
      const Entry& entry = entries_[i & (capacity_ - 1)];
      if (IsStale(entry.slot)) {
        if (entry.slot.is_task()) dropped.Add(entry.slot.task);
      } else {
        entries_[end++ & (capacity_ - 1)] = entry;
      }
    }
    back_ = end;
  }

  std::unique_ptr<Entry[]> entries_;
  size_t capacity_ = 0;  // 0, or a power of two
  size_t front_ = 0;     // numbers of slots, counted from the first ever
  size_t back_ = 0;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_LOCAL_QUEUE_H_
