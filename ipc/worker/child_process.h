#ifndef ASYNCPAL_IPC_WORKER_CHILD_PROCESS_H_
#define ASYNCPAL_IPC_WORKER_CHILD_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/ipc/internal/fd.h"

namespace asyncpal::internal {

// Starts one child process, watches it and ends it.
//
//   auto child = ChildProcess::Spawn({.title = "worker images-1",
//                                     .descriptors = {socket.get()}});
//   if (!child.WaitForExit(absl::Seconds(5))) child.Kill();
//
// The child has its own process group, no signal blocked or handled, and
// nothing open but /dev/null as stdin, this process's stdout and stderr
// (/dev/null where those are closed here) and the descriptors it was given.
// Signals that this process ignores (SIGPIPE, SIGHUP, SIGINT, ...) are ignored
// in the child, too, except for SIGCHLD, since the child's own children are not
// this process's, SIGTERM, by which anybody can stop the child alone, and those
// of faults (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT), which
// are to end it.
//
// Threads: any thread may Kill() at any time; one at a time may do the rest.
// Spawn() reads the environment, which nobody may change meanwhile.
// Lifetime: the destructor kills and reaps the child. After a fork(), the copy
// in the new process does neither.
// Errors: Spawn() throws std::system_error, and nothing is left of the attempt.
// Shutdown: none. Dispositions of SIGCHLD are never touched: where the program
// ignores it or reaps the child itself, how the child ended is unknown.
//
// Where the system refuses pidfds, the child is watched by its pid, and
// signalled only as long as it was not reaped.
class ChildProcess {
 public:
  struct Options {
    // The program and its arguments, looked up on PATH if the program has no
    // slash. Empty: this process's own executable (own_command.h).
    std::vector<std::string> command;
    // The only argument of the default command, for people to read in a list of
    // processes, as everybody on the machine can.
    std::string title;
    // "NAME=value", added to this process's environment or replacing what is
    // there.
    std::vector<std::string> environment;
    // Names of variables that it does not get.
    std::vector<std::string> hidden_environment;
    // They are 3, 4, ... in the child; -1 is /dev/null. They remain the
    // caller's.
    std::vector<int> descriptors;
    // The child's stderr in place of this process's; -1: that.
    int stderr_fd = -1;
  };

  // Both are empty if the status went to someone else.
  struct Exit {
    std::optional<int> signal;
    std::optional<int> exit_code;
  };

  static ChildProcess Spawn(const Options& options);

  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;
  ~ChildProcess();

  pid_t pid() const { return pid_; }

  // poll() finds it readable once the child has ended. -1: there are no pidfds.
  int pidfd() const { return pidfd_.get(); }

  // SIGKILL; nothing if the child has ended. A process that got its pid since
  // is in no danger.
  void Kill();

  // Any other signal, in the same way. False: it was not sent.
  bool Signal(int number);

  // True: the child has ended and is reaped. Zero only looks.
  bool WaitForExit(absl::Duration timeout);

  // After WaitForExit() has returned true.
  Exit exit() const { return exit_.value_or(Exit{}); }

  // "was killed by signal 9 (Killed)", "exited with code 3".
  static std::string DescribeExit(const Exit& exit);

 private:
  ChildProcess(pid_t pid, UniqueFd pidfd);

  bool WaitForPidfd(absl::Duration timeout) const;
  bool TryReap();
  bool IsUnreaped() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(*reap_mu_);

  pid_t pid_;
  pid_t owner_;  // the process that has this child; -1: moved from
  UniqueFd pidfd_;
  // A pid is signalled by number only while nobody can reap it.
  std::unique_ptr<Mutex> reap_mu_;
  std::optional<Exit> exit_;  // written with reap_mu_ held, by one thread
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_IPC_WORKER_CHILD_PROCESS_H_
