#include "asyncpal/benchmarks/peer_process.h"

#include <spawn.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace asyncpal::benchmarks {
namespace {

[[noreturn]] void Fail(const std::string& command, int error) {
  throw std::runtime_error(command + ": " +
                           std::generic_category().message(error));
}

}  // namespace

PeerProcess::PeerProcess(const std::vector<std::string>& command)
    : command_(command[0]) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    Fail(command_, errno);
  }
  const timeval minute = {.tv_sec = 60, .tv_usec = 0};
  setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &minute, sizeof(minute));
  std::vector<char*> arguments;
  for (const std::string& argument : command) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  const int error = posix_spawnp(&pid_, arguments[0], &actions, nullptr,
                                 arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  socket_ = ends[0];
  if (error != 0) {
    close(socket_);
    Fail(command_, error);
  }
}

PeerProcess::~PeerProcess() {
  close(socket_);
  waitpid(pid_, nullptr, 0);
}

void PeerProcess::Write(const void* data, size_t size) {
  const char* from = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t n = send(socket_, from, size, MSG_NOSIGNAL);
    if (n < 0) Fail(command_, errno);
    from += n;
    size -= static_cast<size_t>(n);
  }
}

void PeerProcess::Read(void* data, size_t size) {
  char* to = static_cast<char*>(data);
  while (size > 0) {
    const ssize_t n = recv(socket_, to, size, 0);
    if (n < 0) Fail(command_, errno);
    if (n == 0) throw std::runtime_error(command_ + " has ended");
    to += n;
    size -= static_cast<size_t>(n);
  }
}

std::string PeerProcess::ReadLine() {
  std::string line;
  char c;
  for (Read(&c, 1); c != '\n'; Read(&c, 1)) line += c;
  return line;
}

void PeerProcess::WaitForEnd() {
  char c;
  while (recv(socket_, &c, 1, 0) > 0) {
  }
}

}  // namespace asyncpal::benchmarks
