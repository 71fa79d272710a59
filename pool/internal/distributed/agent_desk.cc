#include "asyncpal/pool/internal/distributed/agent_desk.h"

#include <algorithm>
#include <utility>

namespace asyncpal::internal {

void AgentDesk::OnTask(const Key& key, uint64_t delivery, bool redelivered,
                       absl::Time now) {
  if (draining_) {
    outbox_.given_back.push_back(delivery);
    return;
  }
  const auto [it, is_new] = tasks_.try_emplace(key);
  Task& task = it->second;
  if (!is_new &&
      (task.phase == Phase::kRunning || task.phase == Phase::kDone)) {
    // A copy, or the message that this connection has not had yet.
    if (task.delivery == 0) {
      task.delivery = delivery;
      task.delivered = now;
    } else {
      Settle(delivery);
    }
    return;
  }
  if (!is_new) {
    // The newest copy stays: a question about another may come back, which says
    // nothing about this one.
    waiting_.erase(task.delivery);
    Settle(task.delivery);
  }
  task = {.delivery = delivery, .redelivered = redelivered, .delivered = now};
  waiting_[delivery] = key;
  clients_.try_emplace(key.client, Client{.heard = now, .probed = now});
  AskMore(now);
}

void AgentDesk::OnAnswer(const std::string& client, const Answer& answer,
                         absl::Time now) {
  Heard(client, now);
  const auto it = tasks_.find({client, answer.id});
  if (it == tasks_.end()) {
    return;
  }
  Task& task = it->second;
  const bool has_begun =
      task.phase == Phase::kRunning || task.phase == Phase::kDone;
  if (has_begun || task.phase == Phase::kWaiting) {
    // An answer to a question is about another copy. What was not asked says
    // that the attempt is over.
    if (answer.question == 0) {
      Erase(it);
    }
  } else if (answer.question == 0 ||
             (answer.question == task.question && !answer.begin)) {
    Erase(it);
  } else if (answer.question == task.question) {
    if (now <= task.sent + options_.grant_validity) {
      task.phase = Phase::kRunning;
      outbox_.begin.push_back(it->first);
    } else {
      Ask(it->first, task, now);
    }
  }
  AskMore(now);
}

void AgentDesk::OnPing(const std::string& client, uint64_t number,
                       absl::Time now) {
  Heard(client, now);
  Client& asking = clients_[client];
  asking.ping = std::max(asking.ping, number);
  SendHoldings(client);
}

void AgentDesk::OnDone(const Key& key, absl::Time now) {
  if (const auto it = tasks_.find(key); it != tasks_.end()) {
    it->second.phase = Phase::kDone;
    it->second.sent = now;
    outbox_.results.push_back(key);
  }
  AskMore(now);
}

void AgentDesk::OnReturned(const std::string& client, const Claim& claim) {
  const auto it = tasks_.find({client, claim.id});
  if (it != tasks_.end() && it->second.phase == Phase::kAsked &&
      it->second.delivery == claim.delivery) {
    // Nobody wants it; a client that comes back publishes what is pending.
    Erase(it);
  }
}

void AgentDesk::OnReturned(const std::string& client, absl::Time now) {
  if (const auto it = clients_.find(client);
      it != clients_.end() && !it->second.unreachable_since.has_value()) {
    it->second.unreachable_since = now;
  }
}

void AgentDesk::OnUp(absl::Time now) {
  is_up_ = true;
  for (auto& [key, task] : tasks_) {
    if (task.phase == Phase::kDone) {
      task.sent = now;
      outbox_.results.push_back(key);
    }
  }
}

void AgentDesk::OnDown() {
  is_up_ = false;
  waiting_.clear();
  for (auto it = tasks_.begin(); it != tasks_.end();) {
    Task& task = it->second;
    if (task.phase == Phase::kWaiting || task.phase == Phase::kAsked) {
      it = tasks_.erase(it);
    } else {
      task.delivery = 0;
      ++it;
    }
  }
  // What waits to be sent by the connection that is gone is made again.
  outbox_.claims.clear();
  outbox_.holdings.clear();
  outbox_.results.clear();
  outbox_.settled.clear();
  outbox_.given_back.clear();
}

void AgentDesk::Drain() {
  draining_ = true;
  waiting_.clear();
  for (auto it = tasks_.begin(); it != tasks_.end();) {
    const Task& task = it->second;
    if (task.phase == Phase::kWaiting || task.phase == Phase::kAsked) {
      outbox_.given_back.push_back(task.delivery);
      it = tasks_.erase(it);
    } else {
      ++it;
    }
  }
}

void AgentDesk::Tick(absl::Time now) {
  std::vector<std::string> gone;
  for (auto& [name, client] : clients_) {
    if (FirstOf(name) == tasks_.end()) {
      gone.push_back(name);
    } else if (client.unreachable_since.has_value() &&
               now >= *client.unreachable_since + options_.client_timeout) {
      gone.push_back(name);
    } else if (is_up_ && now >= client.heard + options_.repeat_period &&
               now >= client.probed + options_.repeat_period) {
      client.probed = now;
      SendHoldings(name);
    }
  }
  for (const std::string& client : gone) {
    EraseClient(client);
  }
  if (!is_up_) {
    return;
  }
  for (auto& [key, task] : tasks_) {
    if (task.phase != Phase::kAsked && task.phase != Phase::kWaiting &&
        now >= task.delivered + options_.settle_timeout) {
      Settle(std::exchange(task.delivery, 0));
    }
    if (now < task.sent + options_.repeat_period) {
      continue;
    }
    if (task.phase == Phase::kAsked) {
      Ask(key, task, now);
    } else if (task.phase == Phase::kDone) {
      task.sent = now;
      outbox_.results.push_back(key);
    }
  }
  AskMore(now);
}

size_t AgentDesk::held() const {
  return std::count_if(tasks_.begin(), tasks_.end(), [](const auto& entry) {
    return entry.second.phase == Phase::kRunning ||
           entry.second.phase == Phase::kDone;
  });
}

void AgentDesk::AskMore(absl::Time now) {
  int room = options_.slots;
  for (const auto& [key, task] : tasks_) {
    room -= task.phase == Phase::kRunning ||
            (task.phase == Phase::kAsked &&
             now < task.sent + options_.answer_timeout);
  }
  while (room > 0 && !waiting_.empty()) {
    const auto next = waiting_.begin();
    const auto it = tasks_.find(next->second);
    waiting_.erase(next);
    Ask(it->first, it->second, now);
    --room;
  }
}

void AgentDesk::Ask(const Key& key, Task& task, absl::Time now) {
  task.phase = Phase::kAsked;
  task.question = ++last_question_;
  task.sent = now;
  outbox_.claims.push_back({key.client,
                            {.id = key.id,
                             .delivery = task.delivery,
                             .question = task.question,
                             .redelivered = task.redelivered}});
}

void AgentDesk::SendHoldings(const std::string& client) {
  Holdings holdings{.ping = clients_[client].ping};
  for (auto it = FirstOf(client);
       it != tasks_.end() && it->first.client == client; ++it) {
    if (it->second.phase == Phase::kRunning ||
        it->second.phase == Phase::kDone) {
      holdings.held.push_back(it->first.id);
    }
  }
  outbox_.holdings.push_back({client, std::move(holdings)});
}

void AgentDesk::Heard(const std::string& client, absl::Time now) {
  Client& entry = clients_[client];
  entry.heard = now;
  entry.unreachable_since.reset();
}

void AgentDesk::Settle(uint64_t delivery) {
  if (delivery != 0) {
    outbox_.settled.push_back(delivery);
  }
}

AgentDesk::Tasks::iterator AgentDesk::Erase(Tasks::iterator it) {
  const Task& task = it->second;
  Settle(task.delivery);
  waiting_.erase(task.delivery);
  if (task.phase == Phase::kRunning || task.phase == Phase::kDone) {
    outbox_.drop.push_back(it->first);
  }
  return tasks_.erase(it);
}

AgentDesk::Tasks::iterator AgentDesk::FirstOf(const std::string& client) {
  const auto it = tasks_.lower_bound({client, {0, 0}});
  return it != tasks_.end() && it->first.client == client ? it : tasks_.end();
}

void AgentDesk::EraseClient(const std::string& client) {
  auto it = FirstOf(client);
  while (it != tasks_.end() && it->first.client == client) {
    it = Erase(it);
  }
  clients_.erase(client);
}

}  // namespace asyncpal::internal
