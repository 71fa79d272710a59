#include "asyncpal/pool/internal/distributed/task_ledger.h"

#include <iterator>

namespace asyncpal::internal {

void TaskLedger::Submit(uint64_t task, int max_attempts) {
  Task& entry = tasks_[task];
  entry.max_attempts = max_attempts;
  Publish(task, entry);
}

bool TaskLedger::Remove(uint64_t task) {
  const auto it = tasks_.find(task);
  if (it == tasks_.end()) {
    return false;
  }
  const bool pending = !it->second.grant.has_value();
  if (!pending) {
    Answered(it->second.grant->agent, {task, it->second.attempt}, 0, false);
    EndGrant(task, it->second);
  }
  tasks_.erase(it);
  return pending;
}

void TaskLedger::OnUp(absl::Time now) {
  up_since_ = now;
  for (const auto& [id, task] : tasks_) {
    if (!task.grant.has_value()) {
      Publish(id, task);
    }
  }
  // Nothing could come while this client was away.
  for (auto& [name, agent] : agents_) {
    agent.heard = now;
    agent.taken = 0;
    SendPing(name, agent, now);
  }
}

void TaskLedger::OnDown() {
  up_since_.reset();
  outbox_.publish.clear();
}

void TaskLedger::OnClaim(const std::string& agent, const Claim& claim,
                         absl::Time now,
                         absl::FunctionRef<bool(uint64_t)> may_begin) {
  Agent& asking = Heard(agent, now);
  const auto it = tasks_.find(claim.id.task);
  if (it == tasks_.end() || it->second.attempt != claim.id.attempt) {
    Answered(agent, claim.id, claim.question, false);
    return;
  }
  Task& task = it->second;
  if (!task.grant.has_value()) {
    const bool begin = claim.id.attempt > 1 || may_begin(claim.id.task);
    Answered(agent, claim.id, claim.question, begin);
    if (begin) {
      task.grant = Grant{.agent = agent, .delivery = claim.delivery, .at = now};
      asking.granted.insert(claim.id.task);
    } else {
      tasks_.erase(it);
    }
    return;
  }
  Grant& grant = *task.grant;
  if (grant.agent == agent && grant.delivery == claim.delivery) {
    // The answer was lost, or comes too late to be used.
    grant.at = now;
    Answered(agent, claim.id, claim.question, true);
    return;
  }
  Answered(agent, claim.id, claim.question, false);
  if (claim.redelivered && grant.agent != agent) {
    SendPing(grant.agent, agents_[grant.agent], now);
  }
}

bool TaskLedger::OnResult(const std::string& agent, AttemptId id,
                          absl::Time now) {
  Heard(agent, now);
  Answered(agent, id, 0, false);
  Task* task = GrantedTo(agent, id);
  if (task == nullptr) {
    return false;
  }
  EndGrant(id.task, *task);
  tasks_.erase(id.task);
  return true;
}

std::optional<TaskLedger::Loss> TaskLedger::OnWorkerLost(
    const std::string& agent, AttemptId id, absl::Time now) {
  Heard(agent, now);
  Answered(agent, id, 0, false);
  Task* task = GrantedTo(agent, id);
  return task == nullptr ? std::nullopt : EndAttempt(id.task, *task);
}

void TaskLedger::OnHoldings(const std::string& agent, const Holdings& holdings,
                            absl::Time now) {
  Agent& holder = Heard(agent, now);
  for (const AttemptId& id : holdings.held) {
    if (Task* task = GrantedTo(agent, id); task != nullptr) {
      task->grant->seen = true;
    } else {
      Answered(agent, id, 0, false);
    }
  }
  const auto ping = holder.pings.find(holdings.ping);
  if (ping == holder.pings.end()) {
    return;
  }
  const absl::Time sent = ping->second;
  holder.pings.erase(holder.pings.begin(), std::next(ping));
  Settle(agent, sent, holdings.held);
}

// `held` is what the agent had when a ping came that was sent at `sent`.
void TaskLedger::Settle(const std::string& agent, absl::Time sent,
                        const std::vector<AttemptId>& held) {
  const absl::flat_hash_set<AttemptId> holds(held.begin(), held.end());
  std::vector<uint64_t> missing;
  for (const uint64_t id : agents_[agent].granted) {
    const Task& task = tasks_[id];
    if (sent >= task.grant->at + options_.grant_timeout &&
        !holds.contains({id, task.attempt})) {
      missing.push_back(id);
    }
  }
  for (const uint64_t id : missing) {
    Task& task = tasks_[id];
    if (!task.grant->seen) {
      EndGrant(id, task);
      Publish(id, task);
    } else if (const auto loss = EndAttempt(id, task); loss.has_value()) {
      outbox_.lost.push_back(*loss);
    }
  }
}

void TaskLedger::OnReturned(const std::string& agent, absl::Time now) {
  // After the broker has been away, agents need their time to come back, too.
  if (up_since_.has_value() && now >= *up_since_ + options_.agent_timeout) {
    LoseAgent(agent);
  }
}

void TaskLedger::OnPingTaken(const std::string& agent) {
  if (const auto it = agents_.find(agent); it != agents_.end()) {
    ++it->second.taken;
  }
}

void TaskLedger::Tick(absl::Time now) {
  if (!up_since_.has_value()) {
    return;
  }
  std::vector<std::string> lost;
  for (auto it = agents_.begin(); it != agents_.end();) {
    Agent& agent = it->second;
    if (agent.granted.empty()) {
      it = agents_.erase(it);
      continue;
    }
    const bool silent =
        now >= agent.heard + options_.agent_timeout &&
        agent.taken * options_.ping_period >= options_.agent_timeout / 2;
    if (silent) {
      lost.push_back(it->first);
    } else if (now >= agent.pinged + options_.ping_period) {
      SendPing(it->first, agent, now);
    }
    ++it;
  }
  for (const std::string& agent : lost) {
    LoseAgent(agent);
  }
}

size_t TaskLedger::granted() const {
  size_t sum = 0;
  for (const auto& [name, agent] : agents_) {
    sum += agent.granted.size();
  }
  return sum;
}

void TaskLedger::Answered(const std::string& agent, AttemptId id,
                          uint64_t question, bool begin) {
  outbox_.answers.push_back(
      {agent, {.id = id, .question = question, .begin = begin}});
}

TaskLedger::Agent& TaskLedger::Heard(const std::string& agent, absl::Time now) {
  Agent& result = agents_[agent];
  result.heard = now;
  result.taken = 0;
  return result;
}

void TaskLedger::SendPing(const std::string& name, Agent& agent,
                          absl::Time now) {
  agent.pinged = now;
  // Of an agent that does not answer, the last ones are enough.
  constexpr size_t kMaxPings = 64;
  if (agent.pings.size() == kMaxPings) {
    agent.pings.erase(agent.pings.begin());
  }
  agent.pings[++last_ping_] = now;
  outbox_.pings.push_back({name, last_ping_});
}

TaskLedger::Task* TaskLedger::GrantedTo(const std::string& agent,
                                        AttemptId id) {
  const auto it = tasks_.find(id.task);
  return it != tasks_.end() && it->second.attempt == id.attempt &&
                 it->second.grant.has_value() &&
                 it->second.grant->agent == agent
             ? &it->second
             : nullptr;
}

void TaskLedger::EndGrant(uint64_t id, Task& task) {
  agents_[task.grant->agent].granted.erase(id);
  task.grant.reset();
}

void TaskLedger::Publish(uint64_t id, const Task& task) {
  if (up_since_.has_value()) {
    outbox_.publish.push_back({id, task.attempt});
  }
}

// The attempt has been begun, and will have no result.
std::optional<TaskLedger::Loss> TaskLedger::EndAttempt(uint64_t id,
                                                       Task& task) {
  Loss loss{.id = {id, task.attempt}, .agent = task.grant->agent};
  EndGrant(id, task);
  if (task.attempt == task.max_attempts) {
    tasks_.erase(id);
    return loss;
  }
  ++task.attempt;
  Publish(id, task);
  return std::nullopt;
}

void TaskLedger::LoseAgent(const std::string& agent) {
  const auto it = agents_.find(agent);
  if (it == agents_.end()) {
    return;
  }
  const absl::flat_hash_set<uint64_t> granted = it->second.granted;
  for (const uint64_t id : granted) {
    if (const auto loss = EndAttempt(id, tasks_[id]); loss.has_value()) {
      outbox_.lost.push_back(*loss);
    }
  }
  agents_.erase(agent);
}

}  // namespace asyncpal::internal
