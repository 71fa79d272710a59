#ifndef ASYNCPAL_POOL_INTERNAL_PREFETCHED_TASKS_H_
#define ASYNCPAL_POOL_INTERNAL_PREFETCHED_TASKS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "asyncpal/future/internal/task_state.h"
#include "asyncpal/ipc/payload.h"
#include "asyncpal/ipc/worker/claim_page.h"
#include "asyncpal/pool/internal/remote_task.h"

namespace asyncpal::internal {

// A task that a worker process has been handed. It keeps that one's connection
// in memory, even if another process has taken its place.
template <typename Connection>
struct HandedTask {
  TaskState* task = nullptr;
  std::shared_ptr<Connection> child = nullptr;
  typename Connection::Ticket ticket = {};
};

// The tasks that one worker process has been handed ahead of time, so that it
// goes from one to the next without waiting for its parent. They are pending
// for everyone else; which of them the process has begun, the claim page says.
//
//   PrefetchedTasks<WorkerConnection> tasks;  // guarded by the pool's lock
//   for (size_t n = tasks.CountWanted(is_quick); n > 0; --n) {
//     tasks.Add({task, child, child->IssueTicket(tasks.BusySlots(running))});
//   }
//   if (tasks.Revoke(task) == Revoked::kPending) queue.Requeue(&task);
//
// Threads: none of its own; a lock guards it as a whole.
// Lifetime: has the queue's reference to each task.
// Ordering: that in which the process was handed them, and will begin them.
// Errors: Add() lets out what memory throws, before it changes anything; after
// Reserve() it does not throw. The others do not throw. Shutdown: none.
template <typename Connection>
class PrefetchedTasks {
 public:
  using Handed = HandedTask<Connection>;
  using Ticket = typename Connection::Ticket;

  // With the one that runs, as many as the claim page has slots.
  static constexpr size_t kMost = ClaimPage::kSlots - 1;

  void Reserve() { tasks_.reserve(kMost); }
  bool empty() const { return tasks_.empty(); }
  size_t size() const { return tasks_.size(); }

  // How many more the worker should have. One is enough where tasks take long;
  // where they are over within microseconds, parent and child would wake each
  // other for every single one, so there it is as many as there are slots for,
  // and again when half of them are done. A task with options has nobody behind
  // it: its times count from when the one before it is seen to be done.
  size_t CountWanted(bool is_quick) const {
    const size_t most = is_quick ? kMost : 1;
    if (tasks_.size() > most / 2) return 0;
    if (!tasks_.empty() && tasks_.back().handed.task->is_tracked()) return 0;
    return most - tasks_.size();
  }
  // Whether `task` may be next to those. Nor has one with options anybody
  // before it. All together must fit into the socket: else parent and child
  // could each wait for the other to read.
  bool Fits(TaskState& task) const {
    if (!tasks_.empty() &&
        (task.is_tracked() || tasks_.back().handed.task->is_tracked())) {
      return false;
    }
    size_t bytes = BytesOf(task);
    for (const Entry& entry : tasks_) bytes += BytesOf(*entry.handed.task);
    return bytes <= kMaxInlineBytes;
  }
  // A bit for each slot of the claim page that is taken, `running` included.
  uint32_t BusySlots(const Ticket& running) const {
    uint32_t busy = uint32_t{1} << running.slot;
    for (const Entry& entry : tasks_) {
      busy |= uint32_t{1} << entry.handed.ticket.slot;
    }
    return busy;
  }
  void Add(Handed handed) { tasks_.push_back({std::move(handed), false}); }
  // The attempt at whose end the parent should wake up, in the middle of those
  // that are there; 0: there are fewer than two.
  uint64_t MiddleAttempt() const {
    if (tasks_.size() < 2) return 0;
    return tasks_[tasks_.size() / 2].handed.ticket.attempt;
  }

  bool IsFirst(const TaskState& task) const {
    return !tasks_.empty() && tasks_.front().handed.task == &task;
  }
  // The first one, started. `newly_started`: only now, so it is to be counted.
  struct First {
    Handed handed;
    bool newly_started = false;
  };
  First TakeFirst() {
    First first = {std::move(tasks_.front().handed),
                   !tasks_.front().has_started};
    tasks_.erase(tasks_.begin());
    if (first.newly_started) first.handed.task->StartPrefetched();
    return first;
  }

  // `task`, if it is known to have begun; or null.
  const Handed* FindStarted(const TaskState& task) const {
    for (const Entry& entry : tasks_) {
      if (entry.handed.task == &task) {
        return entry.has_started ? &entry.handed : nullptr;
      }
    }
    return nullptr;
  }
  // The last one that is not known to have begun, the first `rest` aside; or
  // null.
  TaskState* LastPending(size_t rest = 0) const {
    for (size_t i = tasks_.size(); i > rest; --i) {
      if (!tasks_[i - 1].has_started) return tasks_[i - 1].handed.task;
    }
    return nullptr;
  }

  // Calls `visit` with each of them, the first one first.
  template <typename Visit>
  void ForEachPending(Visit&& visit) const {
    for (const Entry& entry : tasks_) {
      if (!entry.has_started) visit(*entry.handed.task);
    }
  }

  // kPending: `task` has left, and goes back to the queue. kStarted: the
  // process was faster, so that it stays, started just now, and is to be
  // counted. kNothing: it is not here, or had started before.
  enum class Revoked { kPending, kStarted, kNothing };
  Revoked Revoke(const TaskState& task) {
    for (size_t i = 0; i < tasks_.size(); ++i) {
      Entry& entry = tasks_[i];
      if (entry.handed.task != &task) continue;
      if (entry.has_started) return Revoked::kNothing;
      if (entry.handed.child->Revoke(entry.handed.ticket)) {
        tasks_.erase(tasks_.begin() + static_cast<ptrdiff_t>(i));
        return Revoked::kPending;
      }
      entry.has_started = true;
      entry.handed.task->StartPrefetched();
      return Revoked::kStarted;
    }
    return Revoked::kNothing;
  }

 private:
  struct Entry {
    Handed handed;
    bool has_started = false;  // the process was faster than a revocation
  };

  static size_t BytesOf(TaskState& task) {
    return RemoteCall::Of(task)->call().arguments.bytes().size();
  }

  std::vector<Entry> tasks_;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_PREFETCHED_TASKS_H_
