#ifndef ASYNCPAL_IPC_WORKER_CURRENT_TASK_H_
#define ASYNCPAL_IPC_WORKER_CURRENT_TASK_H_

#include <atomic>
#include <cstdint>
#include <stop_token>
#include <string>

namespace asyncpal::internal {

class ClaimPage;
class PartialResults;

// What a worker process knows of the task that it runs. It lies on the stack of
// the thread that runs it.
struct WorkerTask {
  uint64_t attempt = 0;  // as on the claim page
  uint64_t id = 0;
  uint32_t run = 1;
  const std::string& name;
  const std::string& traceparent;  // empty: none
  const std::stop_token& stop;
  ClaimPage* page = nullptr;  // null: the worker has none
  PartialResults* partial_results = nullptr;
};

// Called when such a task begins that has a traceparent: the process's pools,
// if it has made any, have to look at what is submitted. Null: nobody asks.
inline constinit std::atomic<void (*)()> on_traced_task{nullptr};

// While it lives, the task runs on this thread.
class WorkerTaskScope {
 public:
  explicit WorkerTaskScope(const WorkerTask& task) {
    current_ = &task;
    if (task.traceparent.empty()) return;
    if (auto* const tell = on_traced_task.load()) tell();
  }
  ~WorkerTaskScope() { current_ = nullptr; }
  WorkerTaskScope(const WorkerTaskScope&) = delete;
  WorkerTaskScope& operator=(const WorkerTaskScope&) = delete;

  // Null: this thread runs no task that a parent has sent.
  static const WorkerTask* Current() { return current_; }

 private:
  static inline constinit thread_local const WorkerTask* current_ = nullptr;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_IPC_WORKER_CURRENT_TASK_H_
