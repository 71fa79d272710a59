#include "asyncpal/bindings/facade/thread_pool.h"

#include <exception>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "asyncpal/bindings/facade/durations.h"
#include "asyncpal/bindings/facade/failure.h"
#include "asyncpal/bindings/facade/host_task.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/execution_context.h"
#include "asyncpal/future/internal/trampoline.h"
#include "asyncpal/future/state.h"
#include "asyncpal/pool/internal/shutdown_registry.h"
#include "asyncpal/pool/internal/thread_core.h"
#include "asyncpal/pool/internal/thread_worker.h"
#include "asyncpal/pool/options.h"

namespace asyncpal::facade {
namespace {

using internal::ExecutionContext;
using internal::StateRef;
using internal::ThreadCore;
using internal::ThreadWorker;

using ThreadMain = absl::AnyInvocable<void()>;

// Its workers may have threads that the host has made.
class HostCore final : public ThreadCore {
 public:
  static std::shared_ptr<ThreadCore> Make(PoolOptions options,
                                          internal::ShutdownRegistry* registry,
                                          std::shared_ptr<Host> host) {
    const std::shared_ptr<HostCore> core(
        new HostCore(std::move(options), registry, std::move(host)));
    core->RegisterForShutdown();
    return core;
  }

 private:
  HostCore(PoolOptions options, internal::ShutdownRegistry* registry,
           std::shared_ptr<Host> host)
      : ThreadCore(std::move(options), /*max_pending_bytes=*/0, registry),
        host_(std::move(host)) {}

  std::thread MakeThread(const ThreadWorker& worker, ThreadMain main) override {
    auto mine = std::make_unique<ThreadMain>(std::move(main));
    if (!host_->StartWorker(worker.name,
                            reinterpret_cast<int64_t>(mine.get()))) {
      throw std::system_error(
          std::make_error_code(std::errc::resource_unavailable_try_again));
    }
    static_cast<void>(mine.release());  // RunWorker() has it
    return {};
  }

  const std::shared_ptr<Host> host_;
};

void ThrowIfFailed(const Failure& failure) {
  if (!failure.empty()) std::rethrow_exception(ToException(failure));
}

std::shared_ptr<ThreadCore> MakeCore(const std::shared_ptr<Host>& host,
                                     const PoolSettings& settings) {
  PoolOptions options = {
      .max_workers = settings.max_workers,
      .name = settings.name,
      .idle_timeout = FromNanos(settings.idle_timeout),
      .max_tasks_per_worker = settings.max_tasks_per_worker,
      .max_pending = settings.max_pending,
      .when_full = ToWhenFull(settings.when_full),
  };
  internal::CheckPoolOptions(options, "ThreadPool");
  options.initializer = [host, name = options.name] {
    // Test() has a thread that is no worker.
    const ThreadWorker* const worker = ThreadWorker::Current();
    Failure failure;
    host->BeginWorker(
        worker != nullptr ? worker->name : absl::StrCat(name, "-test"),
        failure);
    ThrowIfFailed(failure);
  };
  options.finalizer = [host] {
    Failure failure;
    host->EndWorker(failure);
    ThrowIfFailed(failure);
  };
  internal::ShutdownRegistry* const registry = &RegistryFor(settings);
  auto core = settings.host_makes_threads
                  ? HostCore::Make(std::move(options), registry, host)
                  : ThreadCore::Make(std::move(options), registry);
  core->CallWhenTerminated([host] { host->Terminated(); });
  return core;
}

}  // namespace

ThreadPool::ThreadPool(Host* host, const PoolSettings& settings)
    : ThreadPool(std::shared_ptr<Host>(host), settings) {}

ThreadPool::ThreadPool(std::shared_ptr<Host> host, const PoolSettings& settings)
    : Pool(MakeCore(host, settings),
           [host](int64_t join) { host->Joined(join); }),
      host_(std::move(host)) {}

int64_t ThreadPool::Submit(int64_t id) {
  if (!core().accepting()) core().Check();
  return Submit(new HostTask(&core(), *host_, id), /*is_chunk=*/false);
}

int64_t ThreadPool::SubmitChunk(int64_t id) {
  if (!core().accepting()) core().Check();
  return Submit(new HostTask(&core(), *host_, id), /*is_chunk=*/true);
}

int64_t ThreadPool::Submit(int64_t id, const TaskSettings& settings) {
  if (!core().accepting()) core().Check();
  LimitedHostTask* const task = internal::AttachOptions(
      ToTaskOptions(settings), new LimitedHostTask(&core(), *host_, id));
  const auto mine = StateRef<LimitedHostTask>::Share(task);
  const CallbackId watch = task->Watch();
  try {
    const int64_t handle = Submit(task, /*is_chunk=*/false);
    if (handle == kNoHandle) mine->RemoveCallback(watch);
    return handle;
  } catch (...) {
    mine->RemoveCallback(watch);
    throw;
  }
}

int64_t ThreadPool::Submit(HostTask* task, bool is_chunk) {
  auto share = StateRef<HostTask>::Share(task);
  const int64_t handle = task->handle();
  if (!core().TrySubmit(task, is_chunk)) {
    task->Release();
    return kNoHandle;
  }
  // By now the task may be over, its handle given up, and its memory gone.
  static_cast<void>(share.Detach());
  return handle;
}

void ThreadPool::RunWorker(int64_t worker) {
  const std::unique_ptr<ThreadMain> main(reinterpret_cast<ThreadMain*>(worker));
  (*main)();
}

bool ThreadPool::Settle(int outcome) {
  HostTask* const task = HostTask::Current();
  if (task == nullptr) {
    throw InvalidStateError("Settle() was called outside of Host::Run()");
  }
  constexpr FutureState kStates[] = {
      FutureState::kCompleted, FutureState::kFailed, FutureState::kCancelled};
  return task->SettleAs(kStates[outcome]);
}

int64_t ThreadPool::GoOn(bool host_keeps_handle) {
  if (HostTask::Current() == nullptr) {
    throw InvalidStateError("GoOn() was called outside of Host::Run()");
  }
  return HostTask::GoOn(host_keeps_handle);
}

bool ThreadPool::Cancel(int64_t handle) {
  const bool cancelled = HostTask::Of(handle)->Cancel();
  internal::Trampoline::RunPutOff();
  return cancelled;
}

bool ThreadPool::RunInline(int64_t handle) {
  ExecutionContext* const context = ExecutionContext::Current();
  return context != nullptr &&
         context->RunInline(*HostTask::Of(handle), /*alone=*/false);
}

void ThreadPool::Release(int64_t handle) { HostTask::Of(handle)->Release(); }

int64_t ThreadPool::CurrentWorker() {
  return reinterpret_cast<int64_t>(ExecutionContext::Current());
}

void ThreadPool::LeaveForExit(int64_t worker) {
  reinterpret_cast<ExecutionContext*>(worker)->LeaveForExit();
}

bool ThreadPool::BeginBlocking() {
  internal::Trampoline::RunPutOff();
  ExecutionContext* const context = ExecutionContext::Current();
  if (context == nullptr || !context->BeginBlocking(nullptr)) return false;
  // The host sleeps by its own means, so that nobody looks again later.
  constexpr absl::Duration kLastRetry = absl::Milliseconds(500);
  for (absl::Duration retry_after = absl::Milliseconds(1);
       retry_after < kLastRetry && !context->RecheckStandIn();
       retry_after *= 2) {
    absl::SleepFor(retry_after);
  }
  return true;
}

void ThreadPool::EndBlocking() { ExecutionContext::Current()->EndBlocking(); }

void ThreadPool::BeginBlocking(int64_t worker) {
  // For a wait for nothing that is known, it always says yes.
  reinterpret_cast<ExecutionContext*>(worker)->BeginBlocking(nullptr);
}

void ThreadPool::EndBlocking(int64_t worker) {
  reinterpret_cast<ExecutionContext*>(worker)->EndBlocking();
}

}  // namespace asyncpal::facade
