#include "asyncpal/pool/internal/distributed/simulated_cluster.h"

#include <cstdint>
#include <cstdlib>

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

// A million takes an hour: --test_env=SCHEDULES=1000000.
int Schedules() {
  const char* const number = std::getenv("SCHEDULES");
  return number == nullptr ? 300 : std::atoi(number);
}

TEST(SimulatedCluster, RunsAllOnceWhereNothingFails) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const SimulatedCluster::Outcome outcome =
        SimulatedCluster(
            {.seed = seed, .faults = absl::ZeroDuration(), .deaths = false})
            .Run();
    EXPECT_EQ(outcome.completed, 30) << "seed " << seed;
    EXPECT_EQ(outcome.begun, 30) << "seed " << seed;
    EXPECT_EQ(outcome.left, 0u) << "seed " << seed;
  }
}

TEST(SimulatedCluster, NoMessageThatIsLostOrLateLosesATask) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    const SimulatedCluster::Outcome outcome =
        SimulatedCluster({.seed = seed,
                          .lost = 0.1,
                          .doubled = 0.1,
                          .delayed = 0.2,
                          .deaths = false})
            .Run();
    EXPECT_EQ(outcome.completed, 30) << "seed " << seed;
    EXPECT_EQ(outcome.begun, 30) << "seed " << seed;
    EXPECT_EQ(outcome.left, 0u) << "seed " << seed;
  }
}

TEST(SimulatedCluster, EachTaskEndsOnceAndNoAttemptBeginsTwiceWhateverFails) {
  int lost = 0;
  int completed = 0;
  for (int seed = 1; seed <= Schedules(); ++seed) {
    const SimulatedCluster::Outcome outcome =
        SimulatedCluster({.seed = static_cast<uint64_t>(seed)}).Run();
    ASSERT_EQ(outcome.unresolved, 0) << "seed " << seed;
    ASSERT_EQ(outcome.begun_twice, 0) << "seed " << seed;
    ASSERT_EQ(outcome.resolved_twice, 0) << "seed " << seed;
    ASSERT_EQ(outcome.left, 0u) << "seed " << seed;
    lost += outcome.lost;
    completed += outcome.completed;
  }
  // Both happen often.
  EXPECT_GT(lost, Schedules());
  EXPECT_GT(completed, 10 * Schedules());
}

int BegunTwice(SimulatedCluster::Options options) {
  int begun_twice = 0;
  for (uint64_t seed = 1; seed <= 300 && begun_twice == 0; ++seed) {
    options.seed = seed;
    begun_twice += SimulatedCluster(options).Run().begun_twice;
  }
  return begun_twice;
}

// What the account relies on, taken away: the schedules must find it.
TEST(SimulatedCluster, FindsAnAgentThatUsesOldGrants) {
  EXPECT_GT(BegunTwice({.delayed = 0.2,
                        .agent = {.slots = 2,
                                  .repeat_period = absl::Seconds(30),
                                  .grant_validity = absl::InfiniteDuration()}}),
            0);
}

TEST(SimulatedCluster, FindsAClientThatPublishesAgainTooEarly) {
  EXPECT_GT(BegunTwice({.delayed = 0.2,
                        .client = {.grant_timeout = absl::ZeroDuration()}}),
            0);
}

}  // namespace
}  // namespace asyncpal::internal
