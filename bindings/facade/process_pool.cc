#include "asyncpal/bindings/facade/process_pool.h"

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "asyncpal/bindings/facade/durations.h"
#include "asyncpal/future/error.h"
#include "asyncpal/pool/host/host_processes.h"

namespace asyncpal::facade {
namespace {

using host::HostCall;
using host::HostProcesses;

static_assert(kPlainResult == host::kPlainResult);

// The host, with failures as values.
class HostAdapter final : public host::ProcessHost {
 public:
  explicit HostAdapter(std::shared_ptr<facade::ProcessHost> host)
      : host_(std::move(host)) {}

  void Complete(int64_t task, const std::string& result) override {
    host_->Complete(task, result);
  }
  void Fail(int64_t task, const std::exception_ptr& error) override {
    host_->Fail(task, DescribeFailure(error));
  }
  void Drop(int64_t task, const std::exception_ptr& why) override {
    host_->Drop(task, DescribeFailure(why));
  }
  void LoseCalls(int64_t task, const std::string& results, int64_t rest,
                 const std::exception_ptr& error) override {
    host_->LoseCalls(task, results, rest, DescribeFailure(error));
  }
  std::string Answer(const std::string& request) override {
    return host_->Answer(request);
  }
  void OnLoss(const WorkerLostError& loss) override {
    host_->OnLoss(DescribeFailure(std::make_exception_ptr(loss)));
  }
  void Terminated() override { host_->Terminated(); }

 private:
  const std::shared_ptr<facade::ProcessHost> host_;
};

HostProcesses::Options ToOptions(const NativeProcessPoolOptions& settings) {
  return {.pool = ToPoolOptions(settings),
          .close_on_exit = settings.close_on_exit,
          .worker_command = settings.worker_command(),
          .worker_environment = settings.worker_environment(),
          .hidden_environment = settings.hidden_environment(),
          .answers_workers = settings.answers_workers,
          .initializer = settings.initializer,
          .finalizer = settings.finalizer,
          .max_payload_bytes = settings.max_payload_bytes,
          .max_pending_bytes = settings.max_pending_bytes,
          .max_restarts = settings.max_restarts,
          .restart_window = FromNanos(settings.restart_window),
          .handshake_timeout = FromNanos(settings.handshake_timeout),
          .no_new_privileges = settings.no_new_privileges,
          .max_worker_bytes = settings.max_worker_bytes,
          .log_sink = ToLogSink(settings)};
}

int64_t ToHandle(HostCall* call) {
  return call == nullptr ? kNoHandle : reinterpret_cast<int64_t>(call);
}

HostCall* CallOf(int64_t handle) { return reinterpret_cast<HostCall*>(handle); }

}  // namespace

ProcessPool::ProcessPool(ProcessHost* host,
                         const NativeProcessPoolOptions& settings)
    : ProcessPool(std::shared_ptr<ProcessHost>(host), settings) {}

ProcessPool::ProcessPool(std::shared_ptr<ProcessHost> host,
                         const NativeProcessPoolOptions& settings)
    : Pool(std::make_unique<HostProcesses>(std::make_shared<HostAdapter>(host),
                                           ToOptions(settings)),
           [host](int64_t join) { host->Joined(join); }) {}

int64_t ProcessPool::Submit(int64_t id, const std::string& name,
                            const Bytes& arguments) {
  return ToHandle(processes().Submit(id, name, arguments, /*is_chunk=*/false));
}

int64_t ProcessPool::SubmitChunk(int64_t id, const std::string& name,
                                 const Bytes& arguments) {
  return ToHandle(processes().Submit(id, name, arguments, /*is_chunk=*/true));
}

int64_t ProcessPool::Submit(int64_t id, const std::string& name,
                            const Bytes& arguments,
                            const NativeTaskOptions& settings) {
  return ToHandle(processes().Submit(
      id, name, arguments, ToTaskOptions(settings), ToTaskInfo(settings)));
}

int64_t ProcessPool::SubmitToView(const View& view, int64_t key, int64_t id,
                                  const std::string& name,
                                  const Bytes& arguments,
                                  const NativeTaskOptions& settings) {
  host::HostTaskInfo info = ToTaskInfo(settings);
  info.view = &view.view_;
  info.key = key;
  return ToHandle(
      processes().Submit(id, name, arguments, ToTaskOptions(settings), info));
}

bool ProcessPool::MoveDelayed(int64_t handle, int64_t due) {
  return processes().MoveDelayed(CallOf(handle), due);
}

bool ProcessPool::IsPending(int64_t handle) {
  return HostProcesses::IsPending(CallOf(handle));
}

bool ProcessPool::Cancel(int64_t handle) {
  return HostProcesses::Cancel(CallOf(handle));
}

bool ProcessPool::Kill(int64_t handle) {
  return HostProcesses::Kill(CallOf(handle));
}

void ProcessPool::Release(int64_t handle) {
  HostProcesses::Release(CallOf(handle));
}

NativeTaskProgress ProcessPool::Progress(int64_t handle) {
  const std::optional<TaskProgress> progress =
      HostProcesses::Progress(CallOf(handle));
  if (!progress.has_value()) return {};
  return {
      .is_known = true, .fraction = progress->fraction, .text = progress->text};
}

bool ProcessPool::Receive(int64_t handle, int64_t limit) {
  return HostProcesses::Receive(CallOf(handle), FromNanos(limit));
}

}  // namespace asyncpal::facade
