#ifndef ASYNCPAL_POOL_INTERNAL_PERIODIC_CORE_H_
#define ASYNCPAL_POOL_INTERNAL_PERIODIC_CORE_H_

#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "absl/time/time.h"
#include "asyncpal/future/future.h"
#include "asyncpal/future/internal/future_access.h"
#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/future/internal/result_state.h"
#include "asyncpal/pool/internal/ambient_trace.h"
#include "asyncpal/pool/internal/periodic_schedule.h"
#include "asyncpal/pool/internal/pool_core.h"
#include "asyncpal/pool/options.h"
#include "asyncpal/pool/periodic.h"

namespace asyncpal::internal {

// A task that is run again and again: what Periodic is a handle of, but for the
// types. Each run is a task of the pool, submitted for its time when the one
// before is over. That takes two events, in any order: its future is done, and
// its callable has returned, which is later where a thread pool's task has
// missed its timeout.
//
// Threads: any. It calls the pool, and ends futures, with no lock held.
// Lifetime: shared by the handles, and by the run that is pending or goes on.
// Ordering: one run after the other.
// Errors: those of the first submission are Start()'s. Later, a run that is
// rejected has failed; another error of a submission ends it.
// Shutdown: a run that the pool cancels ends it.
class PeriodicCore : public std::enable_shared_from_this<PeriodicCore> {
 public:
  virtual ~PeriodicCore() = default;
  PeriodicCore(const PeriodicCore&) = delete;
  PeriodicCore& operator=(const PeriodicCore&) = delete;

  // Submits the first run. Once.
  void Start();

  // As those of Periodic.
  bool Cancel();
  bool Trigger();
  void SetPeriod(absl::Duration period);
  PeriodicStats Stats() const;
  Future<void> done() const { return FutureAccess::Make<void>(result_); }

  // That run's callable is gone, or will not be called.
  void OnCallableGone(uint64_t run) noexcept;

 protected:
  PeriodicCore(std::shared_ptr<PoolCore> pool, absl::Duration period,
               PeriodicOptions options);

  const TaskOptions& task_options() const { return options_.task; }
  // A task for that run, with the caller's reference.
  virtual TaskState* NewRun(uint64_t run) = 0;
  // What such a task has failed with; null: it has not.
  virtual std::exception_ptr ErrorOf(TaskState& task) = 0;

 private:
  using Run = StateRef<TaskState>;

  // The number of the next run.
  uint64_t BeginSubmission();
  // It is about to be submitted; returns when it is due.
  int64_t Expose(const Run& task);
  // It has been accepted. True: it is over already, go on with Continue().
  bool OnSubmitted(uint64_t run, TaskState& task);
  // It has not, or nobody hears of its end.
  void ForgetRun() noexcept;
  // Submits the next one. True as above.
  bool SubmitNext() noexcept;
  void OnDone(uint64_t run, TaskState& task) noexcept;
  // One of the two events. True: it was the second one.
  bool CountEvent(uint64_t run, bool is_done) noexcept;
  void NoteOutcome(TaskState& task) noexcept;
  // The run that went on is over: brings about the next one, or the end.
  void Continue() noexcept;
  // The first part of that. False: the end has come.
  bool AccountForRun() noexcept;
  bool Account(std::exception_ptr error, bool was_cancelled) noexcept;
  void Report(int64_t run, const std::exception_ptr& error) noexcept;
  void EndAs(FutureState outcome, std::exception_ptr error) noexcept;
  bool IsRunning() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return current_ && current_->state() != FutureState::kPending;
  }
  // Moves the run that waits to where the schedule has it.
  void ApplySchedule();

  const std::shared_ptr<PoolCore> pool_;
  const PeriodicOptions options_;
  const SubmittersTrace trace_;
  const StateRef<PromiseState<void>> result_;

  mutable Mutex mu_;
  PeriodicSchedule schedule_ ABSL_GUARDED_BY(mu_);
  // Until the schedule knows of its end. Null: the next one is to come.
  Run current_ ABSL_GUARDED_BY(mu_);
  bool is_submitted_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t run_ ABSL_GUARDED_BY(mu_) = 0;  // its number, or the last one's
  int events_ ABSL_GUARDED_BY(mu_) = 0;    // of this run, that are to come
  bool callable_gone_ ABSL_GUARDED_BY(mu_) = false;
  bool was_cancelled_ ABSL_GUARDED_BY(mu_) = false;  // its outcome
  std::exception_ptr error_ ABSL_GUARDED_BY(mu_);
  bool is_cancelled_ ABSL_GUARDED_BY(mu_) = false;
  bool has_ended_ ABSL_GUARDED_BY(mu_) = false;
  bool is_triggered_ ABSL_GUARDED_BY(mu_) = false;  // while a run goes on
  // Changes of when the next run is due, and those that have been applied.
  uint64_t version_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t applied_ ABSL_GUARDED_BY(mu_) = 0;
  bool is_applying_ ABSL_GUARDED_BY(mu_) = false;
};

// The state of a run, where other tasks have a ResultState: it tells when its
// callable is gone.
template <typename T>
class PeriodicState : public ResultState<T> {
 public:
  using ResultState<T>::ResultState;
  ~PeriodicState() noexcept override { End(); }

  // Once, before others know the task.
  void Bind(std::shared_ptr<PeriodicCore> core, uint64_t run) {
    core_ = std::move(core);
    run_ = run;
  }
  void OnGivenBack(FutureState outcome,
                   const std::exception_ptr& error) noexcept override {
    ResultState<T>::OnGivenBack(outcome, error);
    End();
  }

 protected:
  void OnCallableGone() noexcept { End(); }

 private:
  void End() noexcept {
    if (const auto core = std::exchange(core_, nullptr)) {
      core->OnCallableGone(run_);
    }
  }

  std::shared_ptr<PeriodicCore> core_;
  uint64_t run_ = 0;
};

// The same with the types. Tasks makes the runs, as for a RetryRun, from copies
// of the callable and its arguments.
template <typename Tasks, typename F, typename... A>
class PeriodicRuns final : public PeriodicCore {
 public:
  using T = typename Tasks::template Result<const F&, const A&...>;

  PeriodicRuns(std::shared_ptr<PoolCore> pool, Tasks tasks,
               absl::Duration period, PeriodicOptions options, F f, A... args)
      : PeriodicCore(std::move(pool), period, std::move(options)),
        tasks_(std::move(tasks)),
        f_(std::move(f)),
        args_(std::move(args)...) {}

 protected:
  TaskState* NewRun(uint64_t run) override {
    auto* const task = AttachOptions(
        task_options(), std::apply(
                            [this](const A&... args) {
                              return tasks_.template NewTaskOn<PeriodicState>(
                                  "Every", TaskState::kTracked, F(f_),
                                  A(args)...);
                            },
                            args_));
    task->Bind(shared_from_this(), run);
    return task;
  }
  std::exception_ptr ErrorOf(TaskState& task) override {
    return static_cast<ResultState<T>&>(task).error();
  }

 private:
  Tasks tasks_;
  const F f_;
  const std::tuple<A...> args_;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_PERIODIC_CORE_H_
