#ifndef ASYNCPAL_IPC_WORKER_STARTUP_OUTPUT_H_
#define ASYNCPAL_IPC_WORKER_STARTUP_OUTPUT_H_

#include <string>

#include "asyncpal/ipc/internal/fd.h"

namespace asyncpal::internal {

// What a worker process writes to stderr until it is ready: it appears on this
// process's stderr as always, and its last lines are kept for the error that
// says why the worker did not start.
//
//   StartupOutput output;
//   auto child = ChildProcess::Spawn({.stderr_fd = output.child_end()});
//   output.CloseChildEnd();
//   // when poll() finds output.fd() readable:
//   output.PassOn();
//
// Threads: one at a time.
// Lifetime: what the worker leaves behind with its old stderr (a program that
// its initializer has started) can go on writing after the destructor.
// Errors: the constructor throws std::system_error. What this process's stderr
// does not take is lost.
// Shutdown: none.
class StartupOutput {
 public:
  StartupOutput();
  ~StartupOutput();
  StartupOutput(const StartupOutput&) = delete;
  StartupOutput& operator=(const StartupOutput&) = delete;

  int child_end() const { return child_end_.get(); }
  void CloseChildEnd() { child_end_.Reset(); }

  // What the worker's stderr is to be once it is ready: this process's, or -1
  // if that is closed or not for children.
  int stderr_fd() const { return stderr_fd_; }

  // Readable when there is output, or none will come; -1 once that is known.
  int fd() const { return pipe_.get(); }
  // Passes on what is there. Never waits for more.
  void PassOn();

  // The last lines, in one paragraph that fits into an error message: "; it
  // wrote to stderr: ...". Empty: it wrote nothing.
  std::string DescribeLastLines() const;

 private:
  const int stderr_fd_;
  UniqueFd pipe_;
  UniqueFd child_end_;
  std::string last_;  // bytes
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_IPC_WORKER_STARTUP_OUTPUT_H_
