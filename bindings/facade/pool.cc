#include "asyncpal/bindings/facade/pool.h"

#include <cstddef>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asyncpal/bindings/facade/durations.h"
#include "asyncpal/pool/options.h"

namespace asyncpal::facade {
namespace {

WhenFull ToWhenFull(int when_full) {
  constexpr WhenFull kAll[] = {WhenFull::kBlock, WhenFull::kReject,
                               WhenFull::kCallerRuns, WhenFull::kDropOldest};
  if (when_full < 0 || when_full >= static_cast<int>(std::size(kAll))) {
    throw std::invalid_argument(
        absl::StrCat("when_full is ", when_full, "; there is no such policy"));
  }
  return kAll[when_full];
}

size_t ToStackSize(int64_t bytes) {
  if (bytes < 0) {
    throw std::invalid_argument(
        absl::StrCat("stack_size is ", bytes, "; it must not be negative"));
  }
  return static_cast<size_t>(bytes);
}

}  // namespace

Pool::~Pool() = default;

void Pool::Check() { pool_->Check(); }

void Pool::Test() { pool_->Test(); }

int Pool::SpawnWorkers(int n) {
  if (n < 0) {
    throw std::invalid_argument(
        absl::StrCat("n is ", n, "; it must not be negative"));
  }
  return pool_->SpawnWorkers(n);
}

int Pool::SpawnMaxWorkers() {
  return pool_->SpawnWorkers(std::numeric_limits<int>::max());
}

bool Pool::WaitForRoom(int64_t nanos) {
  return pool_->WaitForRoom(FromNanos(nanos));
}

int64_t Pool::StartJoin(int64_t join) {
  return static_cast<int64_t>(
      pool_->StartJoin([joined = joined_, join] { joined(join); }));
}

bool Pool::EndJoin(int64_t started) {
  return pool_->EndJoin(static_cast<uint64_t>(started));
}

bool Pool::Close(int mode) {
  constexpr ShutdownMode kModes[] = {
      ShutdownMode::kDrain, ShutdownMode::kCancelPending, ShutdownMode::kKill};
  return pool_->Close(kModes[mode]);
}

PoolStats Pool::Stats() const {
  const asyncpal::PoolStats stats = pool_->Stats();
  return {.workers = stats.workers,
          .busy = stats.busy,
          .idle = stats.idle,
          .submitted = stats.submitted,
          .pending = stats.pending,
          .running = stats.running,
          .completed = stats.completed,
          .failed = stats.failed,
          .cancelled = stats.cancelled,
          .lost = stats.lost,
          .rejected = stats.rejected,
          .stalls = stats.stalls};
}

WorkerList Pool::Workers() const {
  std::vector<WorkerInfo> workers;
  for (asyncpal::WorkerInfo& info : pool_->Workers()) {
    workers.push_back({.id = info.id,
                       .name = std::move(info.name),
                       .pid = info.pid.value_or(0),
                       .busy = info.busy,
                       .tasks_done = info.tasks_done,
                       .current_task = std::move(info.current_task),
                       .running_for = ToNanos(info.running_for)});
  }
  return WorkerList(std::move(workers));
}

PoolOptions ToPoolOptions(const PoolSettings& settings) {
  return {.max_workers = settings.max_workers,
          .name = settings.name,
          .idle_timeout = FromNanos(settings.idle_timeout),
          .max_tasks_per_worker = settings.max_tasks_per_worker,
          .max_pending = settings.max_pending,
          .when_full = ToWhenFull(settings.when_full),
          .stack_size = ToStackSize(settings.stack_size),
          .initializer_timeout = FromNanos(settings.initializer_timeout)};
}

TaskOptions ToTaskOptions(const TaskSettings& settings) {
  return {.name = settings.name,
          .timeout = FromNanos(settings.timeout),
          .queue_deadline = FromNanos(settings.queue_deadline),
          .max_attempts = settings.max_attempts};
}

int64_t Pool::idle_timeout() const { return ToNanos(pool_->idle_timeout()); }

void Pool::set_idle_timeout(int64_t nanos) {
  pool_->set_idle_timeout(FromNanos(nanos));
}

}  // namespace asyncpal::facade
