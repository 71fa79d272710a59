#ifndef ASYNCPAL_IPC_WORKER_THREAD_DEFAULTS_H_
#define ASYNCPAL_IPC_WORKER_THREAD_DEFAULTS_H_

#include <signal.h>

#include <cfenv>
#include <cstdint>

namespace asyncpal::internal {

// What a task may change in the thread that runs it and the next task must not
// find: the floating point environment, which is rounding, traps and the flags
// of past exceptions, and the signal mask.
//
//   const ThreadDefaults defaults;  // as they are now
//   while (true) {
//     RunTask();
//     defaults.Restore();
//   }
//
// Threads: Restore() is for the thread that has made it.
// Lifetime: none of its own. Ordering: none.
// Errors: none; neither call can fail.
class ThreadDefaults {
 public:
  ThreadDefaults();

  // One system call, for the mask. Where the floating point environment is as
  // it was, it costs a few cycles.
  void Restore() const;

 private:
  // The registers of x86-64 that are part of the environment; zero elsewhere.
  struct Registers {
    uint32_t sse = 0;  // control and flags
    uint16_t x87_control = 0;
    uint16_t x87_flags = 0;
  };

  static Registers ReadRegisters();
  void RestoreFloatingPoint() const;

  std::fenv_t floating_point_;
  Registers registers_;
  sigset_t mask_;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_IPC_WORKER_THREAD_DEFAULTS_H_
