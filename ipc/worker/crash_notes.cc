#include "asyncpal/ipc/worker/crash_notes.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "asyncpal/future/internal/sanitizers.h"
#include "asyncpal/ipc/worker/crash_stack.h"

namespace asyncpal::internal {
namespace {

constexpr bool kHasOwnHandlers = ASYNCPAL_ASAN || ASYNCPAL_TSAN;

constexpr int kSignals[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE};

constinit ClaimPage* noted_page = nullptr;
// The thread that is noting its crash, and the way back if that crashes, too.
constinit std::atomic<pid_t> noting_thread{0};
sigjmp_buf after_noting;

// A fault so close to the stack pointer is an access to the stack itself, which
// has come to its end. A function's frame may be larger, but seldom is.
constexpr uintptr_t kReach = 256 * 1024;

bool IsStackOverflow(int signal, const siginfo_t& info, uintptr_t stack) {
  const auto address = reinterpret_cast<uintptr_t>(info.si_addr);
  return signal == SIGSEGV && info.si_code > 0 && address + kReach > stack &&
         address < stack + kReach;
}

void OnCrash(int signal, siginfo_t* info, void* context) {
  const auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  const pid_t thread = static_cast<pid_t>(syscall(SYS_gettid));
  pid_t nobody = 0;
  if (noting_thread.compare_exchange_strong(nobody, thread)) {
    if (IsStackOverflow(signal, *info,
                        static_cast<uintptr_t>(registers[REG_RSP]))) {
      noted_page->NoteStackOverflow();
    }
    // A stack that is destroyed can't be walked.
    if (sigsetjmp(after_noting, /*savesigs=*/0) == 0) {
      noted_page->crash_stack().Note(
          signal, reinterpret_cast<const void*>(registers[REG_RIP]));
    }
  } else if (nobody == thread) {
    siglongjmp(after_noting, 1);
  }
  struct sigaction action = {};
  action.sa_handler = SIG_DFL;
  sigaction(signal, &action, nullptr);
  // A faulty instruction faults again, and now the process dies of it. What was
  // sent must be sent again.
  if (info->si_code <= 0) {
    raise(signal);
  }
}

// The stack of the main thread, which runs the tasks, as it is now.
void OnStackSignal(int signal, siginfo_t*, void* context) {
  const int saved = errno;
  const pid_t thread = static_cast<pid_t>(syscall(SYS_gettid));
  if (thread != getpid()) {
    syscall(SYS_tgkill, getpid(), getpid(), signal);
  } else {
    CrashStack& stack = noted_page->crash_stack();
    pid_t nobody = 0;
    if (stack.is_empty() &&
        noting_thread.compare_exchange_strong(nobody, thread)) {
      // A stack that can't be walked is no crash.
      if (sigsetjmp(after_noting, /*savesigs=*/1) == 0) {
        const auto& registers =
            static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
        stack.Note(signal, reinterpret_cast<const void*>(registers[REG_RIP]));
      }
      noting_thread.store(0);
    }
  }
  errno = saved;
}

bool IsDefault(int signal) {
  struct sigaction present = {};
  return sigaction(signal, nullptr, &present) == 0 &&
         present.sa_handler == SIG_DFL;
}

}  // namespace

void NoteCrashes(ClaimPage& page) {
  if (kHasOwnHandlers) return;
  noted_page = &page;
  PrepareForCrash();
  // Never freed: the thread may fault until the process ends.
  constexpr size_t kStackBytes = 128 * 1024;
  stack_t stack = {};
  stack.ss_sp = std::malloc(kStackBytes);
  stack.ss_size = kStackBytes;
  if (stack.ss_sp == nullptr || sigaltstack(&stack, nullptr) != 0) return;
  // A language runtime that this worker is part of may have its own handlers,
  // live on faults that it expects, and have stacks that can't be walked.
  if (IsDefault(SIGSEGV) && IsDefault(kStackSignal)) {
    struct sigaction action = {};
    action.sa_sigaction = &OnStackSignal;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    if (sigaction(kStackSignal, &action, nullptr) == 0) page.SetNotesStacks();
  }
  for (const int signal : kSignals) {
    if (!IsDefault(signal)) continue;
    struct sigaction action = {};
    action.sa_sigaction = &OnCrash;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigaction(signal, &action, nullptr);
  }
}

}  // namespace asyncpal::internal
