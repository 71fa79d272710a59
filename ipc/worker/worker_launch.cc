#include "asyncpal/ipc/worker/worker_launch.h"

#include <sys/socket.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asyncpal/ipc/worker/secure_execution.h"
#include "asyncpal/ipc/worker/worker_main.h"
#include "asyncpal/ipc/worker/worker_protocol.h"

namespace asyncpal::internal {
namespace {

struct Sockets {
  UniqueFd parent;
  UniqueFd worker;
};

Sockets MakeSockets() {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
    throw std::system_error(errno, std::generic_category(),
                            "can't make a socket for a worker process");
  }
  UniqueFd one(fds[0]);
  UniqueFd other(fds[1]);
  Sockets sockets;
  sockets.parent = OffStandardStreams(std::move(one));
  sockets.worker = OffStandardStreams(std::move(other));
  if (!sockets.parent || !sockets.worker) {
    throw std::system_error(errno, std::generic_category(),
                            "can't keep a socket for a worker process");
  }
  return sockets;
}

// The pool's own, then what makes the process a worker.
std::vector<std::string> MakeEnvironment(std::vector<std::string> environment) {
  environment.push_back(absl::StrCat(kWorkerVariable, "=1"));
  environment.push_back(absl::StrCat(kDepthVariable, "=", WorkerDepth() + 1));
  return environment;
}

}  // namespace

WorkerParts LaunchWorker(const WorkerOptions& options) {
  if (options.command.empty()) CheckOwnExecutableCanServe();
  ClaimPage page = ClaimPage::Create();
  Sockets sockets = MakeSockets();
  Sockets requests;
  if (options.answer != nullptr) requests = MakeSockets();
  auto output = std::make_unique<StartupOutput>();
  ChildProcess::Options child = {
      .command = options.command,
      .title = absl::StrCat("asyncpal worker ", options.worker),
      .environment = MakeEnvironment(options.environment),
      .hidden_environment = options.hidden_environment,
      .descriptors = {sockets.worker.get(), page.fd(), output->stderr_fd()},
      .stderr_fd = output->child_end()};
  if (requests.worker) {
    child.environment.push_back(absl::StrCat(kRequestsVariable, "=1"));
    child.descriptors.push_back(requests.worker.get());
  }
  WorkerParts parts = {.socket = std::move(sockets.parent),
                       .requests = std::move(requests.parent),
                       .page = std::move(page),
                       .output = std::move(output),
                       .child = ChildProcess::Spawn(child)};
  parts.output->CloseChildEnd();
  return parts;
}

}  // namespace asyncpal::internal
