#include "asyncpal/pool/pool.h"

#include <limits>
#include <stdexcept>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/error.h"
#include "asyncpal/pool/internal/dump_on_signal.h"
#include "asyncpal/pool/internal/pool_core.h"
#include "asyncpal/pool/internal/pool_list.h"
#include "asyncpal/pool/internal/tracer.h"
#include "asyncpal/pool/observe.h"

namespace asyncpal {

using internal::PoolList;

Pool::Pool(std::shared_ptr<internal::PoolCore> core)
    : core_(std::move(core)), id_(PoolList::Global().Add(this)) {
  internal::DumpOnSigquitIfAsked(&DumpState);
  internal::Tracer::StartIfAsked();
}

Pool::~Pool() {
  PoolList::Global().Remove(id_);
  core_->Release();
}

void Pool::ForEach(absl::AnyInvocable<void(Pool&)> visit) {
  PoolList::Global().ForEach(visit);
}

void Pool::Check() { core_->Check(); }

void Pool::Test() { core_->Test(); }

int Pool::SpawnWorkers(int n) {
  if (n < 0) {
    throw std::invalid_argument(
        absl::StrCat("SpawnWorkers: n is ", n, "; it must not be negative"));
  }
  return core_->SpawnWorkers(n);
}

int Pool::SpawnMaxWorkers() {
  return core_->SpawnWorkers(std::numeric_limits<int>::max());
}

bool Pool::Join(absl::Duration timeout) { return core_->Join(timeout); }

bool Pool::Shutdown() { return core_->Shutdown({}); }

bool Pool::Shutdown(const ShutdownOptions& options) {
  internal::CheckDuration("deadline", options.deadline);
  return core_->Shutdown(options);
}

std::vector<CancelledTask> Pool::TakeCancelledTasks() {
  return core_->TakeCancelledTasks();
}

int Pool::CountWorkers() const {
  return static_cast<int>(core_->Stats().workers);
}

int Pool::CountBusyWorkers() const {
  return static_cast<int>(core_->Stats().busy);
}

int Pool::CountFreeWorkers() const {
  return static_cast<int>(core_->Stats().idle);
}

int Pool::CountPendingTasks() const {
  return static_cast<int>(core_->Stats().pending);
}

PoolStats Pool::Stats() const { return core_->Stats(); }

std::vector<WorkerInfo> Pool::Workers() const { return core_->Workers(); }

const std::string& Pool::name() const { return core_->name(); }

PoolKind Pool::kind() const { return core_->kind(); }

int Pool::max_workers() const { return core_->max_workers(); }

bool Pool::Pause(absl::Duration wait_for_running) {
  return core_->Pause(wait_for_running);
}

void Pool::Resume() {
  if (!core_->Resume()) {
    throw InvalidStateError(
        absl::StrCat("pool '", name(), "': Resume() without a Pause()"));
  }
}

void Pool::EndFence() noexcept { core_->Resume(); }

bool Pool::is_paused() const { return core_->is_paused(); }

void Pool::set_max_workers(int n) {
  if (fixed_class_ != nullptr) {
    if (n == 0) n = -1;  // the default is for options only
    internal::FixedSize(n, max_workers(), fixed_class_);
    return;
  }
  core_->set_max_workers(n);
}

int Pool::min_workers() const { return core_->min_workers(); }

void Pool::set_min_workers(int n) { core_->set_min_workers(n); }

absl::Duration Pool::idle_timeout() const { return core_->idle_timeout(); }

void Pool::set_idle_timeout(absl::Duration timeout) {
  internal::CheckDuration("idle_timeout", timeout);
  core_->set_idle_timeout(timeout);
}

bool Pool::is_closed() const { return core_->is_closed(); }

bool Pool::is_terminated() const { return core_->is_terminated(); }

bool Pool::is_broken() const { return core_->is_broken(); }

}  // namespace asyncpal
