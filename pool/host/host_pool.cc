#include "asyncpal/pool/host/host_pool.h"

#include <utility>

#include "asyncpal/future/internal/trampoline.h"
#include "asyncpal/pool/internal/pool_core.h"
#include "asyncpal/pool/internal/shutdown_registry.h"
#include "asyncpal/pool/internal/tracer.h"

namespace asyncpal::host {

using internal::ShutdownRegistry;

HostPool::HostPool(std::shared_ptr<internal::PoolCore> core)
    : core_(std::move(core)) {
  internal::Tracer::StartIfAsked();
}

HostPool::~HostPool() { core_->Abandon(); }

void HostPool::Check() { core_->Check(); }

void HostPool::Test() { core_->Test(); }

int HostPool::SpawnWorkers(int n) { return core_->SpawnWorkers(n); }

bool HostPool::WaitForRoom(absl::Duration timeout) {
  return core_->WaitForRoom(timeout);
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
