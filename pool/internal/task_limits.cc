#include "asyncpal/pool/internal/task_limits.h"

#include <exception>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/pool/internal/pool_core.h"

namespace asyncpal::internal {
namespace {

TaskOptionsAttachment* OptionsOf(const TaskState& task) {
  return static_cast<TaskOptionsAttachment*>(task.attachment());
}

}  // namespace

void TaskLimits::StartQueueTimer(TaskState* task) {
  auto* const attachment = OptionsOf(*task);
  if (attachment == nullptr) return;
  const absl::Duration deadline = attachment->options.queue_deadline;
  if (deadline == absl::InfiniteDuration()) return;
  attachment->queue_timer = Timers().Schedule(
      deadline, [ref = StateRef<TaskState>::Share(task), deadline] {
        if (!ref->ClaimPending()) return;
        OptionsOf(*ref)->is_late = true;
        const TimeoutError error(absl::StrCat(
            ref->Describe(), " had not started by its queue_deadline, ",
            absl::FormatDuration(deadline)));
        ref->SettleClaimed(FutureState::kFailed,
                           std::make_exception_ptr(error));
      });
}

void TaskLimits::CancelQueueTimer(const TaskState& task) {
  const auto* const attachment = OptionsOf(task);
  if (attachment == nullptr || attachment->queue_timer == 0) return;
  Timers().Cancel(attachment->queue_timer);
}

bool TaskLimits::StartRunningTimer(TaskState* task) {
  auto* const attachment = OptionsOf(*task);
  if (attachment == nullptr) return true;
  CancelQueueTimer(*task);  // it would keep the task, and its result, too long
  const absl::Duration timeout = attachment->options.timeout;
  if (timeout == absl::InfiniteDuration()) return true;
  try {
    attachment->running_timer = Timers().Schedule(
        timeout, [this, ref = StateRef<TaskState>::Share(task), timeout] {
          ref->RequestCancel();
          const TimeoutError error(
              absl::StrCat(ref->Describe(), " ran longer than its timeout, ",
                           absl::FormatDuration(timeout)));
          OptionsOf(*ref)->is_late = true;
          // Fail first: a task that obeys must not complete in between.
          if (ref->Fail(std::make_exception_ptr(error))) on_timeout_(*ref);
        });
    return true;
  } catch (...) {
    task->Fail(NestException(
        RejectedError(absl::StrCat(task->Describe(),
                                   " was not run: its timeout can't be kept")),
        std::current_exception()));
    return false;
  }
}

void TaskLimits::CancelRunningTimer(const TaskState& task) {
  auto* const attachment = OptionsOf(task);
  if (attachment == nullptr) return;
  if (const uint64_t timer = attachment->running_timer.exchange(0)) {
    Timers().Cancel(timer);
  }
}

bool TaskLimits::IsLate(const TaskState& task) {
  const auto* const attachment = OptionsOf(task);
  return attachment != nullptr && attachment->is_late;
}

absl::Duration TaskLimits::QueueDeadline(const TaskState& task) {
  const auto* const attachment = OptionsOf(task);
  return attachment == nullptr ? absl::InfiniteDuration()
                               : attachment->options.queue_deadline;
}

TimerQueue& TaskLimits::Timers() {
  MutexLock lock(mu_);
  if (timers_ == nullptr) timers_ = std::make_unique<TimerQueue>(clock_);
  return *timers_;
}

}  // namespace asyncpal::internal
