#include "asyncpal/pool/testing/pool_contract_retries.h"
#include "asyncpal/pool/thread_pool.h"
#include "gtest/gtest.h"

namespace asyncpal::testing {
namespace {

struct ThreadPoolTraits {
  using Pool = ThreadPool;
  using Options = PoolOptions;
};
INSTANTIATE_TYPED_TEST_SUITE_P(Threads, PoolRetriesContract, ThreadPoolTraits);

}  // namespace
}  // namespace asyncpal::testing
