#include "asyncpal/pool/host/host_processes.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/trampoline.h"
#include "asyncpal/ipc/call.h"
#include "asyncpal/ipc/worker/worker_main.h"
#include "asyncpal/pool/host/raw_bytes.h"
#include "asyncpal/pool/internal/cpu_count.h"
#include "asyncpal/pool/internal/process_core.h"
#include "asyncpal/pool/internal/remote_task.h"
#include "asyncpal/pool/internal/view_core.h"

namespace asyncpal::host {

using internal::ProcessCore;
using internal::StateRef;
using internal::TaskState;
using CallByName = TaskName<HostResult(RawBytes)>;

// A call of the host's, or of a C++ task by its name.
class HostCall : public internal::RemoteTask<HostResult> {
 public:
  HostCall(internal::PoolCore& core, uint32_t flags,
           std::shared_ptr<ProcessHost> host, int64_t id,
           internal::EncodedCall call)
      : RemoteTask(&core, flags, /*stoppable=*/false, std::move(call)),
        host_(std::move(host)),
        id_(id) {}

  void OnGivenBack(FutureState, const std::exception_ptr&) noexcept override {
    given_back_ = true;
  }

  bool IsForWaiter(const Payload& value) const override {
    if (value.is_memfd() || value.size() > internal::kMaxInlineBytes)
      return false;
    const absl::Span<const char> bytes = value.bytes();
    return call().name != kHostCall ||
           (!bytes.empty() && bytes[0] == kPlainResult);
  }

  // Once it is done. What the host can't take fails the task instead.
  void TellOutcome() const {
    try {
      try {
        TellOutcomeAsItIs();
      } catch (const std::exception&) {
        host_->Fail(id_, std::current_exception());
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
      host_->Drop(id_, error());
    } else if (const HostResult* const come = result()) {
      if (come->lost == nullptr) {
        host_->Complete(id_, come->bytes);
      } else {
        host_->LoseCalls(id_, come->bytes, ToInt64(come->rest), come->lost);
      }
    } else if (const std::exception_ptr thrown = error()) {
      host_->Fail(id_, thrown);
    } else {
      host_->Fail(id_, std::make_exception_ptr(
                           CancelledError("the task was cancelled")));
    }
  }

  static int64_t ToInt64(uint64_t count) {
    constexpr auto kMost = std::numeric_limits<int64_t>::max();
    return static_cast<int64_t>(std::min(count, uint64_t{kMost}));
  }

  const std::shared_ptr<ProcessHost> host_;
  const int64_t id_;
  bool given_back_ = false;  // written before it is done, const after that
};

namespace {

// One that was submitted to a view.
class ViewHostCall final : public HostCall {
 public:
  using HostCall::HostCall;

  internal::ViewPlace* view_place() override { return &place_; }
  void OnGivenBack(FutureState outcome,
                   const std::exception_ptr& error) noexcept override {
    HostCall::OnGivenBack(outcome, error);
    place_.End();
  }
  void DropCallable() noexcept override {
    HostCall::DropCallable();
    place_.End();
  }

 private:
  internal::ViewPlace place_;
};

Shippable CallOf(const std::string& call) {
  if (call.empty()) return {};
  return Shippable(CallByName(kHostCall), RawBytes{call});
}

std::shared_ptr<ProcessCore> MakeCore(const std::shared_ptr<ProcessHost>& host,
                                      const HostProcesses::Options& options,
                                      internal::ShutdownRegistry* registry) {
  PoolOptions pool = {
      .max_workers = options.pool.max_workers == 0 ? internal::AvailableCpus()
                                                   : options.pool.max_workers,
      .name = options.pool.name,
      .idle_timeout = options.pool.idle_timeout,
      .max_tasks_per_worker = options.pool.max_tasks_per_worker,
      .max_pending = options.pool.max_pending,
      .when_full = options.pool.when_full,
      .stall_threshold = options.pool.stall_threshold,
      .observer = options.pool.observer,
      .histograms = options.pool.histograms,
      .priority_step = options.pool.priority_step,
      .min_workers = options.pool.min_workers,
      .max_worker_age = options.pool.max_worker_age,
      .clock = options.pool.clock,
  };
  internal::CheckLimit("max_worker_bytes", options.max_worker_bytes);
  internal::CheckProcessLimits(pool.when_full, options.max_pending_bytes,
                               options.max_restarts, options.restart_window);
  internal::CheckPoolOptions(pool, "ProcessPool");
  internal::ProcessOptions remote = {
      .worker_command = options.worker_command,
      .worker_environment = options.worker_environment,
      .initializer = CallOf(options.initializer),
      .finalizer = CallOf(options.finalizer),
      .max_payload_bytes = options.max_payload_bytes,
      .max_pending_bytes = options.max_pending_bytes,
      .max_restarts = options.max_restarts,
      .restart_window = options.restart_window,
      .handshake_timeout = options.handshake_timeout,
      .initializer_timeout = options.pool.initializer_timeout,
      .no_new_privileges = options.no_new_privileges,
      .max_worker_bytes = options.max_worker_bytes,
      .hidden_environment = options.hidden_environment,
      .log_sink = options.log_sink};
  remote.on_loss = [host](const WorkerLostError& loss) { host->OnLoss(loss); };
  if (options.answers_workers) {
    remote.answer = [host](const std::string& request) {
      return host->Answer(request);
    };
  }
  // HostWorker::Serve() does.
  internal::PromiseToBecomeWorker();
  auto core = ProcessCore::Make(std::move(pool), std::move(remote), registry);
  core->CallWhenTerminated([host] { host->Terminated(); });
  return core;
}

}  // namespace

HostProcesses::HostProcesses(std::shared_ptr<ProcessHost> host,
                             const Options& options)
    : HostPool(MakeCore(host, options, RegistryFor(options.close_on_exit)),
               options.pool.when_full),
      host_(std::move(host)),
      max_payload_bytes_(options.max_payload_bytes) {}

template <typename Call>
Call* HostProcesses::NewTask(int64_t id, const std::string& name,
                             const std::string& arguments, uint32_t flags) {
  if (!core().accepting()) core().Check();
  return new Call(
      core(), flags, host_, id,
      internal::EncodeCall({.max_bytes = max_payload_bytes_},
                           CallByName(name.empty() ? kHostCall : name),
                           RawBytes{arguments}));
}

HostCall* HostProcesses::Submit(int64_t id, const std::string& name,
                                const std::string& arguments, bool is_chunk) {
  return Submit(NewTask<HostCall>(id, name, arguments, 0), is_chunk, {});
}

HostCall* HostProcesses::Submit(int64_t id, const std::string& name,
                                const std::string& arguments,
                                const TaskOptions& options,
                                const HostTaskInfo& info) {
  constexpr uint32_t kFlags = TaskState::kTracked;
  HostCall* const task = internal::AttachOptions(
      options,
      info.view == nullptr ? NewTask<HostCall>(id, name, arguments, kFlags)
                           : NewTask<ViewHostCall>(id, name, arguments, kFlags),
      info.attempt);
  if (info.view != nullptr) Bind(*info.view, *task);
  return Submit(task, /*is_chunk=*/false, info);
}

bool HostProcesses::MoveDelayed(HostCall* task, int64_t due) {
  return core().MoveDelayed(*task, due);
}

bool HostProcesses::IsPending(HostCall* task) {
  return task->state() == FutureState::kPending;
}

HostCall* HostProcesses::Submit(HostCall* task, bool is_chunk,
                                const HostTaskInfo& info) {
  auto share = StateRef<HostCall>::Share(task);
  const CallbackId callback = task->AddCallback(
      [](TaskState& done) { static_cast<HostCall&>(done).TellOutcome(); });
  try {
    if (info.view != nullptr) {
      if (!SubmitToView(*info.view, info.key, task, is_chunk)) {
        share->RemoveCallback(callback);
        return nullptr;
      }
    } else if (!Accept(task, is_chunk, info)) {
      share->RemoveCallback(callback);
      task->Release();
      return nullptr;
    }
  } catch (...) {
    share->RemoveCallback(callback);
    throw;
  }
  return share.Detach();
}

bool HostProcesses::Cancel(HostCall* task) {
  const bool cancelled = task->Cancel();
  internal::Trampoline::RunPutOff();
  return cancelled;
}

bool HostProcesses::Kill(HostCall* task) {
  const bool killed = task->Kill();
  internal::Trampoline::RunPutOff();
  return killed;
}

void HostProcesses::Release(HostCall* task) { task->Release(); }

std::optional<TaskProgress> HostProcesses::Progress(HostCall* task) {
  return task->progress();
}

bool HostProcesses::Receive(HostCall* task, absl::Duration limit) {
  const bool received = task->ReceiveWithin(*task, limit);
  internal::Trampoline::RunPutOff();
  return received;
}

}  // namespace asyncpal::host
