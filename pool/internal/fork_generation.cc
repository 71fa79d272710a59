#include "asyncpal/pool/internal/fork_generation.h"

#include <pthread.h>

#include <atomic>

namespace asyncpal::internal {
namespace {

constinit std::atomic<int64_t> generation{0};

}  // namespace

int64_t ForkGeneration() {
  // Registered before the first pool exists, which is before it matters.
  static const int registered = pthread_atfork(nullptr, nullptr, [] {
    generation.fetch_add(1, std::memory_order_relaxed);
  });
  (void)registered;
  return generation.load(std::memory_order_relaxed);
}

}  // namespace asyncpal::internal
