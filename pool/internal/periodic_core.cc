#include "asyncpal/pool/internal/periodic_core.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/strings/str_cat.h"
#include "asyncpal/future/error.h"
#include "asyncpal/pool/internal/random_fractions.h"

// How it works. One run at a time is with the pool, and the two events of its
// end come wherever they do; whoever brings the second one brings about the
// next run, in a loop, as that may be over before its submission returns. What
// a caller wishes meanwhile changes the schedule, and whoever changes that or
// has submitted a run sees to it that the run's time is that of the schedule.

namespace asyncpal::internal {
namespace {

template <typename E>
bool IsA(const std::exception_ptr& error) {
  if (error == nullptr) return false;
  try {
    std::rethrow_exception(error);
  } catch (const E&) {
    return true;
  } catch (...) {
    return false;
  }
}

}  // namespace

PeriodicCore::PeriodicCore(std::shared_ptr<PoolCore> pool,
                           absl::Duration period, PeriodicOptions options)
    : pool_(std::move(pool)),
      options_(std::move(options)),
      result_(PromiseState<void>::Make(pool_.get())),
      schedule_(period, options_, pool_->ClockNow(),
                RandomFractions::NewSeed()) {}

void PeriodicCore::Start() {
  const uint64_t run = BeginSubmission();
  TaskState* const task = NewRun(run);
  const Run mine = Run::Share(task);
  Expose(mine);
  bool is_over;
  try {
    trace_.Within([&] { pool_->SubmitAfter(task, options_.initial_delay); });
  } catch (...) {
    ForgetRun();
    throw;
  }
  try {
    done().AddCallback([weak = weak_from_this()](const Future<void>& result) {
      const auto self = weak.lock();
      if (self != nullptr && result.is_cancelled()) self->Cancel();
    });
    is_over = OnSubmitted(run, *mine);
  } catch (...) {
    ForgetRun();
    mine->Cancel();
    EndAs(FutureState::kCancelled, nullptr);
    throw;
  }
  if (is_over) Continue();
}

bool PeriodicCore::Cancel() {
  Run run;
  {
    MutexLock lock(mu_);
    if (has_ended_ || is_cancelled_) return false;
    is_cancelled_ = true;
    if (is_submitted_) run = current_;
  }
  if (run) run->Cancel();
  return true;
}

bool PeriodicCore::Trigger() {
  const int64_t now = pool_->ClockNow();
  {
    MutexLock lock(mu_);
    if (has_ended_ || is_cancelled_) return false;
    if (IsRunning()) {
      is_triggered_ = true;
      return true;
    }
    if (!schedule_.Trigger(now)) return true;
    ++version_;
  }
  ApplySchedule();
  return true;
}

void PeriodicCore::SetPeriod(absl::Duration period) {
  const int64_t now = pool_->ClockNow();
  {
    MutexLock lock(mu_);
    if (has_ended_) return;
    schedule_.SetPeriod(period, now, IsRunning());
    ++version_;
  }
  ApplySchedule();
}

PeriodicStats PeriodicCore::Stats() const {
  const int64_t now = pool_->ClockNow();
  MutexLock lock(mu_);
  PeriodicStats stats = {.runs = schedule_.runs(),
                         .failed = schedule_.failed(),
                         .skipped = schedule_.skipped()};
  if (!has_ended_ && schedule_.due() != PeriodicSchedule::kNever) {
    stats.until_next =
        absl::Nanoseconds(std::max<int64_t>(schedule_.due() - now, 0));
  }
  return stats;
}

uint64_t PeriodicCore::BeginSubmission() {
  MutexLock lock(mu_);
  events_ = 2;
  callable_gone_ = false;
  return ++run_;
}

int64_t PeriodicCore::Expose(const Run& task) {
  MutexLock lock(mu_);
  current_ = task;
  is_submitted_ = false;
  applied_ = version_;
  return schedule_.due();
}

bool PeriodicCore::OnSubmitted(uint64_t run, TaskState& task) {
  bool is_cancelled;
  {
    MutexLock lock(mu_);
    is_submitted_ = true;
    is_cancelled = is_cancelled_;
  }
  if (is_cancelled) task.Cancel();
  absl::AnyInvocable<void(TaskState&)> on_done = [self = shared_from_this(),
                                                  run](TaskState& done) {
    self->OnDone(run, done);
  };
  if (task.TryAddCallback(on_done) == 0) {
    NoteOutcome(task);
    return CountEvent(run, /*is_done=*/true);
  }
  ApplySchedule();
  return false;
}

void PeriodicCore::ForgetRun() noexcept {
  Run run;
  MutexLock lock(mu_);
  ++run_;
  is_submitted_ = false;
  std::swap(run, current_);
}

bool PeriodicCore::SubmitNext() noexcept {
  while (true) {
    const uint64_t run = BeginSubmission();
    std::exception_ptr error;
    Run mine;
    try {
      TaskState* const task = NewRun(run);
      mine = Run::Share(task);
      const int64_t due = Expose(mine);
      trace_.Within([&] { pool_->SubmitNext(task, due); });
    } catch (...) {
      error = std::current_exception();
    }
    if (error == nullptr) {
      try {
        return OnSubmitted(run, *mine);
      } catch (...) {  // no memory to hear of its end
        error = std::current_exception();
      }
    }
    ForgetRun();
    if (IsA<RejectedError>(error)) {
      if (Account(std::move(error), /*was_cancelled=*/false)) continue;
    } else if (IsA<ClosedPoolError>(error)) {
      EndAs(FutureState::kCancelled, nullptr);
    } else {
      if (mine) mine->Cancel();
      EndAs(FutureState::kFailed, std::move(error));
    }
    return false;
  }
}

void PeriodicCore::OnDone(uint64_t run, TaskState& task) noexcept {
  NoteOutcome(task);
  if (CountEvent(run, /*is_done=*/true)) Continue();
}

void PeriodicCore::OnCallableGone(uint64_t run) noexcept {
  if (CountEvent(run, /*is_done=*/false)) Continue();
}

bool PeriodicCore::CountEvent(uint64_t run, bool is_done) noexcept {
  MutexLock lock(mu_);
  if (run != run_) return false;
  if (!is_done && std::exchange(callable_gone_, true)) return false;
  return --events_ == 0;
}

void PeriodicCore::NoteOutcome(TaskState& task) noexcept {
  std::exception_ptr error = ErrorOf(task);
  MutexLock lock(mu_);
  was_cancelled_ = task.state() == FutureState::kCancelled;
  error_.swap(error);
}

void PeriodicCore::Continue() noexcept {
  const auto self = shared_from_this();  // the last run may have been the last
  while (AccountForRun() && SubmitNext()) {
  }
}

bool PeriodicCore::AccountForRun() noexcept {
  std::exception_ptr error;
  bool was_cancelled;
  {
    MutexLock lock(mu_);
    error.swap(error_);
    was_cancelled = was_cancelled_;
  }
  return Account(std::move(error), was_cancelled);
}

bool PeriodicCore::Account(std::exception_ptr error,
                           bool was_cancelled) noexcept {
  if (was_cancelled) {
    EndAs(FutureState::kCancelled, nullptr);
    return false;
  }
  if (IsA<BrokenPoolError>(error)) {
    EndAs(FutureState::kFailed, std::move(error));
    return false;
  }
  const bool stops =
      error != nullptr && options_.on_error == PeriodicOptions::OnError::kStop;
  const int64_t now = pool_->ClockNow();
  Run run;
  int64_t number;
  bool is_last;
  bool is_cancelled;
  {
    MutexLock lock(mu_);
    std::swap(run, current_);
    is_submitted_ = false;
    is_last = !schedule_.OnEnd(now, error != nullptr);
    number = schedule_.runs();
    if (std::exchange(is_triggered_, false)) schedule_.Trigger(now);
  }
  if (error != nullptr && !stops) Report(number, error);
  {
    MutexLock lock(mu_);
    is_cancelled = is_cancelled_;
  }
  if (stops) {
    EndAs(FutureState::kFailed, std::move(error));
  } else if (is_last) {
    EndAs(FutureState::kCompleted, nullptr);
  } else if (is_cancelled) {
    EndAs(FutureState::kCancelled, nullptr);
  } else {
    return true;
  }
  return false;
}

void PeriodicCore::Report(int64_t run,
                          const std::exception_ptr& error) noexcept {
  std::exception_ptr report;
  try {
    const std::string& name = options_.task.name;
    report = NestException(
        PeriodicRunError(
            absl::StrCat(
                "run ", run, " of ",
                name.empty() ? "a periodic task" : absl::StrCat("'", name, "'"),
                " on pool '", pool_->name(),
                "' failed: ", DescribeException(error)),
            name, run),
        error);
  } catch (...) {
    report = error;  // no memory for more
  }
  pool_->ReportUnobservedFailure("a periodic task failed", report);
}

void PeriodicCore::EndAs(FutureState outcome,
                         std::exception_ptr error) noexcept {
  Run run;
  {
    MutexLock lock(mu_);
    has_ended_ = true;
    is_submitted_ = false;
    std::swap(run, current_);
  }
  if (outcome == FutureState::kCompleted) {
    result_->Complete({});
  } else {
    result_->Settle(outcome, std::move(error));
  }
}

void PeriodicCore::ApplySchedule() {
  {
    MutexLock lock(mu_);
    if (is_applying_) return;
    is_applying_ = true;
  }
  while (true) {
    Run run;
    int64_t due;
    {
      MutexLock lock(mu_);
      if (!is_submitted_ || applied_ == version_) {
        is_applying_ = false;
        return;
      }
      applied_ = version_;
      run = current_;
      due = schedule_.due();
    }
    try {
      pool_->MoveDelayed(*run, due);
    } catch (...) {
      MutexLock lock(mu_);
      is_applying_ = false;
      throw;
    }
  }
}

}  // namespace asyncpal::internal
