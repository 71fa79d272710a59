#ifndef ASYNCPAL_POOL_INTERNAL_SHUTDOWN_REGISTRY_H_
#define ASYNCPAL_POOL_INTERNAL_SHUTDOWN_REGISTRY_H_

#include <cstdint>
#include <map>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/pool/options.h"

namespace asyncpal::internal {

// What GlobalShutdown does, as an ordinary class: a test makes its own, and
// pools get theirs by pointer. The methods are those of GlobalShutdown.
class ShutdownRegistry {
 public:
  using HandlerId = uint64_t;

  // A handler is told how long it may take.
  using Handler = absl::AnyInvocable<void(absl::Duration)>;

  ShutdownRegistry() = default;
  ShutdownRegistry(const ShutdownRegistry&) = delete;
  ShutdownRegistry& operator=(const ShutdownRegistry&) = delete;

  // The process's own, which is never destroyed.
  static ShutdownRegistry& Global();

  // Leaves it to a language runtime, in whose process this is a guest, to call
  // Run() at the end: no handler of exit() or std::terminate() will. To be
  // called before the first Global().
  static void LeaveEndToHost();

  HandlerId Register(Handler handler);
  bool Deregister(HandlerId id);
  int CountHandlers() const;
  bool IsActive() const;
  void SetDeadline(absl::Duration deadline);
  void SetMode(ExitMode mode);
  // For pools, whose handlers ask when they run.
  ExitMode mode() const;
  void Run();

 private:
  enum class Phase { kOpen, kRunning, kOver };

  // Around fork(), for the process's own registry. Which thread holds the lock
  // meanwhile is nothing that the compiler could follow.
  void LockForFork() ABSL_NO_THREAD_SAFETY_ANALYSIS;
  void UnlockAfterFork() ABSL_NO_THREAD_SAFETY_ANALYSIS;
  void UnlockInForkedChild() ABSL_NO_THREAD_SAFETY_ANALYSIS;

  static void RunOne(Handler& handler, absl::Duration limit);

  mutable Mutex mu_;
  CondVar over_;
  std::map<HandlerId, Handler> handlers_ ABSL_GUARDED_BY(mu_);
  HandlerId next_id_ ABSL_GUARDED_BY(mu_) = 1;
  absl::Duration deadline_ ABSL_GUARDED_BY(mu_) = absl::Seconds(5);
  ExitMode mode_ ABSL_GUARDED_BY(mu_) = ExitMode::kCancel;
  Phase phase_ ABSL_GUARDED_BY(mu_) = Phase::kOpen;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_SHUTDOWN_REGISTRY_H_
