#include <stdexcept>
#include <string>

#include "asyncpal/future/error.h"
#include "asyncpal/pool/process_pool.h"
#include "asyncpal/pool/testing/gate.h"
#include "asyncpal/pool/testing/pool_contract_limits.h"
#include "gtest/gtest.h"

// What a process pool does when it is full: the contract, and bytes.

namespace asyncpal::testing {
namespace {

struct ProcessPoolTraits {
  using Pool = ProcessPool;
  using Options = ProcessPoolOptions;
};
INSTANTIATE_TYPED_TEST_SUITE_P(Processes, PoolLimitsContract,
                               ProcessPoolTraits);

size_t Length(std::string text) { return text.size(); }

TEST(FullProcessPool, CanNotLetTheCallerRunTheTask) {
  EXPECT_THROW(ProcessPool({.when_full = WhenFull::kCallerRuns}),
               std::invalid_argument);
}

TEST(FullProcessPool, RefusesOptionsThatMakeNoSense) {
  EXPECT_THROW(ProcessPool({.max_pending_bytes = -1}), std::invalid_argument);
  EXPECT_THROW(ProcessPool({.max_restarts = -1}), std::invalid_argument);
  EXPECT_THROW(ProcessPool({.restart_window = absl::Seconds(-1)}),
               std::invalid_argument);
}

TEST(FullProcessPool, RejectsBytesBeyondTheLimit) {
  ProcessPool pool({.max_workers = 1,
                    .when_full = WhenFull::kReject,
                    .max_pending_bytes = 10'000});
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  const auto first = pool.Submit(Length, std::string(6'000, 'a'));
  EXPECT_THROW(pool.Submit(Length, std::string(6'000, 'b')), RejectedError);
  const auto second = pool.Submit(Length, std::string(3'000, 'c'));
  gate.Open();
  EXPECT_EQ(first.Collect(kLong), 6'000u);
  EXPECT_EQ(second.Collect(kLong), 3'000u);
  EXPECT_EQ(pool.Submit(Length, std::string(6'000, 'd')).Collect(kLong),
            6'000u);
}

TEST(FullProcessPool, RejectsACallAtOnceThatIsLargerThanAllTheRoom) {
  ProcessPool pool({.max_workers = 1, .max_pending_bytes = 10'000});
  EXPECT_EQ(pool.Submit(Length, std::string(9'000, 'a')).Collect(kLong),
            9'000u);
  EXPECT_THROW(pool.Submit(Length, std::string(10'000, 'b')), RejectedError);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  EXPECT_THROW(pool.Submit(Length, std::string(10'000, 'b')), RejectedError);
}

TEST(FullProcessPool, DropsAsManyAsTheBytesOfTheNewestTake) {
  ProcessPool pool({.max_workers = 1,
                    .when_full = WhenFull::kDropOldest,
                    .max_pending_bytes = 10'000});
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  const auto first = pool.Submit(Length, std::string(3'000, 'a'));
  const auto second = pool.Submit(Length, std::string(3'000, 'b'));
  const auto third = pool.Submit(Length, std::string(3'000, 'c'));
  const auto newest = pool.Submit(Length, std::string(6'000, 'd'));
  EXPECT_THROW(first.Collect(kLong), RejectedError);
  EXPECT_THROW(second.Collect(kLong), RejectedError);
  gate.Open();
  EXPECT_EQ(third.Collect(kLong), 3'000u);
  EXPECT_EQ(newest.Collect(kLong), 6'000u);
}

}  // namespace
}  // namespace asyncpal::testing
