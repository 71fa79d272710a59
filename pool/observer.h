#ifndef ASYNCPAL_POOL_OBSERVER_H_
#define ASYNCPAL_POOL_OBSERVER_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "asyncpal/future/state.h"
#include "asyncpal/pool/options.h"

namespace asyncpal {

// One task, as a PoolObserver is told of it.
struct TaskReport {
  std::string pool = {};  // its name
  std::string name = {};  // TaskOptions::name; may be empty
  uint64_t id = 0;        // unique in its pool
  // kPending in OnSubmit(), kRunning in OnStart(), what it has become in
  // OnDone().
  FutureState outcome = FutureState::kPending;
  bool lost = false;  // it failed because its worker died
  // From its submission to its start, and from that to its end; as of now where
  // these are yet to come, or in OnStart() as of a moment before: the end of
  // what the worker ran last. Of several attempts, from the first start on.
  absl::Duration waited = absl::ZeroDuration();
  absl::Duration ran = absl::ZeroDuration();
  // WorkerInfo::id and pid of who runs it. 0 and none: nobody does or did, or a
  // thread that is no worker (WhenFull::kCallerRuns).
  int64_t worker = 0;
  std::optional<int64_t> pid = {};
  int attempt = 0;  // 1, 2, ...; 0: it has not started
};

// Is told what happens in a pool, while it happens: for traces, metrics and
// logs of one's own.
//
//   class Tracer : public asyncpal::PoolObserver {
//     void OnDone(const asyncpal::TaskReport& task) override {
//       trace.Add(task.name, task.waited, task.ran);
//     }
//   };
//   asyncpal::ThreadPool pool({.observer = std::make_shared<Tracer>()});
//
// Each task that is submitted (also by Post(), maps, TaskGroup and Both()) has
// one OnSubmit() and one OnDone(), and in between an OnStart() for each attempt
// to run it, if it comes to that: it may be cancelled before, expire, or be
// given back by a shutdown. A submission that the pool refuses for lack of room
// is one that ends at once, as kFailed; one to a pool that is closed or broken
// is not reported. What a task of a TaskGroup throws goes to the group: for the
// pool it is completed, here as in PoolStats.
//
// A pool with an observer keeps times for every task, and has one queue for
// all: see docs/guide/observe.md for the cost.
//
// Threads: called on whatever thread does it (a submitter, a worker, the thread
// that serves a worker process, one that cancels), on several at once, with
// none of the library's locks held. It may use the library, the same pool
// included; if it submits to that, OnSubmit() is called for that task in turn.
// It must not wait for the task that it is told of, nor end its thread.
// Lifetime: shared by the pools that have it, until their last worker is gone.
// Ordering: OnSubmit(), OnStart(), OnDone() of one task in this order, but for
// a task that is killed as it starts, whose OnDone() need not wait for
// OnStart(); OnWorkerStarted() before the tasks of that worker, OnWorkerEnded()
// after them. A future is done after its OnDone(), and PoolStats count the task
// then. Errors: what it throws is caught, and a message (SetLogSink()) tells of
// the first time. Nobody else notices. Shutdown: the tasks that it cancels are
// reported before it returns.
class PoolObserver {
 public:
  PoolObserver() = default;
  virtual ~PoolObserver() = default;
  PoolObserver(const PoolObserver&) = delete;
  PoolObserver& operator=(const PoolObserver&) = delete;

  // The task is about to be queued.
  virtual void OnSubmit(const TaskReport& task);
  // It is about to run.
  virtual void OnStart(const TaskReport& task);
  // It is over, and its future about to be done.
  virtual void OnDone(const TaskReport& task);

  // A worker is ready for tasks: a thread, on that thread, or a process.
  virtual void OnWorkerStarted(const WorkerInfo& worker);
  // It is no more, or about to go. `why` is for people.
  virtual void OnWorkerEnded(const WorkerInfo& worker, const std::string& why);

  // The task runs longer than PoolOptions::stall_threshold. Called once for it,
  // on the thread that keeps the pool's timeouts, which wait for it. It may
  // come after the OnDone() of a task that ends just then. `stack`: what it
  // does, a line for each frame; empty where that can't be told: it can of
  // tasks in worker processes of C++ programs, which SIGURG interrupts for it.
  virtual void OnStall(const TaskReport& task, const std::string& stack);
};

}  // namespace asyncpal

#endif  // ASYNCPAL_POOL_OBSERVER_H_
