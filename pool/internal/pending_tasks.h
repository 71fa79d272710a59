#ifndef ASYNCPAL_POOL_INTERNAL_PENDING_TASKS_H_
#define ASYNCPAL_POOL_INTERNAL_PENDING_TASKS_H_

#include <atomic>
#include <cstdint>
#include <unordered_map>
#include <utility>

#include "asyncpal/future/internal/shared_state.h"
#include "asyncpal/pool/internal/task_queue.h"

// The tasks of a pool that wait for a worker. They are in two parts, each
// guarded as a whole by a lock of its own, so that submitters and workers meet
// only when the workers have taken everything:
//
//   TaskInbox inbox_ ABSL_GUARDED_BY(mu_);         // submitters
//   TaskOutbox outbox_ ABSL_GUARDED_BY(take_mu_);  // workers
//   TaskFlow flow_;                                // both, without a lock
//
// A task's links are guarded by the lock of its part, and by both locks while
// it leaves out of turn.

namespace asyncpal::internal {

// What both sides know of each other without the other one's lock.
//
// Threads: any may read. Writers are named at each method.
// Ordering: relaxed. A reader may see fewer tasks gone than are, and so takes
// tasks for waiting that are not, never the other way round; whoever acts on it
// has the lock under which it was written, or looks again.
// Lifetime, Errors, Shutdown: none.
class TaskFlow {
 public:
  // How many tasks are pending no more.
  int64_t started() const { return started_.load(std::memory_order_relaxed); }
  // How many have left the queue: those, and the ones that workers have
  // prefetched.
  int64_t left() const { return left_.load(std::memory_order_relaxed); }

  // With the outbox's lock. PutBack() with the inbox's as well.
  void CountStarted() { Add(started_, 1); }
  void CountLeft() { Add(left_, 1); }
  void CountTaken() {
    CountStarted();
    CountLeft();
  }
  void CountPutBack() { Add(left_, -1); }

  // Whether the inbox has something, for those who look out for it. Written
  // with the inbox's lock.
  bool has_new() const { return has_new_.load(std::memory_order_relaxed); }
  void set_has_new(bool has_new) {
    // Most of the time it is so already: others read this cache line.
    if (this->has_new() != has_new) {
      has_new_.store(has_new, std::memory_order_relaxed);
    }
  }

 private:
  static void Add(std::atomic<int64_t>& count, int64_t n) {
    count.store(count.load(std::memory_order_relaxed) + n,
                std::memory_order_relaxed);
  }

  std::atomic<int64_t> started_{0};
  std::atomic<int64_t> left_{0};
  std::atomic<bool> has_new_{false};
};

// The younger tasks, and how many there ever were.
//
// Threads: none of its own; a lock guards it as a whole.
// Lifetime: owns a reference to each task inside.
// Ordering: first in, first out.
// Errors: does not throw. Shutdown: must be empty at its end.
class TaskInbox {
 public:
  bool empty() const { return queue_.empty(); }
  int64_t submitted() const { return submitted_; }

  uint64_t next_task_id() const {
    return static_cast<uint64_t>(submitted_) + 1;
  }

  void Push(StateBase* task) {
    CountDirect();
    queue_.PushBack(task);
  }
  // A task that goes to a worker at once is counted here as well.
  void CountDirect() { ++submitted_; }
  // A task that was counted was not submitted after all.
  void Dismiss() { --submitted_; }
  void Remove(StateBase* task) { queue_.Remove(task); }
  // May be asked of a task that is gone.
  bool Contains(const StateBase* task) const { return queue_.Contains(task); }

  // How many are pending, and how many of those no worker has prefetched.
  int64_t CountPending(const TaskFlow& flow) const {
    return submitted_ - flow.started();
  }
  int64_t CountWaiting(const TaskFlow& flow) const {
    return submitted_ - flow.left();
  }

  TaskQueue& queue() { return queue_; }

 private:
  TaskQueue queue_;
  int64_t submitted_ = 0;
};

// The older tasks, from which workers take.
//
// Threads: none of its own; a lock guards it as a whole.
// Lifetime: owns a reference to each task inside.
// Ordering: first in, first out; all of it before the inbox.
// Errors: does not throw. Shutdown: must be empty at its end.
class TaskOutbox {
 public:
  bool empty() const { return queue_.empty(); }
  bool IsFirst(const StateBase* task) const { return queue_.IsFirst(task); }
  StateBase* Front() { return queue_.Front(); }
  StateBase* PopFront() { return queue_.PopFront(); }
  bool Contains(const StateBase* task) const { return queue_.Contains(task); }
  // Takes the task out of this queue or the inbox. False: it was in neither.
  bool Remove(StateBase* task) { return queue_.Remove(task); }

  // What has come in goes behind what is here.
  void TakeAll(TaskInbox& inbox, TaskFlow& flow) {
    queue_.TakeAll(inbox.queue());
    flow.set_has_new(false);
  }

  // The oldest task that can still be started, started and counted. Null: there
  // is none; or with `only_plain`, the next one has options.
  StateBase* StartNext(bool only_plain, TaskFlow& flow) {
    while (!queue_.empty()) {
      if (only_plain && queue_.Front()->is_tracked()) return nullptr;
      StateBase* const task = queue_.PopFront();
      if (task->Start()) {
        flow.CountTaken();
        return task;
      }
      // Whoever has claimed it holds a reference, and waits for this lock.
      task->Release();
    }
    return nullptr;
  }
  // The same for a worker that prefetches it: it leaves the queue, and stays
  // pending.
  StateBase* PrefetchNext(TaskFlow& flow) {
    while (StateBase* const task = queue_.PopFront()) {
      if (task->Offer()) {
        flow.CountLeft();
        return task;
      }
      task->Release();
    }
    return nullptr;
  }
  // A prefetched task, and its reference, is the first in the queue again.
  void PutBack(StateBase* task, TaskFlow& flow) {
    queue_.PushFront(task);
    flow.CountPutBack();
    task->TakeBack();
  }

 private:
  TaskQueue queue_;
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
