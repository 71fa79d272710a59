#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "asyncpal/future/internal/clock.h"
#include "asyncpal/pool/internal/thread_core.h"

// What a pool says of itself to whoever asks.

namespace asyncpal::internal {

PoolStats ThreadCore::Stats() const {
  if (InForkedChild()) return {};
  PoolStats stats = CountAll();
  if (observation_ != nullptr) AddHistograms(stats);
  return stats;
}

void ThreadCore::CountRetry() {
  MutexLock lock(mu_);
  ++counts_.retried;
}

PoolStats ThreadCore::CountAll() const {
  const OldestTask oldest_held = OldestHeld();
  MutexLock take(take_mu_);
  MutexLock lock(mu_);
  PoolStats stats = counts_;
  // No task starts while it counts them.
  struct LocalLocks {
    explicit LocalLocks(const Roster& r) ABSL_NO_THREAD_SAFETY_ANALYSIS
        : roster(r) {
      roster.ForEach([](const WorkerPtr& w) ABSL_NO_THREAD_SAFETY_ANALYSIS {
        w->local_mu.Lock();
      });
    }
    ~LocalLocks() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      roster.ForEach([](const WorkerPtr& w) ABSL_NO_THREAD_SAFETY_ANALYSIS {
        w->local_mu.Unlock();
      });
    }
    const Roster& roster;
  };
  std::optional<LocalLocks> local_locks;
  if (has_local_queues_) local_locks.emplace(roster_);
  // A task that is being moved counts once.
  int64_t held;
  int64_t submitted;
  do {
    held = held_.Get();
    submitted = submitted_.Get();
  } while (held_.Get() != held);
  stats.pending =
      LocalPending() + submitted - takes_.started() + held + delayed_count_;
  if (stats.pending > 0) stats.oldest_pending = OldestPending(oldest_held);
  stats.delayed = delayed_count_;
  stats.submitted = submitted + held - revoked_ - moved_.Get() +
                    local_submitted_ + delayed_count_ + delayed_left_;
  roster_.ForEach([&](const WorkerPtr& worker) {
    stats.submitted += worker->local_submitted.Get();
  });
  roster_.ForEach([&](const WorkerPtr& worker) {
    stats.completed += worker->completed.Get();
    stats.failed += worker->failed.Get();
    stats.cancelled += worker->cancelled.Get();
    stats.lost += worker->lost_tasks.Get();
    if (worker->depth.Get() > 0) ++stats.busy;
  });
  stats.workers = static_cast<int64_t>(roster_.size());
  stats.idle = stats.workers - stats.busy;
  // Of what was started, the part that nobody has counted as finished.
  stats.running = stats.submitted - stats.pending - stats.completed -
                  stats.failed - stats.cancelled;
  return stats;
}

// With the locks of workers' own queues as well.
absl::Duration ThreadCore::OldestPending(OldestTask oldest) const {
  VisitAhead([&oldest](TaskState& task) { oldest.See(task); });
  outbox_.FindOldest(oldest);
  if (has_local_queues_) {
    roster_.ForEach([&](const WorkerPtr& worker)
                        ABSL_NO_THREAD_SAFETY_ANALYSIS {
                          worker->local.FindOldest(oldest);
                        });
  }
  if (oldest.call_id() == 0) return oldest.waited();
  return std::max(oldest.waited(),
                  oldest_call_.AgeOf(oldest.call_id(), NowNanos()));
}

WorkerInfo ThreadCore::InfoOf(const ThreadWorker& worker) {
  return {.id = worker.id,
          .name = worker.name,
          .pid = worker.pid(),
          .tasks_done = worker.tasks_done.Get()};
}

std::vector<WorkerInfo> ThreadCore::Workers() const {
  std::vector<WorkerInfo> infos;
  for (WorkerReport& report : ReportWorkers()) {
    infos.push_back(std::move(report.info));
  }
  return infos;
}

std::vector<WorkerReport> ThreadCore::ReportWorkers() const {
  if (InForkedChild()) return {};
  std::vector<WorkerReport> reports;
  MutexLock take(take_mu_);
  MutexLock lock(mu_);
  std::vector<WorkerPtr> workers;  // those in the roster keep them, too
  roster_.ForEach([&](const WorkerPtr& worker) { workers.push_back(worker); });
  for (const WorkerPtr& worker : workers) {
    WorkerInfo info = InfoOf(*worker);
    info.busy = worker->depth.Get() > 0;
    if (info.busy) {
      const uint64_t id = worker->current_task.load();
      const TaskState* const task = tracked_.Find(id);
      if (task != nullptr) info.current_task = task->name();
      if (info.current_task.empty())
        info.current_task = absl::StrCat("task ", id);
      const int64_t since = worker->running_since.load();
      if (since != 0) {
        info.running_for = absl::Nanoseconds(TicksToNanos(NowTicks() - since));
      }
    }
    const int64_t ready_since = worker->ready_since.load();
    WorkerReport report;
    if (info.busy) report.task_id = worker->current_task.load();
    if (ready_since != 0) {
      report.age = absl::Nanoseconds(NowNanos() - ready_since);
    }
    report.info = std::move(info);
    reports.push_back(std::move(report));
  }
  return reports;
}

std::string ThreadCore::StackOf(int64_t id, absl::Duration limit) const {
  if (InForkedChild()) return "";
  WorkerPtr worker;
  {
    MutexLock lock(mu_);
    worker = roster_.Get(id);
  }
  return worker == nullptr ? "" : worker->StackOfTask(limit);
}

std::vector<PendingReport> ThreadCore::ReportPending(size_t n) const {
  if (InForkedChild()) return {};
  struct Found {
    StateRef<TaskState> task;  // none: a posted call
    CallInfo call;
  };
  std::vector<Found> found;  // names are asked for with no lock held
  found.reserve(n);
  const auto see = [&](TaskState* task, const CallInfo& call) {
    if (found.size() == n) return false;
    found.push_back({task == nullptr ? StateRef<TaskState>()
                                     : StateRef<TaskState>::Share(task),
                     call});
    return true;
  };
  {
    MutexLock take(take_mu_);
    VisitAhead([&see](TaskState& task) { see(&task, kNoCall); });
    outbox_.ForEachPending(see);
    if (has_local_queues_) {
      MutexLock lock(mu_);
      roster_.ForEach([&](const WorkerPtr& worker) {
        MutexLock local(worker->local_mu);
        worker->local.ForEachPending(see);
      });
    }
  }
  {
    MutexLock lock(views_mu_);
    views_.ForEach([&](ViewCore& view) {
      view.ForEachWaiting([&](TaskState& task) { return see(&task, kNoCall); });
    });
  }
  std::vector<PendingReport> reports;
  for (const Found& each : found) {
    if (!each.task) {
      PendingReport report = {.id = each.call.id};
      if (each.call.submitted_at != 0) {
        report.waited = absl::Nanoseconds(
            TicksToNanos(NowTicks() - each.call.submitted_at));
      }
      reports.push_back(std::move(report));
      continue;
    }
    PendingReport report = {.id = each.task->task_id(),
                            .name = each.task->name()};
    if (each.task->keeps_times()) report.waited = each.task->duration().pending;
    reports.push_back(std::move(report));
  }
  return reports;
}

}  // namespace asyncpal::internal
