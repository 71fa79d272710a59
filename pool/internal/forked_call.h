#ifndef ASYNCPAL_POOL_INTERNAL_FORKED_CALL_H_
#define ASYNCPAL_POOL_INTERNAL_FORKED_CALL_H_

#include <atomic>
#include <cstdint>
#include <cstring>
#include <exception>
#include <optional>
#include <utility>

#include "asyncpal/pool/internal/posted_call.h"

namespace asyncpal::internal {

// The second call of ThreadPool::Both(). It lies on the stack of the task that
// waits for it, and what lies in a queue is a posted call with its address.
//
// Threads: one runs it, or nobody; one waits. Lifetime: until IsDone(), or
// until it was taken out of the queue. Errors: kept, for the one who waits.
// Ordering: what was done before SetDone() is seen after the wait.
// Shutdown: what a pool cancels is done, with an error.
class ForkedCall {
 public:
  // The one whose address is in a slot.
  static ForkedCall& Of(void* call) {
    ForkedCall* forked;
    std::memcpy(&forked, call, sizeof(forked));
    return *forked;
  }

  ForkedCall(const ForkedCall&) = delete;
  ForkedCall& operator=(const ForkedCall&) = delete;

  bool IsDone() const {
    return state_.load(std::memory_order_acquire) == kDone;
  }
  // Sleeps until then, on behalf of a worker.
  void Wait();
  // The last that is done with it by those who run it or cancel it.
  void SetDone();
  // It will not run, for that reason.
  void Cancel(std::exception_ptr why) { error_ = std::move(why); }

  // The id of the worker that runs it, if all that is in that one's own queue
  // is part of this call; else 0.
  std::atomic<int64_t> runner{0};

 protected:
  ForkedCall() = default;
  ~ForkedCall() = default;

  std::exception_ptr error_;

 private:
  static constexpr uint32_t kWaiting = 0;
  static constexpr uint32_t kSleeps = 1;  // so does the one who waits
  static constexpr uint32_t kDone = 2;
  std::atomic<uint32_t> state_{kWaiting};
};

// What a pthread_exit() in a forked call fails with.
std::exception_ptr ForkedCallExited();

template <typename G>
class ForkedCallOf final : public ForkedCall {
 public:
  using Result = decltype(InvokeStored(std::declval<G&>()));

  explicit ForkedCallOf(G& g) : g_(g) {}

  // Keeps the result or the error. Lets out only what ends the thread.
  void Run() {
    try {
      result_.emplace(InvokeStored(g_));
    } catch (...) {
      error_ = std::current_exception();
      if (error_ != nullptr) return;
      error_ = ForkedCallExited();
      throw;
    }
  }
  // Once it is done.
  Result TakeResult() {
    if (error_ != nullptr) std::rethrow_exception(std::move(error_));
    return *std::move(result_);
  }

 private:
  G& g_;
  std::optional<Result> result_;
};

template <typename G>
inline constexpr PostedCall kForkedCall = {
    .run =
        [](void* call) {
          static_cast<ForkedCallOf<G>&>(ForkedCall::Of(call)).Run();
        },
    .to_task = nullptr};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_FORKED_CALL_H_
