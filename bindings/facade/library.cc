#include "asyncpal/bindings/facade/library.h"

#include <iterator>
#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "asyncpal/bindings/facade/durations.h"
#include "asyncpal/pool/internal/shutdown_registry.h"
#include "asyncpal/pool/options.h"

namespace asyncpal::facade {

using internal::ShutdownRegistry;

void Library::Init() { ShutdownRegistry::LeaveEndToHost(); }

void Library::Shutdown() { ShutdownRegistry::Global().Run(); }

void Library::SetShutdownDeadline(int64_t nanos) {
  internal::CheckDuration("deadline", FromNanos(nanos));
  ShutdownRegistry::Global().SetDeadline(FromNanos(nanos));
}

void Library::SetShutdownMode(int mode) {
  constexpr ExitMode kModes[] = {ExitMode::kCancel, ExitMode::kDrain,
                                 ExitMode::kNone};
  if (mode < 0 || mode >= static_cast<int>(std::size(kModes))) {
    throw std::invalid_argument(
        absl::StrCat("the exit mode is ", mode, "; there is no such mode"));
  }
  ShutdownRegistry::Global().SetMode(kModes[mode]);
}

}  // namespace asyncpal::facade
