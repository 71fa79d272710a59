#include "asyncpal/pool/internal/trace_file.h"

#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"

namespace asyncpal::internal {
namespace {

int OpenOrThrow(const std::string& path) {
  int fd;
  do {
    fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) {
    throw std::system_error(
        errno, std::generic_category(),
        absl::StrCat("the trace can't be written to '", path, "'"));
  }
  return fd;
}

// While it lives, SIGXFSZ does not end the process: what a write beyond
// RLIMIT_FSIZE sends to the thread that makes it.
class WithoutFileSizeSignal {
 public:
  WithoutFileSizeSignal() {
    sigemptyset(&signal_);
    sigaddset(&signal_, SIGXFSZ);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGXFSZ) == 1;
    pthread_sigmask(SIG_BLOCK, &signal_, &before_);
  }
  ~WithoutFileSizeSignal() {
    constexpr timespec kNow = {};
    if (!was_pending_) sigtimedwait(&signal_, nullptr, &kNow);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  WithoutFileSizeSignal(const WithoutFileSizeSignal&) = delete;
  WithoutFileSizeSignal& operator=(const WithoutFileSizeSignal&) = delete;

 private:
  sigset_t signal_;
  sigset_t before_;
  bool was_pending_;
};

}  // namespace

TraceFile::TraceFile(const std::string& path)
    : path_(path), fd_(OpenOrThrow(path)) {}

TraceFile::~TraceFile() { close(fd_); }

std::error_code TraceFile::Write(std::string_view text) {
  const WithoutFileSizeSignal no_signal;
  while (!text.empty()) {
    const ssize_t written = write(fd_, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return std::error_code(errno, std::generic_category());
    text.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

}  // namespace asyncpal::internal
