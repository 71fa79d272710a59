#include "asyncpal/future/internal/futex.h"

#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

namespace asyncpal::internal {
namespace {

void Futex(const uint32_t* address, int operation, uint32_t value,
           const timespec* timeout) {
  const int saved_errno = errno;
  syscall(SYS_futex, address, operation | FUTEX_PRIVATE_FLAG, value, timeout,
          nullptr, 0);
  errno = saved_errno;  // waiting must not disturb the caller's errno
}

}  // namespace

void FutexWait(const uint32_t* address, uint32_t expected,
               absl::Duration timeout) {
  if (timeout == absl::InfiniteDuration()) {
    Futex(address, FUTEX_WAIT, expected, nullptr);
    return;
  }
  if (timeout <= absl::ZeroDuration()) return;
  // The kernel measures a relative FUTEX_WAIT on the monotonic clock. A
  // fraction of a nanosecond must not become a busy loop.
  const timespec relative =
      absl::ToTimespec(absl::Ceil(timeout, absl::Nanoseconds(1)));
  Futex(address, FUTEX_WAIT, expected, &relative);
}

void FutexWakeOne(const uint32_t* address) {
  Futex(address, FUTEX_WAKE, 1, nullptr);
}

void FutexWakeAll(const uint32_t* address) {
  Futex(address, FUTEX_WAKE, INT_MAX, nullptr);
}

void YieldThread() { sched_yield(); }

}  // namespace asyncpal::internal
