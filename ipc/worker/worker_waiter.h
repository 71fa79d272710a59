#ifndef ASYNCPAL_IPC_WORKER_WORKER_WAITER_H_
#define ASYNCPAL_IPC_WORKER_WORKER_WAITER_H_

#include "absl/time/time.h"
#include "asyncpal/ipc/internal/fd.h"

namespace asyncpal::internal {

// The one place where the thread that serves a worker process sleeps: until
// somebody wakes it, the process has ended, or it has something to say.
//
//   WorkerWaiter waiter;
//   waiter.Add(connection.fd(), connection.pidfd());
//   waiter.WatchSocket(connection.fd(), true);
//   const WorkerWaiter::Events events = waiter.Wait(absl::Seconds(60));
//
// Threads: one at a time may Wait() or Add(); any thread may do the rest.
// Lifetime: watches descriptors that remain the caller's, until they close.
// Ordering: what comes before the Wait() that it concerns is found by that.
// Errors: the constructor throws std::system_error. What can't be watched is
// found out by its use. Shutdown: none.
class WorkerWaiter {
 public:
  struct Events {
    bool child_ended = false;
    bool child_spoke = false;  // its socket has something, or has closed
  };

  WorkerWaiter();
  WorkerWaiter(const WorkerWaiter&) = delete;
  WorkerWaiter& operator=(const WorkerWaiter&) = delete;

  // A new process. Its end is told of once, and its socket not watched yet.
  // `pidfd` of -1: there is none, and the socket's end has to do.
  void Add(int socket, int pidfd);

  // Whether Wait() is to tell of input on the socket of the present process,
  // once. Its end is always told of.
  void WatchSocket(int socket, bool watch);

  // The next Wait() or WaitForWakeUp() returns, or the one that there is.
  void WakeUp();

  // Sleeps for `timeout` at most. Takes note of all that has come.
  Events Wait(absl::Duration timeout);
  // The same, for WakeUp() alone.
  void WaitForWakeUp(absl::Duration timeout);

 private:
  const UniqueFd wake_fd_;   // an eventfd
  const UniqueFd sleep_fd_;  // an epoll of that, the child's end and its socket
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_IPC_WORKER_WORKER_WAITER_H_
