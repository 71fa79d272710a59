#include "asyncpal/pool/observe.h"

#include <vector>

#include "asyncpal/pool/internal/pool_report.h"
#include "asyncpal/pool/pool.h"

namespace asyncpal {
namespace {

std::vector<internal::PoolReport> ReportAll() {
  std::vector<internal::PoolReport> reports;
  Pool::ForEach([&reports](Pool& pool) {
    reports.push_back({.id = pool.id(),
                       .name = pool.name(),
                       .kind = pool.kind(),
                       .max_workers = pool.max_workers(),
                       .is_closed = pool.is_closed(),
                       .is_broken = pool.is_broken(),
                       .stats = pool.Stats(),
                       .workers = pool.Workers()});
  });
  return reports;
}

}  // namespace

std::string PrometheusText() { return internal::FormatAsMetrics(ReportAll()); }

std::string DumpState() { return internal::FormatAsDump(ReportAll()); }

}  // namespace asyncpal
