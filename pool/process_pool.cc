#include "asyncpal/pool/process_pool.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/error.h"
#include "asyncpal/ipc/worker/worker_main.h"
#include "asyncpal/pool/internal/before_main.h"
#include "asyncpal/pool/internal/cpu_count.h"
#include "asyncpal/pool/internal/process_core.h"
#include "asyncpal/pool/internal/shutdown_registry.h"

namespace asyncpal {
namespace {

using internal::ProcessCore;

// A program that links process pools can become one of their workers.
[[maybe_unused]] const bool takes_over_before_main = [] {
  internal::before_main.store(&internal::BecomeWorkerIfAsked);
  return true;
}();

std::shared_ptr<internal::PoolCore> MakeCore(ProcessPoolOptions options,
                                             const char* class_name) {
  internal::CheckProcessLimits(options.when_full, options.max_pending_bytes,
                               options.max_restarts, options.restart_window);
  internal::CheckLimit("max_worker_bytes", options.max_worker_bytes);
  if (options.max_workers == 0) {
    options.max_workers = internal::AvailableCpus();
  }
  PoolOptions common = {.max_workers = options.max_workers,
                        .name = std::move(options.name),
                        .idle_timeout = options.idle_timeout,
                        .max_tasks_per_worker = options.max_tasks_per_worker,
                        .unobserved_failure_handler =
                            std::move(options.unobserved_failure_handler),
                        .max_pending = options.max_pending,
                        .when_full = options.when_full,
                        .stall_threshold = options.stall_threshold,
                        .observer = std::move(options.observer),
                        .histograms = options.histograms,
                        .priority_step = options.priority_step,
                        .min_workers = options.min_workers,
                        .max_worker_age = options.max_worker_age,
                        .clock = std::move(options.clock)};
  internal::CheckPoolOptions(common, class_name);
  return ProcessCore::Make(std::move(common),
                           {.worker_command = std::move(options.worker_command),
                            .initializer = std::move(options.initializer),
                            .finalizer = std::move(options.finalizer),
                            .max_payload_bytes = options.max_payload_bytes,
                            .max_pending_bytes = options.max_pending_bytes,
                            .max_restarts = options.max_restarts,
                            .restart_window = options.restart_window,
                            .handshake_timeout = options.handshake_timeout,
                            .initializer_timeout = options.initializer_timeout,
                            .no_new_privileges = options.no_new_privileges,
                            .max_worker_bytes = options.max_worker_bytes},
                           &internal::ShutdownRegistry::Global());
}

ProcessPoolOptions WithFixedSize(ProcessPoolOptions options, int max_workers,
                                 const char* class_name) {
  options.max_workers =
      internal::FixedSize(options.max_workers, max_workers, class_name);
  return options;
}

}  // namespace

ProcessPool::ProcessPool(ProcessPoolOptions options)
    : ProcessPool(MakeCore(std::move(options), "ProcessPool")) {}

ProcessPool::ProcessPool(int max_workers)
    : ProcessPool(ProcessPoolOptions{.max_workers = max_workers}) {}

ProcessPool::ProcessPool(ProcessPoolOptions options, int max_workers,
                         const char* class_name)
    : ProcessPool(
          MakeCore(WithFixedSize(std::move(options), max_workers, class_name),
                   class_name)) {
  FixSize(class_name);
}

ProcessPool::ProcessPool(std::shared_ptr<internal::PoolCore> core)
    : Pool(core),
      max_payload_bytes_(static_cast<ProcessCore&>(*core).max_payload_bytes()) {
}

ProcessPool::~ProcessPool() = default;

void ProcessPool::SubmitAndWait(internal::TaskState* task) {
  static_cast<ProcessCore&>(core()).SubmitAndWait(task);
}

void ProcessPool::Post(TaskOptions options, CancelledTask&& task) {
  core().Check();
  internal::CheckTaskOptions(options);
  internal::EncodedCall call = ProcessCore::TakeCall(task);
  core().Submit(internal::AttachOptions(
      std::move(options), new internal::RemoteTask<internal::Discarded>(
                              &core(), internal::TaskState::kDetached,
                              /*stoppable=*/false, std::move(call))));
}

}  // namespace asyncpal
