#include "asyncpal/ipc/worker/crash_notes.h"

#include <signal.h>
#include <ucontext.h>

#include <cstdint>
#include <cstdlib>

namespace asyncpal::internal {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kHasOwnHandlers = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kHasOwnHandlers = true;
#else
constexpr bool kHasOwnHandlers = false;
#endif
#else
constexpr bool kHasOwnHandlers = false;
#endif

ClaimPage* noted_page = nullptr;

// A fault so close to the stack pointer is an access to the stack itself, which
// has come to its end. A function's frame may be larger, but seldom is.
constexpr uintptr_t kReach = 256 * 1024;

void OnSegmentationFault(int signal, siginfo_t* info, void* context) {
  const bool is_fault = info->si_code > 0;  // not sent by anyone
  const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  const auto stack = static_cast<uintptr_t>(
      static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RSP]);
  if (is_fault && address + kReach > stack && address < stack + kReach) {
    noted_page->NoteStackOverflow();
  }
  // The instruction faults again, and now the process dies of it.
  struct sigaction action = {};
  action.sa_handler = SIG_DFL;
  sigaction(signal, &action, nullptr);
  if (!is_fault) raise(signal);
}

}  // namespace

void NoteStackOverflowsOfThisThread(ClaimPage& page) {
  // So may a language runtime that this worker is part of, which lives on
  // faults that it expects.
  struct sigaction present = {};
  if (kHasOwnHandlers || sigaction(SIGSEGV, nullptr, &present) != 0 ||
      present.sa_handler != SIG_DFL) {
    return;
  }
  noted_page = &page;
  // Never freed: the thread may fault until the process ends.
  constexpr size_t kStackBytes = 64 * 1024;
  stack_t stack = {};
  stack.ss_sp = std::malloc(kStackBytes);
  stack.ss_size = kStackBytes;
  if (stack.ss_sp == nullptr || sigaltstack(&stack, nullptr) != 0) return;
  struct sigaction action = {};
  action.sa_sigaction = &OnSegmentationFault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGSEGV, &action, nullptr);
}

}  // namespace asyncpal::internal
