#include "asyncpal/bindings/facade/process_pool.h"

#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asyncpal/bindings/facade/durations.h"
#include "asyncpal/bindings/facade/raw_bytes.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/future.h"
#include "asyncpal/ipc/call.h"
#include "asyncpal/pool/internal/cpu_count.h"
#include "asyncpal/pool/internal/process_core.h"
#include "asyncpal/pool/internal/remote_task.h"
#include "asyncpal/pool/internal/shutdown_registry.h"
#include "asyncpal/pool/options.h"

namespace asyncpal::facade {
namespace {

using internal::FutureAccess;
using internal::ProcessCore;
using internal::StateBase;
using internal::StateRef;
using Task = internal::RemoteTask<RawBytes>;
using TaskByName = TaskName<RawBytes(RawBytes)>;

Task* TaskOf(int64_t handle) { return reinterpret_cast<Task*>(handle); }

Shippable HostCall(const Bytes& call) {
  if (call.empty()) return {};
  return Shippable(TaskByName(kHostCall), RawBytes{call});
}

std::shared_ptr<ProcessCore> MakeCore(const std::shared_ptr<ProcessHost>& host,
                                      const ProcessPoolSettings& settings) {
  if (settings.max_payload_bytes <= 0) {
    throw std::invalid_argument(absl::StrCat("max_payload_bytes is ",
                                             settings.max_payload_bytes,
                                             "; it must be more than 0"));
  }
  PoolOptions options = {
      .max_workers = settings.max_workers == 0 ? internal::AvailableCpus()
                                               : settings.max_workers,
      .name = settings.name,
      .idle_timeout = FromNanos(settings.idle_timeout),
      .max_tasks_per_worker = settings.max_tasks_per_worker,
  };
  internal::CheckPoolOptions(options, "ProcessPool");
  auto core = ProcessCore::Make(
      std::move(options),
      {.worker_command = settings.worker_command(),
       .initializer = HostCall(settings.initializer),
       .finalizer = HostCall(settings.finalizer),
       .max_payload_bytes = settings.max_payload_bytes,
       .handshake_timeout = FromNanos(settings.handshake_timeout)},
      &internal::ShutdownRegistry::Global());
  core->CallWhenTerminated([host] { host->Terminated(); });
  return core;
}

void TellOutcome(ProcessHost& host, int64_t id, const Future<RawBytes>& done) {
  switch (done.state()) {
    case FutureState::kCompleted:
      host.Complete(id, done.result()->bytes);
      break;
    case FutureState::kFailed:
      host.Fail(id, DescribeFailure(done.exception()));
      break;
    default:
      host.Fail(id, DescribeFailure(std::make_exception_ptr(
                        CancelledError("the task was cancelled"))));
  }
}

}  // namespace

ProcessPool::ProcessPool(ProcessHost* host, const ProcessPoolSettings& settings)
    : ProcessPool(std::shared_ptr<ProcessHost>(host), settings) {}

ProcessPool::ProcessPool(std::shared_ptr<ProcessHost> host,
                         const ProcessPoolSettings& settings)
    : Pool(MakeCore(host, settings)),
      host_(std::move(host)),
      max_payload_bytes_(settings.max_payload_bytes) {}

int64_t ProcessPool::Submit(int64_t id, const std::string& name,
                            const Bytes& arguments) {
  if (!core().accepting()) core().Check();
  auto* const task =
      new Task(&core(), 0, /*stoppable=*/false,
               static_cast<ProcessCore&>(core()).weak_caller(),
               internal::EncodeCall({.max_bytes = max_payload_bytes_},
                                    TaskByName(name.empty() ? kHostCall : name),
                                    RawBytes{arguments}));
  auto share = StateRef<Task>::Share(task);
  const auto future = FutureAccess::Make<RawBytes>(share);
  const CallbackId callback =
      future.AddCallback([host = host_, id](const Future<RawBytes>& done) {
        TellOutcome(*host, id, done);
      });
  try {
    core().Submit(task);
  } catch (...) {
    future.RemoveCallback(callback);
    throw;
  }
  return reinterpret_cast<int64_t>(share.Detach());
}

bool ProcessPool::Cancel(int64_t handle) { return TaskOf(handle)->Cancel(); }

bool ProcessPool::Kill(int64_t handle) { return TaskOf(handle)->Kill(); }

void ProcessPool::Release(int64_t handle) { TaskOf(handle)->Release(); }

}  // namespace asyncpal::facade
