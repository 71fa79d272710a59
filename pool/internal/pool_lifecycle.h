#ifndef ASYNCPAL_POOL_INTERNAL_POOL_LIFECYCLE_H_
#define ASYNCPAL_POOL_INTERNAL_POOL_LIFECYCLE_H_

#include <cstdint>
#include <exception>
#include <map>
#include <string>

#include "absl/functional/any_invocable.h"

namespace asyncpal::internal {

// How far a pool is between open and gone, and whom to tell when it is quiet:
// no task is pending, and no worker is left.
//
//   PoolLifecycle lifecycle_ ABSL_GUARDED_BY(mu_);
//
// Threads: none of its own; a lock guards it as a whole.
// Lifetime: keeps handlers until they are taken.
// Ordering: handlers of joins come before the one of the end, oldest first.
// Errors: StartJoin() lets out what memory throws. The others do not throw.
// Shutdown: Close() and Break() are for good.
class PoolLifecycle {
 public:
  using Handler = absl::AnyInvocable<void()>;

  // What is to be called, with no lock held, because the pool is quiet, or has
  // even terminated.
  struct QuietHandlers {
    std::map<uint64_t, Handler> joins;
    Handler terminated;

    void Run();
  };

  // False: it was closed before.
  bool Close();
  // False: it was broken before, and keeps the first cause.
  bool Break(std::exception_ptr cause);
  // The process ends, and workers of the pool can't be waited for.
  void GiveUp() { given_up_ = true; }

  bool is_closed() const { return closed_; }
  bool is_broken() const { return cause_ != nullptr; }
  bool is_given_up() const { return given_up_; }
  // Whether and why the pool takes nothing any more.
  struct Refusal {
    bool is_closed = false;
    std::exception_ptr cause;  // not null: it is broken

    explicit operator bool() const { return is_closed || cause != nullptr; }
    // Throws what the caller is to get who came too late for `pool`, as in
    // "pool 'p'"; with no lock held.
    [[noreturn]] void Throw(const std::string& pool) const;
  };
  Refusal WhyNotOpen() const { return {closed_, cause_}; }

  // Whether workers without a task are to go.
  bool must_retire() const { return closed_ || is_broken() || joiners_ > 0; }

  // Around the wait of a thread until the pool is quiet.
  void BeginJoin() { ++joiners_; }
  void EndJoin() { --joiners_; }
  // The same for somebody who does not wait: `handler` is to be called instead.
  uint64_t StartJoin(Handler handler);
  // Moves the handler of that join to `dropped`, for the caller to destroy with
  // no lock held. False: it was taken before.
  bool CancelJoin(uint64_t join, Handler* dropped);
  // There is one such handler.
  void SetOnTerminated(Handler handler) { on_terminated_ = std::move(handler); }

  // The pool is quiet now: each handler comes out once. Takes no memory.
  QuietHandlers TakeQuietHandlers();

 private:
  bool closed_ = false;
  bool given_up_ = false;
  std::exception_ptr cause_;
  int joiners_ = 0;  // those of joins_ among them
  uint64_t last_join_ = 0;
  std::map<uint64_t, Handler> joins_;
  Handler on_terminated_;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_POOL_LIFECYCLE_H_
