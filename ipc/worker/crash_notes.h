#ifndef ASYNCPAL_IPC_WORKER_CRASH_NOTES_H_
#define ASYNCPAL_IPC_WORKER_CRASH_NOTES_H_

#include "asyncpal/ipc/worker/claim_page.h"

namespace asyncpal::internal {

// Has a stack overflow of the calling thread noted in `page` before the process
// dies of it by SIGSEGV, so that the parent can tell it from other crashes.
// `page` must live for ever. Sanitizers have handlers of their own, and keep
// them.
void NoteStackOverflowsOfThisThread(ClaimPage& page);

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_IPC_WORKER_CRASH_NOTES_H_
