#include "asyncpal/bindings/facade/pool.h"

#include <cstddef>
#include <iterator>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asyncpal/bindings/facade/durations.h"
#include "asyncpal/bindings/facade/library.h"
#include "asyncpal/bindings/facade/option_names.h"
#include "asyncpal/future/log.h"
#include "asyncpal/pool/observer.h"
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

DurationHistogram::DurationHistogram(
    const asyncpal::DurationHistogram& histogram)
    : counts_(histogram.counts), sum_(ToNanos(histogram.sum)) {
  for (const absl::Duration bound : histogram.bounds) {
    bounds_.push_back(ToNanos(bound));
  }
}

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

bool Pool::Reserve(bool needs_room, bool now) {
  return pool_->Reserve(needs_room, now);
}

void Pool::FreeReserved() { pool_->FreeReserved(); }

bool Pool::WaitForReservation(int64_t nanos) {
  return pool_->WaitForReservation(FromNanos(nanos));
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

void Pool::Pause() { pool_->Pause(); }

bool Pool::Resume() { return pool_->Resume(); }

View* Pool::NewView(int places, const std::string& name) {
  return new View(pool_->MakeView(places, name));
}

View* Pool::NewKeyedView() { return new View(pool_->MakeKeyedView()); }

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
          .stalls = stats.stalls,
          .expired = stats.expired,
          .timed_out = stats.timed_out,
          .workers_started = stats.workers_started,
          .workers_lost = stats.workers_lost,
          .oldest_pending = ToNanos(stats.oldest_pending),
          .wait = DurationHistogram(stats.wait),
          .run = DurationHistogram(stats.run),
          .delayed = stats.delayed,
          .retried = stats.retried};
}

WorkerList Pool::Workers() const {
  std::vector<WorkerInfo> workers;
  for (const asyncpal::WorkerInfo& worker : pool_->Workers()) {
    workers.push_back(ToWorkerInfo(worker));
  }
  return WorkerList(std::move(workers));
}

WorkerInfo ToWorkerInfo(const asyncpal::WorkerInfo& worker) {
  return {.id = worker.id,
          .name = worker.name,
          .pid = worker.pid.value_or(0),
          .busy = worker.busy,
          .tasks_done = worker.tasks_done,
          .current_task = worker.current_task,
          .running_for = ToNanos(worker.running_for)};
}

PoolOptions ToPoolOptions(const NativePoolOptions& settings) {
  return {.max_workers = settings.max_workers,
          .name = settings.name,
          .idle_timeout = FromNanos(settings.idle_timeout),
          .max_tasks_per_worker = settings.max_tasks_per_worker,
          .max_pending = settings.max_pending,
          .when_full = ToWhenFull(settings.when_full),
          .stack_size = ToStackSize(settings.stack_size),
          .initializer_timeout = FromNanos(settings.initializer_timeout),
          .stall_threshold = FromNanos(settings.stall_threshold),
          .observer = settings.observer,
          .histograms = settings.histograms,
          .priority_step = FromNanos(settings.priority_step),
          .min_workers = settings.min_workers,
          .max_worker_age = FromNanos(settings.max_worker_age),
          .clock = settings.clock};
}

host::LogSink ToLogSink(const NativePoolOptions& settings) {
  if (settings.log == nullptr) return nullptr;
  return [log = settings.log](LogSeverity severity, std::string_view message) {
    log->Write(static_cast<int>(severity), InNamesOfHost(std::string(message)));
  };
}

void SetPoolLog(NativePoolOptions& settings, LogHost* host) {
  settings.log = std::shared_ptr<LogHost>(host);
}

TaskOptions ToTaskOptions(const NativeTaskOptions& settings) {
  return {.name = settings.name,
          .timeout = FromNanos(settings.timeout),
          .queue_deadline = FromNanos(settings.queue_deadline),
          .max_attempts = settings.max_attempts,
          .priority = static_cast<TaskPriority>(settings.priority),
          .at_shutdown = static_cast<AtShutdown>(settings.at_shutdown),
          .traceparent = settings.traceparent};
}

host::HostTaskInfo ToTaskInfo(const NativeTaskOptions& settings) {
  host::HostTaskInfo info = {.number = static_cast<uint64_t>(settings.number),
                             .attempt = settings.attempt,
                             .delay = FromNanos(settings.delay)};
  if (settings.next_due != kNotNext) info.next_due = settings.next_due;
  return info;
}

int64_t Pool::idle_timeout() const { return ToNanos(pool_->idle_timeout()); }

void Pool::set_idle_timeout(int64_t nanos) {
  pool_->set_idle_timeout(FromNanos(nanos));
}

}  // namespace asyncpal::facade
