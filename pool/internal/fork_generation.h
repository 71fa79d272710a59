#ifndef ASYNCPAL_POOL_INTERNAL_FORK_GENERATION_H_
#define ASYNCPAL_POOL_INTERNAL_FORK_GENERATION_H_

#include <atomic>
#include <cstdint>

namespace asyncpal::internal {

// A number that fork() changes in the child. What was made in another
// generation has lost its threads, and its locks may be held for ever.
int64_t ForkGeneration();

// The same, for those who come after a call of that.
inline constinit std::atomic<int64_t> fork_generation{0};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_FORK_GENERATION_H_
