#ifndef ASYNCPAL_IPC_TESTING_FAILPOINTS_H_
#define ASYNCPAL_IPC_TESTING_FAILPOINTS_H_

#include <optional>
#include <string>

namespace asyncpal::testing {

// Makes the processes that are started during its life do something at their
// failpoints. They must link this library, too; this process does nothing.
//
//   ScopedFailpoints failpoints("after_started=exit:3,handshake=sleep:5000");
//
// A list of <name>=<action>, the action being one of
//   exit:<code>   _exit()
//   kill          raise(SIGKILL)
//   abort         abort()
//   stop          raise(SIGSTOP)
//   sleep:<ms>
// With "@<n>" at its end it happens only the n-th time that the process comes
// there, else each time. What is no such list aborts the process that reads it.
//
// Threads: changes the environment, so none may read it meanwhile.
class ScopedFailpoints {
 public:
  explicit ScopedFailpoints(const std::string& failpoints);
  ~ScopedFailpoints();
  ScopedFailpoints(const ScopedFailpoints&) = delete;
  ScopedFailpoints& operator=(const ScopedFailpoints&) = delete;

 private:
  std::optional<std::string> old_;
};

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_IPC_TESTING_FAILPOINTS_H_
