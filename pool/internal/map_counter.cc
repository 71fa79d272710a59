#include "asyncpal/pool/internal/map_counter.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/clock.h"
#include "asyncpal/future/log.h"

namespace asyncpal::internal {

// How it works. A weight of exp(-age / tau) for each call makes the sum of the
// weights of a steady rate r, over the time T since the start, r * tau *
// (1 - exp(-T / tau)): dividing by that gives r back, early and late. Calls are
// counted when their chunk is done, but were made all along since the last
// chunk was, so their weight is the mean over that time. Without that, a map
// with a chunk each minute would seem fast just after each of them.
void RateMeter::Add(int64_t calls, int64_t now) {
  const double passed = static_cast<double>(now - last_) / 1e9;
  const double kept = std::exp(-passed / kTauSeconds);
  const double share =
      passed > 0 ? kTauSeconds / passed * -std::expm1(-passed / kTauSeconds)
                 : 1;
  weighted_ = weighted_ * kept + static_cast<double>(calls) * share;
  last_ = now;
  const double all = static_cast<double>(now - start_) / 1e9;
  const double divisor = kTauSeconds * -std::expm1(-all / kTauSeconds);
  per_second_ = divisor > 0 ? weighted_ / divisor : 0;
}

MapCounter::MapCounter(std::shared_ptr<MapProgress> progress,
                       std::optional<size_t> total)
    : progress_(std::move(progress)), start_(NowNanos()), rate_(start_) {
  if (total.has_value()) SetTotal(*total);
}

void MapCounter::Begin() { Change(); }

void MapCounter::SetTotal(size_t total) {
  state_.total = static_cast<int64_t>(total);
}

void MapCounter::Count(size_t done, size_t failed) {
  state_.done += static_cast<int64_t>(done);
  state_.failed += static_cast<int64_t>(failed);
  rate_.Add(static_cast<int64_t>(done + failed), NowNanos());
  Change();
}

void MapCounter::Change() {
  Estimate(NowNanos());
  progress_->OnChange(state_);
}

void MapCounter::Estimate(int64_t now) {
  state_.elapsed = absl::Nanoseconds(now - start_);
  state_.per_second = rate_.PerSecond();
  state_.left = absl::InfiniteDuration();
  if (!state_.total.has_value()) return;
  const int64_t rest =
      std::max<int64_t>(*state_.total - state_.done - state_.failed, 0);
  if (rest == 0) {
    state_.left = absl::ZeroDuration();
  } else if (state_.per_second > 0) {
    state_.left = absl::Seconds(static_cast<double>(rest) / state_.per_second);
  }
}

void MapCounter::End() noexcept {
  if (std::exchange(ended_, true)) return;
  try {
    Estimate(NowNanos());
    progress_->OnEnd(state_);
  } catch (...) {
    const absl::Status error = ToStatus(std::current_exception());
    Log(LogSeverity::kError,
        absl::StrCat("MapProgress::OnEnd() threw: ", error.message()));
  }
}

}  // namespace asyncpal::internal
