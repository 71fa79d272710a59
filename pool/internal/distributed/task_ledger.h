#ifndef ASYNCPAL_POOL_INTERNAL_DISTRIBUTED_TASK_LEDGER_H_
#define ASYNCPAL_POOL_INTERNAL_DISTRIBUTED_TASK_LEDGER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "asyncpal/ipc/agent/agent_messages.h"

namespace asyncpal::internal {

// The client's account of its unfinished tasks: which are at the broker, and
// which agent has been allowed to begin which. It alone decides what begins.
// Says what is to be sent; sends nothing.
//
// No attempt begins twice, whatever the broker does with messages. An agent
// begins what it was granted only within AgentDesk::Options::grant_validity of
// its question, which is less than `grant_timeout`. So what an agent does not
// hold when a ping reaches it that was sent `grant_timeout` after the grant, it
// has not begun and never will, and it is published again.
//
// Threads: guarded as a whole.
class TaskLedger {
 public:
  struct Options {
    // An agent with running tasks from which nothing comes for so long is lost.
    absl::Duration agent_timeout = absl::Seconds(15);
    absl::Duration grant_timeout = absl::Seconds(2);
    // How often an agent that is silent is asked what it holds.
    absl::Duration ping_period = absl::Seconds(1);
  };

  struct Ping {
    std::string agent;
    uint64_t number = 0;
  };

  // A task whose last attempt went with its agent.
  struct Loss {
    AttemptId id;
    std::string agent;
  };

  struct Outbox {
    std::vector<AttemptId> publish;
    std::vector<std::pair<std::string, Answer>> answers;  // by agent
    std::vector<Ping> pings;
    std::vector<Loss> lost;  // these are in the ledger no more
  };

  TaskLedger() : TaskLedger(Options()) {}
  explicit TaskLedger(Options options) : options_(options) {}

  // A new task, pending from now on. It may be begun `max_attempts` times.
  void Submit(uint64_t task, int max_attempts);

  // Removes a task. True: it was pending, and will not be begun. False: it was
  // granted, and its agent is told to end it; or there is no such task.
  bool Remove(uint64_t task);

  // Messages can reach this client from now on: only now may tasks be
  // published, as an agent whose question comes back takes it for dead.
  void OnUp(absl::Time now);
  void OnDown();

  // `may_begin` is asked before a task's first grant; false removes it.
  void OnClaim(const std::string& agent, const Claim& claim, absl::Time now,
               absl::FunctionRef<bool(uint64_t)> may_begin);

  // True: the task has ended with this result, and is in the ledger no more.
  // False: the result is none, as it is of an attempt that is over.
  bool OnResult(const std::string& agent, AttemptId id, absl::Time now);

  // The agent's worker process has died while it ran the task. Nullopt: the
  // attempt was over, or there will be another. Else the task is in the ledger
  // no more.
  std::optional<Loss> OnWorkerLost(const std::string& agent, AttemptId id,
                                   absl::Time now);

  void OnHoldings(const std::string& agent, const Holdings& holdings,
                  absl::Time now);

  // The broker has nobody to whom it could give a message for this agent.
  void OnReturned(const std::string& agent, absl::Time now);

  // The broker has taken a ping to this agent. Silence counts only after such,
  // as a blocked broker makes all agents silent.
  void OnPingTaken(const std::string& agent);

  // To be called once per `ping_period` or more often.
  void Tick(absl::Time now);

  // What is to be sent since the last call.
  Outbox Take() { return std::exchange(outbox_, {}); }

  size_t size() const { return tasks_.size(); }
  size_t granted() const;

 private:
  struct Grant {
    std::string agent;
    uint64_t delivery = 0;
    absl::Time at;
    bool seen = false;  // the agent has said that it holds it
  };
  struct Task {
    int32_t attempt = 1;
    int max_attempts = 1;
    std::optional<Grant> grant;
  };
  struct Agent {
    absl::Time heard;
    absl::Time pinged = absl::InfinitePast();
    uint64_t last_ping = 0;
    std::map<uint64_t, absl::Time> pings;  // not answered yet
    int taken = 0;                         // pings since it was heard
    absl::flat_hash_set<uint64_t> granted;
  };

  void Answered(const std::string& agent, AttemptId id, uint64_t question,
                bool begin);
  Agent& Heard(const std::string& agent, absl::Time now);
  void SendPing(const std::string& name, Agent& agent, absl::Time now);
  Task* GrantedTo(const std::string& agent, AttemptId id);
  void EndGrant(uint64_t id, Task& task);
  void Publish(uint64_t id, const Task& task);
  std::optional<Loss> EndAttempt(uint64_t id, Task& task);
  void LoseAgent(const std::string& agent);
  void Settle(const std::string& agent, absl::Time sent,
              const std::vector<AttemptId>& held);

  const Options options_;
  absl::flat_hash_map<uint64_t, Task> tasks_;
  std::map<std::string, Agent> agents_;
  std::optional<absl::Time> up_since_;
  uint64_t last_ping_ = 0;
  Outbox outbox_;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_DISTRIBUTED_TASK_LEDGER_H_
