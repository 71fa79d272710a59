#ifndef ASYNCPAL_POOL_INTERNAL_POOL_METRICS_H_
#define ASYNCPAL_POOL_INTERNAL_POOL_METRICS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "asyncpal/pool/internal/pool_report.h"

namespace asyncpal::internal {

enum class MetricKind { kCounter, kGauge, kHistogram };

struct MetricLabel {
  std::string name;
  std::string value;  // UTF-8; not escaped
};

// One series of a metric.
struct MetricSeries {
  // What is not longer than a bound, in seconds; the last one is infinite.
  struct Bucket {
    double bound = 0;
    int64_t count = 0;  // with that of the buckets before
  };

  std::vector<MetricLabel> labels = {};
  double value = 0;  // of a counter or a gauge; exact up to 2^53
  std::vector<Bucket> buckets = {};  // of a histogram, and the sum of all
  double sum = 0;
};

// A metric of all pools, as Prometheus has them; a plain value.
struct MetricFamily {
  std::string name;
  MetricKind kind = MetricKind::kGauge;
  std::string help;
  std::vector<MetricSeries> series = {};
};

// The one list of metrics, in whatever format they are told.
std::vector<MetricFamily> DescribeAsMetrics(
    const std::vector<PoolReport>& pools);

// See PrometheusText().
std::string FormatAsText(const std::vector<MetricFamily>& families);

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_POOL_METRICS_H_
