#ifndef ASYNCPAL_IPC_WORKER_CRASH_STACK_H_
#define ASYNCPAL_IPC_WORKER_CRASH_STACK_H_

#include <signal.h>

#include <cstdint>
#include <string>

namespace asyncpal::internal {

// The stack of a crash, in memory that a dying worker shares with its parent:
// written in a signal handler by the one, read by the other. Addresses are
// those of the modules' files, since each process has them elsewhere.
//
// Threads: one writes, once. Any may read, at any time.
// Lifetime: as the memory; all zeros at first.
// Ordering: a reader that finds it complete sees all of it.
// Errors: none. A reader believes nothing that it has not checked.
// Shutdown: none.
struct CrashStack {
  static constexpr uint32_t kMaxFrames = 64;
  static constexpr uint32_t kMaxModules = 12;
  static constexpr uint32_t kNameBytes = 64;

  struct Frame {
    uint64_t offset;  // in its module, of the instruction after the call
    uint32_t module;  // an index
    uint32_t unused;
  };

  // The writer's. The calling thread's stack from `instruction` on, at which
  // `signal` has come; a signal handler may call it, once PrepareForCrash() was
  // called in the process. False: nothing can be said.
  bool Note(int signal, const void* instruction);

  // The reader's, before it asks for the stack of a process that lives: forgets
  // what was noted for `signal`. False: there is one of another signal.
  bool Forget(int signal);
  bool IsNoted(int signal) const;
  // The writer's: whether a stack may be noted now.
  bool is_empty() const;

  // The reader's: one line for each frame, as SymbolizeTrace() writes them;
  // empty if there is none for `signal`. `same_program`: the writer had the
  // modules that this process has.
  std::string Describe(int signal, bool same_program) const;

  uint64_t signal;  // 0: not complete; written last
  uint32_t frame_count;
  uint32_t module_count;
  Frame frames[kMaxFrames];
  // The file's name without its folder, which may be cut; empty: the
  // executable. Ends with a zero.
  char modules[kMaxModules][kNameBytes];
};

// At which a worker notes where its task is: nobody who has no handler for it
// takes notice.
inline constexpr int kStackSignal = SIGURG;

// Loads what CrashStack::Note() needs: a signal handler can't.
void PrepareForCrash();

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_IPC_WORKER_CRASH_STACK_H_
