#ifndef ASYNCPAL_POOL_INTERNAL_DELAYED_TASKS_H_
#define ASYNCPAL_POOL_INTERNAL_DELAYED_TASKS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "asyncpal/future/internal/task_state.h"

namespace asyncpal::internal {

// The tasks of a pool whose time is yet to come: a heap by that time, in which
// each has four below it. Any can be taken out at once, as each keeps a number,
// its place, under which is noted where in the heap it is. One takes 28 bytes
// beside its own state.
//
//   DelayedTasks delayed_ ABSL_GUARDED_BY(mu_);
//   ...
//   delayed_.Add(task, now + delay);
//   while (TaskState* task = delayed_.PopDue(now)) Queue(task);
//
// Threads: none of its own; a lock guards it as a whole.
// Lifetime: owns a reference to each task inside.
// Ordering: by time; of tasks with the same one, first in, first out.
// Errors: Add() lets out what memory throws, and has then changed nothing. The
// others do not throw.
// Shutdown: none.
class DelayedTasks {
 public:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  DelayedTasks() = default;
  ~DelayedTasks() {
    while (TaskState* const task = Pop()) task->Release();
  }
  DelayedTasks(const DelayedTasks&) = delete;
  DelayedTasks& operator=(const DelayedTasks&) = delete;
  void swap(DelayedTasks& other) noexcept {
    heap_.swap(other.heap_);
    tasks_.swap(other.tasks_);
    positions_.swap(other.positions_);
    std::swap(last_number_, other.last_number_);
    std::swap(first_free_, other.first_free_);
  }

  bool empty() const { return heap_.empty(); }
  size_t size() const { return heap_.size(); }
  // The time of the next one; kNever: there is none.
  int64_t first_due() const {
    return heap_.empty() ? kNever : heap_.front().due;
  }

  // `task`, with the caller's reference, is to come out when it is `due`. It is
  // not shared yet.
  void Add(TaskState* task, int64_t due) {
    uint32_t place = first_free_;
    if (place == kNoPlace) {
      positions_.reserve(Larger(positions_));
      tasks_.reserve(Larger(tasks_));
    }
    heap_.reserve(Larger(heap_));
    if (place == kNoPlace) {
      place = static_cast<uint32_t>(tasks_.size());
      tasks_.push_back(task);
      positions_.push_back(0);
    } else {
      first_free_ = positions_[place];
      tasks_[place] = task;
    }
    task->set_delayed_place(place);
    heap_.push_back({due, ++last_number_, place});
    MoveUp(heap_.size() - 1);
  }

  // Takes `task` out; its reference is the caller's. False: it is not here.
  bool Remove(TaskState* task) {
    const uint32_t place = task->delayed_place();
    if (place >= tasks_.size() || tasks_[place] != task) return false;
    RemoveAt(positions_[place]);
    return true;
  }
  // `task` is to come out when it is `due`, after those that are already here
  // with the same time. False: it is not here.
  bool Move(TaskState* task, int64_t due) {
    const uint32_t place = task->delayed_place();
    if (place >= tasks_.size() || tasks_[place] != task) return false;
    Entry& entry = heap_[positions_[place]];
    entry.due = due;
    entry.number = ++last_number_;
    MoveUp(positions_[place]);
    MoveDown(positions_[place]);
    return true;
  }
  // Takes the next one out, with its reference, if it is due by `now`. Null:
  // none is.
  TaskState* PopDue(int64_t now) { return first_due() > now ? nullptr : Pop(); }
  // The same whenever it is due. Null: there is none.
  TaskState* Pop() { return heap_.empty() ? nullptr : RemoveAt(0); }
  // The next one. Null: there is none.
  TaskState* First() const {
    return heap_.empty() ? nullptr : tasks_[heap_.front().place];
  }

  // In no order.
  template <typename Visit>
  void ForEach(Visit&& visit) const {
    for (TaskState* const task : tasks_) {
      if (task != nullptr) visit(*task);
    }
  }

  // Claims all of which `is_meant(task)`, and moves them to `claimed`, which is
  // empty. References of those that somebody else has claimed go to `dropped`.
  // Where it throws, it has changed nothing.
  template <typename IsMeant>
  void ClaimInto(DelayedTasks& claimed, DroppedStates& dropped,
                 IsMeant&& is_meant) {
    size_t rest = 0;
    for (TaskState* const task : tasks_) {
      if (task != nullptr && !is_meant(*task)) ++rest;
    }
    swap(claimed);
    try {
      Reserve(rest);
    } catch (...) {
      swap(claimed);
      throw;
    }
    for (uint32_t place = 0; place < claimed.tasks_.size(); ++place) {
      TaskState* const task = claimed.tasks_[place];
      if (task == nullptr) continue;
      const uint32_t position = claimed.positions_[place];
      if (!is_meant(*task)) {
        const int64_t due = claimed.heap_[position].due;
        claimed.RemoveAt(position);
        Add(task, due);
      } else if (!task->ClaimPending()) {
        claimed.RemoveAt(position);
        dropped.Add(task);
      }
    }
  }

 private:
  static constexpr uint32_t kNoPlace = std::numeric_limits<uint32_t>::max();
  static constexpr size_t kArity = 4;

  struct Entry {
    int64_t due;
    uint32_t number;  // of the call of Add(); wraps
    uint32_t place;

    bool IsBefore(const Entry& other) const {
      return due != other.due ? due < other.due
                              : static_cast<int32_t>(number - other.number) < 0;
    }
  };
  static_assert(sizeof(Entry) == 16);

  // So many are kept room for when there is none.
  static constexpr size_t kKept = 256;

  // A capacity with room for one more.
  template <typename T>
  static size_t Larger(const std::vector<T>& v) {
    return v.size() < v.capacity() ? v.capacity()
                                   : std::max<size_t>(2 * v.size(), 16);
  }
  void Reserve(size_t n) {
    heap_.reserve(n);
    tasks_.reserve(n);
    positions_.reserve(n);
  }

  void Put(size_t i, const Entry& entry) {
    heap_[i] = entry;
    positions_[entry.place] = static_cast<uint32_t>(i);
  }
  void MoveUp(size_t i) {
    const Entry entry = heap_[i];
    while (i > 0) {
      const size_t above = (i - 1) / kArity;
      if (!entry.IsBefore(heap_[above])) break;
      Put(i, heap_[above]);
      i = above;
    }
    Put(i, entry);
  }
  void MoveDown(size_t i) {
    const Entry entry = heap_[i];
    while (true) {
      const size_t begin = kArity * i + 1;
      if (begin >= heap_.size()) break;
      const size_t end = std::min(begin + kArity, heap_.size());
      size_t first = begin;
      for (size_t j = begin + 1; j < end; ++j) {
        if (heap_[j].IsBefore(heap_[first])) first = j;
      }
      if (!heap_[first].IsBefore(entry)) break;
      Put(i, heap_[first]);
      i = first;
    }
    Put(i, entry);
  }
  TaskState* RemoveAt(size_t i) {
    const uint32_t place = heap_[i].place;
    TaskState* const task = std::exchange(tasks_[place], nullptr);
    positions_[place] = std::exchange(first_free_, place);
    const Entry last = heap_.back();
    heap_.pop_back();
    if (heap_.empty()) {
      Clear();
    } else if (i < heap_.size()) {
      heap_[i] = last;
      MoveUp(i);
      MoveDown(positions_[last.place]);
    }
    return task;
  }
  void Clear() {
    first_free_ = kNoPlace;
    tasks_.clear();
    positions_.clear();
    if (heap_.capacity() <= kKept) return;
    std::vector<Entry>().swap(heap_);
    std::vector<TaskState*>().swap(tasks_);
    std::vector<uint32_t>().swap(positions_);
  }

  std::vector<Entry> heap_;
  // By places: the tasks, null where there is none; and where in the heap each
  // is, or which place is the next free one.
  std::vector<TaskState*> tasks_;
  std::vector<uint32_t> positions_;
  uint32_t last_number_ = 0;
  uint32_t first_free_ = kNoPlace;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_DELAYED_TASKS_H_
