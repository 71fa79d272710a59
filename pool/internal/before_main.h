#ifndef ASYNCPAL_POOL_INTERNAL_BEFORE_MAIN_H_
#define ASYNCPAL_POOL_INTERNAL_BEFORE_MAIN_H_

#include <atomic>

namespace asyncpal::internal {

// What the library does after the constructors of static objects and before the
// program's main(). Set by a static constructor of the process pool, so that a
// program without one does not link it.
inline constinit std::atomic<void (*)()> before_main = nullptr;

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_BEFORE_MAIN_H_
