#include "asyncpal/pool/process_pool.h"
#include "asyncpal/pool/testing/pool_contract_chunks.h"
#include "gtest/gtest.h"

namespace asyncpal::testing {
namespace {

struct ProcessPoolTraits {
  using Pool = ProcessPool;
};
INSTANTIATE_TYPED_TEST_SUITE_P(Processes, PoolChunksContract,
                               ProcessPoolTraits);

}  // namespace
}  // namespace asyncpal::testing
