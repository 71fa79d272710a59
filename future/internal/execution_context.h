#ifndef ASYNCPAL_FUTURE_INTERNAL_EXECUTION_CONTEXT_H_
#define ASYNCPAL_FUTURE_INTERNAL_EXECUTION_CONTEXT_H_

#include <algorithm>

#include "absl/time/time.h"
#include "asyncpal/future/internal/trampoline.h"

namespace asyncpal::internal {

class TaskState;

// What a wait has to know about the thread that it is about to block. A pool
// installs one in each of its workers, so that a task that waits for its own
// pool runs the awaited task itself, or is stood in for by another worker.
class ExecutionContext {
 public:
  // The calling thread's, or null outside every pool.
  static ExecutionContext* Current() { return current_; }

  // Runs `task` on this thread if it is a pending task of this pool. False:
  // it is not, someone else has it, or the stack is already deep. `alone`: see
  // TaskState::Wait().
  virtual bool RunInline(TaskState& task, bool alone) = 0;

  // Around a sleep that waits for `awaited`, or for something unknown if that
  // is null. EndBlocking() is called only after a BeginBlocking() that
  // answered true.
  virtual bool BeginBlocking(const TaskState* awaited) = 0;
  virtual void EndBlocking() = 0;

  // Called in between, by a thread that is about to sleep: looks again for a
  // worker that stands in for it, if one could not be started before. False:
  // the system still refuses to start one.
  virtual bool RecheckStandIn() = 0;

  // This thread is ending the process and will not come back to its pool,
  // which must not wait for it.
  virtual void LeaveForExit() = 0;

 protected:
  ~ExecutionContext() = default;
  static void SetCurrent(ExecutionContext* context) { current_ = context; }

 private:
  static inline constinit thread_local ExecutionContext* current_ = nullptr;
};

// Declares that this thread sleeps until something happens that it does not
// do itself: what it has put off, it does first. No lock may be held.
//
// A worker sleeps no longer than LimitSleep() allows, and then looks again.
// Whether its pool could start a worker in its place may change while it
// sleeps, by what other threads submit, and there may be nobody else to find
// out.
class BlockingScope {
 public:
  explicit BlockingScope(const TaskState* awaited)
      : context_(ExecutionContext::Current()) {
    Trampoline::RunPutOff();
    if (context_ != nullptr && !context_->BeginBlocking(awaited)) {
      context_ = nullptr;
    }
  }
  ~BlockingScope() {
    if (context_ != nullptr) context_->EndBlocking();
  }
  BlockingScope(const BlockingScope&) = delete;
  BlockingScope& operator=(const BlockingScope&) = delete;

  // How long this thread may sleep now if it wants to sleep for `left`. May
  // start a thread.
  absl::Duration LimitSleep(absl::Duration left) {
    if (context_ == nullptr) return left;
    if (context_->RecheckStandIn()) {
      retry_after_ = kFirstRetry;
      return std::min(left, kMaxSleep);
    }
    const absl::Duration sleep = retry_after_;
    retry_after_ = std::min(2 * retry_after_, kMaxSleep);
    return std::min(left, sleep);
  }

 private:
  static constexpr absl::Duration kFirstRetry = absl::Milliseconds(5);
  static constexpr absl::Duration kMaxSleep = absl::Seconds(1);

  ExecutionContext* context_;
  absl::Duration retry_after_ = kFirstRetry;
};

// One link of the chain of tasks on this thread's stack, innermost first.
class RunningTask {
 public:
  explicit RunningTask(TaskState& task) : task_(&task), outer_(top_) {
    top_ = this;
  }
  ~RunningTask() { top_ = outer_; }
  RunningTask(const RunningTask&) = delete;
  RunningTask& operator=(const RunningTask&) = delete;

  // The innermost one; null: there is none.
  static TaskState* Innermost() {
    return top_ == nullptr ? nullptr : top_->task_;
  }
  static bool IsOnThisThread(const TaskState& task) {
    for (const RunningTask* link = top_; link != nullptr; link = link->outer_) {
      if (link->task_ == &task) return true;
    }
    return false;
  }
  // Calls `visit` with each, innermost first.
  template <typename Visit>
  static void ForEachOnThisThread(Visit&& visit) {
    for (const RunningTask* link = top_; link != nullptr; link = link->outer_) {
      visit(*link->task_);
    }
  }

 private:
  static inline constinit thread_local const RunningTask* top_ = nullptr;

  TaskState* const task_;
  const RunningTask* outer_;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_FUTURE_INTERNAL_EXECUTION_CONTEXT_H_
