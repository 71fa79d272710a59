#ifndef ASYNCPAL_BINDINGS_SWIG_CSHARP_CLR_SUPPORT_H_
#define ASYNCPAL_BINDINGS_SWIG_CSHARP_CLR_SUPPORT_H_

#include <cstdint>
#include <exception>
#include <string>

#include "asyncpal/bindings/facade/clock.h"
#include "asyncpal/bindings/facade/failure.h"
#include "asyncpal/bindings/facade/observer.h"
#include "asyncpal/bindings/facade/pool.h"
#include "asyncpal/bindings/facade/process_pool.h"
#include "asyncpal/bindings/facade/thread_pool.h"

// What the typemaps of this folder need, and the hosts of the facade in C#:
// each is a table of functions, of which none lets an exception out. `self` is
// what New...Pool() was given, and `callbacks` lives as long as the process.
// Free() comes last, when no other call runs.

namespace asyncpal::swig {

// The length as an int64_t, then the bytes; from malloc().
void* ToBlock(const std::string& bytes);
// Copies and frees it.
std::string TakeBlock(void* block);

// Leaves `error` to C#, which throws it when the running call is back.
void SetPendingFailure(const std::exception_ptr& error);

// The methods of a facade::Host.
struct ThreadPoolCallbacks {
  void (*begin_worker)(void* self, const char* name, int32_t name_size,
                       facade::Failure* failure);
  void (*end_worker)(void* self, facade::Failure* failure);
  uint8_t (*run)(void* self, int64_t task);
  uint8_t (*drop)(void* self, int64_t task, const facade::Failure* why);
  void (*expire)(void* self, int64_t task, const facade::Failure* why);
  void (*broken)(void* self, const facade::Failure* why);
  void (*joined)(void* self, int64_t join);
  void (*terminated)(void* self);
  void (*free)(void* self);
};

// `callbacks` are ThreadPoolCallbacks. When it throws, Free() was called.
facade::ThreadPool* NewThreadPool(void* self, const void* callbacks,
                                  const facade::NativePoolOptions& settings);

// The methods of a facade::ProcessHost.
struct ProcessPoolCallbacks {
  void (*complete)(void* self, int64_t task, const char* result,
                   int64_t result_size);
  void (*fail)(void* self, int64_t task, const facade::Failure* failure);
  void (*drop)(void* self, int64_t task, const facade::Failure* why);
  void (*lose_calls)(void* self, int64_t task, const char* results,
                     int64_t results_size, int64_t rest,
                     const facade::Failure* failure);
  void (*joined)(void* self, int64_t join);
  void (*terminated)(void* self);
  void (*free)(void* self);
};

// `callbacks` are ProcessPoolCallbacks. When it throws, Free() was called.
facade::ProcessPool* NewProcessPool(
    void* self, const void* callbacks,
    const facade::NativeProcessPoolOptions& settings);

// The methods of a facade::ObserverHost; all but the last may be null, and are
// not called then.
struct ObserverCallbacks {
  void (*on_submit)(void* self, const facade::TaskReport* task);
  void (*on_start)(void* self, const facade::TaskReport* task);
  void (*on_done)(void* self, const facade::TaskReport* task);
  void (*on_worker_started)(void* self, const facade::WorkerInfo* worker);
  void (*on_worker_ended)(void* self, const facade::WorkerInfo* worker,
                          const char* why, int32_t why_size);
  void (*on_stall)(void* self, const facade::TaskReport* task,
                   const char* stack, int32_t stack_size);
  void (*free)(void* self);
};

// Pools of these settings tell `callbacks`, which are ObserverCallbacks.
void ObserveBy(facade::NativePoolOptions& settings, void* self,
               const void* callbacks);

// The methods of a facade::ClockHost.
struct ClockCallbacks {
  int64_t (*now)(void* self);
  int64_t (*make_timer)(void* self, int64_t timer);
  void (*set_timer)(void* self, int64_t timer, int64_t time);
  void (*end_timer)(void* self, int64_t timer);
  void (*free)(void* self);
};

// Pools of these settings measure delays by `callbacks`, which are
// ClockCallbacks.
void MeasureBy(facade::NativePoolOptions& settings, void* self,
               const void* callbacks);

// The methods of a facade::LogHost. Write() throws nothing.
struct LogCallbacks {
  void (*write)(void* self, int32_t severity, const char* message,
                int32_t size);
  void (*free)(void* self);
};

// Messages of pools of these settings go to `callbacks`, which are
// LogCallbacks.
void LogBy(facade::NativePoolOptions& settings, void* self,
           const void* callbacks);

// As facade::RunTimer().
void RunTimer(int64_t timer);

// As facade::HostedWorker::Serve(). `serve` is a function
// void* (const char* call, int64_t call_size, facade::Failure* failure)
// that gives a block, or null where it failed.
void ServeAsWorker(void* serve);

}  // namespace asyncpal::swig

extern "C" {

// Before anything that may throw. The function owns what it is given.
void AsyncpalRegisterFailureFunction(
    void (*function)(asyncpal::facade::Failure* failure));

// As facade::Library::SetLogHost(). The function throws nothing.
void AsyncpalRegisterLogFunction(void (*function)(int32_t severity,
                                                  const char* message,
                                                  int32_t size));

}  // extern "C"

#endif  // ASYNCPAL_BINDINGS_SWIG_CSHARP_CLR_SUPPORT_H_
