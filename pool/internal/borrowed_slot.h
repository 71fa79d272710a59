#ifndef ASYNCPAL_POOL_INTERNAL_BORROWED_SLOT_H_
#define ASYNCPAL_POOL_INTERNAL_BORROWED_SLOT_H_

#include <utility>

#include "asyncpal/future/internal/shared_state.h"

namespace asyncpal::internal {

// The place of an idle worker whose process is lent to others, who send it a
// task and receive the result while the worker's own thread sleeps on: so a
// call costs the two wake-ups that it must.
//
//   submitter                         the one who waits for the task
//   slot.Lend(task, will_wait);
//   Send(task);                       if (slot.BeginVisit(task)) {
//                                       Receive(task);
//                                       slot.End();
//                                     }
//
// The loan is over with that, or the worker ends it because the process has
// said something and nobody came.
//
// Threads: none of its own; a lock guards it as a whole.
// Lifetime: the task has references of others.
// Ordering: none. Errors: none. Shutdown: none.
class BorrowedSlot {
 public:
  bool is_lent() const { return loan_ != Loan::kNone; }
  // The process has said something, and nobody is going to look.
  bool is_neglected() const {
    return loan_ == Loan::kUnattended && child_spoke_;
  }
  bool child_ended() const { return child_ended_; }

  // `task` was started for this worker. `will_wait`: the caller promises a
  // visit.
  void Lend(StateBase* task, bool will_wait) {
    loan_ = will_wait ? Loan::kReserved : Loan::kUnattended;
    task_ = task;
    child_spoke_ = false;
  }
  // The caller waits for `task`, and receives its result. False: it is not
  // here, or somebody else is faster.
  bool BeginVisit(const StateBase& task) {
    if (task_ != &task ||
        (loan_ != Loan::kUnattended && loan_ != Loan::kReserved)) {
      return false;
    }
    loan_ = Loan::kVisited;
    return true;
  }
  // The loan is over. Unless the task is done, it is the worker's now.
  void End(bool is_done) {
    loan_ = Loan::kNone;
    if (is_done) task_ = nullptr;
  }
  // The task that a loan has left to the worker, once; or null.
  StateBase* TakeTask() { return std::exchange(task_, nullptr); }

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
  enum class Loan { kNone, kUnattended, kReserved, kVisited };

  Loan loan_ = Loan::kNone;
  StateBase* task_ = nullptr;
  bool is_watched_ = false;
  bool child_spoke_ = false;  // or ended, during this loan
  bool child_ended_ = false;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_BORROWED_SLOT_H_
