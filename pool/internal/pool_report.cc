#include "asyncpal/pool/internal/pool_report.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "asyncpal/ipc/errors/utf8.h"

namespace asyncpal::internal {
namespace {

constexpr size_t kMaxNameBytes = 1024;

const char* NameOf(PoolKind kind) {
  return kind == PoolKind::kThreads ? "threads" : "processes";
}

// One series of a metric: further labels, and what it shows of a pool.
struct Series {
  const char* labels;  // as `state="busy"`; empty: none
  int64_t (*value)(const PoolReport&);
};

struct Metric {
  const char* name;
  const char* type;
  const char* help;
  std::vector<Series> series;
};

template <int64_t PoolStats::*kField>
int64_t Stat(const PoolReport& pool) {
  return pool.stats.*kField;
}

const std::vector<Metric>& Metrics() {
  static const auto* const metrics = new std::vector<Metric>{
      {"asyncpal_pool_max_workers",
       "gauge",
       "How many workers a pool may have.",
       {{"",
         [](const PoolReport& pool) -> int64_t { return pool.max_workers; }}}},
      {"asyncpal_pool_workers",
       "gauge",
       "Workers that a pool has.",
       {{"state=\"busy\"", Stat<&PoolStats::busy>},
        {"state=\"idle\"", Stat<&PoolStats::idle>}}},
      {"asyncpal_pool_tasks",
       "gauge",
       "Tasks that are not done.",
       {{"state=\"pending\"", Stat<&PoolStats::pending>},
        {"state=\"running\"", Stat<&PoolStats::running>}}},
      {"asyncpal_tasks_submitted_total",
       "counter",
       "Tasks that were accepted.",
       {{"", Stat<&PoolStats::submitted>}}},
      {"asyncpal_tasks_total",
       "counter",
       "Tasks that are done, by how they ended.",
       {{"outcome=\"completed\"", Stat<&PoolStats::completed>},
        {"outcome=\"failed\"", Stat<&PoolStats::failed>},
        {"outcome=\"cancelled\"", Stat<&PoolStats::cancelled>}}},
      {"asyncpal_tasks_lost_total",
       "counter",
       "Tasks that failed because their worker died.",
       {{"", Stat<&PoolStats::lost>}}},
      {"asyncpal_tasks_rejected_total",
       "counter",
       "Tasks for which a full pool had no room.",
       {{"", Stat<&PoolStats::rejected>}}},
      {"asyncpal_pool_stalls_total",
       "counter",
       "How often all workers were blocked while tasks were pending.",
       {{"", Stat<&PoolStats::stalls>}}},
  };
  return *metrics;
}

// A label's value, which has to be UTF-8.
std::string Escape(const std::string& value) {
  return absl::StrReplaceAll(ToUtf8(value, kMaxNameBytes),
                             {{"\\", "\\\\"}, {"\"", "\\\""}, {"\n", "\\n"}});
}

std::string LabelsOf(const PoolReport& pool) {
  return absl::StrCat("pool=\"", Escape(pool.name), "\",id=\"", pool.id,
                      "\",kind=\"", NameOf(pool.kind), "\"");
}

// "2.5s"; what is shorter than a millisecond does not matter here.
std::string Format(absl::Duration duration) {
  return absl::FormatDuration(absl::Trunc(duration, absl::Milliseconds(1)));
}

const char* StateOf(const PoolReport& pool) {
  if (pool.is_broken) return ", broken";
  return pool.is_closed ? ", closed" : "";
}

void AppendWorker(const WorkerInfo& worker, std::string& out) {
  absl::StrAppend(&out, "  ", worker.name);
  if (worker.pid.has_value()) absl::StrAppend(&out, " (", *worker.pid, ")");
  absl::StrAppend(&out, ": ");
  if (worker.busy) {
    absl::StrAppend(&out, "runs ", worker.current_task, " for ",
                    Format(worker.running_for));
  } else {
    absl::StrAppend(&out, "idle");
  }
  absl::StrAppend(&out, ", ", worker.tasks_done, " done\n");
}

}  // namespace

std::string FormatAsMetrics(const std::vector<PoolReport>& pools) {
  std::vector<std::string> labels;
  for (const PoolReport& pool : pools) labels.push_back(LabelsOf(pool));
  std::string out;
  for (const Metric& metric : Metrics()) {
    absl::StrAppend(&out, "# HELP ", metric.name, " ", metric.help, "\n# TYPE ",
                    metric.name, " ", metric.type, "\n");
    for (size_t i = 0; i < pools.size(); ++i) {
      for (const Series& series : metric.series) {
        absl::StrAppend(&out, metric.name, "{", labels[i],
                        *series.labels == '\0' ? "" : ",", series.labels, "} ",
                        series.value(pools[i]), "\n");
      }
    }
  }
  return out;
}

std::string FormatAsDump(const std::vector<PoolReport>& pools) {
  std::string out;
  for (const PoolReport& pool : pools) {
    const PoolStats& stats = pool.stats;
    absl::StrAppend(&out, "pool '", pool.name, "' (id ", pool.id, ", ",
                    NameOf(pool.kind), StateOf(pool), "): ", stats.workers,
                    " of ", pool.max_workers, " workers, ", stats.busy,
                    " busy; tasks: ", stats.pending, " pending, ",
                    stats.running, " running, ", stats.completed,
                    " completed, ", stats.failed, " failed (", stats.lost,
                    " lost), ", stats.cancelled, " cancelled\n");
    for (const WorkerInfo& worker : pool.workers) AppendWorker(worker, out);
  }
  return out;
}

}  // namespace asyncpal::internal
