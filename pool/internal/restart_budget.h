#ifndef ASYNCPAL_POOL_INTERNAL_RESTART_BUDGET_H_
#define ASYNCPAL_POOL_INTERNAL_RESTART_BUDGET_H_

#include <atomic>
#include <cstdint>
#include <deque>

#include "asyncpal/future/internal/mutex.h"

namespace asyncpal::internal {

// Tells a pool whose workers die one after the other without any use from one
// that loses workers now and then. It is spent by more than max(8, 2 x workers)
// deaths in five seconds without one finished task, or by three workers in a
// row that could not be started.
//
// Threads: any.
class RestartBudget {
 public:
  static constexpr int kMaxFailedStarts = 3;

  explicit RestartBudget(int max_workers);

  // `now` is NowNanos(). True: this death was one too many.
  bool SpendDeath(int64_t now);
  // True: this failure was one too many.
  bool SpendFailedStart();

  void OnStarted() { failed_starts_.store(0, std::memory_order_relaxed); }
  void OnFinishedTask() {
    // Most of the time it is false already, and then nothing is written.
    if (has_deaths_.load(std::memory_order_relaxed)) Forget();
  }
  int max_deaths() const { return max_deaths_; }

 private:
  void Forget();

  const int max_deaths_;
  std::atomic<int> failed_starts_{0};
  std::atomic<bool> has_deaths_{false};
  Mutex mu_;
  std::deque<int64_t> deaths_ ABSL_GUARDED_BY(mu_);
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_RESTART_BUDGET_H_
