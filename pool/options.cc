#include "asyncpal/pool/options.h"

#include <limits>
#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "asyncpal/pool/internal/cpu_count.h"

namespace asyncpal::internal {
namespace {

// More threads than this is a slip of the pen, not a wish.
constexpr int kMaxWorkersLimit = 32768;

// Tasks of threads tend to wait, so a default pool has some to spare.
constexpr int kSpareThreads = 5;

void CheckCount(const char* name, int value, int limit) {
  if (value >= 0 && value <= limit) return;
  throw std::invalid_argument(
      absl::StrCat(name, " is ", value, "; it must be between 0 and ", limit));
}

}  // namespace

void CheckDuration(const char* name, absl::Duration value) {
  if (value >= absl::ZeroDuration()) return;
  throw std::invalid_argument(absl::StrCat(
      name, " is ", absl::FormatDuration(value), "; it must not be negative"));
}

void CheckLimit(const char* name, int64_t value) {
  if (value >= 0) return;
  throw std::invalid_argument(absl::StrCat(
      name, " is ", value, "; it must not be negative (0: no limit)"));
}

void CheckPoolOptions(PoolOptions& options, const char* default_name) {
  CheckCount("max_workers", options.max_workers, kMaxWorkersLimit);
  CheckCount("max_tasks_per_worker", options.max_tasks_per_worker,
             std::numeric_limits<int>::max());
  CheckDuration("idle_timeout", options.idle_timeout);
  CheckLimit("max_pending", options.max_pending);
  CheckDuration("initializer_timeout", options.initializer_timeout);
  if (options.max_workers == 0) {
    options.max_workers = AvailableCpus() + kSpareThreads;
  }
  if (options.name.empty()) options.name = default_name;
}

void CheckTaskOptions(const TaskOptions& options) {
  CheckDuration("timeout", options.timeout);
  CheckDuration("queue_deadline", options.queue_deadline);
  if (options.max_attempts < 1) {
    throw std::invalid_argument(absl::StrCat(
        "max_attempts is ", options.max_attempts, "; it must be at least 1"));
  }
}

void CheckMapOptions(const MapOptions& options) {
  if (options.chunk_size == 0) {
    throw std::invalid_argument("chunk_size is 0; it must be at least 1");
  }
  CheckDuration("timeout", options.timeout);
}

int FixedSize(int max_workers, int size, const char* class_name) {
  if (max_workers != 0 && max_workers != size) {
    throw std::invalid_argument(absl::StrCat(
        "max_workers is ", max_workers, "; a ", class_name, " has ", size));
  }
  return size;
}

}  // namespace asyncpal::internal
