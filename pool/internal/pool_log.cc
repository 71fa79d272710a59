#include "asyncpal/pool/internal/pool_log.h"

#include "absl/strings/str_cat.h"
#include "asyncpal/future/error.h"

namespace asyncpal::internal {

void PoolLog::Write(LogSeverity severity,
                    std::string_view message) const noexcept {
  if (sink_ != nullptr) {
    try {
      ExpectNoLockHeld(std::string(message));
      sink_(severity, message);
      return;
    } catch (...) {
      LogFailure("the log of a pool threw", std::current_exception());
    }
  }
  Log(severity, message);
}

void PoolLog::WriteFailure(const std::string& what_failed,
                           const std::exception_ptr& error) const noexcept {
  if (sink_ == nullptr) return LogFailure(what_failed, error);
  try {
    Write(LogSeverity::kError,
          absl::StrCat(what_failed, ": ", DescribeException(error)));
  } catch (const std::exception&) {
    // There is no memory for it.
  }
}

}  // namespace asyncpal::internal
