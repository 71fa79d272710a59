#ifndef ASYNCPAL_POOL_INTERNAL_OWN_MEMORY_H_
#define ASYNCPAL_POOL_INTERNAL_OWN_MEMORY_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>

namespace asyncpal::internal {

// How many bytes of memory the process has resident that no file backs and
// nobody shares, as /proc/PID/statm counts them: a microsecond's look. nullopt:
// it is gone, or /proc is not there.
std::optional<int64_t> OwnMemory(pid_t pid);

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_OWN_MEMORY_H_
