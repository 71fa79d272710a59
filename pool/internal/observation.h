#ifndef ASYNCPAL_POOL_INTERNAL_OBSERVATION_H_
#define ASYNCPAL_POOL_INTERNAL_OBSERVATION_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/future/internal/spin_mutex.h"
#include "asyncpal/pool/internal/pool_log.h"
#include "asyncpal/pool/observer.h"
#include "asyncpal/pool/options.h"

namespace asyncpal::internal {

// What a pool tells its observer. Pools that are not observed have none.
//
// Threads: any, with no lock held.
// Lifetime: shares the observer. Ordering: none.
// Errors: what the observer throws is logged, the first time.
// Shutdown: none.
class Observation {
 public:
  // `label`: for messages, as `pool 'p'`. Without an `observer`, nobody is
  // told; the pool measures for its histograms, or watches for tasks that run
  // longer than `stall_threshold`. `log` lives as long as this.
  Observation(std::shared_ptr<PoolObserver> observer, std::string label,
              absl::Duration stall_threshold, const PoolLog& log)
      : observer_(std::move(observer)),
        label_(std::move(label)),
        stall_threshold_(stall_threshold),
        log_(log) {}
  Observation(const Observation&) = delete;
  Observation& operator=(const Observation&) = delete;

  bool has_observer() const { return observer_ != nullptr; }
  absl::Duration stall_threshold() const { return stall_threshold_; }
  bool looks_for_stalls() const {
    return stall_threshold_ != absl::InfiniteDuration();
  }
  // Whether somebody asks what runs on which worker.
  bool keeps_runs() const { return has_observer() || looks_for_stalls(); }

  void OnSubmit(const TaskReport& task) noexcept;
  void OnStart(const TaskReport& task) noexcept;
  void OnDone(const TaskReport& task) noexcept;
  void OnWorkerStarted(const WorkerInfo& worker) noexcept;
  void OnWorkerEnded(const WorkerInfo& worker, const std::string& why) noexcept;
  void OnStall(const TaskReport& task, const std::string& stack) noexcept;

 private:
  template <typename Call>
  void Tell(const char* method, Call&& call) noexcept;

  const std::shared_ptr<PoolObserver> observer_;
  const std::string label_;
  const absl::Duration stall_threshold_;
  const PoolLog& log_;
  std::atomic<bool> has_thrown_{false};
};

// What is known of a task while it runs, for reports that somebody else makes
// of it: its timeout, who kills it, who looks at all workers.
struct ObservedRun {
  uint64_t id = 0;
  int attempt = 1;
  bool lost = false;  // the worker has died of it, and it is about to fail
  std::shared_ptr<const std::string> name = {};  // null: it has none
  int64_t waited_nanos = 0;
  int64_t since = 0;  // a NowNanos()
  bool is_reported_as_long = false;

  ObservedRun* outer = nullptr;
};

// The runs on one worker, the innermost first. There may be several: a task
// that waits runs others; and another thread may run some in its place.
//
// Threads: any.
// Lifetime: a run is on the stack of the thread that makes it, and leaves
// before it ends.
// Ordering: none. Errors: none. Shutdown: none.
class ObservedRuns {
 public:
  void Add(ObservedRun& run) {
    MutexLock lock(mu_);
    run.outer = std::exchange(innermost_, &run);
  }
  void Remove(ObservedRun& run) {
    MutexLock lock(mu_);
    ObservedRun** link = &innermost_;
    while (*link != &run) link = &(*link)->outer;
    *link = run.outer;
  }
  // Calls `use` with each run, with the lock held: it must not wait, nor
  // allocate.
  template <typename Use>
  void ForEach(Use&& use) {
    MutexLock lock(mu_);
    for (ObservedRun* run = innermost_; run != nullptr; run = run->outer) {
      use(*run);
    }
  }
  // Calls `use` with the run of that task, in the same way. False: it is not
  // here.
  template <typename Use>
  bool With(uint64_t id, Use&& use) {
    MutexLock lock(mu_);
    for (ObservedRun* run = innermost_; run != nullptr; run = run->outer) {
      if (run->id != id) continue;
      use(*run);
      return true;
    }
    return false;
  }

 private:
  SpinMutex mu_;  // of the locks, a thread takes no other one after it
  ObservedRun* innermost_ ABSL_GUARDED_BY(mu_) = nullptr;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_OBSERVATION_H_
