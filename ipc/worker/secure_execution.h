#ifndef ASYNCPAL_IPC_WORKER_SECURE_EXECUTION_H_
#define ASYNCPAL_IPC_WORKER_SECURE_EXECUTION_H_

namespace asyncpal::internal {

// A program that has rights of its file (setuid, setgid, file capabilities) may
// have been started by somebody who has fewer, and who could give it an
// environment and descriptors like those of a worker: it would then run what it
// is told, with its rights. So such a process is never a worker, and does not
// start its own executable as one either, which would come to have these rights
// in the same way.
//
// Threads: any.

// Whether this process is such a one (AT_SECURE).
bool IsSecureExecution();

// Throws InvalidStateError if a worker of this process's own executable would
// be such a one: since this process is, or runs with another effective user or
// group than its real one.
void CheckOwnExecutableCanServe();

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_IPC_WORKER_SECURE_EXECUTION_H_
