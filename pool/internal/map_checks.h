#ifndef ASYNCPAL_POOL_INTERNAL_MAP_CHECKS_H_
#define ASYNCPAL_POOL_INTERNAL_MAP_CHECKS_H_

#include <stdexcept>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/task.h"
#include "asyncpal/pool/options.h"

// What every form of a map refuses, in the same words. `function` is its name.

namespace asyncpal::internal {

template <typename F>
void CheckMap(const char* function, const std::string& pool,
              const MapOptions& options, const F& f) {
  CheckMapOptions(options);
  if (IsEmptyCallable(f)) {
    throw std::invalid_argument(
        absl::StrCat(function, " on pool '", pool, "': the callable is empty"));
  }
}

inline void CheckSettles(const char* function, const MapOptions& options) {
  if (options.on_error == OnError::kRaise) return;
  throw std::invalid_argument(absl::StrCat("on_error is kSkip; ", function,
                                           " gives each failure as a result"));
}

[[noreturn]] inline void ThrowMapTimeout(const char* function,
                                         const std::string& pool,
                                         absl::Duration timeout) {
  throw TimeoutError(absl::StrCat(function, " on pool '", pool,
                                  "' was not done in ",
                                  absl::FormatDuration(timeout)));
}

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_MAP_CHECKS_H_
