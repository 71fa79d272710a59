#ifndef ASYNCPAL_IPC_ERRORS_THROW_TRACE_H_
#define ASYNCPAL_IPC_ERRORS_THROW_TRACE_H_

#include <exception>
#include <string>
#include <vector>

namespace asyncpal::internal {

// Remembers where exceptions were thrown. A program that links this library has
// its own __cxa_throw in front of the C++ runtime's, for every module in it.
//
// Off until EnableThrowTraces(), which stays in force for the process; a throw
// costs one relaxed load more while off, and an unwinding of the stack (some
// microseconds) while on. The latest 256 throws are kept, in fixed memory.
//
// Threads: any. Under contention a throw's stack may be lost, so that no throw
// waits for long. The child of a fork() knows none of before.
void EnableThrowTraces();

// The stack of the throw of this very exception object, innermost frame first,
// at most 64 frames. Empty if it was not thrown (std::make_exception_ptr) or is
// no longer known.
std::vector<void*> ThrowTraceOf(const std::exception_ptr& error);

// One line for each frame, as far as main() or the thread's start; at most
// 64 KiB. `addr2line -e primes 0x1a2b` finds the line of the source in
//     at primes::Fib() (primes+0x1a2b)
// With source_lines.h in the program, the source is named, and inlined
// functions have lines of their own:
//     at primes::Check(long) primes.cc:7 (inlined)
//     at primes::Fib() primes.cc:12 (primes+0x1a2b)
std::string SymbolizeTrace(const std::vector<void*>& frames);

struct SourceFrame {
  std::string function;
  std::string file;
  int line = 0;
};
// From now on, SymbolizeTrace() asks `finder` for the functions at an
// instruction, innermost first. Once, before main().
void SetSourceFinder(std::vector<SourceFrame> (*finder)(const void*));

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_IPC_ERRORS_THROW_TRACE_H_
