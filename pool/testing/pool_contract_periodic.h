#ifndef ASYNCPAL_POOL_TESTING_POOL_CONTRACT_PERIODIC_H_
#define ASYNCPAL_POOL_TESTING_POOL_CONTRACT_PERIODIC_H_

#include <exception>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/future.h"
#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/pool/manual_clock.h"
#include "asyncpal/pool/options.h"
#include "asyncpal/pool/periodic.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/testing/gate.h"
#include "asyncpal/pool/testing/pool_contract_tools.h"
#include "asyncpal/pool/testing/run_counter.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// What tasks that run again and again do in every pool.

namespace asyncpal::testing {

// Throws in each run that has an even number.
inline void FailAtEvenRuns(std::string file) {
  const int run = RunCounter::Add(file);
  if (run % 2 == 0) throw std::out_of_range("even run");
}

// What an unobserved_failure_handler has got.
class Failures {
 public:
  void Add(const std::exception_ptr& error) {
    std::string chain = ThrownChain([&] { std::rethrow_exception(error); });
    internal::MutexLock lock(mu_);
    chains_.push_back(std::move(chain));
  }
  std::vector<std::string> chains() {
    internal::MutexLock lock(mu_);
    return chains_;
  }

 private:
  internal::Mutex mu_;
  std::vector<std::string> chains_ ABSL_GUARDED_BY(mu_);
};

template <typename Traits>
class PoolPeriodicContract : public ::testing::Test {
 protected:
  using Options = typename Traits::Options;

  Options WithClock() {
    Options options;
    options.max_workers = 1;
    options.name = "pool";
    options.clock = clock_;
    options.unobserved_failure_handler =
        [failures = failures_](std::exception_ptr error) {
          failures->Add(error);
        };
    return options;
  }
  // The last run is over, and the next one waits for its time.
  static bool Rests(const Periodic& periodic) {
    return Eventually(
        [&] { return periodic.stats().until_next > absl::ZeroDuration(); });
  }
  bool AdvanceAndRest(const Periodic& periodic, absl::Duration time) {
    clock_->Advance(time);
    return Rests(periodic);
  }

  const std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>();
  const std::shared_ptr<Failures> failures_ = std::make_shared<Failures>();
  const RunCounter counter_;
};
TYPED_TEST_SUITE_P(PoolPeriodicContract);

TYPED_TEST_P(PoolPeriodicContract, RunsAtOnceAndAfterEachPeriod) {
  typename TypeParam::Pool pool(this->WithClock());
  const Periodic periodic =
      pool.Every(absl::Seconds(1), RunCounter::Add, this->counter_.file());
  ASSERT_TRUE(this->Rests(periodic));
  EXPECT_EQ(this->counter_.runs(), 1);
  EXPECT_TRUE(Eventually([&] { return pool.Stats().delayed == 1; }));
  this->clock_->Advance(absl::Milliseconds(999));
  EXPECT_EQ(pool.Stats().delayed, 1);
  EXPECT_EQ(this->counter_.runs(), 1);
  ASSERT_TRUE(this->AdvanceAndRest(periodic, absl::Milliseconds(1)));
  EXPECT_EQ(this->counter_.runs(), 2);
}

TYPED_TEST_P(PoolPeriodicContract, FixedRateKeepsItsTicks) {
  typename TypeParam::Pool pool(this->WithClock());
  const Periodic periodic =
      pool.Every(absl::Seconds(1), {.initial_delay = absl::Seconds(1)},
                 RunCounter::Add, this->counter_.file());
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(this->AdvanceAndRest(periodic, absl::Milliseconds(700)));
  }
  EXPECT_EQ(this->counter_.runs(), 70);
  EXPECT_EQ(periodic.stats().runs, 70);
  EXPECT_EQ(periodic.stats().until_next, absl::Seconds(1));
}

TYPED_TEST_P(PoolPeriodicContract, FixedDelayCountsFromTheEndOfARun) {
  typename TypeParam::Pool pool(this->WithClock());
  Gate gate;
  const Periodic periodic =
      pool.Every(absl::Seconds(1), {.cadence = Cadence::kFixedDelay}, PassGate,
                 gate.path(), 1);
  ASSERT_TRUE(gate.WaitForArrivals(1));
  this->clock_->Advance(absl::Milliseconds(1'700));
  gate.Open(1);
  ASSERT_TRUE(this->Rests(periodic));
  EXPECT_EQ(periodic.stats().until_next, absl::Seconds(1));
  EXPECT_EQ(periodic.stats().skipped, 0);
}

TYPED_TEST_P(PoolPeriodicContract, RunsDoNotOverlapAndMissedOnesAreCounted) {
  auto options = this->WithClock();
  options.max_workers = 2;
  typename TypeParam::Pool pool(std::move(options));
  Gate gate;
  const Periodic periodic =
      pool.Every(absl::Seconds(1), PassGate, gate.path(), 1);
  ASSERT_TRUE(gate.WaitForArrivals(1));
  this->clock_->Advance(absl::Milliseconds(3'500));
  EXPECT_EQ(pool.CountPendingTasks(), 0);
  EXPECT_EQ(gate.CountArrivals(), 0);
  gate.Open(1);
  ASSERT_TRUE(this->Rests(periodic));
  EXPECT_EQ(periodic.stats().runs, 1);
  EXPECT_EQ(periodic.stats().skipped, 3);
  EXPECT_EQ(periodic.stats().until_next, absl::Milliseconds(500));
}

TYPED_TEST_P(PoolPeriodicContract, MissedRunsAreCaughtUpWithInARow) {
  typename TypeParam::Pool pool(this->WithClock());
  Gate gate;
  const Periodic periodic =
      pool.Every(absl::Seconds(1), {.when_late = WhenLate::kCatchUp}, PassGate,
                 gate.path(), 1);
  ASSERT_TRUE(gate.WaitForArrivals(1));
  this->clock_->Advance(absl::Milliseconds(3'500));
  gate.Open();
  ASSERT_TRUE(this->Rests(periodic));
  EXPECT_EQ(periodic.stats().runs, 4);
  EXPECT_EQ(periodic.stats().skipped, 0);
  EXPECT_EQ(periodic.stats().until_next, absl::Milliseconds(500));
}

TYPED_TEST_P(PoolPeriodicContract, FailedRunIsToldOfAndTheNextOneComes) {
  typename TypeParam::Pool pool(this->WithClock());
  const Periodic periodic =
      pool.Every(absl::Seconds(1), {.task = {.name = "sweep"}}, FailAtEvenRuns,
                 this->counter_.file());
  ASSERT_TRUE(this->Rests(periodic));
  ASSERT_TRUE(this->AdvanceAndRest(periodic, absl::Seconds(1)));
  ASSERT_TRUE(this->AdvanceAndRest(periodic, absl::Seconds(1)));
  EXPECT_THAT(
      this->failures_->chains(),
      ::testing::ElementsAre("run 2 of 'sweep' on pool 'pool' failed: "
                             "std::out_of_range: even run <- even run"));
  EXPECT_EQ(periodic.stats().runs, 3);
  EXPECT_EQ(periodic.stats().failed, 1);
  EXPECT_TRUE(periodic.done().is_pending());
}

TYPED_TEST_P(PoolPeriodicContract, FailureEndsItIfThatIsWished) {
  typename TypeParam::Pool pool(this->WithClock());
  const Periodic periodic = pool.Every(
      absl::Seconds(1), {.on_error = PeriodicOptions::OnError::kStop},
      FailAtEvenRuns, this->counter_.file());
  ASSERT_TRUE(this->Rests(periodic));
  this->clock_->Advance(absl::Seconds(1));
  EXPECT_EQ(ThrownChain([&] { periodic.done().Collect(kLong); }), "even run");
  EXPECT_EQ(pool.CountPendingTasks(), 0);
  EXPECT_THAT(this->failures_->chains(), ::testing::IsEmpty());
}

TYPED_TEST_P(PoolPeriodicContract, EndsAfterMaxRuns) {
  typename TypeParam::Pool pool(1);
  Periodic periodic = pool.Every(absl::Milliseconds(1), {.max_runs = 3},
                                 RunCounter::Add, this->counter_.file());
  periodic.done().Collect(kLong);
  EXPECT_EQ(this->counter_.runs(), 3);
  EXPECT_EQ(periodic.stats().runs, 3);
  EXPECT_EQ(periodic.stats().until_next, absl::InfiniteDuration());
  EXPECT_TRUE(pool.Join(kLong));
  EXPECT_FALSE(periodic.Cancel());
  EXPECT_FALSE(periodic.Trigger());
}

TYPED_TEST_P(PoolPeriodicContract, CancelEndsItWhileNoRunGoesOn) {
  typename TypeParam::Pool pool(this->WithClock());
  Periodic periodic =
      pool.Every(absl::Seconds(1), RunCounter::Add, this->counter_.file());
  ASSERT_TRUE(this->Rests(periodic));
  EXPECT_TRUE(periodic.Cancel());
  EXPECT_FALSE(periodic.Cancel());
  ASSERT_TRUE(periodic.done().Wait(kLong));
  EXPECT_TRUE(periodic.done().is_cancelled());
  periodic.set_period(absl::Seconds(2));  // of no effect
  EXPECT_EQ(periodic.stats().until_next, absl::InfiniteDuration());
  EXPECT_TRUE(pool.Join(kLong));
  EXPECT_EQ(this->counter_.runs(), 1);
}

TYPED_TEST_P(PoolPeriodicContract, CancelLetsTheRunThatGoesOnEnd) {
  typename TypeParam::Pool pool(this->WithClock());
  Gate gate;
  Periodic periodic = pool.Every(absl::Seconds(1), PassGate, gate.path(), 1);
  ASSERT_TRUE(gate.WaitForArrivals(1));
  EXPECT_TRUE(periodic.Cancel());
  EXPECT_TRUE(periodic.done().is_pending());
  gate.Open();
  ASSERT_TRUE(periodic.done().Wait(kLong));
  EXPECT_TRUE(periodic.done().is_cancelled());
  EXPECT_EQ(periodic.stats().runs, 1);
}

TYPED_TEST_P(PoolPeriodicContract, CancellingItsFutureEndsIt) {
  typename TypeParam::Pool pool(this->WithClock());
  const Periodic periodic =
      pool.Every(absl::Seconds(1), {.initial_delay = absl::Seconds(1)},
                 RunCounter::Add, this->counter_.file());
  EXPECT_TRUE(periodic.done().Cancel());
  EXPECT_EQ(pool.CountPendingTasks(), 0);
}

TYPED_TEST_P(PoolPeriodicContract, GoesOnWithoutItsHandle) {
  typename TypeParam::Pool pool(1);
  Future<void> done = pool.Every(absl::Milliseconds(1), {.max_runs = 3},
                                 RunCounter::Add, this->counter_.file())
                          .done();
  done.Collect(kLong);
  EXPECT_EQ(this->counter_.runs(), 3);
}

TYPED_TEST_P(PoolPeriodicContract, TriggerBringsARunBesideTheTicks) {
  typename TypeParam::Pool pool(this->WithClock());
  Periodic periodic =
      pool.Every(absl::Seconds(1), RunCounter::Add, this->counter_.file());
  ASSERT_TRUE(this->Rests(periodic));
  this->clock_->Advance(absl::Milliseconds(300));
  EXPECT_TRUE(periodic.Trigger());
  ASSERT_TRUE(this->Rests(periodic));
  EXPECT_EQ(this->counter_.runs(), 2);
  EXPECT_EQ(periodic.stats().until_next, absl::Milliseconds(700));
}

TYPED_TEST_P(PoolPeriodicContract, TriggersDuringARunBringOneMore) {
  typename TypeParam::Pool pool(this->WithClock());
  Gate gate;
  Periodic periodic = pool.Every(absl::Seconds(1), PassGate, gate.path(), 1);
  ASSERT_TRUE(gate.WaitForArrivals(1));
  EXPECT_TRUE(periodic.Trigger());
  EXPECT_TRUE(periodic.Trigger());
  gate.Open();
  ASSERT_TRUE(Eventually([&] { return periodic.stats().runs == 2; }));
  ASSERT_TRUE(this->Rests(periodic));
  EXPECT_EQ(periodic.stats().runs, 2);
  EXPECT_EQ(periodic.stats().until_next, absl::Seconds(1));
}

TYPED_TEST_P(PoolPeriodicContract, NewPeriodMovesTheRunThatWaits) {
  typename TypeParam::Pool pool(this->WithClock());
  Periodic periodic =
      pool.Every(absl::Hours(1), RunCounter::Add, this->counter_.file());
  ASSERT_TRUE(this->Rests(periodic));
  periodic.set_period(absl::Seconds(2));
  this->clock_->Advance(absl::Seconds(1));
  EXPECT_EQ(periodic.stats().until_next, absl::Seconds(1));
  ASSERT_TRUE(this->AdvanceAndRest(periodic, absl::Seconds(1)));
  EXPECT_EQ(this->counter_.runs(), 2);
  // Two seconds after the last tick have passed by then.
  periodic.set_period(absl::Hours(1));
  this->clock_->Advance(absl::Seconds(5));
  periodic.set_period(absl::Seconds(2));
  ASSERT_TRUE(Eventually([&] { return this->counter_.runs() == 3; }));
  EXPECT_EQ(ThrownChain([&] { periodic.set_period(absl::ZeroDuration()); }),
            "period is 0; it must be positive");
}

TYPED_TEST_P(PoolPeriodicContract, ShutdownEndsIt) {
  for (const ShutdownMode mode :
       {ShutdownMode::kCancelPending, ShutdownMode::kDrain}) {
    typename TypeParam::Pool pool(this->WithClock());
    const Periodic waiting =
        pool.Every(absl::Seconds(1), {.initial_delay = absl::Seconds(1)},
                   RunCounter::Add, this->counter_.file());
    Gate gate;
    const Periodic running =
        pool.Every(absl::Seconds(1), PassGate, gate.path(), 1);
    ASSERT_TRUE(gate.WaitForArrivals(1));
    gate.Open();
    pool.Shutdown({.mode = mode});
    EXPECT_TRUE(waiting.done().is_cancelled());
    EXPECT_TRUE(running.done().is_cancelled());
    EXPECT_TRUE(pool.is_terminated());
  }
  EXPECT_EQ(this->counter_.runs(), 0);
}

TYPED_TEST_P(PoolPeriodicContract, LaterRunsNeedNoRoom) {
  auto options = this->WithClock();
  options.max_pending = 1;
  options.when_full = WhenFull::kReject;
  typename TypeParam::Pool pool(std::move(options));
  Gate gate;
  const Periodic periodic =
      pool.Every(absl::Seconds(1), PassGate, gate.path(), 1);
  ASSERT_TRUE(gate.WaitForArrivals(1));
  const auto pending = pool.Submit(Add, 1, 2);
  EXPECT_THROW(pool.Every(absl::Seconds(1), DoNothing), RejectedError);
  gate.Open();
  EXPECT_EQ(pending.Collect(kLong), 3);
  ASSERT_TRUE(this->AdvanceAndRest(periodic, absl::Seconds(1)));
  EXPECT_EQ(periodic.stats().runs, 2);
  EXPECT_EQ(periodic.stats().failed, 0);
}

TYPED_TEST_P(PoolPeriodicContract, BadInputIsRefusedBeforeAnythingStarts) {
  typename TypeParam::Pool pool(1);
  const auto refusal = [&](absl::Duration period, PeriodicOptions options) {
    return ThrownChain([&] { pool.Every(period, options, DoNothing); });
  };
  const absl::Duration s = absl::Seconds(1);
  EXPECT_EQ(refusal(absl::ZeroDuration(), {}),
            "period is 0; it must be positive");
  EXPECT_EQ(refusal(-s, {}), "period is -1s; it must be positive");
  EXPECT_EQ(refusal(s, {.task = {.max_attempts = 0}}),
            "max_attempts is 0; it must be at least 1");
  EXPECT_EQ(refusal(s, {.initial_delay = -s}),
            "initial_delay is -1s; it must not be negative");
  EXPECT_EQ(refusal(s, {.cadence = static_cast<Cadence>(2)}),
            "cadence is 2, which is no Cadence");
  EXPECT_EQ(refusal(s, {.when_late = static_cast<WhenLate>(-1)}),
            "when_late is -1, which is no WhenLate");
  EXPECT_EQ(refusal(s, {.on_error = static_cast<PeriodicOptions::OnError>(2)}),
            "on_error is 2, which is no PeriodicOptions::OnError");
  EXPECT_EQ(refusal(s, {.max_runs = -1}),
            "max_runs is -1; it must not be negative (0: no limit)");
  EXPECT_EQ(refusal(s, {.jitter = 1}), "jitter is 1; it must be in [0, 1)");
  EXPECT_EQ(refusal(s, {.jitter = -0.5}),
            "jitter is -0.5; it must be in [0, 1)");
  EXPECT_EQ(refusal(s, {.jitter = std::numeric_limits<double>::quiet_NaN()}),
            "jitter is nan; it must be in [0, 1)");
  EXPECT_EQ(pool.Stats().submitted, 0);
  pool.Shutdown();
  EXPECT_THROW(pool.Every(s, DoNothing), ClosedPoolError);
}

REGISTER_TYPED_TEST_SUITE_P(
    PoolPeriodicContract, RunsAtOnceAndAfterEachPeriod, FixedRateKeepsItsTicks,
    FixedDelayCountsFromTheEndOfARun, RunsDoNotOverlapAndMissedOnesAreCounted,
    MissedRunsAreCaughtUpWithInARow, FailedRunIsToldOfAndTheNextOneComes,
    FailureEndsItIfThatIsWished, EndsAfterMaxRuns, CancelEndsItWhileNoRunGoesOn,
    CancelLetsTheRunThatGoesOnEnd, CancellingItsFutureEndsIt,
    GoesOnWithoutItsHandle, TriggerBringsARunBesideTheTicks,
    TriggersDuringARunBringOneMore, NewPeriodMovesTheRunThatWaits,
    ShutdownEndsIt, LaterRunsNeedNoRoom, BadInputIsRefusedBeforeAnythingStarts);

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_POOL_TESTING_POOL_CONTRACT_PERIODIC_H_
