#ifndef ASYNCPAL_POOL_INTERNAL_POOL_REPORT_H_
#define ASYNCPAL_POOL_INTERNAL_POOL_REPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "asyncpal/pool/options.h"

namespace asyncpal::internal {

// One pool as it was at one moment; a plain value.
struct PoolReport {
  uint64_t id = 0;
  std::string name = {};
  PoolKind kind = PoolKind::kThreads;
  int max_workers = 0;
  bool is_closed = false;
  bool is_broken = false;
  PoolStats stats = {};
  std::vector<WorkerInfo> workers = {};
};

// See PrometheusText().
std::string FormatAsMetrics(const std::vector<PoolReport>& pools);

// See DumpState().
std::string FormatAsDump(const std::vector<PoolReport>& pools);

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_POOL_REPORT_H_
