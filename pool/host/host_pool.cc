#include "asyncpal/pool/host/host_pool.h"

#include <utility>

#include "absl/time/time.h"
#include "asyncpal/future/countdown.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/task_state.h"
#include "asyncpal/future/internal/trampoline.h"
#include "asyncpal/pool/internal/pool_core.h"
#include "asyncpal/pool/internal/shutdown_registry.h"
#include "asyncpal/pool/internal/tracer.h"
#include "asyncpal/pool/internal/view_core.h"
#include "asyncpal/pool/pool_view.h"

namespace asyncpal::host {

using internal::ShutdownRegistry;

HostView::HostView(const HostView& other) : view_(other.view_) {
  view_->AddReference();
}

HostView::~HostView() { view_->Release(); }

HostPool::HostPool(std::shared_ptr<internal::PoolCore> core, WhenFull when_full)
    : core_(std::move(core)), when_full_(when_full) {
  internal::Tracer::StartIfAsked();
}

HostPool::~HostPool() { core_->Abandon(); }

void HostPool::Check() { core_->Check(); }

void HostPool::Test() { core_->Test(); }

int HostPool::SpawnWorkers(int n) { return core_->SpawnWorkers(n); }

bool HostPool::WaitForRoom(absl::Duration timeout) {
  return core_->WaitForRoom(timeout);
}

bool HostPool::Reserve(bool needs_room, bool now) {
  return core_->Reserve(needs_room, now);
}

void HostPool::FreeReserved() { core_->FreeReserved(); }

bool HostPool::WaitForReservation(absl::Duration timeout) {
  return core_->WaitForReservation(timeout);
}

uint64_t HostPool::StartJoin(std::function<void()> handler) {
  return core_->StartJoin(std::move(handler));
}

bool HostPool::EndJoin(uint64_t started) { return core_->EndJoin(started); }

bool HostPool::Close(ShutdownMode mode) {
  const bool closed_now = core_->Close(mode);
  internal::Trampoline::RunPutOff();
  core_->TakeCancelledTasks();  // here they are only memory
  return closed_now;
}

void HostPool::Pause() { core_->Pause(absl::ZeroDuration()); }

bool HostPool::Resume() { return core_->Resume(); }

bool HostPool::IsQuiet() {
  // As a pause within the pause finds it.
  const bool quiet = core_->Pause(absl::ZeroDuration());
  core_->Resume();
  return quiet;
}

bool HostPool::is_paused() const { return core_->is_paused(); }

void HostPool::set_max_workers(int n) { core_->set_max_workers(n); }

int HostPool::min_workers() const { return core_->min_workers(); }

void HostPool::set_min_workers(int n) { core_->set_min_workers(n); }

HostView HostPool::MakeView(int places, const std::string& name) {
  internal::CheckPlaces(places);
  return HostView(new internal::PlainViewCore(core_, name, places));
}

HostView HostPool::MakeKeyedView() {
  return HostView(new internal::KeyedViewCore<int64_t>(core_));
}

void HostPool::Bind(const HostView& view, internal::TaskState& task) {
  task.view_place()->Bind(*view.view_, task);
}

bool HostPool::SubmitToView(const HostView& view, int64_t key,
                            internal::TaskState* task, bool is_chunk) {
  // Where a submission would wait for room, which the host does: no time at
  // all. A task that would run on its submitter waits for room, too, since in a
  // view it may not be its turn.
  const Countdown at_once(absl::ZeroDuration());
  const bool waits = is_chunk || when_full_ == WhenFull::kBlock ||
                     when_full_ == WhenFull::kCallerRuns;
  try {
    view.view_->Submit(task, &key, waits ? &at_once : nullptr);
    return true;
  } catch (const TimeoutError&) {
    return false;
  }
}

void HostPool::CountRetry() { core_->CountRetry(); }

int64_t HostPool::ClockNow() const { return core_->ClockNow(); }

bool HostPool::Accept(internal::TaskState* task, bool is_chunk,
                      const HostTaskInfo& info) {
  if (info.next_due.has_value()) {
    core_->SubmitNext(task, *info.next_due);
    return true;
  }
  if (info.delay > absl::ZeroDuration()) {
    core_->SubmitAfter(task, info.delay);
    return true;
  }
  return core_->TrySubmit(task, is_chunk);
}

PoolStats HostPool::Stats() const { return core_->Stats(); }

std::vector<WorkerInfo> HostPool::Workers() const { return core_->Workers(); }

std::string HostPool::name() const { return core_->name(); }

int HostPool::max_workers() const { return core_->max_workers(); }

absl::Duration HostPool::idle_timeout() const { return core_->idle_timeout(); }

void HostPool::set_idle_timeout(absl::Duration timeout) {
  internal::CheckDuration("idle_timeout", timeout);
  core_->set_idle_timeout(timeout);
}

bool HostPool::is_closed() const { return core_->is_closed(); }

bool HostPool::is_terminated() const { return core_->is_terminated(); }

bool HostPool::is_broken() const { return core_->is_broken(); }

ShutdownRegistry* HostPool::RegistryFor(bool close_on_exit) {
  // One that nobody ever runs.
  static auto* const kept_open = new ShutdownRegistry;
  return close_on_exit ? &ShutdownRegistry::Global() : kept_open;
}

void LeaveEndToHost() {
  ShutdownRegistry::LeaveEndToHost();
  internal::Tracer::LeaveSinkToHost();
}

void ShutDownAll() { ShutdownRegistry::Global().Run(); }

void SetShutdownDeadline(absl::Duration deadline) {
  internal::CheckDuration("deadline", deadline);
  ShutdownRegistry::Global().SetDeadline(deadline);
}

void SetShutdownMode(ExitMode mode) {
  ShutdownRegistry::Global().SetMode(mode);
}

}  // namespace asyncpal::host
