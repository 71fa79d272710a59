#include "asyncpal/pool/prometheus_collectable.h"

#include <cstdint>
#include <utility>

#include "asyncpal/pool/internal/pool_metrics.h"
#include "asyncpal/pool/observe.h"
#include "prometheus/client_metric.h"
#include "prometheus/metric_type.h"

namespace asyncpal {
namespace {

using internal::MetricKind;
using internal::MetricLabel;
using internal::MetricSeries;

prometheus::MetricType TypeOf(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter:
      return prometheus::MetricType::Counter;
    case MetricKind::kGauge:
      return prometheus::MetricType::Gauge;
    case MetricKind::kHistogram:
      break;
  }
  return prometheus::MetricType::Histogram;
}

prometheus::ClientMetric Convert(MetricKind kind, const MetricSeries& series) {
  prometheus::ClientMetric metric;
  for (const MetricLabel& label : series.labels) {
    metric.label.push_back({.name = label.name, .value = label.value});
  }
  switch (kind) {
    case MetricKind::kCounter:
      metric.counter.value = series.value;
      break;
    case MetricKind::kGauge:
      metric.gauge.value = series.value;
      break;
    case MetricKind::kHistogram:
      for (const MetricSeries::Bucket& bucket : series.buckets) {
        metric.histogram.bucket.push_back(
            {.cumulative_count = static_cast<uint64_t>(bucket.count),
             .upper_bound = bucket.bound});
        metric.histogram.sample_count = static_cast<uint64_t>(bucket.count);
      }
      metric.histogram.sample_sum = series.sum;
      break;
  }
  return metric;
}

}  // namespace

std::vector<prometheus::MetricFamily> PrometheusCollectable::Collect() const {
  std::vector<prometheus::MetricFamily> families;
  for (const internal::MetricFamily& described : internal::DescribeAllPools()) {
    prometheus::MetricFamily family;
    family.name = described.name;
    family.help = described.help;
    family.type = TypeOf(described.kind);
    for (const MetricSeries& series : described.series) {
      family.metric.push_back(Convert(described.kind, series));
    }
    families.push_back(std::move(family));
  }
  return families;
}

}  // namespace asyncpal
