#ifndef ASYNCPAL_BINDINGS_FACADE_OBSERVER_H_
#define ASYNCPAL_BINDINGS_FACADE_OBSERVER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "asyncpal/bindings/facade/pool.h"
#include "asyncpal/pool/observer.h"

namespace asyncpal::facade {

// As asyncpal::TaskReport.
struct TaskReport {
  std::string pool;
  std::string name;
  int64_t id = 0;
  int state = 0;  // as FutureState: pending, running, or a TaskOutcome + 2
  bool lost = false;
  int64_t waited = 0;  // ns
  int64_t ran = 0;     // ns
  int64_t worker = 0;
  int64_t pid = 0;  // 0: none
  int attempt = 0;
};

// The host language's side of a PoolObserver, which it implements. Its methods
// are called as those of asyncpal::PoolObserver; what they are given is theirs
// until they return.
//
// Threads: several call it at the same time, those of workers and others.
// Lifetime: the pools that have it own it, until their last worker has gone.
// Errors: no method may let an exception out.
class ObserverHost {
 public:
  virtual ~ObserverHost() = default;

  virtual void OnSubmit(const TaskReport& task) { static_cast<void>(task); }
  virtual void OnStart(const TaskReport& task) { static_cast<void>(task); }
  virtual void OnDone(const TaskReport& task) { static_cast<void>(task); }
  virtual void OnWorkerStarted(const WorkerInfo& worker) {
    static_cast<void>(worker);
  }
  virtual void OnWorkerEnded(const WorkerInfo& worker, const std::string& why) {
    static_cast<void>(worker);
    static_cast<void>(why);
  }
  virtual void OnStall(const TaskReport& task, const std::string& stack) {
    static_cast<void>(task);
    static_cast<void>(stack);
  }
};

// Pools of these settings tell `host`, and own it.
void SetObserver(NativePoolOptions& settings, ObserverHost* host);

}  // namespace asyncpal::facade

#endif  // ASYNCPAL_BINDINGS_FACADE_OBSERVER_H_
