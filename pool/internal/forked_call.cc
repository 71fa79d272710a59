#include "asyncpal/pool/internal/forked_call.h"

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/execution_context.h"
#include "asyncpal/future/internal/futex.h"

namespace asyncpal::internal {

void ForkedCall::Wait() {
  if (YieldUntil([this] { return IsDone(); })) return;
  BlockingScope blocking(nullptr);
  uint32_t state = kWaiting;
  state_.compare_exchange_strong(state, kSleeps);
  while (!IsDone()) {
    FutexWait(reinterpret_cast<const uint32_t*>(&state_), kSleeps,
              blocking.LimitSleep(absl::InfiniteDuration()));
  }
}

void ForkedCall::SetDone() {
  // After this, *this may be gone: a sleeper is woken by the address alone.
  const auto* const address = reinterpret_cast<const uint32_t*>(&state_);
  if (state_.exchange(kDone) == kSleeps) FutexWakeAll(address);
}

std::exception_ptr ForkedCallExited() {
  return std::make_exception_ptr(
      InvalidStateError("a call of Both() ended its thread by pthread_exit"));
}

}  // namespace asyncpal::internal
