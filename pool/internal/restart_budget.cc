#include "asyncpal/pool/internal/restart_budget.h"

#include <algorithm>

namespace asyncpal::internal {
namespace {

constexpr int64_t kWindowNanos = 5'000'000'000;

}  // namespace

RestartBudget::RestartBudget(int max_workers)
    : max_deaths_(static_cast<int>(std::min<int64_t>(
          std::max<int64_t>(8, int64_t{2} * max_workers), 1 << 20))) {}

bool RestartBudget::SpendDeath(int64_t now) {
  MutexLock lock(mu_);
  has_deaths_.store(true, std::memory_order_relaxed);
  deaths_.push_back(now);
  while (deaths_.front() < now - kWindowNanos) deaths_.pop_front();
  return deaths_.size() > static_cast<size_t>(max_deaths_);
}

bool RestartBudget::SpendFailedStart() {
  return failed_starts_.fetch_add(1) + 1 >= kMaxFailedStarts;
}

void RestartBudget::Forget() {
  MutexLock lock(mu_);
  deaths_.clear();
  has_deaths_.store(false, std::memory_order_relaxed);
}

}  // namespace asyncpal::internal
