#include "asyncpal/bindings/facade/library.h"

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

}  // namespace asyncpal::facade
