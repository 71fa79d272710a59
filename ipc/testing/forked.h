#ifndef ASYNCPAL_IPC_TESTING_FORKED_H_
#define ASYNCPAL_IPC_TESTING_FORKED_H_

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "asyncpal/ipc/internal/fd.h"

// What tests of processes do to this one.

namespace asyncpal::testing {

inline bool HasNoChildren() {
  return waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD;
}

// Runs `f` in a forked process, and returns the exit code that it gives.
template <typename F>
int RunForked(F f) {
  const pid_t pid = fork();
  if (pid == 0) _exit(f());
  int status = 0;
  internal::RetryOnEintr([&] { return waitpid(pid, &status, 0); });
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// Handles a signal in another way while it lives, without SA_RESTART.
class ScopedHandler {
 public:
  ScopedHandler(int signal, void (*handler)(int)) : signal_(signal) {
    struct sigaction action = {};
    action.sa_handler = handler;
    sigaction(signal, &action, &old_);
  }
  ~ScopedHandler() { sigaction(signal_, &old_, nullptr); }
  ScopedHandler(const ScopedHandler&) = delete;
  ScopedHandler& operator=(const ScopedHandler&) = delete;

 private:
  int signal_;
  struct sigaction old_;
};

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_IPC_TESTING_FORKED_H_
