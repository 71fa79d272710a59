#ifndef ASYNCPAL_IPC_AGENT_AGENT_MESSAGES_H_
#define ASYNCPAL_IPC_AGENT_AGENT_MESSAGES_H_

#include <compare>
#include <cstdint>
#include <utility>
#include <vector>

namespace asyncpal::internal {

// What the owner of tasks, the *client*, and an *agent*, which runs them on
// another machine, say to each other about who runs what. Tasks come to agents
// by way of a broker, which may lose a message, delay it, deliver it twice or
// to several agents; so none of that may start a task twice.

// A task, and which try at it.
struct AttemptId {
  uint64_t task = 0;
  int32_t attempt = 1;

  friend auto operator<=>(const AttemptId&, const AttemptId&) = default;

  template <typename H>
  friend H AbslHashValue(H h, const AttemptId& id) {
    return H::combine(std::move(h), id.task, id.attempt);
  }
};

// Agent to client: may I begin this one?
struct Claim {
  AttemptId id;
  // Tells one delivery of the task's message by the broker from another.
  uint64_t delivery = 0;
  // Tells one question from another, as each is asked until it is answered.
  uint64_t question = 0;
  // The broker has delivered the message before, to somebody who did not settle
  // it: maybe the agent that runs the task is dead.
  bool redelivered = false;
};

// Client to agent, about a claim, or about what the agent holds.
struct Answer {
  AttemptId id;
  uint64_t question = 0;  // 0: the agent has not asked
  // False: the agent has nothing more to do with it. Ends it where it runs, and
  // drops its result.
  bool begin = false;
};

// Agent to client, by itself and after each ping.
struct Holdings {
  uint64_t ping = 0;            // the last one that has come
  std::vector<AttemptId> held;  // running, or done and not yet taken note of
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_IPC_AGENT_AGENT_MESSAGES_H_
