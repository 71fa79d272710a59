#include "asyncpal/pool/global_shutdown.h"

#include <stdexcept>
#include <utility>

#include "asyncpal/pool/internal/shutdown_registry.h"
#include "asyncpal/pool/options.h"

namespace asyncpal {

HandlerId GlobalShutdown::Register(absl::AnyInvocable<void()> handler) {
  if (handler == nullptr) {
    throw std::invalid_argument("GlobalShutdown::Register: handler is empty");
  }
  return internal::ShutdownRegistry::Global().Register(
      [handler = std::move(handler)](absl::Duration) mutable { handler(); });
}

bool GlobalShutdown::Deregister(HandlerId id) {
  return internal::ShutdownRegistry::Global().Deregister(id);
}

int GlobalShutdown::CountHandlers() {
  return internal::ShutdownRegistry::Global().CountHandlers();
}

bool GlobalShutdown::IsActive() {
  return internal::ShutdownRegistry::Global().IsActive();
}

void GlobalShutdown::SetDeadline(absl::Duration deadline) {
  internal::CheckDuration("deadline", deadline);
  internal::ShutdownRegistry::Global().SetDeadline(deadline);
}

void GlobalShutdown::SetMode(ExitMode mode) {
  internal::ShutdownRegistry::Global().SetMode(mode);
}

void GlobalShutdown::Run() { internal::ShutdownRegistry::Global().Run(); }

}  // namespace asyncpal
