#ifndef ASYNCPAL_POOL_TESTING_RECORDING_OBSERVER_H_
#define ASYNCPAL_POOL_TESTING_RECORDING_OBSERVER_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <numeric>
#include <string>
#include <vector>

#include "asyncpal/pool/observer.h"
#include "asyncpal/pool/options.h"

namespace asyncpal::testing {

inline int64_t CountAll(const DurationHistogram& histogram) {
  return std::accumulate(histogram.counts.begin(), histogram.counts.end(),
                         int64_t{0});
}

// Keeps everything that it is told.
//
// Threads: any.
class RecordingObserver : public PoolObserver {
 public:
  struct Event {
    std::string what;  // "submit", "start", "done"
    TaskReport task;
  };
  struct WorkerEvent {
    std::string what;  // "started", "ended"
    WorkerInfo worker;
    std::string why;
  };

  void OnSubmit(const TaskReport& task) override { Add("submit", task); }
  void OnStart(const TaskReport& task) override { Add("start", task); }
  void OnDone(const TaskReport& task) override { Add("done", task); }
  void OnWorkerStarted(const WorkerInfo& worker) override {
    std::lock_guard lock(mu_);
    worker_events_.push_back({"started", worker, ""});
  }
  void OnWorkerEnded(const WorkerInfo& worker,
                     const std::string& why) override {
    std::lock_guard lock(mu_);
    worker_events_.push_back({"ended", worker, why});
  }

  void OnStall(const TaskReport& task, const std::string& stack) override {
    std::lock_guard lock(mu_);
    stalls_.push_back(task);
    stall_stacks_.push_back(stack);
  }

  std::vector<std::string> stall_stacks() const {
    std::lock_guard lock(mu_);
    return stall_stacks_;
  }

  std::vector<TaskReport> stalls() const {
    std::lock_guard lock(mu_);
    return stalls_;
  }
  std::vector<Event> events() const {
    std::lock_guard lock(mu_);
    return events_;
  }
  std::vector<WorkerEvent> worker_events() const {
    std::lock_guard lock(mu_);
    return worker_events_;
  }
  // Those of one task: "submit start done".
  std::string LifeOf(uint64_t id) const {
    std::string life;
    for (const Event& event : events()) {
      if (event.task.id != id) continue;
      life += (life.empty() ? "" : " ") + event.what;
    }
    return life;
  }
  // How many tasks there were of each life.
  std::map<std::string, int> CountLives() const {
    std::map<uint64_t, std::string> lives;
    for (const Event& event : events()) {
      std::string& life = lives[event.task.id];
      life += (life.empty() ? "" : " ") + event.what;
    }
    std::map<std::string, int> counts;
    for (const auto& [id, life] : lives) ++counts[life];
    return counts;
  }
  // The last report of that kind; its id is 0 if there is none.
  TaskReport Last(const std::string& what) const {
    TaskReport last;
    for (const Event& event : events()) {
      if (event.what == what) last = event.task;
    }
    return last;
  }

 private:
  void Add(const char* what, const TaskReport& task) {
    std::lock_guard lock(mu_);
    events_.push_back({what, task});
  }

  mutable std::mutex mu_;
  std::vector<Event> events_;
  std::vector<WorkerEvent> worker_events_;
  std::vector<TaskReport> stalls_;
  std::vector<std::string> stall_stacks_;
};

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_POOL_TESTING_RECORDING_OBSERVER_H_
