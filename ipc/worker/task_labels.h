#ifndef ASYNCPAL_IPC_WORKER_TASK_LABELS_H_
#define ASYNCPAL_IPC_WORKER_TASK_LABELS_H_

#include <cstdint>
#include <string_view>

namespace asyncpal::internal {

// What goes with a call to the worker that runs it, for TaskContext.
struct TaskLabels {
  uint64_t id = 0;   // in its pool
  uint32_t run = 1;  // 2 and more: earlier workers have died of it
  std::string_view name = {};
  std::string_view traceparent = {};  // empty: none
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_IPC_WORKER_TASK_LABELS_H_
