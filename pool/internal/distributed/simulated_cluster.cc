#include "asyncpal/pool/internal/distributed/simulated_cluster.h"

#include <algorithm>
#include <utility>

namespace asyncpal::internal {
namespace {

constexpr char kClient[] = "client";
constexpr size_t kPrefetched = 6;

}  // namespace

SimulatedCluster::SimulatedCluster(Options options)
    : options_(options), random_(options.seed), ledger_(options.client) {}

SimulatedCluster::~SimulatedCluster() = default;

SimulatedCluster::Outcome SimulatedCluster::Run() {
  ConnectClient();
  for (int i = 0; i < options_.agents; ++i) {
    StartAgent();
  }
  for (int i = 1; i <= options_.tasks; ++i) {
    At(Between(absl::ZeroDuration(), absl::Seconds(20)), [this, i] {
      ledger_.Submit(i, 1 + static_cast<int>(random_() % 3));
      FlushClient();
    });
    if (options_.deaths && Chance(0.1)) {
      At(Between(absl::Seconds(1), absl::Seconds(30)), [this, i] {
        if (!ends_.contains(i) && ledger_.Remove(i)) {
          Resolve(i, End::kRemoved);
        } else if (!ends_.contains(i)) {
          Resolve(i, End::kRemoved);
        }
        FlushClient();
      });
    }
  }
  if (options_.deaths) {
    for (absl::Duration t; t < options_.faults;) {
      t += Between(absl::Milliseconds(100), absl::Seconds(8));
      At(t, [this] { Fail(); });
    }
  }
  Tick();
  const absl::Time end = start_ + options_.faults + absl::Minutes(10);
  while (now_ < end) {
    const auto next = events_.begin();
    now_ = next->first;
    const std::function<void()> function = std::move(next->second);
    events_.erase(next);
    function();
  }
  outcome_.unresolved = options_.tasks - static_cast<int>(ends_.size());
  for (const auto& [id, times] : begun_) {
    outcome_.begun += times;
    outcome_.begun_twice += times > 1;
  }
  outcome_.left = ledger_.size();
  for (const auto& agent : agents_) {
    outcome_.left += agent->is_alive ? agent->desk.held() : 0;
  }
  return outcome_;
}

void SimulatedCluster::At(absl::Duration delay,
                          std::function<void()> function) {
  events_.emplace(now_ + delay, std::move(function));
}

bool SimulatedCluster::Chance(double probability) {
  return std::uniform_real_distribution<>(0, 1)(random_) < probability;
}

absl::Duration SimulatedCluster::Between(absl::Duration least,
                                         absl::Duration most) {
  return least +
         std::uniform_real_distribution<>(0, 1)(random_) * (most - least);
}

void SimulatedCluster::Carry(std::function<void()> arrive) {
  if (!broker_is_up_ || (HasFaults() && Chance(options_.lost))) {
    return;
  }
  const int copies = HasFaults() && Chance(options_.doubled) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    const bool late = HasFaults() && Chance(options_.delayed);
    At(late ? Between(absl::Milliseconds(100), absl::Seconds(6))
            : Between(absl::Microseconds(100), absl::Milliseconds(20)),
       arrive);
  }
}

void SimulatedCluster::Deliver() {
  for (bool delivered = true; delivered && !queue_.empty();) {
    delivered = false;
    for (size_t i = 0; i < agents_.size() && !queue_.empty(); ++i) {
      Agent& agent = *agents_[i];
      if (!agent.is_up || agent.unsettled.size() >= kPrefetched) {
        continue;
      }
      const Message message = queue_.front();
      queue_.pop_front();
      const uint64_t delivery = ++last_delivery_;
      agent.unsettled[delivery] = message;
      // What is still on its way when the connection ends does not arrive.
      At(Between(absl::Microseconds(100), absl::Milliseconds(20)),
         [this, &agent, message, delivery] {
           if (agent.unsettled.contains(delivery)) {
             agent.desk.OnTask({kClient, message.id}, delivery,
                               message.redelivered, now_);
             FlushAgent(agent);
           }
         });
      delivered = true;
    }
  }
}

void SimulatedCluster::TellClient(Agent* from, std::function<void()> arrive,
                                  std::function<void()> returned) {
  if (!from->is_up) {
    return;
  }
  Carry([this, from, arrive, returned] {
    if (client_is_up_) {
      arrive();
      FlushClient();
    } else if (from->is_up) {
      returned();
      FlushAgent(*from);
    }
  });
}

void SimulatedCluster::FlushClient() {
  TaskLedger::Outbox outbox = ledger_.Take();
  for (const TaskLedger::Loss& loss : outbox.lost) {
    Resolve(loss.id.task, End::kLost);
  }
  if (!client_is_up_) {
    return;
  }
  for (const AttemptId id : outbox.publish) {
    At(Between(absl::Microseconds(100), absl::Milliseconds(20)), [this, id] {
      if (broker_is_up_) {
        queue_.push_back({.id = id});
        Deliver();
      }
    });
  }
  for (const auto& [name, answer] : outbox.answers) {
    TellAgent(
        name,
        [this, answer](Agent& agent) {
          agent.desk.OnAnswer(kClient, answer, now_);
        },
        [] {});
  }
  for (const TaskLedger::Ping& ping : outbox.pings) {
    ledger_.OnPingTaken(ping.agent);
    TellAgent(
        ping.agent,
        [this, ping](Agent& agent) {
          agent.desk.OnPing(kClient, ping.number, now_);
        },
        [this, ping] { ledger_.OnReturned(ping.agent, now_); });
  }
}

void SimulatedCluster::TellAgent(const std::string& name,
                                 std::function<void(Agent&)> arrive,
                                 std::function<void()> returned) {
  Carry([this, name, arrive, returned] {
    const auto it = std::ranges::find_if(
        agents_, [&](const auto& agent) { return agent->name == name; });
    if (it != agents_.end() && (*it)->is_up) {
      arrive(**it);
      FlushAgent(**it);
    } else if (client_is_up_) {
      returned();
      FlushClient();
    }
  });
}

void SimulatedCluster::FlushAgent(Agent& agent) {
  const AgentDesk::Outbox outbox = agent.desk.Take();
  for (const AgentDesk::Key& key : outbox.begin) {
    Begin(agent, key);
  }
  for (const AgentDesk::Key& key : outbox.drop) {
    agent.results.erase(key);
  }
  if (!agent.is_up) {
    return;
  }
  for (const uint64_t delivery : outbox.settled) {
    agent.unsettled.erase(delivery);
  }
  for (const uint64_t delivery : outbox.given_back) {
    if (const auto it = agent.unsettled.extract(delivery); !it.empty()) {
      queue_.push_front({.id = it.mapped().id, .redelivered = true});
    }
  }
  for (const auto& [client, claim] : outbox.claims) {
    TellClient(
        &agent,
        [this, name = agent.name, claim] {
          ledger_.OnClaim(name, claim, now_, [this](uint64_t task) {
            return !ends_.contains(task);
          });
        },
        [&agent, claim] { agent.desk.OnReturned(kClient, claim); });
  }
  for (const auto& [client, holdings] : outbox.holdings) {
    TellClient(
        &agent,
        [this, name = agent.name, holdings] {
          ledger_.OnHoldings(name, holdings, now_);
        },
        [this, &agent] { agent.desk.OnReturned(kClient, now_); });
  }
  for (const AgentDesk::Key& key : outbox.results) {
    SendResult(agent, key);
  }
  Deliver();
}

void SimulatedCluster::Begin(Agent& agent, const AgentDesk::Key& key) {
  ++begun_[key.id];
  const absl::Duration time =
      Chance(0.2) ? Between(absl::Seconds(1), absl::Seconds(12))
                  : Between(absl::Milliseconds(1), absl::Seconds(1));
  const bool ends_well = !options_.deaths || !Chance(0.05);
  At(time, [this, &agent, key, ends_well] {
    if (agent.is_alive) {
      agent.results[key] = ends_well;
      agent.desk.OnDone(key, now_);
      FlushAgent(agent);
    }
  });
}

void SimulatedCluster::SendResult(Agent& agent, const AgentDesk::Key& key) {
  TellClient(
      &agent,
      [this, name = agent.name, id = key.id, ends_well = agent.results[key]] {
        if (!ends_well) {
          if (ledger_.OnWorkerLost(name, id, now_).has_value()) {
            Resolve(id.task, End::kLost);
          }
        } else if (ledger_.OnResult(name, id, now_)) {
          Resolve(id.task, End::kCompleted);
        }
      },
      [this, &agent] { agent.desk.OnReturned(kClient, now_); });
}

void SimulatedCluster::Resolve(uint64_t task, End end) {
  if (!ends_.emplace(task, end).second) {
    ++outcome_.resolved_twice;
    return;
  }
  ++(end == End::kCompleted ? outcome_.completed
     : end == End::kLost    ? outcome_.lost
                            : outcome_.removed);
}

void SimulatedCluster::StartAgent() {
  const std::string name = "agent-" + std::to_string(++last_agent_);
  agents_.push_back(std::make_unique<Agent>(
      Agent{.name = name, .desk = AgentDesk(options_.agent)}));
  Connect(*agents_.back());
}

void SimulatedCluster::Connect(Agent& agent) {
  if (!broker_is_up_) {
    At(absl::Seconds(1), [this, &agent] { Connect(agent); });
  } else if (agent.is_alive && !agent.is_up) {
    agent.is_up = true;
    agent.desk.OnUp(now_);
    FlushAgent(agent);
  }
}

void SimulatedCluster::Disconnect(Agent& agent) {
  agent.is_up = false;
  agent.desk.OnDown();
  if (broker_is_up_) {
    for (const auto& [delivery, message] : agent.unsettled) {
      queue_.push_front({.id = message.id, .redelivered = true});
    }
  }
  agent.unsettled.clear();
  At(Between(absl::Milliseconds(10), absl::Seconds(4)),
     [this, &agent] { Connect(agent); });
  Deliver();
}

void SimulatedCluster::Kill(Agent& agent) {
  agent.is_alive = false;
  Disconnect(agent);
  At(Between(absl::Milliseconds(100), absl::Seconds(10)),
     [this] { StartAgent(); });
}

void SimulatedCluster::ConnectClient() {
  if (!broker_is_up_) {
    At(absl::Seconds(1), [this] { ConnectClient(); });
  } else if (!client_is_up_) {
    client_is_up_ = true;
    ledger_.OnUp(now_);
    FlushClient();
  }
}

void SimulatedCluster::DisconnectClient() {
  client_is_up_ = false;
  ledger_.OnDown();
  At(Between(absl::Milliseconds(10), absl::Seconds(4)),
     [this] { ConnectClient(); });
}

void SimulatedCluster::CrashBroker() {
  broker_is_up_ = false;
  queue_.clear();
  const absl::Duration away = Between(absl::Seconds(1), absl::Seconds(8));
  At(away, [this] { broker_is_up_ = true; });
  for (const auto& agent : agents_) {
    if (agent->is_up) {
      Disconnect(*agent);
    }
  }
  if (client_is_up_) {
    DisconnectClient();
  }
}

void SimulatedCluster::Fail() {
  std::vector<Agent*> up;
  for (const auto& agent : agents_) {
    if (agent->is_up) {
      up.push_back(agent.get());
    }
  }
  const uint64_t what = random_() % 8;
  if (what == 0 && broker_is_up_) {
    CrashBroker();
  } else if (what == 1 && client_is_up_) {
    DisconnectClient();
  } else if (!up.empty()) {
    Agent& agent = *up[random_() % up.size()];
    if (what == 2) {
      agent.desk.Drain();
      FlushAgent(agent);
      At(absl::Seconds(15), [this, &agent] {
        if (agent.is_alive) {
          Kill(agent);
        }
      });
    } else if (what < 5) {
      Kill(agent);
    } else {
      Disconnect(agent);
    }
  }
}

void SimulatedCluster::Tick() {
  ledger_.Tick(now_);
  FlushClient();
  for (size_t i = 0; i < agents_.size(); ++i) {
    if (agents_[i]->is_alive) {
      agents_[i]->desk.Tick(now_);
      FlushAgent(*agents_[i]);
    }
  }
  At(absl::Milliseconds(500), [this] { Tick(); });
}

}  // namespace asyncpal::internal
