#include "asyncpal/ipc/worker/worker_waiter.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

namespace asyncpal::internal {
namespace {

// What an event is about.
enum class Source : uint32_t { kWakeUp, kChildEnded, kChildSocket };

UniqueFd MakeEventFd() {
  UniqueFd fd =
      OffStandardStreams(UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)));
  if (!fd) {
    throw std::system_error(errno, std::generic_category(),
                            "can't make an eventfd for a worker");
  }
  return fd;
}

UniqueFd MakeEpollFd(int wake_fd) {
  UniqueFd fd = OffStandardStreams(UniqueFd(epoll_create1(EPOLL_CLOEXEC)));
  epoll_event event = {.events = EPOLLIN, .data = {}};
  event.data.u32 = static_cast<uint32_t>(Source::kWakeUp);
  if (!fd || epoll_ctl(fd.get(), EPOLL_CTL_ADD, wake_fd, &event) != 0) {
    throw std::system_error(errno, std::generic_category(),
                            "can't make an epoll for a worker");
  }
  return fd;
}

// An event that comes once.
void Watch(int epoll_fd, int operation, int fd, uint32_t events,
           Source source) {
  epoll_event event = {.events = events | EPOLLONESHOT, .data = {}};
  event.data.u32 = static_cast<uint32_t>(source);
  epoll_ctl(epoll_fd, operation, fd, &event);
}

// Rounded up: a sleep that is cut short would be begun again at once.
int PollMs(absl::Duration timeout) {
  if (timeout > absl::Hours(24)) return -1;
  return static_cast<int>(
      absl::ToInt64Milliseconds(absl::Ceil(timeout, absl::Milliseconds(1))));
}

}  // namespace

WorkerWaiter::WorkerWaiter()
    : wake_fd_(MakeEventFd()), sleep_fd_(MakeEpollFd(wake_fd_.get())) {}

void WorkerWaiter::Add(int socket, int pidfd) {
  if (pidfd != -1) {
    Watch(sleep_fd_.get(), EPOLL_CTL_ADD, pidfd, EPOLLIN, Source::kChildEnded);
  }
  Watch(sleep_fd_.get(), EPOLL_CTL_ADD, socket, 0, Source::kChildSocket);
}

void WorkerWaiter::WatchSocket(int socket, bool watch) {
  Watch(sleep_fd_.get(), EPOLL_CTL_MOD, socket, watch ? uint32_t{EPOLLIN} : 0,
        Source::kChildSocket);
}

void WorkerWaiter::WakeUp() { eventfd_write(wake_fd_.get(), 1); }

WorkerWaiter::Events WorkerWaiter::Wait(absl::Duration timeout) {
  epoll_event events[3];
  const int count = epoll_wait(sleep_fd_.get(), events, 3, PollMs(timeout));
  Events found;
  for (int i = 0; i < count; ++i) {
    switch (static_cast<Source>(events[i].data.u32)) {
      case Source::kWakeUp: {
        eventfd_t value;
        eventfd_read(wake_fd_.get(), &value);
        break;
      }
      case Source::kChildEnded:
        found.child_ended = true;
        break;
      case Source::kChildSocket:
        found.child_spoke = true;
        // Where there are no pidfds, nothing else tells.
        if ((events[i].events & EPOLLHUP) != 0) found.child_ended = true;
        break;
    }
  }
  return found;
}

void WorkerWaiter::WaitForWakeUp(absl::Duration timeout) {
  pollfd woken = {wake_fd_.get(), POLLIN, 0};
  if (poll(&woken, 1, PollMs(timeout)) <= 0) return;
  eventfd_t count;
  eventfd_read(wake_fd_.get(), &count);
}

}  // namespace asyncpal::internal
