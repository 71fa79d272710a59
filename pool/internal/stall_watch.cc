#include "asyncpal/pool/internal/stall_watch.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asyncpal/pool/internal/fork_generation.h"
#include "asyncpal/pool/internal/timer_queue.h"

namespace asyncpal::internal {
namespace {

// One for each process: a forked child has not the thread of its parent's.
struct ProcessTimers {
  const int64_t fork_generation = ForkGeneration();
  TimerQueue queue{};
};

// Never destroyed: pools may be in use at the very end of the program.
TimerQueue& Timers() {
  constinit static std::atomic<ProcessTimers*> timers{nullptr};
  ProcessTimers* current = timers.load(std::memory_order_acquire);
  while (current == nullptr || current->fork_generation != ForkGeneration()) {
    auto fresh = std::make_unique<ProcessTimers>();
    if (timers.compare_exchange_strong(current, fresh.get(),
                                       std::memory_order_acq_rel)) {
      return fresh.release()->queue;
    }
  }
  return current->queue;
}

// A timer function that starts itself anew.
struct Looker {
  absl::AnyInvocable<absl::Duration()> look;

  void operator()() {
    const absl::Duration delay = look();
    if (delay == absl::InfiniteDuration()) return;
    Timers().Schedule(delay, Looker{std::move(look)});
  }
};

}  // namespace

bool StartLooking(absl::Duration delay,
                  absl::AnyInvocable<absl::Duration()> look) {
  try {
    Timers().Schedule(delay, Looker{std::move(look)});
    return true;
  } catch (const std::exception&) {  // no thread, or no memory
    return false;
  }
}

bool WaitsForAnotherThread(pid_t tid) {
  // "202 0x7f... 0x80 ...": the call that it sleeps in, and its arguments.
  const std::string path = absl::StrCat("/proc/self/task/", tid, "/syscall");
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd == -1) return false;
  char text[256];
  const ssize_t size = read(fd, text, sizeof(text) - 1);
  close(fd);
  if (size <= 0) return false;
  text[size] = '\0';
  long number = 0;
  unsigned long word = 0, operation = 0, value = 0, timeout = 0;
  return std::sscanf(text, "%ld %lx %lx %lx %lx", &number, &word, &operation,
                     &value, &timeout) == 5 &&
         number == SYS_futex && timeout == 0;
}

}  // namespace asyncpal::internal
