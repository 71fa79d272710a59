#ifndef ASYNCPAL_POOL_INTERNAL_SUBMISSION_WATCH_H_
#define ASYNCPAL_POOL_INTERNAL_SUBMISSION_WATCH_H_

#include <atomic>
#include <utility>

#include "absl/functional/any_invocable.h"

namespace asyncpal::internal {

// Why all pools of the process have to look at each submission, beyond what
// their own options ask for. A pool that looks at none pays nothing for this:
// it is told when that changes.
//
// Threads: any. Lifetime: a listener stays until Remove() has returned.
// Ordering: Add(), Begin() and End() have told the listeners when they return.
// Errors: does not throw. Shutdown: none.
class SubmissionWatch {
 public:
  enum Reason : unsigned {
    kTraceparents = 1,  // the submitter may have one; for good
    kTrace = 2,         // a Trace is being written
  };

  struct Listeners;
  class Listener {
   public:
    // `on_reasons` is told which reasons there are from now on, on any thread,
    // at any time until Remove() has returned: also while what it belongs to is
    // being destroyed, so it must not be a virtual function of that. It must
    // not block, or call back.
    explicit Listener(absl::AnyInvocable<void(unsigned)> on_reasons)
        : on_reasons_(std::move(on_reasons)) {}
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

   private:
    friend class SubmissionWatch;
    absl::AnyInvocable<void(unsigned)> on_reasons_;
    Listener* next_ = nullptr;
    Listener** link_ = nullptr;  // what points here; null: it is not listed
  };

  static void Add(Listener& listener);
  static void Remove(Listener& listener);
  static void Begin(Reason reason);
  static void End(Reason reason);

  static bool Has(Reason reason) {
    return (reasons_.load(std::memory_order_relaxed) & reason) != 0;
  }

 private:
  static inline constinit std::atomic<unsigned> reasons_{0};
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_SUBMISSION_WATCH_H_
