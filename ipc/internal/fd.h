#ifndef ASYNCPAL_IPC_INTERNAL_FD_H_
#define ASYNCPAL_IPC_INTERNAL_FD_H_

#include <unistd.h>

#include <cerrno>

#include <utility>

namespace asyncpal::internal {

// Owns one file descriptor; -1 is none.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.Release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    UniqueFd old(std::exchange(fd_, other.Release()));
    return *this;
  }
  ~UniqueFd() { Reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int Release() { return std::exchange(fd_, -1); }
  void Reset() {
    if (fd_ >= 0) close(Release());
  }

 private:
  int fd_ = -1;
};

// Calls `f` until it is not interrupted by a signal.
template <typename F>
auto RetryOnEintr(F&& f) {
  decltype(f()) result;
  do {
    result = f();
  } while (result == -1 && errno == EINTR);
  return result;
}

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_IPC_INTERNAL_FD_H_
