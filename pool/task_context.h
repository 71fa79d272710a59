#ifndef ASYNCPAL_POOL_TASK_CONTEXT_H_
#define ASYNCPAL_POOL_TASK_CONTEXT_H_

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "asyncpal/pool/internal/ambient_trace.h"

namespace asyncpal {

namespace internal {
class TaskState;
struct TaskContextAccess;
}  // namespace internal

// What a task can know of itself while it runs, on a thread or in a process:
//
//   void Render(const Scene& scene) {
//     const asyncpal::TaskContext* task = asyncpal::TaskContext::Current();
//     for (int i = 0; i < 100; ++i) {
//       if (task->stop_token().stop_requested()) return;
//       RenderLine(scene, i);
//       task->ReportProgress((i + 1) / 100.0, "line " + std::to_string(i));
//     }
//   }
//
// A task that never asks for it pays nothing.
//
// Threads: Current() is of the calling thread; what it returns may be used by
// any thread while the task runs.
// Lifetime: until the task returns. Ordering: none.
// Errors: as said. Current() may throw std::bad_alloc. Shutdown: none.
class TaskContext {
 public:
  // Of the innermost task that runs on this thread. Null: none does, as in an
  // initializer or in a thread that the task has started itself. A call of a
  // TaskGroup or of Both() that runs inside a task has that one's.
  static const TaskContext* Current();

  TaskContext(const TaskContext&) = delete;
  TaskContext& operator=(const TaskContext&) = delete;

  // TaskOptions::name; may be empty.
  const std::string& name() const { return name_; }
  // Unique in its pool, as Future::task_id() has it.
  uint64_t id() const { return id_; }
  // 1; or more where earlier workers have died of the task, see
  // TaskOptions::max_attempts, or where earlier attempts have failed, see
  // SubmitRetrying().
  int attempt() const { return attempt_; }
  // The one that the callable has got as its first parameter. Nobody stops that
  // of a callable which takes none.
  const std::stop_token& stop_token() const { return stop_token_; }
  // The trace that the task belongs to, as W3C's Trace Context defines it.
  // Empty: none.
  const std::string& traceparent() const { return traceparent_; }

  // What Future::progress() has from now on: how much is done, from 0 to 1, and
  // a text for people, of which up to 256 bytes are kept. Takes less than a
  // microsecond, and sends nothing. Throws std::invalid_argument for any other
  // fraction.
  void ReportProgress(double fraction, std::string_view text = {}) const;

 private:
  friend struct internal::TaskContextAccess;
  TaskContext() = default;

  std::string name_;
  uint64_t id_ = 0;
  int attempt_ = 1;
  std::stop_token stop_token_;
  std::string traceparent_;
  internal::TaskState* state_ = nullptr;  // that of a task on a thread
  std::shared_ptr<internal::TaskContextAccess> worker_;  // in a process
};

// While it lives, what this thread submits belongs to that trace, unless
// TaskOptions::traceparent says otherwise; so does what those tasks submit.
//
//   asyncpal::TraceparentScope scope(request.header("traceparent"));
//   pool.Submit(Handle, request);  // TaskContext::traceparent() has it
//
// Calls of Both() have none of their own. From the first scope in a process
// on, each submission costs a few nanoseconds more.
//
// Threads: the one that makes it, which also destroys it.
// Lifetime: scopes nest. Ordering: none. Shutdown: none.
// Errors: std::invalid_argument for what is no traceparent; empty means none.
class TraceparentScope {
 public:
  explicit TraceparentScope(std::string traceparent);

  // What a submission from here would carry; empty: nothing.
  static std::string Current();

 private:
  const internal::AmbientTrace trace_;
};

}  // namespace asyncpal

#endif  // ASYNCPAL_POOL_TASK_CONTEXT_H_
