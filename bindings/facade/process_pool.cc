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
#include "asyncpal/future/internal/trampoline.h"
#include "asyncpal/ipc/call.h"
#include "asyncpal/pool/internal/cpu_count.h"
#include "asyncpal/pool/internal/process_core.h"
#include "asyncpal/pool/internal/remote_task.h"
#include "asyncpal/pool/options.h"

namespace asyncpal::facade {

using internal::ProcessCore;
using internal::StateBase;
using internal::StateRef;
using TaskByName = TaskName<RawBytes(RawBytes)>;

// A call of the host's, or of a C++ task by its name.
class RemoteHostTask final : public internal::RemoteTask<RawBytes> {
 public:
  RemoteHostTask(internal::PoolCore& core, uint32_t flags,
                 std::shared_ptr<ProcessHost> host, int64_t id,
                 internal::EncodedCall call)
      : RemoteTask(&core, flags, /*stoppable=*/false,
                   static_cast<ProcessCore&>(core).weak_caller(),
                   std::move(call)),
        host_(std::move(host)),
        id_(id) {}

  void OnGivenBack(FutureState, const std::exception_ptr&) noexcept override {
    given_back_ = true;
  }

  // Once it is done. What the host can't take fails the task instead.
  void TellOutcome() const {
    try {
      try {
        TellOutcomeAsItIs();
      } catch (const std::exception&) {
        host_->Fail(id_, DescribeFailure(std::current_exception()));
      }
    } catch (const std::exception&) {
      internal::LogFailure(
          absl::StrCat("the host can't be told how ", Describe(), " ended"),
          std::current_exception());
    }
  }

 private:
  void TellOutcomeAsItIs() const {
    if (given_back_) {
      host_->Drop(id_, DescribeFailure(error()));
    } else if (const RawBytes* const bytes = result()) {
      host_->Complete(id_, bytes->bytes);
    } else if (const std::exception_ptr thrown = error()) {
      host_->Fail(id_, DescribeFailure(thrown));
    } else {
      host_->Fail(id_, DescribeFailure(std::make_exception_ptr(
                           CancelledError("the task was cancelled"))));
    }
  }

  const std::shared_ptr<ProcessHost> host_;
  const int64_t id_;
  bool given_back_ = false;  // written before it is done, const after that
};

namespace {

RemoteHostTask* TaskOf(int64_t handle) {
  return reinterpret_cast<RemoteHostTask*>(handle);
}

Shippable HostCall(const Bytes& call) {
  if (call.empty()) return {};
  return Shippable(TaskByName(kHostCall), RawBytes{call});
}

internal::RequestServer::Handler AnswerOf(
    const std::shared_ptr<ProcessHost>& host,
    const ProcessPoolSettings& settings) {
  if (!settings.answers_workers) return nullptr;
  return [host](const Bytes& request) { return host->Answer(request); };
}

std::shared_ptr<ProcessCore> MakeCore(const std::shared_ptr<ProcessHost>& host,
                                      const ProcessPoolSettings& settings) {
  PoolOptions options = {
      .max_workers = settings.max_workers == 0 ? internal::AvailableCpus()
                                               : settings.max_workers,
      .name = settings.name,
      .idle_timeout = FromNanos(settings.idle_timeout),
      .max_tasks_per_worker = settings.max_tasks_per_worker,
      .max_pending = settings.max_pending,
      .when_full = ToWhenFull(settings.when_full),
  };
  internal::CheckProcessLimits(options.when_full, settings.max_pending_bytes,
                               settings.max_restarts,
                               FromNanos(settings.restart_window));
  internal::CheckPoolOptions(options, "ProcessPool");
  auto core = ProcessCore::Make(
      std::move(options),
      {.worker_command = settings.worker_command(),
       .worker_environment = settings.worker_environment(),
       .initializer = HostCall(settings.initializer),
       .finalizer = HostCall(settings.finalizer),
       .max_payload_bytes = settings.max_payload_bytes,
       .max_pending_bytes = settings.max_pending_bytes,
       .max_restarts = settings.max_restarts,
       .restart_window = FromNanos(settings.restart_window),
       .handshake_timeout = FromNanos(settings.handshake_timeout),
       .no_new_privileges = settings.no_new_privileges,
       .hidden_environment = settings.hidden_environment(),
       .answer = AnswerOf(host, settings)},
      &RegistryFor(settings));
  core->CallWhenTerminated([host] { host->Terminated(); });
  return core;
}

}  // namespace

ProcessPool::ProcessPool(ProcessHost* host, const ProcessPoolSettings& settings)
    : ProcessPool(std::shared_ptr<ProcessHost>(host), settings) {}

ProcessPool::ProcessPool(std::shared_ptr<ProcessHost> host,
                         const ProcessPoolSettings& settings)
    : Pool(MakeCore(host, settings),
           [host](int64_t join) { host->Joined(join); }),
      host_(std::move(host)),
      max_payload_bytes_(settings.max_payload_bytes) {}

RemoteHostTask* ProcessPool::NewTask(int64_t id, const std::string& name,
                                     const Bytes& arguments, uint32_t flags) {
  if (!core().accepting()) core().Check();
  return new RemoteHostTask(
      core(), flags, host_, id,
      internal::EncodeCall({.max_bytes = max_payload_bytes_},
                           TaskByName(name.empty() ? kHostCall : name),
                           RawBytes{arguments}));
}

int64_t ProcessPool::Submit(int64_t id, const std::string& name,
                            const Bytes& arguments) {
  return Submit(NewTask(id, name, arguments, 0), /*is_chunk=*/false);
}

int64_t ProcessPool::SubmitChunk(int64_t id, const std::string& name,
                                 const Bytes& arguments) {
  return Submit(NewTask(id, name, arguments, 0), /*is_chunk=*/true);
}

int64_t ProcessPool::Submit(int64_t id, const std::string& name,
                            const Bytes& arguments,
                            const TaskSettings& settings) {
  return Submit(internal::AttachOptions(
                    ToTaskOptions(settings),
                    NewTask(id, name, arguments, StateBase::kTracked)),
                /*is_chunk=*/false);
}

int64_t ProcessPool::Submit(RemoteHostTask* task, bool is_chunk) {
  auto share = StateRef<RemoteHostTask>::Share(task);
  const CallbackId callback = task->AddCallback([](StateBase& done) {
    static_cast<RemoteHostTask&>(done).TellOutcome();
  });
  try {
    if (!core().TrySubmit(task, is_chunk)) {
      share->RemoveCallback(callback);
      task->Release();
      return kNoHandle;
    }
  } catch (...) {
    share->RemoveCallback(callback);
    throw;
  }
  return reinterpret_cast<int64_t>(share.Detach());
}

bool ProcessPool::Cancel(int64_t handle) {
  const bool cancelled = TaskOf(handle)->Cancel();
  internal::Trampoline::RunPutOff();
  return cancelled;
}

bool ProcessPool::Kill(int64_t handle) {
  const bool killed = TaskOf(handle)->Kill();
  internal::Trampoline::RunPutOff();
  return killed;
}

void ProcessPool::Release(int64_t handle) { TaskOf(handle)->Release(); }

}  // namespace asyncpal::facade
