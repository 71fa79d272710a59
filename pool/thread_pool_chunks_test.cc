#include "asyncpal/pool/testing/pool_contract_chunks.h"
#include "asyncpal/pool/thread_pool.h"
#include "gtest/gtest.h"

namespace asyncpal::testing {
namespace {

struct ThreadPoolTraits {
  using Pool = ThreadPool;
};
INSTANTIATE_TYPED_TEST_SUITE_P(Threads, PoolChunksContract, ThreadPoolTraits);

}  // namespace
}  // namespace asyncpal::testing
