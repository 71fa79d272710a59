#ifndef ASYNCPAL_POOL_MANUAL_CLOCK_H_
#define ASYNCPAL_POOL_MANUAL_CLOCK_H_

#include <memory>
#include <optional>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "asyncpal/pool/clock.h"

namespace asyncpal {

// A clock that moves only when it is told to, for tests of what pools do later.
//
//   const auto clock = std::make_shared<ManualClock>();
//   ThreadPool pool({.clock = clock});
//   Future<int> future = pool.SubmitAfter(absl::Hours(1), Compute);
//   clock->Advance(absl::Minutes(59));
//   EXPECT_TRUE(future.is_pending());
//   clock->Advance(absl::Minutes(1));
//   EXPECT_EQ(future.Collect(), 42);
//
// Threads: any may call any method, at the same time.
// Lifetime: timers may outlive it.
// Ordering: timers run in the order of their times, and where these are the
// same, in the order in which they were set.
// Errors: as said at Advance(). Shutdown: none.
class ManualClock final : public Clock {
 public:
  ManualClock();
  ~ManualClock() override;

  // Zero at first.
  absl::Duration Now() override;
  std::unique_ptr<Timer> MakeTimer(
      absl::AnyInvocable<void()> function) override;

  // Moves the clock on, from each timer whose time comes to the next, and runs
  // these on this thread. What was due by the end is in the queue of its pool
  // when this returns, and a worker of it may have begun. A second call waits
  // for the first.
  //
  // Throws std::invalid_argument for a negative or infinite time, and
  // InvalidStateError inside a timer of this clock.
  void Advance(absl::Duration time);

  // How long it is until the next timer's time; nullopt: none is set.
  std::optional<absl::Duration> UntilNextTimer();

 private:
  class Core;
  const std::shared_ptr<Core> core_;  // shared with timers
};

}  // namespace asyncpal

#endif  // ASYNCPAL_POOL_MANUAL_CLOCK_H_
