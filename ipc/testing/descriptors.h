#ifndef ASYNCPAL_IPC_TESTING_DESCRIPTORS_H_
#define ASYNCPAL_IPC_TESTING_DESCRIPTORS_H_

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <set>
#include <string>
#include <system_error>

#include "asyncpal/ipc/internal/fd.h"

namespace asyncpal::testing {

// The read end and the write end of a pipe, or two sockets.
struct TwoEnds {
  internal::UniqueFd first;
  internal::UniqueFd second;
};

inline TwoEnds MakePipe() {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) == -1) {
    throw std::system_error(errno, std::generic_category(), "pipe2");
  }
  return {internal::UniqueFd(fds[0]), internal::UniqueFd(fds[1])};
}

inline TwoEnds MakeSockets() {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == -1) {
    throw std::system_error(errno, std::generic_category(), "socketpair");
  }
  return {internal::UniqueFd(fds[0]), internal::UniqueFd(fds[1])};
}

// All until end of file; what came so far if 30 s bring nothing more.
inline std::string ReadAll(int fd) {
  std::string all;
  char buffer[4096];
  for (;;) {
    struct pollfd watched = {.fd = fd, .events = POLLIN, .revents = 0};
    if (internal::RetryOnEintr([&] { return poll(&watched, 1, 30'000); }) < 1) {
      return all + " (timed out)";
    }
    const ssize_t got = internal::RetryOnEintr(
        [&] { return read(fd, buffer, sizeof(buffer)); });
    if (got <= 0) return all;
    all.append(buffer, static_cast<size_t>(got));
  }
}

// The numbers of all descriptors that are open in this process.
inline std::set<int> ListDescriptors() {
  std::set<int> fds;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir("/proc/self/fd"),
                                                   &closedir);
  if (folder == nullptr) {
    throw std::system_error(errno, std::generic_category(), "/proc/self/fd");
  }
  while (const struct dirent* const entry = readdir(folder.get())) {
    if (entry->d_name[0] == '.') continue;
    const int fd = std::atoi(entry->d_name);
    if (fd != dirfd(folder.get())) fds.insert(fd);
  }
  return fds;
}

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_IPC_TESTING_DESCRIPTORS_H_
