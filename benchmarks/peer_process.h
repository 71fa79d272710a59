#ifndef ASYNCPAL_BENCHMARKS_PEER_PROCESS_H_
#define ASYNCPAL_BENCHMARKS_PEER_PROCESS_H_

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <vector>

namespace asyncpal::benchmarks {

// Another program, whose stdin and stdout are the other end of a socket.
//
// Threads: one. Lifetime: the destructor closes the socket and waits for the
// program to end by itself. Errors: std::runtime_error; also when nothing comes
// for a minute.
class PeerProcess {
 public:
  // `command[0]` is looked for in the PATH.
  explicit PeerProcess(const std::vector<std::string>& command);
  ~PeerProcess();
  PeerProcess(const PeerProcess&) = delete;
  PeerProcess& operator=(const PeerProcess&) = delete;

  void Write(const void* data, size_t size);
  void Read(void* data, size_t size);
  // Up to the next newline, which is left out.
  std::string ReadLine();
  // Blocks until the program has ended, whoever ended it.
  void WaitForEnd();

  pid_t pid() const { return pid_; }

 private:
  std::string command_;
  int socket_;
  pid_t pid_;
};

}  // namespace asyncpal::benchmarks

#endif  // ASYNCPAL_BENCHMARKS_PEER_PROCESS_H_
