#include "asyncpal/pool/internal/periodic_schedule.h"

#include <algorithm>
#include <utility>

namespace asyncpal::internal {
namespace {

int64_t ToNanos(absl::Duration duration) {
  return absl::ToInt64Nanoseconds(duration);  // saturates
}

int64_t Later(int64_t time, int64_t nanos) {
  return time > PeriodicSchedule::kNever - nanos ? PeriodicSchedule::kNever
                                                 : time + nanos;
}

}  // namespace

PeriodicSchedule::PeriodicSchedule(absl::Duration period,
                                   const PeriodicOptions& options, int64_t now,
                                   uint32_t seed)
    : cadence_(options.cadence),
      when_late_(options.when_late),
      max_runs_(options.max_runs),
      jitter_(options.jitter),
      period_(std::max<int64_t>(ToNanos(period), 1)),
      tick_(Later(now, ToNanos(options.initial_delay))),
      due_(tick_),
      random_(seed) {}

bool PeriodicSchedule::OnEnd(int64_t now, bool has_failed) {
  ++runs_;
  if (has_failed) ++failed_;
  const bool was_triggered = std::exchange(is_triggered_, false);
  if (max_runs_ > 0 && runs_ >= max_runs_) return false;
  if (cadence_ == Cadence::kFixedDelay) {
    tick_ = Later(now, period_);
    is_first_ = false;
  } else {
    if (!was_triggered) {
      tick_ = Later(tick_, period_);
      is_first_ = false;
    }
    if (when_late_ == WhenLate::kSkip && tick_ < now) {
      const int64_t missed = (now - tick_ - 1) / period_ + 1;
      tick_ = Later(tick_ + (missed - 1) * period_, period_);
      skipped_ += missed;
      is_first_ = false;
    }
  }
  due_ = WithJitter(tick_);
  return true;
}

bool PeriodicSchedule::Trigger(int64_t now) {
  if (due_ <= now) return false;
  due_ = now;
  is_triggered_ = true;
  return true;
}

void PeriodicSchedule::SetPeriod(absl::Duration period, int64_t now,
                                 bool is_running) {
  const int64_t last = tick_ - period_;
  const bool was_never = tick_ == kNever;
  period_ = std::max<int64_t>(ToNanos(period), 1);
  if (is_running || is_first_) return;
  // Where there was no next tick, it is not known when the last one was.
  tick_ = was_never ? Later(now, period_) : std::max(Later(last, period_), now);
  if (!is_triggered_) due_ = WithJitter(tick_);
}

int64_t PeriodicSchedule::WithJitter(int64_t tick) {
  if (jitter_ == 0) return tick;
  const double part = random_.Next();
  return Later(tick, static_cast<int64_t>(static_cast<double>(period_) *
                                          jitter_ * part));
}

}  // namespace asyncpal::internal
