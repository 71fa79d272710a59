#include "asyncpal/pool/periodic.h"

#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "asyncpal/pool/internal/periodic_core.h"

namespace asyncpal {
namespace internal {
namespace {

template <typename Enum>
void CheckEnum(const char* field, Enum value, Enum last, const char* type) {
  if (value >= Enum{} && value <= last) return;
  throw std::invalid_argument(absl::StrCat(
      field, " is ", static_cast<int>(value), ", which is no ", type));
}

}  // namespace

void CheckPeriod(absl::Duration period) {
  if (period > absl::ZeroDuration()) return;
  throw std::invalid_argument(absl::StrCat(
      "period is ", absl::FormatDuration(period), "; it must be positive"));
}

void CheckPeriodicOptions(const PeriodicOptions& options) {
  CheckTaskOptions(options.task);
  CheckDuration("initial_delay", options.initial_delay);
  CheckEnum("cadence", options.cadence, Cadence::kFixedDelay, "Cadence");
  CheckEnum("when_late", options.when_late, WhenLate::kCatchUp, "WhenLate");
  CheckEnum("on_error", options.on_error, PeriodicOptions::OnError::kStop,
            "PeriodicOptions::OnError");
  CheckLimit("max_runs", options.max_runs);
  // As a NaN is refused, too.
  if (!(options.jitter >= 0 && options.jitter < 1)) {
    throw std::invalid_argument(
        absl::StrCat("jitter is ", options.jitter, "; it must be in [0, 1)"));
  }
}

}  // namespace internal

bool Periodic::Cancel() { return core_->Cancel(); }

bool Periodic::Trigger() { return core_->Trigger(); }

void Periodic::set_period(absl::Duration period) {
  internal::CheckPeriod(period);
  core_->SetPeriod(period);
}

PeriodicStats Periodic::stats() const { return core_->Stats(); }

Future<void> Periodic::done() const { return core_->done(); }

}  // namespace asyncpal
