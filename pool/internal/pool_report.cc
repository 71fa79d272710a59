#include "asyncpal/pool/internal/pool_report.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace asyncpal::internal {
namespace {

// "2.5s"; what is shorter than a millisecond does not matter here.
std::string Format(absl::Duration duration) {
  return absl::FormatDuration(absl::Trunc(duration, absl::Milliseconds(1)));
}

const char* StateOf(const PoolReport& pool) {
  if (pool.is_broken) return ", broken";
  return pool.is_closed ? ", closed" : "";
}

// Of the pending ones, if there are any.
std::string DelayedOf(const PoolStats& stats) {
  return stats.delayed == 0 ? ""
                            : absl::StrCat(" (", stats.delayed, " delayed)");
}

// `task 7`, with its name if it has one.
std::string DescribeTask(uint64_t id, const std::string& name) {
  const std::string number = absl::StrCat("task ", id);
  return name.empty() || name == number
             ? number
             : absl::StrCat(number, " \"", name, "\"");
}

void AppendWorker(const WorkerReport& worker, absl::Time now,
                  absl::TimeZone zone, std::string& out) {
  const WorkerInfo& info = worker.info;
  absl::StrAppend(&out, "  ", info.name);
  if (info.pid.has_value()) absl::StrAppend(&out, " (", *info.pid, ")");
  absl::StrAppend(&out, ", ", Format(worker.age), " old: ");
  if (info.busy) {
    absl::StrAppend(
        &out, "runs ", DescribeTask(worker.task_id, info.current_task),
        " since ", absl::FormatTime("%H:%M:%E3S", now - info.running_for, zone),
        ", for ", Format(info.running_for));
  } else {
    absl::StrAppend(&out, "idle");
  }
  absl::StrAppend(&out, ", ", info.tasks_done, " done\n");
  out += worker.stack;
}

void AppendHead(const PoolReport& pool, std::string& out) {
  for (const PendingReport& task : pool.head) {
    absl::StrAppend(&out, "  pending: ", DescribeTask(task.id, task.name));
    if (task.waited.has_value()) {
      absl::StrAppend(&out, " for ", Format(*task.waited));
    }
    out += "\n";
  }
  const int64_t rest =
      pool.stats.pending - static_cast<int64_t>(pool.head.size());
  if (rest > 0 && !pool.head.empty()) {
    absl::StrAppend(&out, "  pending: ", rest, " more\n");
  }
}

}  // namespace

const char* NameOf(PoolKind kind) {
  return kind == PoolKind::kThreads ? "threads" : "processes";
}

std::string FormatAsDump(const std::vector<PoolReport>& pools, absl::Time now,
                         absl::TimeZone zone) {
  std::string out;
  for (const PoolReport& pool : pools) {
    const PoolStats& stats = pool.stats;
    absl::StrAppend(&out, "pool '", pool.name, "' (id ", pool.id, ", ",
                    NameOf(pool.kind), StateOf(pool), "): ", stats.workers,
                    " of ", pool.max_workers, " workers, ", stats.busy,
                    " busy; tasks: ", stats.pending, " pending",
                    DelayedOf(stats), ", ", stats.running, " running, ",
                    stats.completed, " completed, ", stats.failed, " failed (",
                    stats.lost, " lost), ", stats.cancelled, " cancelled\n");
    for (const WorkerReport& worker : pool.workers) {
      AppendWorker(worker, now, zone, out);
    }
    AppendHead(pool, out);
  }
  return out;
}

}  // namespace asyncpal::internal
