#include "asyncpal/pool/options.h"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string_view>

#include "absl/strings/escaping.h"
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

void CheckStep(const char* name, absl::Duration value) {
  if (value > absl::ZeroDuration()) return;
  throw std::invalid_argument(absl::StrCat(
      name, " is ", absl::FormatDuration(value), "; it must be positive"));
}

void CheckPoolOptions(PoolOptions& options, const char* default_name) {
  CheckCount("max_workers", options.max_workers, kMaxWorkersLimit);
  CheckCount("max_tasks_per_worker", options.max_tasks_per_worker,
             std::numeric_limits<int>::max());
  CheckDuration("idle_timeout", options.idle_timeout);
  CheckLimit("max_pending", options.max_pending);
  CheckDuration("initializer_timeout", options.initializer_timeout);
  CheckDuration("stall_threshold", options.stall_threshold);
  CheckStep("priority_step", options.priority_step);
  CheckStep("max_worker_age", options.max_worker_age);
  if (options.max_workers == 0) {
    options.max_workers = AvailableCpus() + kSpareThreads;
  }
  CheckMinWorkers(options.min_workers, options.max_workers);
  if (options.name.empty()) options.name = default_name;
}

void CheckMaxWorkers(int value, int min_workers) {
  if (value < 1 || value > kMaxWorkersLimit) {
    throw std::invalid_argument(absl::StrCat("max_workers is ", value,
                                             "; it must be between 1 and ",
                                             kMaxWorkersLimit));
  }
  if (value < min_workers) {
    throw std::invalid_argument(absl::StrCat(
        "max_workers is ", value, ", less than min_workers, ", min_workers));
  }
}

void CheckMinWorkers(int value, int max_workers) {
  CheckCount("min_workers", value, kMaxWorkersLimit);
  if (value > max_workers) {
    throw std::invalid_argument(absl::StrCat(
        "min_workers is ", value, ", more than max_workers, ", max_workers));
  }
}

void CheckTaskOptions(const TaskOptions& options) {
  CheckDuration("timeout", options.timeout);
  CheckDuration("queue_deadline", options.queue_deadline);
  if (options.max_attempts < 1) {
    throw std::invalid_argument(absl::StrCat(
        "max_attempts is ", options.max_attempts, "; it must be at least 1"));
  }
  if (options.priority < TaskPriority::kBackground ||
      options.priority > TaskPriority::kUrgent) {
    throw std::invalid_argument(absl::StrCat("priority is ",
                                             static_cast<int>(options.priority),
                                             ", which is no TaskPriority"));
  }
  if (options.at_shutdown < AtShutdown::kAsPool ||
      options.at_shutdown > AtShutdown::kAbandon) {
    throw std::invalid_argument(
        absl::StrCat("at_shutdown is ", static_cast<int>(options.at_shutdown),
                     ", which is no AtShutdown"));
  }
  if (!options.traceparent.empty()) CheckTraceparent(options.traceparent);
}

void CheckTraceparent(const std::string& traceparent) {
  // version-trace-parent-flags, and what later versions add after a dash.
  constexpr std::string_view kPattern =
      "xx-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";
  const auto is_digit = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  };
  const bool is_valid =
      traceparent.size() >= kPattern.size() &&
      std::equal(kPattern.begin(), kPattern.end(), traceparent.begin(),
                 [&](char pattern, char c) {
                   return pattern == '-' ? c == '-' : is_digit(c);
                 }) &&
      (traceparent.size() == kPattern.size() ||
       (traceparent[kPattern.size()] == '-' &&
        !traceparent.starts_with("00"))) &&
      !traceparent.starts_with("ff");
  if (is_valid) return;
  throw std::invalid_argument(absl::StrCat(
      "traceparent is \"", absl::CHexEscape(traceparent.substr(0, 100)),
      "\"; it must be as W3C's Trace Context has it, "
      "00-<32 digits>-<16 digits>-<2 digits>, in lower case"));
}

void CheckMapOptions(const MapOptions& options) {
  CheckDuration("timeout", options.timeout);
  if (options.on_error != OnError::kRaise &&
      options.on_error != OnError::kSkip) {
    throw std::invalid_argument(absl::StrCat("on_error is ",
                                             static_cast<int>(options.on_error),
                                             ", which is no OnError"));
  }
}

int FixedSize(int max_workers, int size, const char* class_name) {
  if (max_workers != 0 && max_workers != size) {
    throw std::invalid_argument(absl::StrCat(
        "max_workers is ", max_workers, "; a ", class_name, " has ", size));
  }
  return size;
}

}  // namespace asyncpal::internal
