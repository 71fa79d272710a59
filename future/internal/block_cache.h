#ifndef ASYNCPAL_FUTURE_INTERNAL_BLOCK_CACHE_H_
#define ASYNCPAL_FUTURE_INTERNAL_BLOCK_CACHE_H_

#include <cstddef>

namespace asyncpal::internal {

// Memory for the states of futures, which are born on one thread and die on
// another: the pattern that general allocators are slowest at. Each thread
// keeps a few free blocks of each size; a thread that frees more than it makes
// hands them on in batches to one that makes more than it frees. Some megabytes
// are kept for the next burst, the rest goes back to the system.
//
// AllocateBlock() throws std::bad_alloc. FreeBlock() takes the size that the
// block was allocated with, and may be called on any thread at any time, also
// while the thread or the process ends.
void* AllocateBlock(size_t size);
void FreeBlock(void* block, size_t size) noexcept;

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_FUTURE_INTERNAL_BLOCK_CACHE_H_
