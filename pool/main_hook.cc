// Lets the library act right before main(), and between its return and the end
// of the program: linked with `-Wl,--wrap=main`, the C runtime's call of main()
// comes here. That must be part of the executable itself, not of a shared
// library; hence its target is linkstatic. A shared library has no such call,
// and leaves this file out.

#include "asyncpal/pool/internal/before_main.h"
#include "asyncpal/pool/internal/shutdown_registry.h"

extern "C" int __real_main(int argc, char** argv, char** envp);

extern "C" int __wrap_main(int argc, char** argv, char** envp) {
  if (auto* const before = asyncpal::internal::before_main.load()) before();
  const int result = __real_main(argc, argv, envp);
  asyncpal::internal::ShutdownRegistry::Global().Run();
  return result;
}
