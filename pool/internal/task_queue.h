#ifndef ASYNCPAL_POOL_INTERNAL_TASK_QUEUE_H_
#define ASYNCPAL_POOL_INTERNAL_TASK_QUEUE_H_

#include <cstddef>

#include "asyncpal/future/internal/shared_state.h"

namespace asyncpal::internal {

// First in, first out, linked through the tasks themselves, so that it neither
// allocates nor fails, and any task can be taken out of its middle. Owns one
// reference to each task inside. Not thread-safe: its owner's lock guards it
// and the links.
class TaskQueue {
 public:
  TaskQueue() { head_.previous = head_.next = nullptr; }
  TaskQueue(const TaskQueue&) = delete;
  TaskQueue& operator=(const TaskQueue&) = delete;

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }

  void PushBack(StateBase* task) {
    task->links = {head_.previous, nullptr};
    (head_.previous != nullptr ? head_.previous->links.next : head_.next) =
        task;
    head_.previous = task;
    ++size_;
  }

  // The oldest task, and its reference; null when empty.
  StateBase* PopFront() {
    StateBase* const task = head_.next;
    if (task != nullptr) Unlink(task);
    return task;
  }

  // Whether `task` is inside. Looks at no task but those inside, so that it may
  // be asked of one that is gone.
  bool Contains(const StateBase* task) const {
    const StateBase* it = head_.next;
    while (it != nullptr && it != task) it = it->links.next;
    return it != nullptr;
  }

  // Takes `task` out if it is inside, and gives its reference to the caller.
  bool Remove(StateBase* task) {
    if (task->links.previous == nullptr && head_.next != task) return false;
    Unlink(task);
    return true;
  }

 private:
  void Unlink(StateBase* task) {
    StateBase* const previous = task->links.previous;
    StateBase* const next = task->links.next;
    (previous != nullptr ? previous->links.next : head_.next) = next;
    (next != nullptr ? next->links.previous : head_.previous) = previous;
    task->links = {};
    --size_;
  }

  StateBase::QueueLinks head_;  // next: the oldest, previous: the newest
  size_t size_ = 0;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_TASK_QUEUE_H_
