#include <utility>

#include "asyncpal/pool/internal/process_worker.h"

// How it works. An idle worker's child is lent to the thread that submits a
// task: it sends the task, and until the child says something the agent sleeps
// on. Whoever waits for the task meanwhile visits: reads the result and settles
// the task, and puts the worker back among the idle ones. The loan is over with
// that, or the agent ends it because the child has said something and nobody
// came.

namespace asyncpal::internal {

std::shared_ptr<WorkerConnection> ProcessWorker::Lend(StateBase* task,
                                                      bool will_wait,
                                                      Ticket* ticket) {
  loan_ = will_wait ? Loan::kReserved : Loan::kUnattended;
  lent_task_ = task;
  child_spoke_ = false;
  MutexLock lock(child_mu_);
  child_->NotifyForAll();
  *ticket = child_->Offer();
  running_ = {task, child_, *ticket};
  if (!will_wait) WatchChild(true);
  return child_;
}

std::shared_ptr<WorkerConnection> ProcessWorker::BeginVisit(
    const StateBase& task, Ticket* ticket) {
  if (lent_task_ != &task ||
      (loan_ != Loan::kUnattended && loan_ != Loan::kReserved)) {
    return nullptr;
  }
  loan_ = Loan::kVisited;
  MutexLock lock(child_mu_);
  *ticket = running_.ticket;
  return child_;
}

bool ProcessWorker::EndLoan(bool is_done) {
  process_core_.mu_.AssertHeld();
  loan_ = Loan::kNone;
  if (child_ended_) lost.store(true);
  if (is_done) lent_task_ = nullptr;
  if (is_done && offered_.empty() && !process_core_.MustRetire(*this) &&
      !process_core_.IsWornOut(*this) && process_core_.ParkIfNoneWaits(*this)) {
    return false;
  }
  process_core_.StartSearching(*this);
  wake.store(kWoken, std::memory_order_release);
  return true;
}

void ProcessWorker::ForgetSent(const Ticket& ticket) {
  bool must_wake = false;
  {
    MutexLock take(process_core_.take_mu_);
    MutexLock lock(process_core_.mu_);
    MutexLock child_lock(child_mu_);
    if (running_.child != nullptr) running_.child->Revoke(ticket);
    running_ = {};
    if (loan_ != Loan::kNone) must_wake = EndLoan(/*is_done=*/false);
  }
  if (must_wake) WakeUp();
}

bool ProcessWorker::is_lent() {
  if (loan_ == Loan::kUnattended && child_spoke_) EndLoan(/*is_done=*/false);
  return loan_ != Loan::kNone;
}

StateBase* ProcessWorker::TakeLent() {
  return std::exchange(lent_task_, nullptr);
}

}  // namespace asyncpal::internal
