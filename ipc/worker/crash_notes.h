#ifndef ASYNCPAL_IPC_WORKER_CRASH_NOTES_H_
#define ASYNCPAL_IPC_WORKER_CRASH_NOTES_H_

#include "asyncpal/ipc/worker/claim_page.h"

namespace asyncpal::internal {

// Has crashes noted in `page` before the process dies of them, so that the
// parent can tell of them: of SIGSEGV, SIGABRT, SIGBUS and SIGFPE the stack of
// the thread that gets them; and that it was a stack overflow of the calling
// thread. The process still dies of the signal itself, with a core dump where
// one is wanted. Signals that are handled already are left alone.
//
// `page` must live for ever. Sanitizers have handlers of their own, and keep
// them.
//
// From then on, kStackSignal has the stack of the process's main thread noted,
// which lives on; not where a language runtime has the process in hand.
void NoteCrashes(ClaimPage& page);

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_IPC_WORKER_CRASH_NOTES_H_
