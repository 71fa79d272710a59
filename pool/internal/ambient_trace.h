#ifndef ASYNCPAL_POOL_INTERNAL_AMBIENT_TRACE_H_
#define ASYNCPAL_POOL_INTERNAL_AMBIENT_TRACE_H_

#include <string>
#include <utility>

#include "asyncpal/future/internal/task_state.h"
#include "asyncpal/pool/internal/submission_watch.h"

namespace asyncpal::internal {

// The trace that a thread's submissions belong to, where something has said so:
// a scope of the code that runs, or else the innermost task on this thread, in
// a worker process the one that it was sent.
//
// Threads: each has its own. Lifetime: scopes are on the stack.
// Ordering, Errors, Shutdown: none.
class AmbientTrace {
 public:
  // While it lives. Where a task runs inside of another one's wait, the outer
  // one's scopes are not its own.
  explicit AmbientTrace(std::string traceparent);
  ~AmbientTrace() { innermost_ = outer_; }
  AmbientTrace(const AmbientTrace&) = delete;
  AmbientTrace& operator=(const AmbientTrace&) = delete;

  // Null: none.
  static const std::string* Current();
  // A task that is about to be submitted, and has none of its own, gets it.
  static void GiveTo(TaskState& task);

 private:
  static inline constinit thread_local const AmbientTrace* innermost_ = nullptr;

  const std::string traceparent_;
  const TaskState* const task_;  // that this scope is in; null: in none
  const AmbientTrace* const outer_;
};

// The trace of the thread that makes it, for tasks that others submit on its
// behalf, later.
//
// Threads: one at a time. Lifetime, Ordering, Errors, Shutdown: none.
class SubmittersTrace {
 public:
  SubmittersTrace();

  // Calls `submit`. What that submits belongs to the trace, or to none, but not
  // to one of this thread.
  template <typename F>
  decltype(auto) Within(F&& submit) const {
    if (!SubmissionWatch::Has(SubmissionWatch::kTraceparents)) return submit();
    const AmbientTrace scope(traceparent_);
    return submit();
  }

 private:
  std::string traceparent_;  // empty: none
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_AMBIENT_TRACE_H_
