#include "asyncpal/pool/observe.h"

#include <algorithm>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "asyncpal/future/countdown.h"
#include "asyncpal/pool/internal/pool_core.h"
#include "asyncpal/pool/internal/pool_metrics.h"
#include "asyncpal/pool/internal/pool_report.h"
#include "asyncpal/pool/pool.h"

namespace asyncpal {
namespace internal {

// How long the stack of one task may take, and those of a pool.
constexpr absl::Duration kMaxWaitForStack = absl::Milliseconds(250);
constexpr absl::Duration kMaxWaitForStacks = absl::Seconds(1);

class PoolReporter {
 public:
  static PoolReport ReportOf(const Pool& pool) {
    return {.id = pool.id(),
            .name = pool.name(),
            .kind = pool.kind(),
            .max_workers = pool.max_workers(),
            .is_closed = pool.is_closed(),
            .is_broken = pool.is_broken(),
            .stats = pool.Stats()};
  }
  // The same, with its workers and the first of what is pending.
  static PoolReport WholeReportOf(const Pool& pool) {
    constexpr size_t kHead = 10;
    PoolReport report = ReportOf(pool);
    report.workers = pool.core_->ReportWorkers();
    // A worker that is stopped says nothing; several of them hold up no one.
    const Countdown countdown(kMaxWaitForStacks);
    for (WorkerReport& worker : report.workers) {
      if (!worker.info.busy) continue;
      worker.stack = pool.core_->StackOf(
          worker.info.id, std::min(countdown.Remaining(), kMaxWaitForStack));
    }
    report.head = pool.core_->ReportPending(kHead);
    return report;
  }
};

std::vector<MetricFamily> DescribeAllPools() {
  std::vector<PoolReport> reports;
  Pool::ForEach([&reports](Pool& pool) {
    reports.push_back(PoolReporter::ReportOf(pool));
  });
  return DescribeAsMetrics(reports);
}

}  // namespace internal

std::string PrometheusText() {
  return internal::FormatAsText(internal::DescribeAllPools());
}

std::string DumpState() {
  std::vector<internal::PoolReport> reports;
  Pool::ForEach([&reports](Pool& pool) {
    reports.push_back(internal::PoolReporter::WholeReportOf(pool));
  });
  return internal::FormatAsDump(reports, absl::Now(), absl::LocalTimeZone());
}

}  // namespace asyncpal
