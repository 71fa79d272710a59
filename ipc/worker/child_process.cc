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
#include "asyncpal/future/countdown.h"

namespace asyncpal::internal {
namespace {

constexpr char kOwnExecutable[] = "/proc/self/exe";
constexpr int kFirstDescriptor = 3;
// How long a destructor waits for a process that SIGKILL has not ended yet.
constexpr absl::Duration kReapTimeout = absl::Seconds(10);

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

void PlanDescriptors(const std::vector<UniqueFd>& descriptors,
                     posix_spawn_file_actions_t* actions) {
  SpawnPlan::Check(posix_spawn_file_actions_addopen(actions, STDIN_FILENO,
                                                    "/dev/null", O_RDONLY, 0));
  for (const int stream : {STDOUT_FILENO, STDERR_FILENO}) {
    // Where a program has closed a standard stream, anything may have its
    // number now. What is close-on-exec was not meant for the child.
    const int flags = fcntl(stream, F_GETFD);
    if (flags == -1 || (flags & FD_CLOEXEC) != 0) {
      SpawnPlan::Check(posix_spawn_file_actions_addopen(
          actions, stream, "/dev/null", O_WRONLY, 0));
    }
  }
  int target = kFirstDescriptor;
  for (const UniqueFd& fd : descriptors) {
    SpawnPlan::Check(
        posix_spawn_file_actions_adddup2(actions, fd.get(), target++));
  }
  SpawnPlan::Check(posix_spawn_file_actions_addclosefrom_np(actions, target));
}

void PlanAttributes(posix_spawnattr_t* attributes) {
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  SpawnPlan::Check(posix_spawnattr_setsigmask(attributes, &none));
  SpawnPlan::Check(posix_spawnattr_setsigdefault(attributes, &all));
  SpawnPlan::Check(posix_spawnattr_setpgroup(attributes, 0));
  SpawnPlan::Check(posix_spawnattr_setflags(
      attributes,
      POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP));
}

// This process's environment with `changes`, the last of the same name winning.
std::vector<std::string> MergeEnvironment(
    const std::vector<std::string>& changes) {
  std::vector<std::string> merged;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    merged.emplace_back(*entry);
  }
  for (const std::string& change : changes) {
    const size_t equals = change.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw std::invalid_argument(absl::StrCat(
          "the environment of a worker process takes NAME=value, not \"",
          change, "\""));
    }
    const absl::string_view name(change.data(), equals + 1);
    merged.erase(std::remove_if(merged.begin(), merged.end(),
                                [&](const std::string& entry) {
                                  return absl::StartsWith(entry, name);
                                }),
                 merged.end());
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
// that has ended, if it is gone already.
UniqueFd OpenPidfd(pid_t pid) {
  UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd && errno == ESRCH) pidfd = UniqueFd(eventfd(1, EFD_CLOEXEC));
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
  std::vector<std::string> command = options.command;
  if (is_default) {
    command = {program_invocation_name};
    if (!options.title.empty()) command.push_back(options.title);
  }
  const std::string program = is_default ? kOwnExecutable : command[0];
  const std::vector<std::string> environment =
      MergeEnvironment(options.environment);

  // Its number is the pidfd's later, so that a child is not started in vain.
  UniqueFd reserved(open("/", O_PATH | O_CLOEXEC));
  if (!reserved) ThrowSpawnError(errno, program, is_default);
  const int targets = static_cast<int>(options.descriptors.size());
  std::vector<UniqueFd> descriptors = DuplicateAbove(
      options.descriptors, std::max(10, kFirstDescriptor + targets));
  SpawnPlan plan;
  PlanDescriptors(descriptors, &plan.actions);
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
    : pid_(pid), owner_(getpid()), pidfd_(std::move(pidfd)) {}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept = default;

ChildProcess::~ChildProcess() {
  if (!pidfd_ || exit_.has_value() || getpid() != owner_) return;
  Kill();
  WaitForExit(kReapTimeout);
}

void ChildProcess::Kill() {
  if (getpid() != owner_) return;
  syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
}

bool ChildProcess::WaitForExit(absl::Duration timeout) {
  if (exit_.has_value()) return true;
  const Countdown countdown(timeout);
  struct pollfd watched = {.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
  for (;;) {
    const absl::Duration left = countdown.Remaining();
    const int ready = poll(&watched, 1, ToPollMillis(left));
    if (ready > 0) break;
    if (ready == 0 && left == absl::ZeroDuration()) return false;
    if (ready == -1 && errno != EINTR) return false;
  }
  Exit exit;
  siginfo_t info = {};
  const int reaped = RetryOnEintr([&] {
    return waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED);
  });
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
