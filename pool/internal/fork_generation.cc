#include "asyncpal/pool/internal/fork_generation.h"

#include <pthread.h>

namespace asyncpal::internal {

int64_t ForkGeneration() {
  // Registered before the first pool exists, which is before it matters.
  static const int registered = pthread_atfork(nullptr, nullptr, [] {
    fork_generation.fetch_add(1, std::memory_order_relaxed);
  });
  (void)registered;
  return fork_generation.load(std::memory_order_relaxed);
}

}  // namespace asyncpal::internal
