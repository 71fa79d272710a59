#ifndef ASYNCPAL_POOL_INTERNAL_TASK_QUEUE_H_
#define ASYNCPAL_POOL_INTERNAL_TASK_QUEUE_H_

#include "asyncpal/future/internal/shared_state.h"

namespace asyncpal::internal {

// First in, first out, linked through the tasks themselves, so that it neither
// allocates nor fails, and a task can leave from any place without knowing
// which queue it is in. Owns one reference to each task inside. Not
// thread-safe: its owner's lock guards it and the links.
class TaskQueue {
 public:
  TaskQueue() { Reset(); }
  TaskQueue(const TaskQueue&) = delete;
  TaskQueue& operator=(const TaskQueue&) = delete;

  bool empty() const { return ends_.next == &ends_; }

  bool IsFirst(const StateBase* task) const { return ends_.next == task; }

  void PushBack(StateBase* task) {
    task->previous = ends_.previous;
    task->next = &ends_;
    ends_.previous->next = task;
    ends_.previous = task;
  }

  void PushFront(StateBase* task) {
    task->previous = &ends_;
    task->next = ends_.next;
    ends_.next->previous = task;
    ends_.next = task;
  }

  // The oldest task; the queue is not empty.
  StateBase* Front() { return static_cast<StateBase*>(ends_.next); }

  // The oldest task, and its reference; null when empty. Does not touch the
  // task behind it: that one's memory may still be in another processor's
  // cache. So nothing is known of the first one's `previous`.
  StateBase* PopFront() {
    if (empty()) return nullptr;
    auto* const task = static_cast<StateBase*>(ends_.next);
    ends_.next = task->next;
    if (empty()) ends_.previous = &ends_;
    task->next = task->previous = nullptr;
    return task;
  }

  // All of `other`, behind what is here.
  void TakeAll(TaskQueue& other) {
    if (other.empty()) return;
    other.ends_.next->previous = ends_.previous;
    other.ends_.previous->next = &ends_;
    ends_.previous->next = other.ends_.next;
    ends_.previous = other.ends_.previous;
    other.Reset();
  }

  // Whether `task` is inside. Looks at no task but those inside, so that it may
  // be asked of one that is gone.
  bool Contains(const StateBase* task) const {
    const QueueLinks* it = ends_.next;
    while (it != &ends_ && it != task) it = it->next;
    return it == task;
  }

  // Takes `task` out of this queue, or out of another that none was ever popped
  // from, and gives that queue's reference to the caller. False: it was in
  // none.
  bool Remove(StateBase* task) {
    if (IsFirst(task)) return PopFront() != nullptr;
    if (task->next == nullptr) return false;
    task->previous->next = task->next;
    task->next->previous = task->previous;
    task->next = task->previous = nullptr;
    return true;
  }

 private:
  void Reset() { ends_.next = ends_.previous = &ends_; }

  QueueLinks ends_;  // closes the ring: next is the oldest task
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_TASK_QUEUE_H_
