#ifndef ASYNCPAL_IPC_AGENT_AGENT_PROTOCOL_H_
#define ASYNCPAL_IPC_AGENT_AGENT_PROTOCOL_H_

#include <cstdint>
#include <string>
#include <variant>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "asyncpal/ipc/agent/agent_messages.h"
#include "asyncpal/ipc/call.h"
#include "asyncpal/ipc/payload.h"

namespace asyncpal::internal {

// What clients and agents send as bytes; agent.capnp says how.

inline constexpr uint32_t kAgentSchema = 1;

// A task on its way to an agent. The arguments are in memory.
struct TaskToRun {
  AttemptId id;
  EncodedCall call;
  absl::Duration timeout = absl::InfiniteDuration();
  std::string name = {};
  std::string traceparent = {};
};

struct Ping {
  uint64_t number = 0;
};

// A running task is asked to stop.
struct StopRequest {
  AttemptId id;
};

// How an attempt has ended.
struct AttemptResult {
  struct Value {
    Payload payload;
  };
  struct Failed {
    std::string failure;  // a wire::Failure, not read
  };
  struct WorkerLost {
    std::string how;
  };
  struct TimedOut {};
  struct Cancelled {};

  AttemptId id;
  std::variant<Value, Failed, WorkerLost, TimedOut, Cancelled> end;
};

struct AgentMessage {
  std::string sender;  // where it takes answers
  std::variant<TaskToRun, Claim, Answer, Ping, Holdings, AttemptResult,
               StopRequest>
      content;
};

std::string EncodeAgentMessage(const AgentMessage& message);

// Anybody who may send to a queue can send anything. Throws ProtocolError,
// which says what is wrong.
AgentMessage DecodeAgentMessage(absl::Span<const char> bytes);

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_IPC_AGENT_AGENT_PROTOCOL_H_
