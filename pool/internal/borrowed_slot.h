#ifndef ASYNCPAL_POOL_INTERNAL_BORROWED_SLOT_H_
#define ASYNCPAL_POOL_INTERNAL_BORROWED_SLOT_H_

#include <utility>

#include "asyncpal/future/internal/task_state.h"

namespace asyncpal::internal {

// The place of an idle worker whose process others borrow: they send it a task
// and receive the result while the worker's own thread sleeps on. So a call
// costs the two wake-ups that it must.
//
//   submitter                         the one who waits for the task
//   slot.Borrow(task, will_wait);
//   Send(task);                       if (slot.BeginReceive(task)) {
//                                       Receive(task);
//                                       slot.End();
//                                     }
//
// The slot is free again with that, or the worker takes it back because the
// process has said something and nobody came.
//
// Threads: none of its own; a lock guards it as a whole.
// Lifetime: the task has references of others.
// Ordering: none. Errors: none. Shutdown: none.
class BorrowedSlot {
 public:
  bool is_borrowed() const { return use_ != Use::kNone; }
  // The process has said something, and nobody is going to look.
  bool is_neglected() const { return use_ == Use::kUnattended && child_spoke_; }
  bool child_ended() const { return child_ended_; }

  // `task` was started for this worker. `will_wait`: the caller promises to
  // receive its result.
  void Borrow(TaskState* task, bool will_wait) {
    use_ = will_wait ? Use::kReserved : Use::kUnattended;
    task_ = task;
    child_spoke_ = false;
  }
  // The caller waits for `task`, and receives its result. False: it is not
  // here, or somebody else is faster.
  bool BeginReceive(const TaskState& task) {
    if (task_ != &task ||
        (use_ != Use::kUnattended && use_ != Use::kReserved)) {
      return false;
    }
    use_ = Use::kReceiving;
    return true;
  }
  // The slot is free. Unless the task is done, it is the worker's now.
  void End(bool is_done) {
    use_ = Use::kNone;
    if (is_done) task_ = nullptr;
  }
  // The task that a borrower has left to the worker, once; or null.
  TaskState* TakeTask() { return std::exchange(task_, nullptr); }

  // What the worker's thread was woken by.
  void OnSpoke() {
    is_watched_ = false;
    child_spoke_ = true;
  }
  void OnEnded() {
    child_spoke_ = true;
    child_ended_ = true;
  }
  // Whether that thread is to be woken by the process's socket. True: this is
  // news for it.
  bool SetWatched(bool watched) {
    return std::exchange(is_watched_, watched) != watched;
  }
  // The worker has another process.
  void OnStarted() {
    is_watched_ = false;
    child_ended_ = false;
  }

 private:
  enum class Use { kNone, kUnattended, kReserved, kReceiving };

  Use use_ = Use::kNone;
  TaskState* task_ = nullptr;
  bool is_watched_ = false;
  bool child_spoke_ = false;  // or ended, since Borrow()
  bool child_ended_ = false;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_BORROWED_SLOT_H_
