// Lets the library act between main() and the end of the program: linked with
// `-Wl,--wrap=main`, the C runtime's call of main() comes here. That must be
// part of the executable itself, not of a shared library; hence its target is
// linkstatic and alwayslink.

#include "asyncpal/pool/internal/shutdown_registry.h"

// Weak, so that a shared library may contain this file without a main().
extern "C" [[gnu::weak]] int __real_main(int argc, char** argv, char** envp);

extern "C" int __wrap_main(int argc, char** argv, char** envp) {
  const int result = __real_main(argc, argv, envp);
  asyncpal::internal::ShutdownRegistry::Global().Run();
  return result;
}
