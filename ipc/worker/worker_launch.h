#ifndef ASYNCPAL_IPC_WORKER_WORKER_LAUNCH_H_
#define ASYNCPAL_IPC_WORKER_WORKER_LAUNCH_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/ipc/call.h"
#include "asyncpal/ipc/internal/fd.h"
#include "asyncpal/ipc/payload.h"
#include "asyncpal/ipc/worker/child_process.h"
#include "asyncpal/ipc/worker/claim_page.h"
#include "asyncpal/ipc/worker/request_channel.h"
#include "asyncpal/ipc/worker/startup_output.h"

namespace asyncpal::internal {

// How long after its start a worker may take to say who it is. Another program
// may be one whose language runtime starts first.
inline constexpr absl::Duration kOwnHandshakeTimeout = absl::Seconds(10);
inline constexpr absl::Duration kOtherHandshakeTimeout = absl::Seconds(60);

// How a worker process is started, and what it is told when it has.
struct WorkerOptions {
  std::vector<std::string> command;  // empty: this executable
  // "NAME=value", besides its parent's.
  std::vector<std::string> environment = {};
  std::string pool;
  std::string worker;
  const EncodedCall* initializer = nullptr;  // null: none
  const EncodedCall* finalizer = nullptr;
  int64_t max_payload_bytes = kDefaultMaxPayloadBytes;
  // Zero: by the command, one of those above.
  absl::Duration handshake_timeout = absl::ZeroDuration();
  absl::Duration initializer_timeout = absl::InfiniteDuration();
  bool no_new_privileges = false;
  // Names of variables that its environment does not have.
  std::vector<std::string> hidden_environment = {};
  // Answers the worker's requests (request_channel.h); null: it has none.
  RequestServer::Handler answer = nullptr;
};

// A worker process that has just been started, and what its parent shares with
// it. The other end of each descriptor is the worker's alone.
struct WorkerParts {
  UniqueFd socket;
  UniqueFd requests;  // none without WorkerOptions::answer
  ClaimPage page;
  std::unique_ptr<StartupOutput> output;
  ChildProcess child;
};

// Starts the process and does not wait for it. Throws std::system_error;
// InvalidStateError if this program's own executable can't be a worker
// (SecureExecutionError()).
WorkerParts LaunchWorker(const WorkerOptions& options);

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_IPC_WORKER_WORKER_LAUNCH_H_
