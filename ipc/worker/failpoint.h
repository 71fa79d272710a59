#ifndef ASYNCPAL_IPC_WORKER_FAILPOINT_H_
#define ASYNCPAL_IPC_WORKER_FAILPOINT_H_

#include <atomic>

namespace asyncpal::internal {

// A test makes a rare moment certain by what it does there. Null in every
// program that does not link //ipc/testing:failpoints.
inline constinit std::atomic<void (*)(const char* name)> failpoint_handler =
    nullptr;

}  // namespace asyncpal::internal

// Names a moment at which a test can interfere.
#define ASYNCPAL_FAILPOINT(name)                                            \
  do {                                                                      \
    if (auto* const handler = ::asyncpal::internal::failpoint_handler.load( \
            std::memory_order_relaxed);                                     \
        handler != nullptr) {                                               \
      handler(name);                                                        \
    }                                                                       \
  } while (false)

#endif  // ASYNCPAL_IPC_WORKER_FAILPOINT_H_
