#include "asyncpal/pool/internal/pool_metrics.h"

#include <charconv>
#include <limits>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "asyncpal/ipc/errors/utf8.h"

namespace asyncpal::internal {
namespace {

constexpr size_t kMaxNameBytes = 1024;

// A label that tells the series of a metric apart; or none.
struct Label {
  const char* name = nullptr;
  const char* value = nullptr;
};

// One of the series that each pool has of a metric.
struct Series {
  Label label;
  double (*value)(const PoolReport&);
};

struct Metric {
  const char* name;
  MetricKind kind;
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
       MetricKind::kGauge,
       "How many workers a pool may have.",
       {{{},
         [](const PoolReport& pool) -> double { return pool.max_workers; }}}},
      {"asyncpal_pool_workers",
       MetricKind::kGauge,
       "Workers that a pool has.",
       {{{"state", "busy"}, Stat<&PoolStats::busy>},
        {{"state", "idle"}, Stat<&PoolStats::idle>}}},
      {"asyncpal_pool_tasks",
       MetricKind::kGauge,
       "Tasks that are not done.",
       {{{"state", "pending"},
         [](const PoolReport& pool) {
           return static_cast<double>(pool.stats.pending - pool.stats.delayed);
         }},
        {{"state", "delayed"}, Stat<&PoolStats::delayed>},
        {{"state", "running"}, Stat<&PoolStats::running>}}},
      {"asyncpal_pool_oldest_pending_seconds",
       MetricKind::kGauge,
       "How long the oldest pending task has waited.",
       {{{},
         [](const PoolReport& pool) {
           return absl::ToDoubleSeconds(pool.stats.oldest_pending);
         }}}},
      {"asyncpal_tasks_submitted_total",
       MetricKind::kCounter,
       "Tasks that were accepted.",
       {{{}, Stat<&PoolStats::submitted>}}},
      {"asyncpal_tasks_total",
       MetricKind::kCounter,
       "Tasks that are done, by how they ended.",
       {{{"outcome", "completed"}, Stat<&PoolStats::completed>},
        {{"outcome", "failed"}, Stat<&PoolStats::failed>},
        {{"outcome", "cancelled"}, Stat<&PoolStats::cancelled>}}},
      {"asyncpal_tasks_lost_total",
       MetricKind::kCounter,
       "Tasks that failed because their worker died.",
       {{{}, Stat<&PoolStats::lost>}}},
      {"asyncpal_tasks_rejected_total",
       MetricKind::kCounter,
       "Tasks for which a full pool had no room.",
       {{{}, Stat<&PoolStats::rejected>}}},
      {"asyncpal_tasks_expired_total",
       MetricKind::kCounter,
       "Tasks that had not started by their queue_deadline.",
       {{{}, Stat<&PoolStats::expired>}}},
      {"asyncpal_tasks_timed_out_total",
       MetricKind::kCounter,
       "Tasks that ran longer than their timeout.",
       {{{}, Stat<&PoolStats::timed_out>}}},
      {"asyncpal_tasks_retried_total",
       MetricKind::kCounter,
       "How often a task was tried again after a failure.",
       {{{}, Stat<&PoolStats::retried>}}},
      {"asyncpal_workers_started_total",
       MetricKind::kCounter,
       "Workers that became ready for tasks.",
       {{{}, Stat<&PoolStats::workers_started>}}},
      {"asyncpal_workers_lost_total",
       MetricKind::kCounter,
       "Workers that ended though nobody wanted them to.",
       {{{}, Stat<&PoolStats::workers_lost>}}},
      {"asyncpal_pool_stalls_total",
       MetricKind::kCounter,
       "How often all workers were blocked while tasks were pending.",
       {{{}, Stat<&PoolStats::stalls>}}},
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

std::vector<MetricLabel> LabelsOf(const PoolReport& pool) {
  return {{"pool", ToUtf8(pool.name, kMaxNameBytes)},
          {"id", absl::StrCat(pool.id)},
          {"kind", NameOf(pool.kind)}};
}

MetricSeries Describe(const DurationHistogram& histogram) {
  MetricSeries series;
  int64_t count = 0;
  for (size_t i = 0; i < histogram.counts.size(); ++i) {
    count += histogram.counts[i];
    series.buckets.push_back(
        {.bound = i < histogram.bounds.size()
                      ? absl::ToDoubleSeconds(histogram.bounds[i])
                      : std::numeric_limits<double>::infinity(),
         .count = count});
  }
  series.sum = absl::ToDoubleSeconds(histogram.sum);
  return series;
}

// ------------------------------------------------------------------- The text

const char* TypeOf(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter:
      return "counter";
    case MetricKind::kGauge:
      return "gauge";
    case MetricKind::kHistogram:
      break;
  }
  return "histogram";
}

std::string Format(const std::vector<MetricLabel>& labels) {
  std::string out;
  for (const MetricLabel& label : labels) {
    absl::StrAppend(
        &out, out.empty() ? "" : ",", label.name, "=\"",
        absl::StrReplaceAll(label.value,
                            {{"\\", "\\\\"}, {"\"", "\\\""}, {"\n", "\\n"}}),
        "\"");
  }
  return out;
}

// With all its digits, unlike absl::StrCat().
std::string Format(double value) {
  if (value == std::numeric_limits<double>::infinity()) return "+Inf";
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof(text), value);
  return error == std::errc() ? std::string(text, end) : "NaN";
}

void AppendHistogram(const std::string& name, const MetricSeries& series,
                     std::string& out) {
  const std::string labels = Format(series.labels);
  for (const MetricSeries::Bucket& bucket : series.buckets) {
    absl::StrAppend(&out, name, "_bucket{", labels, ",le=\"",
                    Format(bucket.bound), "\"} ", bucket.count, "\n");
  }
  absl::StrAppend(&out, name, "_sum{", labels, "} ", Format(series.sum), "\n",
                  name, "_count{", labels, "} ", series.buckets.back().count,
                  "\n");
}

}  // namespace

std::vector<MetricFamily> DescribeAsMetrics(
    const std::vector<PoolReport>& pools) {
  std::vector<std::vector<MetricLabel>> labels;
  for (const PoolReport& pool : pools) labels.push_back(LabelsOf(pool));
  std::vector<MetricFamily> families;
  for (const Metric& metric : Metrics()) {
    MetricFamily family = {
        .name = metric.name, .kind = metric.kind, .help = metric.help};
    for (size_t i = 0; i < pools.size(); ++i) {
      for (const Series& each : metric.series) {
        MetricSeries series = {.labels = labels[i],
                               .value = each.value(pools[i])};
        if (each.label.name != nullptr) {
          series.labels.push_back({each.label.name, each.label.value});
        }
        family.series.push_back(std::move(series));
      }
    }
    families.push_back(std::move(family));
  }
  for (const Histogram& metric : kHistograms) {
    MetricFamily family = {.name = metric.name,
                           .kind = MetricKind::kHistogram,
                           .help = metric.help};
    for (size_t i = 0; i < pools.size(); ++i) {
      const DurationHistogram& histogram = pools[i].stats.*metric.value;
      if (histogram.counts.empty()) continue;
      MetricSeries series = Describe(histogram);
      series.labels = labels[i];
      family.series.push_back(std::move(series));
    }
    families.push_back(std::move(family));
  }
  return families;
}

std::string FormatAsText(const std::vector<MetricFamily>& families) {
  std::string out;
  for (const MetricFamily& family : families) {
    absl::StrAppend(&out, "# HELP ", family.name, " ", family.help, "\n# TYPE ",
                    family.name, " ", TypeOf(family.kind), "\n");
    for (const MetricSeries& series : family.series) {
      if (family.kind == MetricKind::kHistogram) {
        AppendHistogram(family.name, series, out);
      } else {
        absl::StrAppend(&out, family.name, "{", Format(series.labels), "} ",
                        Format(series.value), "\n");
      }
    }
  }
  return out;
}

}  // namespace asyncpal::internal
