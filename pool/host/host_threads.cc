#include "asyncpal/pool/host/host_threads.h"

#include <atomic>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/execution_context.h"
#include "asyncpal/future/internal/trampoline.h"
#include "asyncpal/pool/host/host_task.h"
#include "asyncpal/pool/internal/ambient_trace.h"
#include "asyncpal/pool/internal/native_thread.h"
#include "asyncpal/pool/internal/shutdown_registry.h"
#include "asyncpal/pool/internal/submission_watch.h"
#include "asyncpal/pool/internal/thread_core.h"
#include "asyncpal/pool/internal/thread_worker.h"
#include "asyncpal/pool/internal/tracer.h"
#include "asyncpal/pool/internal/view_core.h"

namespace asyncpal::host {
namespace {

using internal::ExecutionContext;
using internal::StateRef;
using internal::SubmissionWatch;
using internal::ThreadCore;
using internal::ThreadWorker;
using ThreadMain = ThreadPoolHost::ThreadMain;

// Its workers may have threads that the host has made, and the host finds out
// for itself when they are all blocked: it knows what its own threads wait for.
class HostCore final : public ThreadCore {
 public:
  static std::shared_ptr<ThreadCore> Make(PoolOptions options,
                                          internal::ShutdownRegistry* registry,
                                          std::shared_ptr<ThreadPoolHost> host,
                                          bool host_makes_threads,
                                          LogSink log_sink) {
    const std::shared_ptr<HostCore> core(
        new HostCore(std::move(options), registry, std::move(host),
                     host_makes_threads, std::move(log_sink)));
    core->RegisterForShutdown();
    return core;
  }

 private:
  HostCore(PoolOptions options, internal::ShutdownRegistry* registry,
           std::shared_ptr<ThreadPoolHost> host, bool host_makes_threads,
           LogSink log_sink)
      : ThreadCore(std::move(options), /*max_pending_bytes=*/0, registry,
                   std::move(log_sink)),
        host_(std::move(host)),
        host_makes_threads_(host_makes_threads) {}

  bool looks_for_stalls() const override { return false; }

  internal::NativeThread MakeThread(const ThreadWorker& worker,
                                    ThreadMain main) override {
    if (!host_makes_threads_) {
      return ThreadCore::MakeThread(worker, std::move(main));
    }
    if (!host_->StartWorker(worker.name,
                            std::make_unique<ThreadMain>(std::move(main)))) {
      throw std::system_error(
          std::make_error_code(std::errc::resource_unavailable_try_again));
    }
    return {};
  }

  void OnBroken(const std::exception_ptr& error) override {
    host_->Broken(error);
  }

  const std::shared_ptr<ThreadPoolHost> host_;
  const bool host_makes_threads_;
};

std::shared_ptr<ThreadCore> MakeCore(
    const std::shared_ptr<ThreadPoolHost>& host, HostThreads::Options& options,
    internal::ShutdownRegistry* registry) {
  PoolOptions& pool = options.pool;
  internal::CheckPoolOptions(pool, "ThreadPool");
  pool.initializer = [host, name = pool.name] {
    // Test() has a thread that is no worker.
    const ThreadWorker* const worker = ThreadWorker::Current();
    host->BeginWorker(worker != nullptr ? worker->name
                                        : absl::StrCat(name, "-test"));
  };
  pool.finalizer = [host] { host->EndWorker(); };
  auto core =
      HostCore::Make(std::move(pool), registry, host,
                     options.host_makes_threads, std::move(options.log_sink));
  core->CallWhenTerminated([host] { host->Terminated(); });
  return core;
}

// What KeepPlace() returns.
struct KeptPlace {
  KeptPlace(internal::ViewCore& adopted, internal::TaskLane& its)
      : view(&adopted), lane(its) {}

  const internal::ViewRef view;
  internal::TaskLane& lane;
};

// In a trace, what is none of the host's tasks has an id that no task has:
// those may be numbered by the host.
uint64_t IdOfNoTask() {
  static std::atomic<uint64_t> last{uint64_t{1} << 62};
  return ++last;
}

ExecutionContext* ContextOf(void* worker) {
  return static_cast<ExecutionContext*>(worker);
}

}  // namespace

HostThreads::HostThreads(std::shared_ptr<ThreadPoolHost> host, Options options)
    : HostPool(MakeCore(host, options, RegistryFor(options.close_on_exit)),
               options.pool.when_full),
      host_(std::move(host)) {}

HostTask* HostThreads::Submit(int64_t id, bool is_chunk) {
  if (!core().accepting()) core().Check();
  auto* const task = new HostTask(&core(), *host_, id);
  if (id >= 0) return Submit(task, is_chunk);
  if (internal::Tracer::IsOn()) task->set_task_id(IdOfNoTask());
  if (!SubmissionWatch::Has(SubmissionWatch::kTraceparents)) {
    return Submit(task, is_chunk);
  }
  const internal::AmbientTrace nobodys("");
  return Submit(task, is_chunk);
}

HostTask* HostThreads::Submit(int64_t id, const TaskOptions& options,
                              const HostTaskInfo& info) {
  if (!core().accepting()) core().Check();
  LimitedHostTask* const task = internal::AttachOptions(
      options,
      info.view == nullptr ? new LimitedHostTask(&core(), *host_, id)
                           : new ViewHostTask(&core(), *host_, id),
      info.attempt);
  task->set_task_id(info.number);
  if (info.view != nullptr) Bind(*info.view, *task);
  const auto mine = StateRef<LimitedHostTask>::Share(task);
  const CallbackId watch = task->Watch();
  try {
    HostTask* const submitted = info.view == nullptr
                                    ? Submit(task, /*is_chunk=*/false, info)
                                    : SubmitToView(task, info);
    if (submitted == nullptr) mine->RemoveCallback(watch);
    return submitted;
  } catch (...) {
    mine->RemoveCallback(watch);
    throw;
  }
}

bool HostThreads::MoveDelayed(HostTask* task, int64_t due) {
  return core().MoveDelayed(*task, due);
}

bool HostThreads::IsPending(HostTask* task) {
  return task->state() == FutureState::kPending;
}

HostTask* HostThreads::Submit(HostTask* task, bool is_chunk,
                              const HostTaskInfo& info) {
  auto share = StateRef<HostTask>::Share(task);
  if (!Accept(task, is_chunk, info)) {
    task->Release();
    return nullptr;
  }
  // By now the task may be over, its share given up, and its memory gone.
  static_cast<void>(share.Detach());
  return task;
}

HostTask* HostThreads::SubmitToView(HostTask* task, const HostTaskInfo& info) {
  auto share = StateRef<HostTask>::Share(task);
  if (!HostPool::SubmitToView(*info.view, info.key, task, /*is_chunk=*/false)) {
    return nullptr;
  }
  static_cast<void>(share.Detach());
  return task;
}

int64_t HostThreads::KeepPlace() {
  HostTask* const task = HostTask::Current();
  internal::ViewPlace* const place =
      task == nullptr ? nullptr : task->view_place();
  if (place == nullptr) return 0;
  internal::ViewCore& view = place->view();
  return reinterpret_cast<int64_t>(new KeptPlace(view, place->Detach()));
}

void HostThreads::EndPlace(int64_t kept) {
  const std::unique_ptr<KeptPlace> place(reinterpret_cast<KeptPlace*>(kept));
  place->view->PassOn(place->lane, /*will_look=*/false);
}

bool HostThreads::Settle(FutureState outcome) {
  HostTask* const task = HostTask::Current();
  if (task == nullptr) {
    throw InvalidStateError("Settle() was called outside of Host::Run()");
  }
  return task->SettleAs(outcome);
}

int64_t HostThreads::GoOn(bool host_keeps_share) {
  if (HostTask::Current() == nullptr) {
    throw InvalidStateError("GoOn() was called outside of Host::Run()");
  }
  return HostTask::GoOn(host_keeps_share);
}

bool HostThreads::Cancel(HostTask* task) {
  const bool cancelled = task->Cancel();
  internal::Trampoline::RunPutOff();
  return cancelled;
}

void HostThreads::CheckWait(HostTask* task) {
  if (!task->is_held()) return;
  internal::RunningTask::ForEachOnThisThread(
      [task](internal::TaskState& waiter) { waiter.CheckWaitForHeld(*task); });
}

bool HostThreads::RunInline(HostTask* task) {
  CheckWait(task);
  ExecutionContext* const context = ExecutionContext::Current();
  return context != nullptr && context->RunInline(*task, /*alone=*/false);
}

void HostThreads::Release(HostTask* task) { task->Release(); }

void* HostThreads::CurrentWorker() { return ExecutionContext::Current(); }

void HostThreads::LeaveForExit(void* worker) {
  ContextOf(worker)->LeaveForExit();
}

bool HostThreads::BeginBlocking() {
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

void HostThreads::EndBlocking() { ExecutionContext::Current()->EndBlocking(); }

void HostThreads::BeginBlocking(void* worker) {
  // For a wait for nothing that is known, it always says yes.
  ContextOf(worker)->BeginBlocking(nullptr);
}

void HostThreads::EndBlocking(void* worker) {
  ContextOf(worker)->EndBlocking();
}

}  // namespace asyncpal::host
