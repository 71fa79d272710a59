#ifndef ASYNCPAL_POOL_INTERNAL_TASK_CLASSES_H_
#define ASYNCPAL_POOL_INTERNAL_TASK_CLASSES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <utility>

#include "asyncpal/future/internal/task_state.h"

namespace asyncpal::internal {

// The waiting tasks of a pool that are of another class than the normal one,
// and which class the next task is of: that whose head has the smallest time of
// submission less its class times a step. So a task waits behind later ones of
// higher classes for as many steps as these are above it, and no longer. Only
// the heads are compared, and nothing is ever sorted again.
//
// Tasks of the normal class are elsewhere, in a queue whose slots are numbered,
// and most of them do not know when they were submitted. That is found out here
// as far as it is needed, by marks: how many slots there were at which time. A
// mark is made whenever somebody looks, and at most every 16th part of a step.
//
//   TaskClasses classes_ ABSL_GUARDED_BY(take_mu_);
//   ...
//   classes_.Add(task, 4, now, pushed);
//   const auto next = classes_.Next(front_number, now);
//   if (next.has_value() && *next != kNormalClass) classes_.Pop(*next);
//
// Threads: none of its own; a lock guards it as a whole.
// Lifetime: owns a reference to each task inside.
// Ordering: as said; in a class, first in, first out. Where two classes are
// equal, the higher one is next.
// Errors: Add() and Mark() let out what memory throws, and have then changed
// nothing. The others do not throw.
// Shutdown: none.
class TaskClasses {
 public:
  static constexpr int kClasses = 5;
  static constexpr int kNormalClass = 2;
  // As a step: the highest class is next, however long others wait.
  static constexpr int64_t kStrict = std::numeric_limits<int64_t>::max();

  // `step` is in nanoseconds, as are all times here.
  explicit TaskClasses(int64_t step) : step_(step) {}
  ~TaskClasses() {
    for (Fifo& fifo : fifos_) {
      for (const Entry& entry : fifo) entry.task->Release();
    }
  }
  TaskClasses(const TaskClasses&) = delete;
  TaskClasses& operator=(const TaskClasses&) = delete;

  // Whether there is nothing, not even a task that was claimed.
  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  bool has_above_normal() const {
    return !fifos_[kNormalClass + 1].empty() ||
           !fifos_[kNormalClass + 2].empty();
  }

  // `task`, with the caller's reference, is of class `c`, which is not the
  // normal one. `pushed` slots are of the normal class so far.
  void Add(TaskState* task, int c, int64_t now, uint64_t pushed) {
    Mark(now, pushed);
    fifos_[c].push_back({task, now});
    ++size_;
  }

  // Slots up to the number `pushed` were there by `now`.
  void Mark(int64_t now, uint64_t pushed) {
    if (!marks_.empty()) {
      Marked& last = marks_.back();
      if (last.pushed >= pushed) return;
      if (step_ == kStrict || now - last.time < step_ / 16) {
        last.pushed = pushed;
        return;
      }
    }
    marks_.push_back({pushed, now});
  }

  // The class of the next task. `front` is the number of the normal class's
  // first slot; nullopt: it has none. Nullopt: there is no task. Those that
  // somebody has claimed, and are first, go to `dropped`.
  std::optional<int> Next(std::optional<uint64_t> front, int64_t now,
                          DroppedStates& dropped) {
    if (!front.has_value()) marks_.clear();  // all that they tell of has left
    std::optional<int> next;
    int64_t smallest = 0;
    for (int c = kClasses - 1; c >= 0; --c) {
      int64_t time;
      if (c == kNormalClass) {
        if (!front.has_value()) continue;
        time = TimeOf(*front, now);
      } else {
        Trim(c, dropped);
        if (fifos_[c].empty()) continue;
        time = fifos_[c].front().time;
      }
      if (step_ == kStrict) return c;
      const int64_t key = time - c * step_;
      if (next.has_value() && key >= smallest) continue;
      next = c;
      smallest = key;
    }
    return next;
  }
  // Whether the head of class `c`, which has one, is older than a task of the
  // normal class that comes `now`, by as many steps as that is above it.
  bool IsDueBeforeNormal(int c, int64_t now) const {
    if (c >= kNormalClass) return true;
    return step_ != kStrict &&
           fifos_[c].front().time + (kNormalClass - c) * step_ <= now;
  }

  // Takes out the head of that class, with its reference. Null: there is none.
  TaskState* Pop(int c) {
    if (fifos_[c].empty()) return nullptr;
    TaskState* const task = fifos_[c].front().task;
    fifos_[c].pop_front();
    if (--size_ == 0) marks_.clear();
    return task;
  }
  // Whether there is one that is older than the slot of that number in the
  // normal class; nullopt: that has none.
  bool HasOlderThan(std::optional<uint64_t> front) {
    const int oldest = OldestClass();
    return oldest >= 0 &&
           (!front.has_value() ||
            fifos_[oldest].front().time <
                TimeOf(*front, std::numeric_limits<int64_t>::max()));
  }
  // How many marks there are, for tests.
  size_t marks() const { return marks_.size(); }
  // The oldest of all. Null: there is none.
  TaskState* PopOldest() {
    const int oldest = OldestClass();
    return oldest < 0 ? nullptr : Pop(oldest);
  }

  // The task with that id, taken out as it is. Null: it is not here.
  TaskState* Remove(uint64_t id) {
    for (Fifo& fifo : fifos_) {
      for (auto it = fifo.begin(); it != fifo.end(); ++it) {
        if (it->task->task_id() != id) continue;
        TaskState* const task = it->task;
        fifo.erase(it);
        if (--size_ == 0) marks_.clear();
        return task;
      }
    }
    return nullptr;
  }

  // Calls `visit(task)` with each, the highest class first, until that says
  // false.
  template <typename Visit>
  void ForEach(Visit&& visit) const {
    for (int c = kClasses - 1; c >= 0; --c) {
      for (const Entry& entry : fifos_[c]) {
        if (!visit(*entry.task)) return;
      }
    }
  }
  // Calls `visit(task)` with the head of each.
  template <typename Visit>
  void ForEachHead(Visit&& visit) const {
    for (const Fifo& fifo : fifos_) {
      if (!fifo.empty()) visit(*fifo.front().task);
    }
  }
  // Takes out those of which `is_meant(task)`, and calls `take(task)` with
  // each, which gets its reference.
  template <typename IsMeant, typename Take>
  void TakeIf(IsMeant&& is_meant, Take&& take) {
    for (int c = kClasses - 1; c >= 0; --c) {
      size_ -= std::erase_if(fifos_[c], [&](const Entry& entry) {
        TaskState* const task = entry.task;
        if (!is_meant(*task)) return false;
        take(task);
        return true;
      });
    }
    if (size_ == 0) marks_.clear();
  }
  void swap(TaskClasses& other) noexcept {
    fifos_.swap(other.fifos_);
    marks_.swap(other.marks_);
    std::swap(size_, other.size_);
  }

 private:
  struct Entry {
    TaskState* task;
    int64_t time;
  };
  using Fifo = std::deque<Entry>;
  struct Marked {
    uint64_t pushed;
    int64_t time;
  };

  // -1: there is none.
  int OldestClass() const {
    int oldest = -1;
    for (int c = 0; c < kClasses; ++c) {
      if (!fifos_[c].empty() &&
          (oldest < 0 ||
           fifos_[c].front().time < fifos_[oldest].front().time)) {
        oldest = c;
      }
    }
    return oldest;
  }
  void Trim(int c, DroppedStates& dropped) {
    while (!fifos_[c].empty() && !fifos_[c].front().task->can_start()) {
      dropped.Add(Pop(c));
    }
  }
  // When the slot of that number was submitted, at the latest.
  int64_t TimeOf(uint64_t number, int64_t now) {
    while (!marks_.empty() && marks_.front().pushed < number) {
      marks_.pop_front();
    }
    return marks_.empty() ? now : marks_.front().time;
  }

  int64_t step_;
  std::array<Fifo, kClasses> fifos_;  // that of the normal class is empty
  std::deque<Marked> marks_;          // both numbers grow
  size_t size_ = 0;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_TASK_CLASSES_H_
