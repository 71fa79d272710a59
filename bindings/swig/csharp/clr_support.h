#ifndef ASYNCPAL_BINDINGS_SWIG_CSHARP_CLR_SUPPORT_H_
#define ASYNCPAL_BINDINGS_SWIG_CSHARP_CLR_SUPPORT_H_

#include <cstdint>
#include <exception>
#include <string>

#include "asyncpal/bindings/facade/failure.h"
#include "asyncpal/bindings/facade/pool.h"
#include "asyncpal/bindings/facade/thread_pool.h"

// What the typemaps of this folder need, and the C# side of a facade::Host.

namespace asyncpal::swig {

// The length as an int64_t, then the bytes; from malloc().
void* ToBlock(const std::string& bytes);
// Copies and frees it.
std::string TakeBlock(void* block);

// Leaves `error` to C#, which throws it when the running call is back.
void SetPendingFailure(const std::exception_ptr& error);

// The methods of a facade::Host in C#. None lets an exception out. `self` is
// what NewThreadPool() was given; Free() comes last, when no other call runs.
struct ThreadPoolCallbacks {
  void (*begin_worker)(void* self, const char* name, int32_t name_size,
                       facade::Failure* failure);
  void (*end_worker)(void* self, facade::Failure* failure);
  uint8_t (*run)(void* self, int64_t task);
  uint8_t (*drop)(void* self, int64_t task, const facade::Failure* why);
  void (*terminated)(void* self);
  void (*free)(void* self);
};

// A pool whose host is `self`, seen through `callbacks`, a ThreadPoolCallbacks
// that lives as long as the process. When it throws, Free() was called.
facade::ThreadPool* NewThreadPool(void* self, const void* callbacks,
                                  const facade::PoolSettings& settings);

}  // namespace asyncpal::swig

extern "C" {

// Before anything that may throw. The function owns what it is given.
void AsyncpalRegisterFailureFunction(
    void (*function)(asyncpal::facade::Failure* failure));

}  // extern "C"

#endif  // ASYNCPAL_BINDINGS_SWIG_CSHARP_CLR_SUPPORT_H_
