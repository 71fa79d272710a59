#ifndef ASYNCPAL_POOL_TESTING_POOL_CONTRACT_PRIORITY_H_
#define ASYNCPAL_POOL_TESTING_POOL_CONTRACT_PRIORITY_H_

#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/future.h"
#include "asyncpal/pool/cancelled_task.h"
#include "asyncpal/pool/manual_clock.h"
#include "asyncpal/pool/options.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/testing/gate.h"
#include "asyncpal/pool/testing/pool_contract_tools.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// Which task comes first, and what a shutdown does with which: part of
// pool_contract.h.

namespace asyncpal::testing {

inline constexpr TaskPriority kAllPriorities[] = {
    TaskPriority::kBackground, TaskPriority::kLow, TaskPriority::kNormal,
    TaskPriority::kHigh, TaskPriority::kUrgent};

template <typename Traits>
class PoolPriorityContract : public ::testing::Test {
 protected:
  using Pool = typename Traits::Pool;
  using Options = typename Traits::Options;

  Options One(absl::Duration step = absl::Seconds(1)) {
    Options options;
    options.max_workers = 1;
    options.priority_step = step;
    options.clock = clock_;
    return options;
  }

  // Notes `letter` when the task is done; of one worker, one after the other.
  void Submit(Pool& pool, TaskPriority priority, char letter) {
    Note(pool.Submit(TaskOptions{.priority = priority}, DoNothing), letter);
  }
  template <typename T>
  void Note(Future<T> future, char letter) {
    future.AddCallback([log = log_, letter](const Future<T>& done) {
      const std::lock_guard lock(log->mu);
      if (done.is_completed()) log->text += letter;
      ++log->noted;
    });
    ++to_note_;
  }
  // The letters in the order in which their tasks ran.
  std::string Order() {
    // A callback may still run when a wait for its future is over.
    EXPECT_TRUE(Eventually([this] {
      const std::lock_guard lock(log_->mu);
      return log_->noted == to_note_;
    }));
    const std::lock_guard lock(log_->mu);
    return log_->text;
  }

  const std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>();

 private:
  struct Log {
    std::mutex mu;
    std::string text;
    int noted = 0;
  };
  const std::shared_ptr<Log> log_ = std::make_shared<Log>();
  int to_note_ = 0;
};
TYPED_TEST_SUITE_P(PoolPriorityContract);

TYPED_TEST_P(PoolPriorityContract, BadOptionsAreRefusedByName) {
  using Pool = typename TypeParam::Pool;
  EXPECT_EQ(ThrownChain([] { Pool({.priority_step = absl::ZeroDuration()}); }),
            "priority_step is 0; it must be positive");
  Pool pool(1);
  EXPECT_EQ(ThrownChain([&] {
              pool.Submit(TaskOptions{.priority = static_cast<TaskPriority>(7)},
                          DoNothing);
            }),
            "priority is 7, which is no TaskPriority");
  EXPECT_EQ(ThrownChain([&] {
              pool.Submit(
                  TaskOptions{.at_shutdown = static_cast<AtShutdown>(9)},
                  DoNothing);
            }),
            "at_shutdown is 9, which is no AtShutdown");
  EXPECT_EQ(pool.Stats().submitted, 0);
}

TYPED_TEST_P(PoolPriorityContract, HigherClassesBeginFirst) {
  typename TypeParam::Pool pool(this->One());
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  char letter = 'a';
  for (const TaskPriority priority : kAllPriorities) {
    this->Submit(pool, priority, letter++);
  }
  gate.Open();
  EXPECT_EQ(this->Order(), "edcba");
}

TYPED_TEST_P(PoolPriorityContract, ClassesKeepTheOrderOfSubmission) {
  typename TypeParam::Pool pool(this->One());
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  this->Submit(pool, TaskPriority::kHigh, 'a');
  this->Note(pool.Submit(DoNothing), 'n');
  this->Submit(pool, TaskPriority::kHigh, 'b');
  this->Note(pool.Submit(DoNothing), 'o');
  this->Submit(pool, TaskPriority::kHigh, 'c');
  gate.Open();
  EXPECT_EQ(this->Order(), "abcno");
}

TYPED_TEST_P(PoolPriorityContract, TaskGrowsOlderUntilItGoesFirst) {
  typename TypeParam::Pool pool(this->One());
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  this->Submit(pool, TaskPriority::kBackground, 'b');
  this->clock_->Advance(absl::Seconds(4) - absl::Milliseconds(1));
  this->Submit(pool, TaskPriority::kUrgent, 'u');
  this->clock_->Advance(absl::Milliseconds(2));
  this->Submit(pool, TaskPriority::kUrgent, 'v');
  gate.Open();
  EXPECT_EQ(this->Order(), "ubv");
}

TYPED_TEST_P(PoolPriorityContract, InfiniteStepIsStrict) {
  typename TypeParam::Pool pool(this->One(absl::InfiniteDuration()));
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  this->Submit(pool, TaskPriority::kLow, 'l');
  this->clock_->Advance(absl::Hours(1000));
  this->Submit(pool, TaskPriority::kNormal, 'n');
  this->Submit(pool, TaskPriority::kHigh, 'h');
  gate.Open();
  EXPECT_EQ(this->Order(), "hnl");
}

TYPED_TEST_P(PoolPriorityContract, CancelledTaskOfAClassNeverRuns) {
  typename TypeParam::Pool pool(this->One());
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  auto future =
      pool.Submit(TaskOptions{.priority = TaskPriority::kHigh}, DoNothing);
  this->Submit(pool, TaskPriority::kHigh, 'h');
  EXPECT_TRUE(future.Cancel());
  gate.Open();
  EXPECT_EQ(this->Order(), "h");
  pool.Join(kLong);
  EXPECT_EQ(pool.Stats().cancelled, 1);
  EXPECT_EQ(pool.Stats().completed, 2);
}

TYPED_TEST_P(PoolPriorityContract, TasksOfClassesAreHandedBackInOrder) {
  typename TypeParam::Pool pool(this->One());
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  pool.Submit(TaskOptions{.name = "a", .priority = TaskPriority::kLow},
              DoNothing);
  pool.Submit(TaskOptions{.name = "b"}, DoNothing);
  pool.Submit(TaskOptions{.name = "c", .priority = TaskPriority::kUrgent},
              DoNothing);
  EXPECT_EQ(pool.Stats().pending, 3);
  pool.Shutdown({.deadline = absl::ZeroDuration()});
  std::string names;
  for (const CancelledTask& task : pool.TakeCancelledTasks()) {
    names += task.name();
  }
  EXPECT_EQ(names, "abc");
}

TYPED_TEST_P(PoolPriorityContract, DelayedTaskKeepsItsPriority) {
  typename TypeParam::Pool pool(this->One());
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  this->Note(pool.Submit(DoNothing), 'n');
  this->Note(pool.SubmitAfter(absl::Milliseconds(1),
                              TaskOptions{.priority = TaskPriority::kUrgent},
                              DoNothing),
             'u');
  this->clock_->Advance(absl::Milliseconds(1));
  gate.Open();
  EXPECT_EQ(this->Order(), "un");
}

TYPED_TEST_P(PoolPriorityContract, FullPoolDropsTheOldestOfAllClasses) {
  auto options = this->One();
  options.max_pending = 2;
  options.when_full = WhenFull::kDropOldest;
  typename TypeParam::Pool pool(std::move(options));
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  const auto urgent =
      pool.Submit(TaskOptions{.priority = TaskPriority::kUrgent}, DoNothing);
  this->clock_->Advance(absl::Seconds(1));
  this->Submit(pool, TaskPriority::kLow, 'l');
  this->Submit(pool, TaskPriority::kHigh, 'h');
  EXPECT_THROW(urgent.Collect(kLong), RejectedError);
  gate.Open();
  EXPECT_EQ(this->Order(), "hl");
}

// --- At shutdown ---

TYPED_TEST_P(PoolPriorityContract, DrainSkipsWhatIsToBeSkipped) {
  typename TypeParam::Pool pool(this->One());
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  const auto skipped =
      pool.Submit(TaskOptions{.at_shutdown = AtShutdown::kSkip}, DoNothing);
  const auto also = pool.Submit(TaskOptions{.priority = TaskPriority::kLow,
                                            .at_shutdown = AtShutdown::kSkip},
                                DoNothing);
  const auto run = pool.Submit(Add, 1, 2);
  pool.Shutdown(
      {.mode = ShutdownMode::kDrain, .deadline = absl::ZeroDuration()});
  EXPECT_TRUE(skipped.is_cancelled());
  EXPECT_TRUE(also.is_cancelled());
  EXPECT_EQ(pool.TakeCancelledTasks().size(), 3u);
  EXPECT_TRUE(run.is_cancelled());  // the deadline has passed
}

TYPED_TEST_P(PoolPriorityContract, DrainRunsTheOthers) {
  typename TypeParam::Pool pool(this->One());
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  const auto skipped =
      pool.Submit(TaskOptions{.at_shutdown = AtShutdown::kSkip}, DoNothing);
  const auto run = pool.Submit(Add, 1, 2);
  JoiningThread closer([&] { pool.Shutdown({.mode = ShutdownMode::kDrain}); });
  ASSERT_TRUE(skipped.Wait(kLong));
  EXPECT_TRUE(skipped.is_cancelled());
  gate.Open();
  closer.Join();
  EXPECT_EQ(run.Collect(kLong), 3);
  EXPECT_EQ(pool.Stats().cancelled, 1);
}

TYPED_TEST_P(PoolPriorityContract, ShutdownRunsWhatIsToFinish) {
  typename TypeParam::Pool pool(this->One());
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  const auto first =
      pool.Submit(TaskOptions{.at_shutdown = AtShutdown::kFinish}, Add, 1, 2);
  const auto cancelled = pool.Submit(Add, 1, 2);
  const auto last = pool.Submit(TaskOptions{.priority = TaskPriority::kHigh,
                                            .at_shutdown = AtShutdown::kFinish},
                                Add, 2, 2);
  JoiningThread closer([&] { pool.Shutdown(); });
  ASSERT_TRUE(cancelled.Wait(kLong));
  gate.Open();
  closer.Join();
  EXPECT_TRUE(cancelled.is_cancelled());
  EXPECT_EQ(first.Collect(kLong), 3);
  EXPECT_EQ(last.Collect(kLong), 4);
  EXPECT_TRUE(pool.is_terminated());
}

TYPED_TEST_P(PoolPriorityContract, DeadlineEndsWhatIsToFinish) {
  typename TypeParam::Pool pool(this->One());
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  const auto future =
      pool.Submit(TaskOptions{.at_shutdown = AtShutdown::kFinish}, Add, 1, 2);
  pool.Shutdown({.deadline = absl::Milliseconds(5)});
  EXPECT_TRUE(future.is_cancelled());
}

TYPED_TEST_P(PoolPriorityContract, KillBeatsWhatIsToFinish) {
  typename TypeParam::Pool pool(this->One());
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  const auto future =
      pool.Submit(TaskOptions{.at_shutdown = AtShutdown::kFinish}, Add, 1, 2);
  pool.Shutdown(
      {.mode = ShutdownMode::kKill, .deadline = absl::ZeroDuration()});
  EXPECT_TRUE(future.is_cancelled());
}

TYPED_TEST_P(PoolPriorityContract, DelayedTaskThatIsToFinishRunsAtItsTime) {
  typename TypeParam::Pool pool(this->One());
  const auto future = pool.SubmitAfter(
      absl::Seconds(1), TaskOptions{.at_shutdown = AtShutdown::kFinish}, Add, 1,
      2);
  const auto other = pool.SubmitAfter(absl::Seconds(1), Add, 1, 2);
  JoiningThread closer([&] { pool.Shutdown({.mode = ShutdownMode::kDrain}); });
  ASSERT_TRUE(other.Wait(kLong));
  EXPECT_TRUE(other.is_cancelled());
  EXPECT_TRUE(future.is_pending());
  this->clock_->Advance(absl::Seconds(1));
  closer.Join();
  EXPECT_EQ(future.Collect(kLong), 3);
}

TYPED_TEST_P(PoolPriorityContract, NobodyWaitsForAnAbandonedTask) {
  // It outlives the pool in threads: what it uses does, too.
  static Gate& gate = *new Gate;
  typename TypeParam::Pool pool(this->One());
  const auto running =
      pool.Submit(TaskOptions{.at_shutdown = AtShutdown::kAbandon}, PassGate,
                  gate.path(), 1);
  ASSERT_TRUE(gate.WaitForArrivals(1));
  const auto pending =
      pool.Submit(TaskOptions{.at_shutdown = AtShutdown::kAbandon}, DoNothing);
  EXPECT_TRUE(pool.Shutdown(
      {.mode = ShutdownMode::kDrain, .deadline = absl::Seconds(20)}));
  EXPECT_TRUE(pool.is_terminated());
  EXPECT_TRUE(pending.is_cancelled());
  EXPECT_FALSE(running.is_completed());
  gate.Open();
  ASSERT_TRUE(running.Wait(kLong));
}

REGISTER_TYPED_TEST_SUITE_P(
    PoolPriorityContract, BadOptionsAreRefusedByName, HigherClassesBeginFirst,
    ClassesKeepTheOrderOfSubmission, TaskGrowsOlderUntilItGoesFirst,
    InfiniteStepIsStrict, CancelledTaskOfAClassNeverRuns,
    TasksOfClassesAreHandedBackInOrder, DelayedTaskKeepsItsPriority,
    FullPoolDropsTheOldestOfAllClasses, DrainSkipsWhatIsToBeSkipped,
    DrainRunsTheOthers, ShutdownRunsWhatIsToFinish, DeadlineEndsWhatIsToFinish,
    KillBeatsWhatIsToFinish, DelayedTaskThatIsToFinishRunsAtItsTime,
    NobodyWaitsForAnAbandonedTask);

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_POOL_TESTING_POOL_CONTRACT_PRIORITY_H_
