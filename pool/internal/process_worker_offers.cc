#include <algorithm>
#include <exception>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "asyncpal/ipc/payload.h"
#include "asyncpal/pool/internal/process_worker.h"

// How it works. With tasks at hand, a child goes from one to the next without
// waiting for the parent. One is enough for that, if tasks take long; but where
// they are over within microseconds, parent and child would wake each other for
// every single one. So after a quick task the agent offers as many as the claim
// page has slots for, in one system call, and again when half of them are done.
// Their results wait on the claim page, and the child rings at half of them.
//
// The price would be that tasks wait behind a slow one though a worker is free
// for them. Therefore a slow one makes the agent take back all but one, and
// idle workers take from those that have some at hand.

namespace asyncpal::internal {
namespace {

constexpr size_t kMostAhead = ClaimPage::kSlots - 1;

}  // namespace

uint64_t ProcessWorker::OfferNext() {
  if (pumping_ || running_.child != child_) return 0;
  std::vector<StateRef<StateBase>> tasks;
  std::vector<WorkerConnection::Order> orders;
  uint64_t middle = 0;
  {
    MutexLock take(process_core_.take_mu_);
    const size_t count = CountToOffer();
    tasks.reserve(count);
    orders.reserve(count);
    uint32_t busy = uint32_t{1} << running_.ticket.slot;
    for (const Offered& offered : offered_) {
      busy |= uint32_t{1} << offered.sent.ticket.slot;
    }
    while (tasks.size() < count) {
      StateBase* const next = process_core_.TakeForOffer();
      if (next == nullptr) break;
      if (!FitsBesideOffered(*next)) {
        MutexLock lock(process_core_.mu_);
        process_core_.PutBack(next);
        break;
      }
      RemoteCall& call = *next->remote_call();
      call.Lend();
      const Ticket ticket = child_->Offer(busy);
      busy |= uint32_t{1} << ticket.slot;
      offered_.push_back({.sent = {next, child_, ticket}});
      tasks.push_back(StateRef<StateBase>::Share(next));
      orders.push_back({ticket, &call.call()});
    }
    if (offered_.size() > 1) {
      middle = offered_[offered_.size() / 2].sent.ticket.attempt;
    }
  }
  if (orders.empty()) return middle;
  bool are_sent = true;
  try {
    child_->Send(orders);
  } catch (const std::exception&) {
    are_sent = false;  // the one at fault fails when its turn comes
  }
  for (const auto& task : tasks) task->remote_call()->EndLoan();
  if (!are_sent) RecallOwn();
  return middle;
}

size_t ProcessWorker::CountToOffer() {
  process_core_.take_mu_.AssertHeld();
  if (!child_->can_prefetch()) return 0;
  const size_t most = is_quick_ ? kMostAhead : 1;
  const size_t there = offered_.size();
  if (there > most / 2 ||
      (there > 0 && offered_.back().sent.task->is_tracked())) {
    return 0;
  }
  const size_t count = std::min(most - there, process_core_.ShareToOffer());
  const int max_tasks = process_core_.options_.max_tasks_per_worker;
  if (max_tasks == 0) return count;
  const int64_t left =
      max_tasks - tasks_since_start - 1 - static_cast<int64_t>(there);
  return std::min(count, static_cast<size_t>(std::max<int64_t>(left, 0)));
}

bool ProcessWorker::FitsBesideOffered(StateBase& task) const {
  // Times and stops of a task with options count from when the one before it
  // is seen to be done.
  if (task.is_tracked() && !offered_.empty()) return false;
  if (!offered_.empty() && offered_.back().sent.task->is_tracked()) {
    return false;
  }
  // More might not fit into the socket, and both sides wait for each other to
  // read.
  const auto bytes_of = [](StateBase& one) {
    return one.remote_call()->call().arguments.bytes().size();
  };
  size_t bytes = bytes_of(task);
  for (const Offered& offered : offered_) bytes += bytes_of(*offered.sent.task);
  return bytes <= kMaxInlineBytes;
}

StateBase* ProcessWorker::TakeOffered() {
  MutexLock take(process_core_.take_mu_);
  if (offered_.empty()) return nullptr;
  Offered next = std::move(offered_.front());
  offered_.erase(offered_.begin());
  StateBase* const task = next.sent.task;
  if (!next.started) {
    task->StartOffered();
    process_core_.CountStarted(*task);
  }
  process_core_.MarkTaken(*this, task);
  SetRunning(std::move(next.sent));
  return task;
}

StateBase* ProcessWorker::LastOffered() const {
  for (size_t i = offered_.size(); i > 0; --i) {
    if (!offered_[i - 1].started) return offered_[i - 1].sent.task;
  }
  return nullptr;
}

const ProcessWorker::Sent* ProcessWorker::FindStarted(
    const StateBase& task) const {
  for (const Offered& offered : offered_) {
    if (offered.sent.task == &task) {
      return offered.started ? &offered.sent : nullptr;
    }
  }
  return nullptr;
}

bool ProcessWorker::Recall(const StateBase& task) {
  for (size_t i = 0; i < offered_.size(); ++i) {
    if (offered_[i].sent.task == &task) return RecallEntry(i);
  }
  return false;
}

bool ProcessWorker::RecallEntry(size_t index) {
  process_core_.take_mu_.AssertHeld();
  process_core_.mu_.AssertHeld();
  Offered& offered = offered_[index];
  if (offered.started) return false;
  StateBase* const task = offered.sent.task;
  if (offered.sent.child->Revoke(offered.sent.ticket)) {
    offered_.erase(offered_.begin() + static_cast<ptrdiff_t>(index));
    process_core_.PutBack(task);
    return true;
  }
  task->StartOffered();
  process_core_.CountStarted(*task);
  offered.started = true;
  return false;
}

void ProcessWorker::RecallOwn(size_t rest) {
  ProcessCore::Wakeup wakeup;
  {
    MutexLock take(process_core_.take_mu_);
    MutexLock lock(process_core_.mu_);
    bool is_any = false;
    // The last first, so that the queue keeps its order.
    for (size_t i = offered_.size(); i > rest; --i) {
      if (RecallEntry(i - 1)) is_any = true;
    }
    if (is_any) wakeup = process_core_.FindWorker();
  }
  process_core_.Dispatch(std::move(wakeup));
}

// ----------------------------------------------- Waiting inside a callback

bool ProcessWorker::RunInline(StateBase& task, bool alone) {
  if (task.owner() != &process_core_ || pumping_) return false;
  bool is_next;
  {
    MutexLock take(process_core_.take_mu_);
    is_next = !offered_.empty() && offered_.front().sent.task == &task;
  }
  if (is_next) {
    StateBase* const own = TakeOffered();
    process_core_.RunTask(*this, own);
    return true;
  }
  RecallOwn();
  {
    MutexLock take(process_core_.take_mu_);
    if (!offered_.empty()) return false;  // the child is busy with it
  }
  return ThreadWorker::RunInline(task, alone);
}

bool ProcessWorker::BeginBlocking(const StateBase* awaited) {
  if (!pumping_) {
    RecallOwn();
    bool is_started;
    {
      MutexLock take(process_core_.take_mu_);
      is_started = !offered_.empty();
    }
    // The wait may depend on their results.
    if (is_started) {
      pumping_ = true;
      pump_owner_ = std::this_thread::get_id();
      try {
        pump_ = std::thread([this] {
          ThreadWorker::SetCurrent(this);
          while (StateBase* const task = TakeOffered()) {
            process_core_.RunTask(*this, task);
          }
          EndChildOfThisThread();
          ThreadWorker::SetCurrent(nullptr);
        });
      } catch (const std::system_error&) {
        pumping_ = false;
        throw;
      }
    }
  }
  return ThreadWorker::BeginBlocking(awaited);
}

// A child gets a signal when the thread that has started it ends. For the agent
// that is as it should be; the pump's is to be gone before.
void ProcessWorker::EndChildOfThisThread() {
  if (child_ == nullptr || child_starter_ != std::this_thread::get_id()) return;
  if (auto error = End()) process_core_.Break(std::move(error));
}

void ProcessWorker::AfterRun() {
  if (!pumping_ || pump_owner_ != std::this_thread::get_id()) return;
  pump_.join();
  pump_ = std::thread();
  pumping_ = false;
}

}  // namespace asyncpal::internal
