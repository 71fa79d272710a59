#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "asyncpal/future/internal/clock.h"
#include "asyncpal/future/log.h"
#include "asyncpal/pool/internal/overdue_runs.h"
#include "asyncpal/pool/internal/thread_core.h"

// What an observer is told, and what histograms are made of.
//
// How it works. A pool that nobody observes pays for none of this: it asks no
// more than whether a task is plain, as it has to for the sake of options. In
// an observed pool none is: each is marked before it is queued, there is one
// queue, and the code that runs tasks with options also runs these. A posted
// call has no room for that: see thread_core_calls.cc. A submission is reported
// before the task is queued, as afterwards it might be over already; so what
// the pool refuses then is reported as a task that has failed. The end is
// reported before it is counted: the pool can't go meanwhile.

namespace asyncpal::internal {

namespace {

// How long a worker process may take to say what its task does.
constexpr absl::Duration kMaxWaitForStack = absl::Milliseconds(250);

// Calls `report`, which may lack the memory for it.
template <typename Report>
void IfThereIsMemory(Report&& report) noexcept {
  try {
    report();
  } catch (const std::bad_alloc&) {
    // Nobody hears of it.
  }
}

}  // namespace

// While it lives, an observed task runs on this thread.
class ThreadCore::ObservedScope {
 public:
  ObservedScope(ThreadCore& core, ThreadWorker& worker, TaskState& task)
      : worker_(core.observation_ != nullptr && core.observation_->keeps_runs()
                    ? &worker
                    : nullptr),
        is_traced_(Tracer::IsOn()),
        traced_{.pool = core.trace_id_, .id = task.task_id()} {
    if (is_traced_) {
      const TracedWorker on = core.Traced(worker);
      Tracer::OnStart(core.Traced(task), &on, FirstAttempt(task));
    }
    if (worker_ == nullptr) return;
    run_.id = task.task_id();
    run_.attempt = FirstAttempt(task);
    if (core.observation_->looks_for_stalls()) {
      IfThereIsMemory([&] {
        const std::string* const name = task.own_name();
        if (name != nullptr) {
          run_.name = std::make_shared<const std::string>(*name);
        }
      });
      run_.waited_nanos = absl::ToInt64Nanoseconds(task.duration().pending);
      run_.since = NowNanos();
    }
    worker_->runs.Add(run_);
    core.LookForLongRuns();
    if (core.observation_->has_observer() && task.SetStartReported()) {
      core.ReportStart(worker_, task, run_.attempt);
    }
  }
  ~ObservedScope() {
    if (worker_ != nullptr) worker_->runs.Remove(run_);
    if (is_traced_) Tracer::OnRunEnd(traced_);
  }
  ObservedScope(const ObservedScope&) = delete;
  ObservedScope& operator=(const ObservedScope&) = delete;

 private:
  ThreadWorker* const worker_;  // null: nobody asks what it runs
  const bool is_traced_;
  const TracedTask traced_;  // which the task may not live to see the end of
  ObservedRun run_;
};

std::unique_ptr<TaskHistograms> ThreadCore::MakeHistograms() const {
  return observation_ == nullptr ? nullptr : std::make_unique<TaskHistograms>();
}

TracedTask ThreadCore::Traced(const TaskState& task) const {
  const std::string* const name = task.own_name();
  return {.pool = trace_id_,
          .id = task.task_id(),
          .pool_name = options_.name,
          .name = name == nullptr ? std::string_view() : *name};
}

TracedWorker ThreadCore::Traced(const ThreadWorker& worker) const {
  return {.name = worker.name,
          .pool_name = options_.name,
          .is_process = kind() == PoolKind::kProcesses,
          .id = worker.pid().value_or(0)};
}

void ThreadCore::BeginObserving(TaskState& task) {
  if (task.is_observed()) return;  // its submission is tried again
  CheckProcess();
  if (!accepting()) Check();
  task.SetObserved();
  if (!has_observer() && !Tracer::IsOn()) return;
  if (task.task_id() == 0) {
    MutexLock submit(submit_mu_);
    task.set_task_id(tail_.NewId());
  }
  if (Tracer::IsOn()) Tracer::OnSubmit(Traced(task));
  if (!has_observer()) return;
  IfThereIsMemory(
      [&] { observation_->OnSubmit(ReportOf(task, FutureState::kPending)); });
}

TaskReport ThreadCore::ReportOf(const TaskState& task,
                                FutureState outcome) const {
  return {.pool = options_.name,
          .name = task.name(),
          .id = task.task_id(),
          .outcome = outcome};
}

void ThreadCore::ReportRefused(TaskState& task) noexcept {
  ReportUnstarted(task, FutureState::kFailed);
}

void ThreadCore::ReportUnstarted(TaskState& task,
                                 FutureState outcome) noexcept {
  if ((!has_observer() && !Tracer::IsOn()) || !task.SetEndReported()) return;
  if (Tracer::IsOn()) {
    Tracer::OnOutcome(Traced(task), outcome, /*lost=*/false);
  }
  if (!has_observer()) return;
  IfThereIsMemory([&] {
    TaskReport report = ReportOf(task, outcome);
    report.waited = task.duration().pending;
    observation_->OnDone(report);
  });
}

void ThreadCore::ReportStart(const ThreadWorker* worker, const TaskState& task,
                             int attempt) noexcept {
  IfThereIsMemory([&] {
    TaskReport report = ReportOf(task, FutureState::kRunning);
    const TaskTimes times = task.duration();
    report.waited = times.pending;
    report.ran = times.running;
    report.attempt = attempt;
    if (worker != nullptr) {
      report.worker = worker->id;
      report.pid = worker->pid();
    }
    observation_->OnStart(report);
  });
}

void ThreadCore::ReportFinished(ThreadWorker* worker, TaskState& task,
                                FutureState outcome) noexcept {
  int64_t ran = task.ran_nanos();
  // A host's task is counted when the host has settled it, and noted to have
  // ended when that is published.
  if (ran == 0) ran = absl::ToInt64Nanoseconds(task.duration().running);
  if (observation_ == nullptr) {
    // Only the trace wants to know.
  } else if (worker != nullptr) {
    worker->histograms->run.Record(ran);
  } else {
    MutexLock lock(mu_);
    other_histograms_->run.Record(ran);
  }
  if (Tracer::IsOn()) {
    Tracer::OnOutcome(Traced(task), outcome, /*lost=*/false);
  }
  if (!has_observer()) return;
  // Whoever kills it may come before its worker has told of its start.
  if (worker == nullptr) task.SetEndReported();
  IfThereIsMemory([&] {
    TaskReport report = ReportOf(task, outcome);
    report.waited = absl::Nanoseconds(task.waited_nanos());
    report.ran = absl::Nanoseconds(ran);
    report.attempt = task.is_start_reported() ? FirstAttempt(task) : 0;
    FillInRun(worker, report);
    observation_->OnDone(report);
  });
}

void ThreadCore::FillInRun(ThreadWorker* worker, TaskReport& report) {
  const auto look = [&report](ThreadWorker& at) {
    return at.runs.With(report.id, [&](const ObservedRun& run) {
      report.worker = at.id;
      report.pid = at.pid();
      report.attempt = run.attempt;
      report.lost = run.lost;
    });
  };
  // A worker may also settle what another one runs.
  if (worker != nullptr && look(*worker)) return;
  MutexLock lock(mu_);
  bool found = false;
  roster_.ForEach([&](const WorkerPtr& at) { found = found || look(*at); });
}

bool ThreadCore::RunWatched(ThreadWorker& worker, TaskState* task) {
  const bool tracked = task->is_tracked();
  int64_t now = NowTicks();
  worker.running_since.store(now, std::memory_order_relaxed);
  worker.last_end = 0;
  std::optional<ObservedScope> scope;
  if (task->is_observed()) {
    scope.emplace(*this, worker, *task);
    if (has_observer()) now = NowTicks();
    task->MarkStarted(now);
    if (worker.histograms != nullptr) {
      worker.histograms->wait.Record(task->waited_nanos());
    }
  }
  std::optional<AbandonableScope> abandonable;
  if (tracked && runs_tasks_here() && worker.depth.Get() == 1 &&
      WishOf(*task) == AtShutdown::kAbandon) {
    abandonable.emplace(*this, worker);
  }
  if (!tracked || limits_.StartRunningTimer(task)) {
    worker.Run(task, now);
  } else {
    task->Release();
  }
  return tracked;
}

void ThreadCore::OnNextAttempt(ThreadWorker& worker, const TaskState& task,
                               int attempt) {
  if (!task.is_observed()) return;
  worker.runs.With(task.task_id(),
                   [&](ObservedRun& run) { run.attempt = attempt; });
  if (Tracer::IsOn()) {
    Tracer::OnNextAttempt(Traced(task), Traced(worker), attempt);
  }
  if (!has_observer()) return;
  ReportStart(&worker, task, attempt);
}

void ThreadCore::OnTaskLost(ThreadWorker& worker, const TaskState& task) {
  if (!task.is_observed()) return;
  worker.runs.With(task.task_id(), [](ObservedRun& run) { run.lost = true; });
  if (Tracer::IsOn()) {
    Tracer::OnOutcome(Traced(task), FutureState::kFailed, /*lost=*/true);
  }
}

void ThreadCore::ReportWorkerStarted(const ThreadWorker& worker) {
  if (Tracer::IsOn()) Tracer::OnWorkerStarted(Traced(worker));
  if (!has_observer()) return;
  IfThereIsMemory([&] { observation_->OnWorkerStarted(InfoOf(worker)); });
}

void ThreadCore::ReportWorkerEnded(const ThreadWorker& worker,
                                   const std::string& why) {
  if (Tracer::IsOn()) Tracer::OnWorkerEnded(Traced(worker), why);
  if (!has_observer()) return;
  IfThereIsMemory([&] { observation_->OnWorkerEnded(InfoOf(worker), why); });
}

void ThreadCore::LookForLongRuns() {
  if (!observation_->looks_for_stalls()) return;
  // The thread that gives up looking clears this flag, and then looks at all
  // runs once more. This run has been entered before the flag is read here: so
  // either that last look finds it, or this finds the flag cleared.
  if (is_looking_for_long_runs_.load() ||
      is_looking_for_long_runs_.exchange(true)) {
    return;
  }
  ScheduleLongRunLook(observation_->stall_threshold());
}

void ThreadCore::ScheduleLongRunLook(absl::Duration delay) {
  try {
    limits_.Timers().Schedule(delay, [weak = weak_from_this()] {
      if (const auto core = weak.lock()) core->ReportLongRuns();
    });
  } catch (const std::exception&) {  // no thread, or no memory
    is_looking_for_long_runs_.store(false);
  }
}

void ThreadCore::ReportLongRuns() {
  absl::Duration next = ReportLongRunsOnce();
  if (next == absl::InfiniteDuration()) {
    is_looking_for_long_runs_.store(false);
    next = ReportLongRunsOnce();
    if (next == absl::InfiniteDuration() ||
        is_looking_for_long_runs_.exchange(true)) {
      return;
    }
  }
  ScheduleLongRunLook(next);
}

absl::Duration ThreadCore::ReportLongRunsOnce() {
  // What a look finds on one worker. Each has one run as a rule; what there is
  // no room for is found by the next look.
  struct Found {
    ObservedRun run;
    WorkerPtr worker;
  };
  const int64_t now = NowNanos();
  OverdueLook look(absl::ToInt64Nanoseconds(observation_->stall_threshold()),
                   now);
  std::vector<WorkerPtr> workers;
  {
    MutexLock lock(mu_);
    workers.reserve(roster_.size());
    roster_.ForEach(
        [&](const WorkerPtr& worker) { workers.push_back(worker); });
  }
  std::vector<Found> overdue;
  overdue.reserve(2 * workers.size() + 8);
  for (const WorkerPtr& worker : workers) {
    worker->runs.ForEach([&](ObservedRun& run) {
      if (overdue.size() == overdue.capacity() ||
          !look.IsOverdue(run.since, run.is_reported_as_long)) {
        return;
      }
      run.is_reported_as_long = true;
      overdue.push_back({run, worker});
    });
  }
  const bool may_be_more = overdue.size() == overdue.capacity();
  for (const auto& [run, worker] : overdue) {
    IfThereIsMemory([&, &run = run, &worker = worker] {
      ReportLongRun({.pool = options_.name,
                     .name = run.name == nullptr ? "" : *run.name,
                     .id = run.id,
                     .outcome = FutureState::kRunning,
                     .waited = absl::Nanoseconds(run.waited_nanos),
                     .ran = absl::Nanoseconds(now - run.since),
                     .worker = worker->id,
                     .pid = worker->pid(),
                     .attempt = run.attempt},
                    *worker);
    });
  }
  return may_be_more ? absl::Milliseconds(1) : look.until_next();
}

void ThreadCore::ReportLongRun(const TaskReport& task, ThreadWorker& worker) {
  const std::string name =
      task.name.empty() ? "" : absl::StrCat(" \"", task.name, "\"");
  const std::string pid =
      task.pid.has_value() ? absl::StrCat(" (", *task.pid, ")") : "";
  const std::string stack = worker.StackOfTask(kMaxWaitForStack);
  log_.Write(
      LogSeverity::kWarning,
      absl::StrCat(Label(), ": task ", task.id, name, " has been running for ",
                   absl::FormatDuration(task.ran), " in ", worker.name, pid,
                   ", longer than its pool's stall_threshold, ",
                   absl::FormatDuration(observation_->stall_threshold()),
                   stack.empty() ? "" : "; it is at\n",
                   absl::StripTrailingAsciiWhitespace(stack)));
  observation_->OnStall(task, stack);
}

void ThreadCore::AddHistograms(PoolStats& stats) const {
  DurationCounts().AddTo(stats.wait);  // takes the memory
  DurationCounts().AddTo(stats.run);
  MutexLock lock(mu_);
  other_histograms_->wait.AddTo(stats.wait);
  other_histograms_->run.AddTo(stats.run);
  roster_.ForEach([&](const WorkerPtr& worker) {
    worker->histograms->wait.AddTo(stats.wait);
    worker->histograms->run.AddTo(stats.run);
  });
}

}  // namespace asyncpal::internal
