#include "asyncpal/pool/testing/gate.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/countdown.h"

namespace asyncpal::testing {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(30);

// More than any test has tasks, less than a pipe holds.
constexpr int kForEveryone = 20'000;

int Check(int result, const std::string& what) {
  if (result >= 0) return result;
  throw std::system_error(errno, std::generic_category(), what);
}

std::string ArrivalsPath(const std::string& path) { return path + "/arrivals"; }
std::string TokensPath(const std::string& path) { return path + "/tokens"; }

// A pipe opened for both never blocks in open() and never ends.
int OpenPipe(const std::string& path) {
  return Check(open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC), path);
}

// Reads one byte; false: none came in time.
bool TakeByte(int fd, const Countdown& countdown) {
  while (true) {
    char byte;
    const ssize_t got = read(fd, &byte, 1);
    if (got == 1) return true;
    if (got < 0 && errno != EAGAIN && errno != EINTR) Check(-1, "read");
    const absl::Duration left = countdown.Remaining();
    if (left == absl::ZeroDuration()) return false;
    pollfd poll_fd = {fd, POLLIN, 0};
    poll(&poll_fd, 1, static_cast<int>(absl::ToInt64Milliseconds(left)) + 1);
  }
}

void PutBytes(int fd, int n) {
  const std::vector<char> bytes(n, 'x');
  // Full is as good as open.
  if (write(fd, bytes.data(), bytes.size()) < 0 && errno != EAGAIN) {
    Check(-1, "write");
  }
}

struct Fd {
  explicit Fd(const std::string& path) : fd(OpenPipe(path)) {}
  ~Fd() { close(fd); }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  const int fd;
};

}  // namespace

Gate::Gate() {
  const char* tmp = std::getenv("TEST_TMPDIR");
  path_ = std::string(tmp != nullptr ? tmp : "/tmp") + "/gate-XXXXXX";
  if (mkdtemp(path_.data()) == nullptr) Check(-1, path_);
  Check(mkfifo(ArrivalsPath(path_).c_str(), 0600), path_);
  Check(mkfifo(TokensPath(path_).c_str(), 0600), path_);
  arrivals_ = OpenPipe(ArrivalsPath(path_));
  tokens_ = OpenPipe(TokensPath(path_));
}

Gate::~Gate() {
  Open();
  unlink(ArrivalsPath(path_).c_str());
  unlink(TokensPath(path_).c_str());
  rmdir(path_.c_str());
  close(arrivals_);
  close(tokens_);
}

bool Gate::WaitForArrivals(int n) {
  const Countdown countdown(kPatience);
  for (int i = 0; i < n; ++i) {
    if (!TakeByte(arrivals_, countdown)) return false;
  }
  return true;
}

int Gate::CountArrivals() const {
  int count = 0;
  Check(ioctl(arrivals_, FIONREAD, &count), "FIONREAD");
  return count;
}

void Gate::Open() { Open(kForEveryone); }

void Gate::Open(int n) { PutBytes(tokens_, n); }

int PassGate(std::string path, int value) {
  // Opened first: what Open() put in then stays although the gate is gone.
  const Fd tokens(TokensPath(path));
  TouchGate(path, value);
  if (!TakeByte(tokens.fd, Countdown(kPatience))) {
    throw std::runtime_error("nobody opened the gate");
  }
  return value;
}

int TouchGate(std::string path, int value) {
  PutBytes(Fd(ArrivalsPath(path)).fd, 1);
  return value;
}

}  // namespace asyncpal::testing
