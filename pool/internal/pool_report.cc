#include "asyncpal/pool/internal/pool_report.h"

#include <charconv>
#include <system_error>

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
  const char* labels;                  // as `state="busy"`; empty: none
  double (*value)(const PoolReport&);  // counts are exact up to 2^53
};

struct Metric {
  const char* name;
  const char* type;
  const char* help;
  std::vector<Series> series;
};

template <int64_t PoolStats::*kField>
double Stat(const PoolReport& pool) {
  return static_cast<double>(pool.stats.*kField);
}

const std::vector<Metric>& Metrics() {
  static const auto* const metrics = new std::vector<Metric>{
      {"asyncpal_pool_max_workers",
       "gauge",
       "How many workers a pool may have.",
       {{"",
         [](const PoolReport& pool) -> double { return pool.max_workers; }}}},
      {"asyncpal_pool_workers",
       "gauge",
       "Workers that a pool has.",
       {{"state=\"busy\"", Stat<&PoolStats::busy>},
        {"state=\"idle\"", Stat<&PoolStats::idle>}}},
      {"asyncpal_pool_tasks",
       "gauge",
       "Tasks that are not done.",
       {{"state=\"pending\"",
         [](const PoolReport& pool) {
           return static_cast<double>(pool.stats.pending - pool.stats.delayed);
         }},
        {"state=\"delayed\"", Stat<&PoolStats::delayed>},
        {"state=\"running\"", Stat<&PoolStats::running>}}},
      {"asyncpal_pool_oldest_pending_seconds",
       "gauge",
       "How long the oldest pending task has waited.",
       {{"",
         [](const PoolReport& pool) {
           return absl::ToDoubleSeconds(pool.stats.oldest_pending);
         }}}},
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
      {"asyncpal_tasks_expired_total",
       "counter",
       "Tasks that had not started by their queue_deadline.",
       {{"", Stat<&PoolStats::expired>}}},
      {"asyncpal_tasks_timed_out_total",
       "counter",
       "Tasks that ran longer than their timeout.",
       {{"", Stat<&PoolStats::timed_out>}}},
      {"asyncpal_tasks_retried_total",
       "counter",
       "How often a task was tried again after a failure.",
       {{"", Stat<&PoolStats::retried>}}},
      {"asyncpal_workers_started_total",
       "counter",
       "Workers that became ready for tasks.",
       {{"", Stat<&PoolStats::workers_started>}}},
      {"asyncpal_workers_lost_total",
       "counter",
       "Workers that ended though nobody wanted them to.",
       {{"", Stat<&PoolStats::workers_lost>}}},
      {"asyncpal_pool_stalls_total",
       "counter",
       "How often all workers were blocked while tasks were pending.",
       {{"", Stat<&PoolStats::stalls>}}},
  };
  return *metrics;
}

// A metric of durations, of the pools that measure them.
struct Histogram {
  const char* name;
  const char* help;
  DurationHistogram PoolStats::*value;
};

constexpr Histogram kHistograms[] = {
    {"asyncpal_task_wait_seconds",
     "How long tasks had waited when they started.", &PoolStats::wait},
    {"asyncpal_task_run_seconds", "How long tasks ran.", &PoolStats::run},
};

// A label's value, which has to be UTF-8.
std::string Escape(const std::string& value) {
  return absl::StrReplaceAll(ToUtf8(value, kMaxNameBytes),
                             {{"\\", "\\\\"}, {"\"", "\\\""}, {"\n", "\\n"}});
}

std::string LabelsOf(const PoolReport& pool) {
  return absl::StrCat("pool=\"", Escape(pool.name), "\",id=\"", pool.id,
                      "\",kind=\"", NameOf(pool.kind), "\"");
}

// With all its digits, unlike absl::StrCat().
std::string Format(double value) {
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof(text), value);
  return error == std::errc() ? std::string(text, end) : "NaN";
}

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

void AppendHistogram(const char* name, const std::string& labels,
                     const DurationHistogram& histogram, std::string& out) {
  int64_t count = 0;
  for (size_t i = 0; i < histogram.counts.size(); ++i) {
    count += histogram.counts[i];
    const std::string bound =
        i < histogram.bounds.size()
            ? Format(absl::ToDoubleSeconds(histogram.bounds[i]))
            : "+Inf";
    absl::StrAppend(&out, name, "_bucket{", labels, ",le=\"", bound, "\"} ",
                    count, "\n");
  }
  absl::StrAppend(&out, name, "_sum{", labels, "} ",
                  Format(absl::ToDoubleSeconds(histogram.sum)), "\n", name,
                  "_count{", labels, "} ", count, "\n");
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
                        Format(series.value(pools[i])), "\n");
      }
    }
  }
  for (const Histogram& metric : kHistograms) {
    absl::StrAppend(&out, "# HELP ", metric.name, " ", metric.help, "\n# TYPE ",
                    metric.name, " histogram\n");
    for (size_t i = 0; i < pools.size(); ++i) {
      const DurationHistogram& histogram = pools[i].stats.*metric.value;
      if (histogram.counts.empty()) continue;
      AppendHistogram(metric.name, labels[i], histogram, out);
    }
  }
  return out;
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
