#include <new>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "asyncpal/pool/internal/forked_call.h"
#include "asyncpal/pool/internal/thread_core.h"

// The workers' own queues.
//
// How it works. What a task submits goes into the queue of its worker, which
// takes from it and from the shared one in turns; who finds nothing in either
// steals the oldest from another. A thread that waits for the newest takes that
// from the back, so that tasks which split their work run mostly without
// meeting anybody. Order holds: what a thread submits lies in one of the two
// queues at a time. A task with options goes to the shared one, and what is in
// the worker's own before it; and what comes after it follows it there, until
// it has left.
//
// Counts go by events. A task that leaves out of turn, cancelled or run by the
// one who waits for it, is counted where it was submitted, although its slot
// may still be there.

namespace asyncpal::internal {

ThreadWorker* ThreadCore::LocalSubmitter() {
  if (!submits_locally_.load(std::memory_order_relaxed)) return nullptr;
  ThreadWorker* const worker = ThreadWorker::CurrentOf(*this);
  if (worker == nullptr || !worker->uses_local_queue) return nullptr;
  if (worker->last_shared == 0) return worker;
  return HasLeftSharedQueue(*worker) ? worker : nullptr;
}

bool ThreadCore::HasLeftSharedQueue(ThreadWorker& worker) {
  CheckProcess();
  MutexLock take(take_mu_);
  if (!outbox_.HasLeft(worker.last_shared)) return false;
  worker.last_shared = 0;
  return true;
}

void ThreadCore::EnqueueLocally(bool* is_hungry, ThreadWorker& worker,
                                const Slot& slot) {
  CheckProcess();
  if (worker.last_id == worker.end_of_ids) [[unlikely]] {
    constexpr uint64_t kIds = 256;
    MutexLock submit(submit_mu_);
    worker.last_id = tail_.NewIds(kIds);
    worker.end_of_ids = worker.last_id + kIds;
  }
  DroppedStates dropped;
  LocalQueue::Ring unneeded;
  MutexLock local(worker.local_mu);
  while (!worker.local.HasRoom()) [[unlikely]] {
      const size_t wanted = worker.local.wanted_capacity();
      local.Unlock();
      LocalQueue::Ring ring(wanted);
      local.Lock();
      if (worker.local.HasRoom()) break;
      unneeded = worker.local.Grow(std::move(ring), dropped);
    }
  if (!accepting()) [[unlikely]] {
    local.Unlock();
    Check();
    local.Lock();
  }
  const uint64_t id = ++worker.last_id;
  worker.local_submitted.Add(1);
  if (slot.is_task()) {
    slot.task->set_task_id(id);
    slot.task->SetLocal();
  }
  worker.local.Push(slot, id);
  if (!worker.is_listed) [[unlikely]] {
    worker.is_listed = true;
    listed_.fetch_add(1);
  }
  *is_hungry = hungry_.load(std::memory_order_relaxed);
}

void ThreadCore::FlushCurrent() {
  ThreadWorker* const worker = ThreadWorker::CurrentOf(*this);
  if (worker == nullptr || !has_local_queues_) return;
  CheckProcess();
  FlushLocal(*worker);
}

void ThreadCore::NoteShared(uint64_t number) {
  if (!has_local_queues_) return;
  ThreadWorker* const worker = ThreadWorker::CurrentOf(*this);
  if (worker == nullptr) return;
  worker->last_shared = number;
  worker->last_id = worker->end_of_ids;  // others have greater ones
}

void ThreadCore::FlushLocal(ThreadWorker& worker) {
  for (bool done = !has_local_queues_; !done;) {
    DroppedStates dropped;
    {
      MutexLock take(take_mu_);
      MutexLock submit(submit_mu_);
      MutexLock local(worker.local_mu);
      while (!worker.local.empty() && tail_.HasRoom()) {
        const LocalQueue::Entry entry = worker.local.Front();
        worker.local.PopFront();
        TaskState* const task =
            entry.slot.is_task() ? entry.slot.task : nullptr;
        if (task != nullptr && !task->can_start()) {
          dropped.Add(task);
          continue;
        }
        if (entry.slot.is_empty()) continue;
        submitted_.Add(1);
        moved_.Add(1);
        worker.local_taken.Add(1);
        if (task != nullptr) {
          task->ClearLocal();
          tail_.Push(task);
        } else {
          tail_.PushCall(entry.slot, entry.id);
        }
      }
      done = worker.local.empty();
    }
    if (done) return;
    try {
      GrowQueue();
    } catch (const std::bad_alloc&) {
      absl::SleepFor(absl::Milliseconds(1));  // its tasks must not be lost
    }
  }
}

void ThreadCore::FlushAllLocal() {
  if (!has_local_queues_) return;
  std::vector<WorkerPtr> workers;
  {
    MutexLock lock(mu_);
    roster_.ForEach(
        [&](const WorkerPtr& worker) { workers.push_back(worker); });
  }
  for (const WorkerPtr& worker : workers) FlushLocal(*worker);
}

int64_t ThreadCore::LocalPending() const {
  if (!has_local_queues_) return 0;
  int64_t gone = local_left_.Get();
  int64_t pending = local_rest_;
  roster_.ForEach([&](const WorkerPtr& worker) {
    // In this order, so that it is never less than there are.
    const int64_t taken = worker->local_taken.Get();
    pending += worker->local_submitted.Get() - taken;
  });
  return pending - gone;
}

bool ThreadCore::TakeLocal(ThreadWorker& from, ThreadWorker& worker,
                           TakenTask* taken, bool only_plain,
                           DroppedStates& dropped) {
  MutexLock local(from.local_mu);
  while (!from.local.empty()) {
    const LocalQueue::Entry& entry = from.local.Front();
    if (entry.slot.is_task()) {
      TaskState* const task = entry.slot.task;
      from.local.PopFront();
      if (!task->Start()) {
        dropped.Add(task);
        continue;
      }
      taken->Set(task);
      worker.current_task.store(task->task_id(), std::memory_order_relaxed);
    } else if (entry.slot.is_empty()) {
      from.local.PopFront();
      continue;
    } else {
      if (only_plain) return false;
      taken->Set(entry.slot, {.id = entry.id, .submitted_at = 0});
      from.local.PopFront();
      worker.current_task.store(taken->call_info.id, std::memory_order_relaxed);
    }
    from.local_taken.Add(1);
    worker.depth.Add(1);
    return true;
  }
  return false;
}

bool ThreadCore::Steal(ThreadWorker& worker, TakenTask* taken) {
  DroppedStates dropped;
  MutexLock lock(mu_);
  if (pauses_ > 0) return false;
  bool found = false;
  roster_.ForEach([&](const WorkerPtr& victim) {
    if (found || !victim->is_listed) return;
    found = TakeLocal(*victim, worker, taken, /*only_plain=*/false, dropped);
    if (found) return;
    MutexLock local(victim->local_mu);
    if (!victim->local.empty() || !victim->is_listed) return;
    victim->is_listed = false;
    listed_.fetch_sub(1);
  });
  lock.Unlock();
  return found;
}

// ------------------------------------------------------------------ Forks

bool ThreadCore::Fork(const PostedCall& posted, ForkedCall* call) {
  ThreadWorker* const worker = LocalSubmitter();
  if (worker == nullptr) return false;
  bool is_hungry;
  EnqueueLocally(&is_hungry, *worker, Slot::Of(posted, &call, sizeof(call)));
  if (is_hungry) DispatchFor({WakeFor(0, /*may_help=*/false), 0});
  return true;
}

void ThreadCore::JoinForked(const PostedCall& posted, ForkedCall* call,
                            bool drop) {
  ThreadWorker& worker = *ThreadWorker::CurrentOf(*this);
  {
    MutexLock local(worker.local_mu);
    bool is_mine = worker.local.Revoke(posted, call);
    if (is_mine) worker.local_taken.Add(1);
    local.Unlock();
    // A task with options has come after it, and moved it.
    if (!is_mine && worker.last_shared != 0) {
      MutexLock take(take_mu_);
      is_mine = outbox_.Revoke(posted, call);
      if (is_mine) takes_.CountTaken();
    }
    if (is_mine) {
      // Counted even if it ends this thread.
      struct Count {
        ThreadWorker& worker;
        ~Count() {
          worker.completed.Add(1);
          worker.tasks_done.Add(1);
        }
      } count{worker};
      if (!drop) posted.run(&call);
      return;
    }
  }
  struct Wait {  // in any case, as it lies on this stack
    ForkedCall& call;
    ~Wait() {
      if (!call.IsDone()) call.Wait();
    }
  } wait{*call};
  if (drop) return;
  // The worker that has it forks tasks itself, which are part of this one.
  constexpr int kLooks = 30;
  for (int looks = 0; looks < kLooks && !call->IsDone(); ++looks) {
    const int64_t runner = call->runner.load();
    if (runner != 0 && HelpRunner(worker, runner)) {
      looks = 0;
    } else {
      std::this_thread::yield();
    }
  }
}

}  // namespace asyncpal::internal
