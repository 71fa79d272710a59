#ifndef ASYNCPAL_POOL_GLOBAL_SHUTDOWN_H_
#define ASYNCPAL_POOL_GLOBAL_SHUTDOWN_H_

#include <cstdint>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "asyncpal/future/internal/cpp20.h"
#include "asyncpal/pool/options.h"

namespace asyncpal {

// Names one registered handler. Never 0.
using HandlerId = uint64_t;

// Closes every open pool when main() returns, when exit() is called, or when an
// exception leaves main(): before static objects are destroyed, so that tasks
// never run in a half-destroyed program. Pools register themselves, and are not
// kept alive by that; other parts of a program may add handlers of their own.
//
//   HandlerId id = GlobalShutdown::Register([] { FlushLog(); });
//
// Threads: any thread may call. Each handler runs once, on a thread of its own,
// beside the others. Lifetime: the process's.
// Ordering: none between handlers.
// Errors: a handler that throws is reported (SetLogSink()), the others run.
// Shutdown: Run() returns by the deadline. Tasks that still hang then are named
// in a message, with their pools, and left behind. A task that has itself
// called exit() is not waited for.
class GlobalShutdown {
 public:
  // A handler registered after Run() has begun runs at once, on this thread.
  static HandlerId Register(absl::AnyInvocable<void()> handler);

  // True: the handler will not run. False: it has run, is running, or was
  // never there.
  static bool Deregister(HandlerId id);

  static int CountHandlers();

  // Whether Run() has begun.
  static bool IsActive();

  // How long Run() may take; 5 s by default. Then workers are killed and stuck
  // threads reported.
  static void SetDeadline(absl::Duration deadline);

  // What happens to open pools; ExitMode::kCancel by default. Handlers run in
  // every mode.
  static void SetMode(ExitMode mode);

  // Runs the handlers. A second call returns at once, or, while the first still
  // runs on another thread, when that is done. In C++ programs it is called
  // for you; host languages call it from their own shutdown hooks.
  static void Run();
};

}  // namespace asyncpal

#endif  // ASYNCPAL_POOL_GLOBAL_SHUTDOWN_H_
