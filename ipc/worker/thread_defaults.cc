#include "asyncpal/ipc/worker/thread_defaults.h"

#include <pthread.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

// How it works. fesetenv() writes the whole state of the x87 unit, which takes
// longer than all else between two small tasks, while reading the registers in
// question takes a few cycles. Most tasks that compute have raised a flag of
// the SSE unit ("inexact"), and writing that unit's one register is cheap, too.
//
// The mask has no such short cut: only the kernel knows it. A task need not
// call sigprocmask() to change it; a longjmp() out of a signal handler and a
// swapcontext() do so, too.

namespace asyncpal::internal {

ThreadDefaults::ThreadDefaults() {
  std::fegetenv(&floating_point_);
  registers_ = ReadRegisters();
  pthread_sigmask(SIG_SETMASK, nullptr, &mask_);
}

void ThreadDefaults::Restore() const {
  RestoreFloatingPoint();
  pthread_sigmask(SIG_SETMASK, &mask_, nullptr);
}

ThreadDefaults::Registers ThreadDefaults::ReadRegisters() {
  Registers now;
#if defined(__x86_64__)
  now.sse = _mm_getcsr();
  asm volatile("fnstcw %0" : "=m"(now.x87_control));
  asm volatile("fnstsw %0" : "=m"(now.x87_flags));
  now.x87_flags &= FE_ALL_EXCEPT;
#endif
  return now;
}

void ThreadDefaults::RestoreFloatingPoint() const {
#if defined(__x86_64__)
  const Registers now = ReadRegisters();
  if (now.x87_control == registers_.x87_control &&
      now.x87_flags == registers_.x87_flags) {
    if (now.sse != registers_.sse) _mm_setcsr(registers_.sse);
    return;
  }
#endif
  std::fesetenv(&floating_point_);
}

}  // namespace asyncpal::internal
