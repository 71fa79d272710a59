#ifndef ASYNCPAL_POOL_INTERNAL_DISTRIBUTED_AGENT_DESK_H_
#define ASYNCPAL_POOL_INTERNAL_DISTRIBUTED_AGENT_DESK_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/ipc/agent/agent_messages.h"

namespace asyncpal::internal {

// An agent's account of what the broker has delivered to it: asks the clients,
// for as many tasks as it has room for, whether it may begin them; keeps
// results until the client has taken note; answers pings. Says what is to be
// done; does nothing.
//
// Threads: guarded as a whole.
class AgentDesk {
 public:
  struct Options {
    int slots = 1;  // workers, and what may wait for one
    // A question without an answer is asked again, a result is sent again.
    absl::Duration repeat_period = absl::Seconds(2);
    // A grant that comes later after its question is not used; less than
    // TaskLedger::Options::grant_timeout, on which that relies.
    absl::Duration grant_validity = absl::Milliseconds(1500);
    // What has been asked takes room for so long: clients may be stopped.
    absl::Duration answer_timeout = absl::Seconds(1);
    // Deliveries are settled then even if their task still runs, as brokers
    // close the connection of who takes too long.
    absl::Duration settle_timeout = absl::Minutes(10);
    // The tasks of a client to which messages have come back for so long, and
    // from which none have come, are ended.
    absl::Duration client_timeout = absl::Seconds(60);
  };

  // A task of one of the clients.
  struct Key {
    std::string client;
    AttemptId id;

    friend auto operator<=>(const Key&, const Key&) = default;
  };

  struct Outbox {
    std::vector<std::pair<std::string, Claim>> claims;  // by client
    std::vector<std::pair<std::string, Holdings>> holdings;
    std::vector<Key> begin;
    std::vector<Key> results;  // to be sent, maybe again
    // To be ended if it runs; its result is not needed any more.
    std::vector<Key> drop;
    // Deliveries, by numbers of which no two are the same, over all
    // connections: the broker may forget them, or give them to others.
    std::vector<uint64_t> settled;
    std::vector<uint64_t> given_back;
  };

  AgentDesk() : AgentDesk(Options()) {}
  explicit AgentDesk(Options options) : options_(options) {}

  void OnTask(const Key& key, uint64_t delivery, bool redelivered,
              absl::Time now);
  void OnAnswer(const std::string& client, const Answer& answer,
                absl::Time now);
  void OnPing(const std::string& client, uint64_t number, absl::Time now);

  // What has begun is done, and its result is kept until it is to be dropped.
  void OnDone(const Key& key, absl::Time now);

  // The broker has nobody to whom it could give this message.
  void OnReturned(const std::string& client, const Claim& claim);
  void OnReturned(const std::string& client, absl::Time now);

  void OnUp(absl::Time now);
  // What has not begun is the broker's again.
  void OnDown();

  // Gives back what has not begun, and takes nothing more.
  void Drain();

  // To be called once per second or more often.
  void Tick(absl::Time now);

  // What is to be done since the last call.
  Outbox Take() { return std::exchange(outbox_, {}); }

  // Begun, and not yet dropped.
  size_t held() const;

 private:
  enum class Phase { kWaiting, kAsked, kRunning, kDone };
  struct Task {
    Phase phase = Phase::kWaiting;
    uint64_t delivery = 0;  // 0: the broker has taken it back
    bool redelivered = false;
    absl::Time delivered;
    uint64_t question = 0;
    absl::Time sent;  // the question, or the result
  };
  struct Client {
    absl::Time heard;
    absl::Time probed;
    std::optional<absl::Time> unreachable_since;
    uint64_t ping = 0;
  };
  using Tasks = std::map<Key, Task>;

  void AskMore(absl::Time now);
  void Ask(const Key& key, Task& task, absl::Time now);
  void SendHoldings(const std::string& client);
  void Heard(const std::string& client, absl::Time now);
  void Settle(uint64_t delivery);
  Tasks::iterator Erase(Tasks::iterator it);
  Tasks::iterator FirstOf(const std::string& client);
  void EraseClient(const std::string& client);

  const Options options_;
  Tasks tasks_;
  std::map<uint64_t, Key> waiting_;  // by delivery
  std::map<std::string, Client> clients_;
  uint64_t last_question_ = 0;
  bool is_up_ = false;
  bool draining_ = false;
  Outbox outbox_;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_DISTRIBUTED_AGENT_DESK_H_
