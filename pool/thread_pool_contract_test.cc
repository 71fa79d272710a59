#include <unistd.h>

#include <cstdint>

#include "asyncpal/pool/internal/cpu_count.h"
#include "asyncpal/pool/testing/pool_contract.h"
#include "asyncpal/pool/thread_pool.h"

namespace asyncpal::testing {
namespace {

struct ThreadPoolTraits {
  using Pool = ThreadPool;
  using Options = PoolOptions;
  using Single = SingleThreadPool;
  using Dual = DualThreadPool;
  using Triple = TripleThreadPool;
  using Quad = QuadThreadPool;
  static constexpr char kClassName[] = "ThreadPool";
  static int DefaultMaxWorkers() { return internal::AvailableCpus() + 5; }
  static int64_t WorkerId() { return gettid(); }
};

ASYNCPAL_INSTANTIATE_POOL_CONTRACT(Threads, ThreadPoolTraits);

}  // namespace
}  // namespace asyncpal::testing
