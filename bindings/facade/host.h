#ifndef ASYNCPAL_BINDINGS_FACADE_HOST_H_
#define ASYNCPAL_BINDINGS_FACADE_HOST_H_

#include <cstdint>
#include <string>

#include "asyncpal/bindings/facade/failure.h"

namespace asyncpal::facade {

// No task has this number.
inline constexpr int64_t kNoTask = -1;

// How a task ended, as the host sees it.
enum TaskOutcome { kTaskCompleted = 0, kTaskFailed, kTaskCancelled };

// The host language's side of one ThreadPool: it has the tasks, by numbers that
// it chose, and runs them. The host implements it once; a pool owns it.
//
// A *handle* is the host's share of a native task: Submit() gives it, and it
// stays good until it is given up, by the host with Release() or by native code
// where Run() and Drop() say so.
//
// Threads: workers call Run() and Drop() at the same time.
// Errors: no method may let an exception out.
class Host {
 public:
  virtual ~Host() = default;

  // On each worker's own thread, before its first task and after its last. What
  // is put into `failure` breaks the pool.
  virtual void BeginWorker(const std::string& name, Failure& failure) = 0;
  virtual void EndWorker(Failure& failure) = 0;

  // Where NativePoolOptions::host_makes_threads is set: starts a thread of the
  // host's own for a new worker, which calls ThreadPool::RunWorker(worker). On
  // the thread that needs it, say because of a submission. False: there is none
  // to be had.
  virtual bool StartWorker(const std::string& name, int64_t worker) {
    static_cast<void>(name);
    static_cast<void>(worker);
    return false;
  }

  // Runs the task, calls ThreadPool::Settle() with its outcome, and publishes
  // its result after that if that has counted, so that whoever has the result
  // finds it counted. True: the host gives the handle up itself. It may be
  // called before Submit() has returned. A host may go on to further tasks by
  // ThreadPool::GoOn(); what it returns then is of the last one, if that has
  // not been ended so.
  virtual bool Run(int64_t task) = 0;

  // The task will never run. `why` is a kTimeout if it was too late for that,
  // or else has broken the pool; where it is empty, the pool was closed.
  // Returns as Run(). On the thread that closes or breaks the pool, or keeps
  // its time.
  virtual bool Drop(int64_t task, const Failure& why) = 0;

  // The task, which Run() was called for, has run longer than its timeout. It
  // is counted as failed, and Settle() counts for nothing: the host publishes
  // `why`, and asks the task to stop. Perhaps after Run() has returned, or even
  // before it has begun. On the thread that keeps the pool's time.
  virtual void Expire(int64_t task, const Failure& why) = 0;

  // An initializer or finalizer has broken the pool, and Drop() was called for
  // what was pending. For tasks that wait in the host. On the worker's thread.
  virtual void Broken(const Failure& why) { static_cast<void>(why); }

  // See Pool::StartJoin(). On the last worker's thread, or that of whoever
  // cancelled the last task or started to wait.
  virtual void Joined(int64_t join) = 0;

  // The pool is closed, all tasks are done and no worker is left. Once, on the
  // last worker's thread or the one that closed the pool.
  virtual void Terminated() = 0;
};

}  // namespace asyncpal::facade

#endif  // ASYNCPAL_BINDINGS_FACADE_HOST_H_
