#ifndef ASYNCPAL_POOL_PROMETHEUS_COLLECTABLE_H_
#define ASYNCPAL_POOL_PROMETHEUS_COLLECTABLE_H_

#include <vector>

#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"

namespace asyncpal {

// What PrometheusText() returns, for programs that have prometheus-cpp:
//
//   const auto pools = std::make_shared<asyncpal::PrometheusCollectable>();
//   prometheus::Exposer exposer("127.0.0.1:9464");
//   exposer.RegisterCollectable(pools);
//
// A target of its own, //pool:prometheus_collectable, as it needs that library
// (Debian's package prometheus-cpp-dev).
//
// Threads: any, at the same time; it waits as PrometheusText() does.
// Lifetime: pools need not know of it; it keeps none.
// Ordering, Errors, Shutdown: none.
class PrometheusCollectable : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override;
};

}  // namespace asyncpal

#endif  // ASYNCPAL_POOL_PROMETHEUS_COLLECTABLE_H_
