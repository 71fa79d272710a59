#include "asyncpal/pool/process_pool.h"
#include "asyncpal/pool/testing/pool_contract_later.h"
#include "gtest/gtest.h"

// What is delayed in process pools: the contract.

namespace asyncpal::testing {
namespace {

struct ProcessPoolTraits {
  using Pool = ProcessPool;
  using Options = ProcessPoolOptions;
};
INSTANTIATE_TYPED_TEST_SUITE_P(Processes, PoolLaterContract, ProcessPoolTraits);

}  // namespace
}  // namespace asyncpal::testing
