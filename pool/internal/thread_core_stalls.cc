#include <cstdint>
#include <exception>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/internal/clock.h"
#include "asyncpal/future/log.h"
#include "asyncpal/pool/internal/stall_watch.h"
#include "asyncpal/pool/internal/thread_core.h"

// What becomes of a pool whose workers are all blocked.
//
// How it works. When every worker is in a task, and none may be added, one
// thread for all pools begins to look: twenty times a second while tasks are
// pending, else once a second, until a worker comes back for the queue. Where
// all workers are in waits that the pool knows of, and nothing happens for a
// moment, one more stands in: what other pools are to do may wait for this one.
// Where that does not help, or workers sleep in locks and the like, the pool
// may wait for itself. It is counted, and logged once.

namespace asyncpal::internal {
namespace {

// What a worker is known to wait for; empty: nothing.
std::string DescribeWait(const ThreadWorker& worker, const ThreadCore& core) {
  const TaskState* const awaited = worker.awaited;
  if (awaited != nullptr && !awaited->is_pool_task()) {
    return "a future that depends on others";
  }
  if (awaited != nullptr) {
    return awaited->owner() == &core
               ? awaited->Describe()
               : absl::StrCat(awaited->Describe(), " of another pool");
  }
  if (worker.waits_here + worker.waits_elsewhere == 0) return "";
  return "any of several futures, or for room in a pool";
}

}  // namespace

void ThreadCore::WatchForStall() {
  if (is_watched_ || !looks_for_stalls() || !roster_.is_saturated()) return;
  is_watched_ =
      StartLooking(StallDetector::kFirstLook, [weak = weak_from_this()] {
        const auto core = weak.lock();
        return core == nullptr ? absl::InfiniteDuration()
                               : core->LookForStall();
      });
}

absl::Duration ThreadCore::LookForStall() {
  PoolStats stats = Stats();
  bool all_wait;
  {
    MutexLock lock(mu_);
    if (!roster_.is_saturated() || lifecycle_.is_broken()) {
      is_watched_ = false;
      return absl::InfiniteDuration();
    }
    all_wait = roster_.all_blocked() && pauses_ == 0;
    if (pauses_ > 0) stats.pending = 0;  // they are not to begin
  }
  const int64_t ended = stats.completed + stats.failed + stats.cancelled;
  const int64_t now = NowNanos();
  stall_.See({.pending = stats.pending,
              .events = stats.submitted - stats.pending + ended,
              .ended = ended,
              .all_wait = all_wait},
             now);
  if (stall_.WantsStandIn(now) && AddStandIn()) {
    stall_.OnStandIn();
  } else if (stall_.MustExamine(now)) {
    if (!all_wait && !IsEachWorkerBlocked()) {
      stall_.OnAtWork(now);
    } else if (stall_.IsStall(now)) {
      ReportStall(stats);
    }
  }
  return stall_.period();
}

bool ThreadCore::AddStandIn() {
  Wakeup wakeup;
  try {
    MutexLock lock(mu_);
    wakeup = roster_.ChooseStandIn(Waiting(), [this](int64_t id) {
      return MakeWorker(id, absl::StrCat(options_.name, "-worker-", id));
    });
    UpdateHints();
  } catch (const std::exception&) {
    return false;  // nothing that one could be made of
  }
  return !wakeup.empty() && Dispatch(std::move(wakeup));
}

bool ThreadCore::IsEachWorkerBlocked() {
  std::vector<pid_t> unknown;
  {
    MutexLock lock(mu_);
    roster_.ForEach([&](const WorkerPtr& worker) {
      if (DescribeWait(*worker, *this).empty()) {
        unknown.push_back(worker->tid.load(std::memory_order_relaxed));
      }
    });
  }
  for (const pid_t tid : unknown) {
    if (!WaitsForAnotherThread(tid)) return false;
  }
  return true;
}

void ThreadCore::ReportStall(const PoolStats& stats) {
  bool is_first;
  {
    MutexLock lock(mu_);
    is_first = counts_.stalls == 0;
  }
  // Before it is counted: whoever sees the count finds the report.
  if (is_first) log_.Write(LogSeverity::kWarning, DescribeStall(stats));
  MutexLock lock(mu_);
  ++counts_.stalls;
}

std::string ThreadCore::DescribeStall(const PoolStats& stats) {
  std::map<int64_t, std::string> waits;
  {
    MutexLock lock(mu_);
    roster_.ForEach([&](const WorkerPtr& worker) {
      waits[worker->id] = DescribeWait(*worker, *this);
    });
  }
  std::string text = absl::StrCat(
      Label(), " may wait for itself: all ", stats.workers,
      " worker(s) are blocked inside of tasks, ", stats.pending,
      " task(s) are pending, and nothing has begun or ended for a second");
  const int64_t stand_ins = stats.workers - max_workers();
  if (stand_ins > 0) {
    absl::StrAppend(&text, "; ", stand_ins,
                    " of them already stand in for others");
  }
  for (const WorkerInfo& worker : Workers()) {
    if (!worker.busy) continue;
    const std::string& wait = waits[worker.id];
    absl::StrAppend(&text, "\n  '", worker.current_task, "' in ", worker.name,
                    ", running for ", absl::FormatDuration(worker.running_for),
                    ", waits for ",
                    wait.empty() ? "a lock, or what no pool knows of" : wait);
  }
  return text;
}

}  // namespace asyncpal::internal
