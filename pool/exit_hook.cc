// The same as main_hook.cc for exit(): linked with `-Wl,--wrap=exit`, the
// program's own calls of it come here, before any static object goes. A call
// from a shared library does not; for that there is an atexit() handler, which
// comes before the static objects that are older than the first pool.

#include "asyncpal/pool/internal/shutdown_registry.h"

extern "C" [[noreturn]] void __real_exit(int code);

extern "C" [[noreturn]] void __wrap_exit(int code) {
  asyncpal::internal::ShutdownRegistry::Global().Run();
  __real_exit(code);
}
