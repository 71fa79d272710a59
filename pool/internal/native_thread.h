#ifndef ASYNCPAL_POOL_INTERNAL_NATIVE_THREAD_H_
#define ASYNCPAL_POOL_INTERNAL_NATIVE_THREAD_H_

#include <pthread.h>

#include <cstddef>
#include <utility>

#include "absl/functional/any_invocable.h"

namespace asyncpal::internal {

// A std::thread whose stack has a size.
//
//   NativeThread thread(1 << 20, [] { Recurse(); });
//   thread.Join();
//
// Threads: one at a time.
// Lifetime: must be joined or detached before it goes; empty by default.
// Errors: the constructor throws std::system_error where no thread is to be
// had. What `main` lets out ends the program.
class NativeThread {
 public:
  NativeThread() = default;
  // 0: the system's default. What is too little is taken for the least.
  NativeThread(size_t stack_size, absl::AnyInvocable<void()> main);
  NativeThread(NativeThread&& other) noexcept { swap(other); }
  NativeThread& operator=(NativeThread&& other) noexcept {
    NativeThread moved(std::move(other));
    swap(moved);
    return *this;
  }
  // Ends the program if the thread is neither joined nor detached.
  ~NativeThread();

  bool joinable() const { return joinable_; }
  bool IsThisThread() const {
    return joinable_ && pthread_equal(thread_, pthread_self()) != 0;
  }
  void Join();
  void Detach();

 private:
  void swap(NativeThread& other) {
    std::swap(thread_, other.thread_);
    std::swap(joinable_, other.joinable_);
  }

  pthread_t thread_ = {};
  bool joinable_ = false;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_NATIVE_THREAD_H_
