#ifndef ASYNCPAL_POOL_PERIODIC_H_
#define ASYNCPAL_POOL_PERIODIC_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/future.h"
#include "asyncpal/pool/options.h"

namespace asyncpal {

namespace internal {
class PeriodicCore;
}  // namespace internal

// What the period of a periodic task counts from.
enum class Cadence {
  // Runs are due at the first one's time and at each period after it, whenever
  // they begin and end: they do not drift.
  kFixedRate,
  // A run is due one period after the end of the last one.
  kFixedDelay,
};

// What becomes of runs at a fixed rate whose time passes while an earlier one
// has not ended.
enum class WhenLate {
  kSkip,     // they are left out, and counted: PeriodicStats::skipped
  kCatchUp,  // they run in a row
};

// How a task is run again and again; the second argument of Every(), if any.
struct PeriodicOptions {
  // What a run that fails does: one that throws, misses a limit of `task`, or
  // loses its worker.
  enum class OnError {
    kContinue,  // the pool's unobserved_failure_handler gets a PeriodicRunError
    kStop,      // it was the last one; Periodic::done() has its failure
  };

  // For each run.
  TaskOptions task = {};

  // When the first run is due. Infinite: when Trigger() is called.
  absl::Duration initial_delay = absl::ZeroDuration();

  // What the period counts from.
  Cadence cadence = Cadence::kFixedRate;

  // What becomes of the runs that were missed.
  WhenLate when_late = WhenLate::kSkip;

  // What a run that fails does.
  OnError on_error = OnError::kContinue;

  // It ends after this many runs. 0: no limit.
  int64_t max_runs = 0;

  // Each run but the first is due later by up to this part of the period, at
  // random, so that tasks of many programs don't run together. At least 0, and
  // less than 1.
  double jitter = 0;
};

// What has become of the runs of a periodic task.
struct PeriodicStats {
  int64_t runs = 0;    // that have ended
  int64_t failed = 0;  // of these
  // Runs that were left out: see WhenLate::kSkip.
  int64_t skipped = 0;
  // When the next run is due, on the pool's clock; zero: one is due, or goes
  // on. Infinite: there is none, or none before Trigger().
  absl::Duration until_next = absl::InfiniteDuration();
};

// The failure of one run of a periodic task, for the pool's
// unobserved_failure_handler. What the run threw is nested.
class PeriodicRunError : public Error {
 public:
  PeriodicRunError(const std::string& message, std::string name, int64_t run)
      : Error(message), name_(std::move(name)), run_(run) {}

  // PeriodicOptions::task.name, and which run it was: 1, 2, 3, ...
  const std::string& name() const { return name_; }
  int64_t run() const { return run_; }

 private:
  std::string name_;
  int64_t run_;
};

// A task that a pool runs again and again; what Every() returns.
//
//   Periodic sweep = pool.Every(absl::Seconds(10), SweepCache);
//   ...
//   sweep.Cancel();
//
// A handle; copies are the same periodic task, and it goes on without any. Each
// run is a task of the pool, which is pending until its time has come, as one
// of SubmitAfter() is; it does not begin before the last one has returned, even
// where that has missed its timeout.
//
// Threads: any may call any method, runs included. Callbacks of done() run on
// the thread that ends it. Nothing here blocks.
// Lifetime: a handle keeps nothing running. What runs are made of is kept until
// it has ended and the last handle is gone.
// Ordering: what one run has done is visible to the next.
// Errors: as said. Shutdown: of the pool ends it; done() is cancelled.
class Periodic {
 public:
  // Ends it: no further run begins, and one that goes on is asked to stop, as
  // by Future::Cancel(). False: it had ended, or had been cancelled.
  bool Cancel();

  // A run is due now; the time of the next tick does not change. While one goes
  // on, another one follows it, however often this is called. Counts in
  // max_runs. False: it has ended.
  bool Trigger();

  // The period counts from the last tick, or the end of the last run. A run
  // whose time has passed by that comes now. Before the first run is due, its
  // time stays. Throws std::invalid_argument unless it is positive. Of no
  // effect on one that has ended.
  void set_period(absl::Duration period);

  PeriodicStats stats() const;

  // Done when no run will begin and none goes on: completed after max_runs;
  // failed with what the last run threw for kStop, or with the error of a pool
  // that has broken; cancelled by Cancel() or the pool's shutdown. All calls
  // return the same one. Cancelling it is Cancel(), but it is done at once.
  Future<void> done() const;

 private:
  template <typename>
  friend class PoolPeriodics;

  explicit Periodic(std::shared_ptr<internal::PeriodicCore> core)
      : core_(std::move(core)) {}

  std::shared_ptr<internal::PeriodicCore> core_;
};

namespace internal {

// Each throws std::invalid_argument that names the field and its value.
void CheckPeriodicOptions(const PeriodicOptions& options);
void CheckPeriod(absl::Duration period);

}  // namespace internal
}  // namespace asyncpal

#endif  // ASYNCPAL_POOL_PERIODIC_H_
