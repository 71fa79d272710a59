#ifndef ASYNCPAL_POOL_INTERNAL_DISTRIBUTED_SIMULATED_CLUSTER_H_
#define ASYNCPAL_POOL_INTERNAL_DISTRIBUTED_SIMULATED_CLUSTER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/ipc/agent/agent_messages.h"
#include "asyncpal/pool/internal/distributed/agent_desk.h"
#include "asyncpal/pool/internal/distributed/task_ledger.h"

namespace asyncpal::internal {

// A client and agents at a broker in virtual time, on one thread: who says what
// when, and what fails, is decided by a seed. Tasks do nothing but take time.
class SimulatedCluster {
 public:
  struct Options {
    uint64_t seed = 1;
    int agents = 3;
    int tasks = 30;
    // Faults come in this time, then no more. Zero: there are none.
    absl::Duration faults = absl::Seconds(30);
    // How likely a message between client and agent is lost, and comes twice,
    // and comes seconds later, so long as there are faults.
    double lost = 0.03;
    double doubled = 0.03;
    double delayed = 0.05;
    // Whether agents, connections and the broker end.
    bool deaths = true;
    AgentDesk::Options agent = {.slots = 2};
    TaskLedger::Options client;
  };

  // What has become of the tasks.
  struct Outcome {
    int completed = 0;
    int lost = 0;
    int removed = 0;     // by the client
    int unresolved = 0;  // when nothing had failed for long
    int begun = 0;
    int begun_twice = 0;     // attempts, which must not be
    int resolved_twice = 0;  // tasks
    size_t left = 0;         // in the accounts of client and agents
  };

  explicit SimulatedCluster(Options options);
  ~SimulatedCluster();

  Outcome Run();

 private:
  struct Message {
    AttemptId id;
    bool redelivered = false;
  };
  struct Agent {
    std::string name;
    AgentDesk desk;
    bool is_alive = true;
    bool is_up = false;
    std::map<uint64_t, Message> unsettled;
    std::map<AgentDesk::Key, bool> results;  // false: its worker has died
  };
  enum class End { kCompleted, kLost, kRemoved };

  void At(absl::Duration delay, std::function<void()> function);
  bool Chance(double probability);
  absl::Duration Between(absl::Duration least, absl::Duration most);
  bool HasFaults() const { return now_ < start_ + options_.faults; }
  // A message's way through the broker.
  void Carry(std::function<void()> arrive);

  void Deliver();
  void TellClient(Agent* from, std::function<void()> arrive,
                  std::function<void()> returned);
  void FlushClient();
  void FlushAgent(Agent& agent);
  void TellAgent(const std::string& name, std::function<void(Agent&)> arrive,
                 std::function<void()> returned);
  void Begin(Agent& agent, const AgentDesk::Key& key);
  void SendResult(Agent& agent, const AgentDesk::Key& key);
  void Resolve(uint64_t task, End end);

  void StartAgent();
  void Connect(Agent& agent);
  void Disconnect(Agent& agent);
  void Kill(Agent& agent);
  void DisconnectClient();
  void ConnectClient();
  void CrashBroker();
  void Fail();
  void Tick();

  const Options options_;
  std::mt19937_64 random_;
  const absl::Time start_ = absl::UnixEpoch();
  absl::Time now_ = start_;
  std::multimap<absl::Time, std::function<void()>> events_;

  bool broker_is_up_ = true;
  std::deque<Message> queue_;
  uint64_t last_delivery_ = 0;

  TaskLedger ledger_;
  bool client_is_up_ = false;
  std::vector<std::unique_ptr<Agent>> agents_;
  int last_agent_ = 0;

  std::map<AttemptId, int> begun_;
  std::map<uint64_t, End> ends_;
  Outcome outcome_;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_DISTRIBUTED_SIMULATED_CLUSTER_H_
