#include "asyncpal/ipc/worker/startup_output.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "asyncpal/ipc/errors/utf8.h"

namespace asyncpal::internal {
namespace {

constexpr size_t kMaxLastBytes = 2048;
constexpr int kBriefMs = 20;

int FindStderr() {
  const int flags = fcntl(STDERR_FILENO, F_GETFD);
  return flags == -1 || (flags & FD_CLOEXEC) != 0 ? -1 : STDERR_FILENO;
}

// A write that neither ends this process if nobody reads its stderr any more,
// nor stops it if that is a terminal which background jobs may not write to.
void WriteToStderr(int fd, const char* data, size_t size) {
  if (fd == -1) return;
  sigset_t blocked;
  sigset_t before;
  sigset_t pending;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGPIPE);
  sigaddset(&blocked, SIGTTOU);
  sigpending(&pending);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  while (size > 0) {
    const ssize_t n = RetryOnEintr([&] { return write(fd, data, size); });
    if (n <= 0) break;
    data += n;
    size -= static_cast<size_t>(n);
  }
  if (sigismember(&pending, SIGPIPE) == 0) {
    sigset_t mine;
    sigemptyset(&mine);
    sigaddset(&mine, SIGPIPE);
    const timespec now = {};
    RetryOnEintr([&] { return sigtimedwait(&mine, nullptr, &now); });
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace

StartupOutput::StartupOutput() : stderr_fd_(FindStderr()) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    throw std::system_error(errno, std::generic_category(),
                            "can't make a pipe for a worker's stderr");
  }
  pipe_ = OffStandardStreams(UniqueFd(ends[0]));
  child_end_ = OffStandardStreams(UniqueFd(ends[1]));
  if (!pipe_ || !child_end_ || fcntl(pipe_.get(), F_SETFL, O_NONBLOCK) != 0) {
    throw std::system_error(errno, std::generic_category(),
                            "can't keep a pipe for a worker's stderr");
  }
}

StartupOutput::~StartupOutput() {
  CloseChildEnd();
  PassOn();
  if (!pipe_) return;
  // Perhaps another thread is just starting a process, which closes it next.
  pollfd ended = {pipe_.get(), POLLIN, 0};
  poll(&ended, 1, kBriefMs);
  PassOn();
  if (!pipe_) return;
  // Somebody writes to it still, and would die of a pipe that nobody reads.
  try {
    std::thread([pipe = std::move(pipe_), to = stderr_fd_] {
      fcntl(pipe.get(), F_SETFL, 0);
      char bytes[4096];
      while (true) {
        const ssize_t n = RetryOnEintr(
            [&] { return read(pipe.get(), bytes, sizeof(bytes)); });
        if (n <= 0) return;
        WriteToStderr(to, bytes, static_cast<size_t>(n));
      }
    }).detach();
  } catch (const std::system_error&) {
    // No thread to be had: they lose what they write.
  }
}

void StartupOutput::PassOn() {
  char bytes[4096];
  while (pipe_) {
    const ssize_t n =
        RetryOnEintr([&] { return read(pipe_.get(), bytes, sizeof(bytes)); });
    if (n == -1 && errno == EAGAIN) return;
    if (n <= 0) {
      pipe_.Reset();
      return;
    }
    WriteToStderr(stderr_fd_, bytes, static_cast<size_t>(n));
    last_.append(bytes, static_cast<size_t>(n));
    if (last_.size() > 2 * kMaxLastBytes) {
      last_.erase(0, last_.size() - kMaxLastBytes);
    }
  }
}

std::string StartupOutput::DescribeLastLines() const {
  absl::string_view lines = last_;
  while (absl::ConsumeSuffix(&lines, "\n")) {
  }
  if (lines.empty()) return "";
  if (lines.size() > kMaxLastBytes) {
    lines.remove_prefix(lines.size() - kMaxLastBytes);
    // From the beginning of a line, if there is one.
    const size_t end = lines.find('\n');
    if (end != absl::string_view::npos) lines.remove_prefix(end + 1);
  }
  return absl::StrCat(
      "; its last lines on stderr:\n  ",
      absl::StrReplaceAll(ToUtf8({lines.data(), lines.size()}, kMaxLastBytes),
                          {{"\n", "\n  "}}));
}

}  // namespace asyncpal::internal
