#include <unistd.h>

#include <csignal>
#include <string>

#include "asyncpal/pool/process_pool.h"
#include "asyncpal/pool/testing/pool_contract_retries.h"
#include "gtest/gtest.h"

namespace asyncpal::testing {
namespace {

struct ProcessPoolTraits {
  using Pool = ProcessPool;
  using Options = ProcessPoolOptions;
};
INSTANTIATE_TYPED_TEST_SUITE_P(Processes, PoolRetriesContract,
                               ProcessPoolTraits);

int DieFirst(std::string file) {
  const int run = RunCounter::Add(file);
  return run == 1 ? kill(getpid(), SIGKILL) : run;
}

TEST(ProcessPoolRetriesTest, LostWorkerIsFollowedByAnotherAttempt) {
  ProcessPool pool(1);
  const RunCounter counter;
  const auto future = pool.SubmitRetrying({.backoff = absl::Milliseconds(1)},
                                          DieFirst, counter.file());
  EXPECT_EQ(future.Collect(kLong), 2);
  EXPECT_EQ(pool.Stats().retried, 1);
}

}  // namespace
}  // namespace asyncpal::testing
