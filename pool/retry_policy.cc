#include "asyncpal/pool/retry_policy.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/error.h"
#include "asyncpal/pool/options.h"

namespace asyncpal::internal {
namespace {

void Refuse(const char* field, const std::string& value, const char* wanted) {
  throw std::invalid_argument(
      absl::StrCat(field, " is ", value, "; it must be ", wanted));
}

}  // namespace

void CheckRetryPolicy(const RetryPolicy& policy) {
  if (policy.max_attempts < 1) {
    Refuse("max_attempts", absl::StrCat(policy.max_attempts), "at least 1");
  }
  CheckDuration("backoff", policy.backoff);
  // As a NaN is refused, too.
  if (!(policy.multiplier >= 1)) {
    Refuse("multiplier", absl::StrCat(policy.multiplier), "at least 1");
  }
  CheckDuration("max_backoff", policy.max_backoff);
  if (!(policy.jitter >= 0 && policy.jitter < 1)) {
    Refuse("jitter", absl::StrCat(policy.jitter), "in [0, 1)");
  }
  CheckDuration("total", policy.total);
}

bool IsRetriable(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const CancelledError&) {
    return false;
  } catch (const RejectedError&) {
    return false;
  } catch (const SerializationError&) {
    return false;
  } catch (const ClosedPoolError&) {
    return false;
  } catch (const BrokenPoolError&) {
    return false;
  } catch (...) {
    return true;
  }
}

std::optional<absl::Duration> RetryWaits::Next(absl::Duration elapsed) {
  if (attempts_ >= max_attempts_) return std::nullopt;
  const absl::Duration whole = std::min(next_, max_);
  const double kept = 1 - jitter_ * random_.Next();
  // An infinite wait stays one.
  const absl::Duration wait = jitter_ > 0 ? whole * kept : whole;
  if (elapsed + wait > total_) return std::nullopt;
  next_ = std::min(next_ * multiplier_, max_);
  ++attempts_;
  return wait;
}

}  // namespace asyncpal::internal
