#include "asyncpal/ipc/worker/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "asyncpal/future/countdown.h"
#include "asyncpal/ipc/worker/own_command.h"

namespace asyncpal::internal {
namespace {

constexpr int kFirstDescriptor = 3;
// How long a destructor waits for a process that SIGKILL has not ended yet.
constexpr absl::Duration kReapTimeout = absl::Seconds(10);
// Without a pidfd, how often to look whether a child has ended.
constexpr absl::Duration kMaxPollInterval = absl::Milliseconds(5);

[[noreturn]] void ThrowErrno(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(), what);
}

// Frees what a spawn's C interface holds.
class SpawnPlan {
 public:
  SpawnPlan() {
    Check(posix_spawn_file_actions_init(&actions));
    if (const int error = posix_spawnattr_init(&attributes); error != 0) {
      posix_spawn_file_actions_destroy(&actions);
      Check(error);
    }
  }
  ~SpawnPlan() {
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  static void Check(int error) {
    if (error != 0) ThrowErrno(error, "can't plan a worker process");
  }

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

// The file actions number the descriptors from 3; a source that is one of these
// numbers, or a standard stream, would be overwritten before its turn.
std::vector<UniqueFd> DuplicateAbove(const std::vector<int>& descriptors,
                                     int lowest) {
  std::vector<UniqueFd> duplicates;
  for (const int fd : descriptors) {
    duplicates.emplace_back(fcntl(fd, F_DUPFD_CLOEXEC, lowest));
    if (!duplicates.back()) {
      ThrowErrno(errno, absl::StrCat("can't hand descriptor ", fd,
                                     " to a worker process"));
    }
  }
  return duplicates;
}

// Opened here and not by the child, so that its lack is reported as such.
UniqueFd OpenNull() {
  UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) {
    ThrowErrno(errno,
               "can't open /dev/null, the stdin of every worker process");
  }
  return null;
}

// Where a program has closed a standard stream, anything may have its number
// now. What is close-on-exec was not meant for the child.
bool IsInherited(int stream) {
  const int flags = fcntl(stream, F_GETFD);
  return flags != -1 && (flags & FD_CLOEXEC) == 0;
}

// `null` and `error` are duplicates like the others; -1: no other stderr.
void PlanDescriptors(const std::vector<UniqueFd>& descriptors, int null,
                     int error, posix_spawn_file_actions_t* actions) {
  const auto put = [&](int fd, int target) {
    SpawnPlan::Check(posix_spawn_file_actions_adddup2(actions, fd, target));
  };
  put(null, STDIN_FILENO);
  if (!IsInherited(STDOUT_FILENO)) put(null, STDOUT_FILENO);
  if (error != -1) {
    put(error, STDERR_FILENO);
  } else if (!IsInherited(STDERR_FILENO)) {
    put(null, STDERR_FILENO);
  }
  int target = kFirstDescriptor;
  for (const UniqueFd& fd : descriptors) put(fd.get(), target++);
  SpawnPlan::Check(posix_spawn_file_actions_addclosefrom_np(actions, target));
}

// As the header says: of what this process ignores, what the child ignores.
bool StaysIgnored(int signal) {
  switch (signal) {
    case SIGCHLD:
    case SIGTERM:
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
    case SIGTRAP:
    case SIGSYS:
    case SIGABRT:
      return false;
    default:
      struct sigaction present = {};
      return sigaction(signal, nullptr, &present) == 0 &&
             present.sa_handler == SIG_IGN;
  }
}

void PlanAttributes(posix_spawnattr_t* attributes) {
  sigset_t none;
  sigset_t defaults;
  sigemptyset(&none);
  sigfillset(&defaults);
  for (int signal = 1; signal <= SIGRTMAX; ++signal) {
    if (StaysIgnored(signal)) sigdelset(&defaults, signal);
  }
  SpawnPlan::Check(posix_spawnattr_setsigmask(attributes, &none));
  SpawnPlan::Check(posix_spawnattr_setsigdefault(attributes, &defaults));
  SpawnPlan::Check(posix_spawnattr_setpgroup(attributes, 0));
  SpawnPlan::Check(posix_spawnattr_setflags(
      attributes,
      POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP));
}

// Takes the variable out whose name with "=" behind it is `name`.
void RemoveVariable(absl::string_view name,
                    std::vector<std::string>& environment) {
  environment.erase(std::remove_if(environment.begin(), environment.end(),
                                   [&](const std::string& entry) {
                                     return absl::StartsWith(entry, name);
                                   }),
                    environment.end());
}

// This process's environment without `hidden` and with `changes`, the last of
// the same name winning.
std::vector<std::string> MergeEnvironment(
    const std::vector<std::string>& hidden,
    const std::vector<std::string>& changes) {
  std::vector<std::string> merged;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    merged.emplace_back(*entry);
  }
  for (const std::string& name : hidden) {
    RemoveVariable(absl::StrCat(name, "="), merged);
  }
  for (const std::string& change : changes) {
    const size_t equals = change.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw std::invalid_argument(absl::StrCat(
          "the environment of a worker process takes NAME=value, not \"",
          change, "\""));
    }
    RemoveVariable(absl::string_view(change.data(), equals + 1), merged);
    merged.push_back(change);
  }
  return merged;
}

std::vector<char*> PointersTo(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& string : strings) {
    pointers.push_back(const_cast<char*>(string.c_str()));
  }
  pointers.push_back(nullptr);
  return pointers;
}

[[noreturn]] void ThrowSpawnError(int error, const std::string& program,
                                  bool is_default) {
  std::string what =
      absl::StrCat("can't start worker process \"", program, "\"");
  if (is_default && access("/proc/self", F_OK) == -1) {
    what += " (is /proc mounted?)";
  }
  ThrowErrno(error, what);
}

// A descriptor of the child, or one that looks to poll() like that of a child
// that has ended, if it is gone already. None where the kernel has none to
// give, by its age or by its orders (seccomp).
UniqueFd OpenPidfd(pid_t pid) {
  UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd && errno == ESRCH) pidfd = UniqueFd(eventfd(1, EFD_CLOEXEC));
  if (!pidfd && (errno == ENOSYS || errno == EPERM || errno == EACCES)) {
    return pidfd;
  }
  pidfd = OffStandardStreams(std::move(pidfd));
  if (pidfd) return pidfd;
  const int error = errno;
  // The one place that signals a number. It can't be another process's by now:
  // a child of ours that was not reaped holds it.
  siginfo_t info = {};
  if (waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0) {
    kill(pid, SIGKILL);
    RetryOnEintr([&] { return waitid(P_PID, pid, &info, WEXITED); });
  }
  ThrowErrno(error, "can't watch a worker process (pidfd_open)");
}

int ToPollMillis(absl::Duration left) {
  if (left >= absl::Hours(24)) return 24 * 3600 * 1000;
  return static_cast<int>(
      absl::ToInt64Milliseconds(absl::Ceil(left, absl::Milliseconds(1))));
}

}  // namespace

ChildProcess ChildProcess::Spawn(const Options& options) {
  const bool is_default = options.command.empty();
  std::string program;
  std::vector<std::string> command = options.command;
  if (is_default) {
    OwnCommand own = MakeOwnCommand(options.title);
    program = std::move(own.program);
    command = std::move(own.arguments);
  } else {
    program = command[0];
  }
  const std::vector<std::string> environment =
      MergeEnvironment(options.hidden_environment, options.environment);

  // Its number is the pidfd's later, so that a child is not started in vain.
  UniqueFd reserved(open("/", O_PATH | O_CLOEXEC));
  if (!reserved) ThrowSpawnError(errno, program, is_default);
  const UniqueFd null = OpenNull();
  std::vector<int> sources = options.descriptors;
  std::replace(sources.begin(), sources.end(), -1, null.get());
  const int lowest =
      std::max(10, kFirstDescriptor + static_cast<int>(sources.size()));
  const std::vector<UniqueFd> descriptors = DuplicateAbove(sources, lowest);
  const std::vector<UniqueFd> streams = DuplicateAbove(
      {null.get(), options.stderr_fd == -1 ? null.get() : options.stderr_fd},
      lowest);
  SpawnPlan plan;
  PlanDescriptors(descriptors, streams[0].get(),
                  options.stderr_fd == -1 ? -1 : streams[1].get(),
                  &plan.actions);
  PlanAttributes(&plan.attributes);
  pid_t pid;
  const int error =
      posix_spawnp(&pid, program.c_str(), &plan.actions, &plan.attributes,
                   PointersTo(command).data(), PointersTo(environment).data());
  if (error != 0) ThrowSpawnError(error, program, is_default);
  reserved.Reset();
  return ChildProcess(pid, OpenPidfd(pid));
}

ChildProcess::ChildProcess(pid_t pid, UniqueFd pidfd)
    : pid_(pid),
      owner_(getpid()),
      pidfd_(std::move(pidfd)),
      reap_mu_(std::make_unique<Mutex>()) {}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(other.pid_),
      owner_(std::exchange(other.owner_, -1)),
      pidfd_(std::move(other.pidfd_)),
      reap_mu_(std::move(other.reap_mu_)),
      exit_(other.exit_) {}

ChildProcess::~ChildProcess() {
  if (exit_.has_value() || getpid() != owner_) return;
  Kill();
  WaitForExit(kReapTimeout);
}

// Running, or ended and not reaped: then the number is its own.
bool ChildProcess::IsUnreaped() const {
  siginfo_t info = {};
  return !exit_.has_value() && waitid(P_PID, static_cast<id_t>(pid_), &info,
                                      WEXITED | WNOHANG | WNOWAIT) == 0;
}

void ChildProcess::Kill() { Signal(SIGKILL); }

bool ChildProcess::Signal(int number) {
  if (getpid() != owner_) return false;
  if (pidfd_) {
    if (syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0) == 0) {
      return true;
    }
    if (errno == ESRCH) return false;
  }
  MutexLock lock(*reap_mu_);
  return IsUnreaped() && kill(pid_, number) == 0;
}

bool ChildProcess::WaitForExit(absl::Duration timeout) {
  if (exit_.has_value()) return true;
  if (pidfd_) return WaitForPidfd(timeout) && TryReap();
  const Countdown countdown(timeout);
  absl::Duration interval = absl::Microseconds(100);
  while (!TryReap()) {
    const absl::Duration left = countdown.Remaining();
    if (left == absl::ZeroDuration()) return false;
    absl::SleepFor(std::min(left, interval));
    interval = std::min(2 * interval, kMaxPollInterval);
  }
  return true;
}

bool ChildProcess::WaitForPidfd(absl::Duration timeout) const {
  const Countdown countdown(timeout);
  struct pollfd watched = {.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
  while (true) {
    const absl::Duration left = countdown.Remaining();
    const int ready = poll(&watched, 1, ToPollMillis(left));
    if (ready > 0) return true;
    if (ready == 0 && left == absl::ZeroDuration()) return false;
    if (ready == -1 && errno != EINTR) return false;
  }
}

// True: it has ended. Where somebody else has reaped it, its status is unknown.
bool ChildProcess::TryReap() {
  MutexLock lock(*reap_mu_);
  siginfo_t info = {};
  int reaped = -1;
  errno = EINVAL;
  if (pidfd_) {
    reaped = RetryOnEintr([&] {
      return waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED);
    });
  }
  // Linux before 5.4 knows no P_PIDFD.
  if (reaped == -1 && errno == EINVAL) {
    reaped = waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG);
  }
  if (reaped == 0 && info.si_pid == 0) return false;  // it runs
  Exit exit;
  if (reaped == 0) {
    (info.si_code == CLD_EXITED ? exit.exit_code : exit.signal) =
        info.si_status;
  }
  exit_ = exit;
  return true;
}

std::string ChildProcess::DescribeExit(const Exit& exit) {
  if (exit.signal.has_value()) {
    const char* const description = sigdescr_np(*exit.signal);
    return absl::StrCat(
        "was killed by signal ", *exit.signal,
        description == nullptr ? "" : absl::StrCat(" (", description, ")"));
  }
  if (exit.exit_code.has_value()) {
    return absl::StrCat("exited with code ", *exit.exit_code);
  }
  return "ended, its exit status was taken by someone else";
}

}  // namespace asyncpal::internal
