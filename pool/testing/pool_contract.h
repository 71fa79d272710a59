#ifndef ASYNCPAL_POOL_TESTING_POOL_CONTRACT_H_
#define ASYNCPAL_POOL_TESTING_POOL_CONTRACT_H_

#include "asyncpal/pool/testing/pool_contract_counts.h"
#include "asyncpal/pool/testing/pool_contract_lifecycle.h"
#include "asyncpal/pool/testing/pool_contract_map.h"
#include "asyncpal/pool/testing/pool_contract_progress.h"
#include "asyncpal/pool/testing/pool_contract_settled.h"
#include "asyncpal/pool/testing/pool_contract_tasks.h"
#include "asyncpal/pool/testing/pool_contract_workers.h"

// What every kind of pool promises, as one suite in parts. A kind has a
// test that names itself and its `Traits`:
//
//   struct ThreadPoolTraits {
//     using Pool = ThreadPool;
//     using Options = PoolOptions;
//     using Single = SingleThreadPool;         // and Dual, Triple, Quad
//     static constexpr char kClassName[] = "ThreadPool";
//     static int DefaultMaxWorkers();
//     static int64_t WorkerId();               // a task: WorkerInfo::pid
//   };
//   ASYNCPAL_INSTANTIATE_POOL_CONTRACT(Threads, ThreadPoolTraits);
//
// Its tasks are free functions and lambdas without captures, on plain values:
// they can be sent to another process.
#define ASYNCPAL_INSTANTIATE_POOL_CONTRACT(Kind, Traits)               \
  INSTANTIATE_TYPED_TEST_SUITE_P(Kind, PoolTaskContract, Traits);      \
  INSTANTIATE_TYPED_TEST_SUITE_P(Kind, PoolMapContract, Traits);       \
  INSTANTIATE_TYPED_TEST_SUITE_P(Kind, PoolProgressContract, Traits);  \
  INSTANTIATE_TYPED_TEST_SUITE_P(Kind, PoolSettledContract, Traits);   \
  INSTANTIATE_TYPED_TEST_SUITE_P(Kind, PoolLifecycleContract, Traits); \
  INSTANTIATE_TYPED_TEST_SUITE_P(Kind, PoolWorkerContract, Traits);    \
  INSTANTIATE_TYPED_TEST_SUITE_P(Kind, PoolCountsContract, Traits)

#endif  // ASYNCPAL_POOL_TESTING_POOL_CONTRACT_H_
