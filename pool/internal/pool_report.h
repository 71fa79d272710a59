#ifndef ASYNCPAL_POOL_INTERNAL_POOL_REPORT_H_
#define ASYNCPAL_POOL_INTERNAL_POOL_REPORT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/pool/options.h"

namespace asyncpal::internal {

// What DumpState() tells of a worker beyond WorkerInfo.
struct WorkerReport {
  WorkerInfo info = {};
  uint64_t task_id = 0;                       // what it runs; 0: nothing
  absl::Duration age = absl::ZeroDuration();  // since it was ready for tasks
  std::string stack = {};  // of its task, a line for each frame; or empty
};

// A task that waits for a worker.
struct PendingReport {
  uint64_t id = 0;
  std::string name = {};
  std::optional<absl::Duration> waited = {};  // none: it keeps no times
};

// One pool as it was at one moment; a plain value.
struct PoolReport {
  uint64_t id = 0;
  std::string name = {};
  PoolKind kind = PoolKind::kThreads;
  int max_workers = 0;
  bool is_closed = false;
  bool is_broken = false;
  PoolStats stats = {};
  std::vector<WorkerReport> workers = {};
  std::vector<PendingReport> head = {};  // of the queue, oldest first
};

// "threads" or "processes".
const char* NameOf(PoolKind kind);

// See DumpState(). `now` is when the reports were made.
std::string FormatAsDump(const std::vector<PoolReport>& pools, absl::Time now,
                         absl::TimeZone zone);

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_POOL_REPORT_H_
