#include "asyncpal/pool/internal/restart_budget.h"

#include <algorithm>

namespace asyncpal::internal {
namespace {

constexpr int64_t kFirstDelayNanos = 1'000'000;
constexpr int kMaxDoublings = 7;  // past kMaxDelay

int MaxRestarts(int max_restarts, int max_workers) {
  if (max_restarts > 0) return max_restarts;
  return static_cast<int>(std::min<int64_t>(
      std::max<int64_t>(8, int64_t{2} * max_workers), 1 << 20));
}

}  // namespace

RestartBudget::RestartBudget(int max_restarts, absl::Duration window,
                             int max_workers)
    : max_restarts_(MaxRestarts(max_restarts, max_workers)), window_(window) {}

void RestartBudget::Trim(std::deque<int64_t>& times, int64_t now) const {
  while (absl::Nanoseconds(now - times.front()) > window_) times.pop_front();
}

bool RestartBudget::SpendDeath(int64_t now) {
  deaths_.push_back(now);
  Trim(deaths_, now);
  return deaths_.size() > static_cast<size_t>(max_restarts_);
}

bool RestartBudget::SpendFailedStart() {
  return ++failed_starts_ >= kMaxFailedStarts;
}

absl::Duration RestartBudget::DelayAfterCrash(int64_t now) {
  crashes_.push_back(now);
  Trim(crashes_, now);
  const size_t free = static_cast<size_t>(max_restarts_);
  if (crashes_.size() <= free) return absl::ZeroDuration();
  const size_t beyond = crashes_.size() - free;
  // More need not be known, however long the window is.
  if (beyond > kMaxDoublings) crashes_.pop_front();
  const int doublings =
      static_cast<int>(std::min<size_t>(beyond - 1, kMaxDoublings));
  return std::min(absl::Nanoseconds(kFirstDelayNanos << doublings), kMaxDelay);
}

}  // namespace asyncpal::internal
