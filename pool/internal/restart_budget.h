#ifndef ASYNCPAL_POOL_INTERNAL_RESTART_BUDGET_H_
#define ASYNCPAL_POOL_INTERNAL_RESTART_BUDGET_H_

#include <cstdint>
#include <deque>

#include "absl/time/time.h"

namespace asyncpal::internal {

// Tells a pool whose workers can't live from one whose tasks end them.
//
// A worker that dies without a task (at its start, in its initializer, between
// tasks) may do so again for ever: more than max_restarts such deaths within
// the window, and no task finished among them, or three failed starts in a row
// are the end of the pool. A worker that dies of its task says nothing about
// the next one: such deaths only slow down the starts after them.
//
// Threads: a plain value, its owner's lock guards it. Times are NowNanos().
class RestartBudget {
 public:
  static constexpr int kMaxFailedStarts = 3;
  static constexpr absl::Duration kMaxDelay = absl::Milliseconds(100);

  // `max_restarts` of 0: max(8, 2 x max_workers).
  RestartBudget(int max_restarts, absl::Duration window, int max_workers);

  // A worker has died without a task. True: it was one too many.
  bool SpendDeath(int64_t now);
  // A worker could not be started. True: it was one too many.
  bool SpendFailedStart();
  // A worker has died of the task that it ran. Returns for how long no worker
  // should be started in its place: not at all for the first max_restarts in a
  // window, then longer with each, and never longer than kMaxDelay.
  absl::Duration DelayAfterCrash(int64_t now);

  void OnStarted() { failed_starts_ = 0; }
  void OnFinishedTask() { deaths_.clear(); }
  bool has_deaths() const { return !deaths_.empty(); }

  int max_restarts() const { return max_restarts_; }
  absl::Duration window() const { return window_; }

 private:
  // Forgets what is older than the window.
  void Trim(std::deque<int64_t>& times, int64_t now) const;

  const int max_restarts_;
  const absl::Duration window_;
  int failed_starts_ = 0;
  std::deque<int64_t> deaths_;   // without a task, oldest first
  std::deque<int64_t> crashes_;  // of tasks, oldest first
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_RESTART_BUDGET_H_
