#include <unistd.h>

#include <cstdint>

#include "asyncpal/pool/internal/cpu_count.h"
#include "asyncpal/pool/process_pool.h"
#include "asyncpal/pool/testing/pool_contract.h"

namespace asyncpal::testing {
namespace {

struct ProcessPoolTraits {
  using Pool = ProcessPool;
  using Options = ProcessPoolOptions;
  using Single = SingleProcessPool;
  using Dual = DualProcessPool;
  using Triple = TripleProcessPool;
  using Quad = QuadProcessPool;
  static constexpr char kClassName[] = "ProcessPool";
  static int DefaultMaxWorkers() { return internal::AvailableCpus(); }
  static int64_t WorkerId() { return getpid(); }
};

ASYNCPAL_INSTANTIATE_POOL_CONTRACT(Processes, ProcessPoolTraits);

}  // namespace
}  // namespace asyncpal::testing
