#include "asyncpal/pool/internal/restart_budget.h"

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

TEST(RestartBudgetTest, GrantsAFewWorkersEightRestarts) {
  EXPECT_EQ(RestartBudget(0, absl::Seconds(5), 4).max_restarts(), 8);
}

TEST(RestartBudgetTest, GrantsManyWorkersTwoRestartsEach) {
  EXPECT_EQ(RestartBudget(0, absl::Seconds(5), 5).max_restarts(), 10);
}

TEST(RestartBudgetTest, TakesTheNumberThatItIsGiven) {
  EXPECT_EQ(RestartBudget(1, absl::Seconds(5), 50).max_restarts(), 1);
}

TEST(RestartBudgetTest, IsSpentByOneDeathMoreThanItGrants) {
  RestartBudget budget(2, absl::Seconds(5), 1);
  EXPECT_FALSE(budget.SpendDeath(0));
  EXPECT_FALSE(budget.SpendDeath(1));
  EXPECT_TRUE(budget.SpendDeath(2));
}

TEST(RestartBudgetTest, CountsDeathsOfOneWindowOnly) {
  RestartBudget budget(1, absl::Seconds(5), 1);
  EXPECT_FALSE(budget.SpendDeath(0));
  EXPECT_FALSE(budget.SpendDeath(5 * kSecond + 1));
  EXPECT_TRUE(budget.SpendDeath(10 * kSecond));
}

TEST(RestartBudgetTest, CountsAllDeathsInAWindowWithoutEnd) {
  RestartBudget budget(1, absl::InfiniteDuration(), 1);
  EXPECT_FALSE(budget.SpendDeath(0));
  EXPECT_TRUE(budget.SpendDeath(int64_t{1} << 62));
}

TEST(RestartBudgetTest, ForgetsDeathsWhenATaskIsFinished) {
  RestartBudget budget(1, absl::Seconds(5), 1);
  budget.SpendDeath(0);
  budget.OnFinishedTask();
  EXPECT_FALSE(budget.has_deaths());
  EXPECT_FALSE(budget.SpendDeath(1));
}

TEST(RestartBudgetTest, IsSpentByThreeFailedStartsInARow) {
  RestartBudget budget(8, absl::Seconds(5), 1);
  EXPECT_FALSE(budget.SpendFailedStart());
  EXPECT_FALSE(budget.SpendFailedStart());
  EXPECT_TRUE(budget.SpendFailedStart());
}

TEST(RestartBudgetTest, ForgetsFailedStartsWhenAWorkerStarts) {
  RestartBudget budget(8, absl::Seconds(5), 1);
  budget.SpendFailedStart();
  budget.SpendFailedStart();
  budget.OnStarted();
  EXPECT_FALSE(budget.SpendFailedStart());
}

TEST(RestartBudgetTest, IsNotSpentByCrashesOfTasks) {
  RestartBudget budget(2, absl::Seconds(5), 1);
  for (int i = 0; i < 100; ++i) budget.DelayAfterCrash(i);
  EXPECT_FALSE(budget.SpendDeath(100));
}

TEST(RestartBudgetTest, DoesNotSlowDownAfterTheFirstCrashes) {
  RestartBudget budget(2, absl::Seconds(5), 1);
  EXPECT_EQ(budget.DelayAfterCrash(0), absl::ZeroDuration());
  EXPECT_EQ(budget.DelayAfterCrash(1), absl::ZeroDuration());
  EXPECT_GT(budget.DelayAfterCrash(2), absl::ZeroDuration());
}

TEST(RestartBudgetTest, SlowsDownMoreWithEachCrashAndNeverByMoreThanTheLimit) {
  RestartBudget budget(1, absl::Seconds(5), 1);
  budget.DelayAfterCrash(0);
  absl::Duration last = absl::ZeroDuration();
  for (int i = 1; i < 1'000; ++i) {
    const absl::Duration delay = budget.DelayAfterCrash(i);
    EXPECT_GE(delay, last);
    EXPECT_LE(delay, RestartBudget::kMaxDelay);
    last = delay;
  }
  EXPECT_EQ(last, RestartBudget::kMaxDelay);
}

TEST(RestartBudgetTest, IsFastAgainWhenTheCrashesAreOld) {
  RestartBudget budget(1, absl::Seconds(5), 1);
  for (int i = 0; i < 10; ++i) budget.DelayAfterCrash(i);
  EXPECT_EQ(budget.DelayAfterCrash(6 * kSecond), absl::ZeroDuration());
}

}  // namespace
}  // namespace asyncpal::internal
