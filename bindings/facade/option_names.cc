#include "asyncpal/bindings/facade/option_names.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace asyncpal::facade {
namespace {

// Sorted. Those of one word are the same, or nearly so, everywhere; a test
// compares the others with the options' structs.
constexpr std::string_view kNames[] = {
    "at_shutdown",
    "buffer_size",
    "chunk_size",
    "handshake_timeout",
    "idle_timeout",
    "initial_delay",
    "initializer_timeout",
    "keep_order",
    "max_attempts",
    "max_backoff",
    "max_payload_bytes",
    "max_pending",
    "max_pending_bytes",
    "max_restarts",
    "max_runs",
    "max_tasks_per_worker",
    "max_worker_age",
    "max_worker_bytes",
    "max_workers",
    "min_workers",
    "no_new_privileges",
    "on_error",
    "priority_step",
    "queue_deadline",
    "restart_window",
    "retry_if",
    "stack_size",
    "stall_threshold",
    "unobserved_failure_handler",
    "when_full",
    "when_late",
    "worker_command",
};

std::atomic<int> the_naming{kNamesOfCpp};

bool IsOfName(char c) { return c == '_' || absl::ascii_isalnum(c); }

void AppendCamel(std::string_view name, int naming, std::string& out) {
  bool upper = naming == kUpperCamelNames;
  for (const char c : name) {
    if (c != '_') out.push_back(upper ? absl::ascii_toupper(c) : c);
    upper = c == '_';
  }
}

}  // namespace

void SetOptionNaming(int naming) {
  if (naming < kNamesOfCpp || naming > kUpperCamelNames) {
    throw std::invalid_argument(
        absl::StrCat("the naming is ", naming, "; there is no such naming"));
  }
  the_naming.store(naming, std::memory_order_relaxed);
}

std::string InNamesOfHost(std::string text) {
  const int naming = the_naming.load(std::memory_order_relaxed);
  if (naming == kNamesOfCpp || text.find('_') == std::string::npos) return text;
  std::string out;
  auto it = text.begin();
  while (it != text.end()) {
    const auto end = std::find_if_not(it, text.end(), IsOfName);
    const std::string_view word(text.data() + (it - text.begin()),
                                static_cast<size_t>(end - it));
    if (std::binary_search(std::begin(kNames), std::end(kNames), word)) {
      AppendCamel(word, naming, out);
    } else {
      out.append(word);
    }
    it = std::find_if(end, text.end(), IsOfName);
    out.append(end, it);
  }
  return out;
}

}  // namespace asyncpal::facade
