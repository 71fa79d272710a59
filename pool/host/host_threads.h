#ifndef ASYNCPAL_POOL_HOST_HOST_THREADS_H_
#define ASYNCPAL_POOL_HOST_HOST_THREADS_H_

#include <cstdint>
#include <exception>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "asyncpal/future/state.h"
#include "asyncpal/pool/host/host_pool.h"
#include "asyncpal/pool/options.h"

namespace asyncpal::host {

class HostTask;

// No task has this number.
inline constexpr int64_t kNoTask = -1;

// The host language's side of a HostThreads pool: it has the tasks, by numbers
// that it chose, and runs them.
//
// A HostTask* is the host's share of a task: HostThreads::Submit() gives it,
// and it stays good until it is given up, by the host with Release() or by the
// pool where Run() and Drop() say so.
//
// Threads: workers call Run() and Drop() at the same time.
// Lifetime: until the last worker has gone.
// Ordering: Run() may come before Submit() has returned.
// Errors: only BeginWorker() and EndWorker() may throw, which breaks the pool.
// Shutdown: Terminated() is the last call.
class ThreadPoolHost {
 public:
  using ThreadMain = absl::AnyInvocable<void()>;

  virtual ~ThreadPoolHost() = default;

  // On each worker's own thread, before its first task and after its last.
  virtual void BeginWorker(const std::string& name) = 0;
  virtual void EndWorker() = 0;

  // Where HostThreads::Options::host_makes_threads is set: starts a thread of
  // the host's own, which calls `main`, once. On the thread that needs the
  // worker. False: there is none to be had, and `main` was destroyed.
  virtual bool StartWorker(const std::string& name,
                           std::unique_ptr<ThreadMain> main) = 0;

  // Runs the task, calls HostThreads::Settle() with its outcome, and publishes
  // its result after that if it has counted. True: the host gives its share up
  // itself. It may go on to further tasks by HostThreads::GoOn(); what it
  // returns then is of the last one, if that has not been ended so.
  virtual bool Run(int64_t task) = 0;

  // The task will never run. `why` is a TimeoutError if it was too late for
  // that, or else has broken the pool; null: the pool was closed. Returns as
  // Run(). On the thread that closes or breaks the pool, or keeps its time.
  virtual bool Drop(int64_t task, const std::exception_ptr& why) = 0;

  // The task, which Run() was called for, has run longer than its timeout: it
  // has failed with `why`, and Settle() counts for nothing. Perhaps after Run()
  // has returned, or even before it has begun. On the thread that keeps time.
  virtual void Expire(int64_t task, const std::exception_ptr& why) = 0;

  // An initializer or finalizer has broken the pool. For tasks that wait in the
  // host; Drop() comes after it for what was pending, so that who sees a task
  // fail finds the host's queue closed. Throws nothing. On the worker's thread.
  virtual void Broken(const std::exception_ptr&) {}

  // The pool is closed, all tasks are done and no worker is left. Once, on the
  // last worker's thread or the one that closed the pool.
  virtual void Terminated() = 0;
};

// A pool of native threads that runs a host language's tasks.
//
//   HostThreads pool(host, {.pool = {.max_workers = 4}});
//   HostTask* task = pool.Submit(17, /*is_chunk=*/false);  // host->Run(17)
//
// Threads, Lifetime, Ordering, Errors, Shutdown: as HostPool.
class HostThreads : public HostPool {
 public:
  struct Options {
    PoolOptions pool;
    bool close_on_exit = true;
    bool host_makes_threads = false;  // by ThreadPoolHost::StartWorker()
    LogSink log_sink = nullptr;
  };

  HostThreads(std::shared_ptr<ThreadPoolHost> host, Options options);

  // Hands the task to a worker, or queues it. When it throws, the task was not
  // submitted. Null: nor was it, as the pool is full; the host is to
  // WaitForRoom() and try again. `is_chunk`: the task is a part of a map, which
  // waits for room whatever when_full says. A negative number is none of the
  // host's tasks, and belongs to nobody's traceparent.
  HostTask* Submit(int64_t task, bool is_chunk);
  HostTask* Submit(int64_t task, const TaskOptions& options,
                   const HostTaskInfo& info = {});

  // With a share that was not given up, of a task that is still to wait: it
  // does so until `due`, on ClockNow(), or is queued at once. False: it does
  // not wait.
  bool MoveDelayed(HostTask* task, int64_t due);
  // Whether it has not begun, nor ended without that.
  static bool IsPending(HostTask* task);

  // --- On a worker's thread, inside ThreadPoolHost::Run() ---
  // How the innermost task has ended: kCompleted, kFailed or kCancelled. The
  // first call counts. False: it counts for nothing, as
  // ThreadPoolHost::Expire() says.
  static bool Settle(FutureState outcome);
  // Ends the innermost task, as the return of Run() would, with the same
  // answer; and returns the next one that this worker is to run, or kNoTask,
  // and Run() must return.
  static int64_t GoOn(bool host_keeps_share);
  // The innermost task keeps its place in its view beyond its end, until
  // EndPlace() gets what this returns; 0: it has none. Before Settle(), once.
  static int64_t KeepPlace();
  // On any thread: the place is the next task's.
  static void EndPlace(int64_t kept);

  // --- With a share that was not given up ---
  // True: the task was pending and will never run. Drop() is not called.
  static bool Cancel(HostTask* task);
  // On a worker: runs the task right here if it is a pending one of the same
  // pool. False: it is not, or the stack is already deep. Throws
  // InvalidStateError if it can start only after one that runs on this thread,
  // in a view with one place.
  static bool RunInline(HostTask* task);
  // The same check alone, for one who is about to wait in another way.
  static void CheckWait(HostTask* task);
  static void Release(HostTask* task);

  // --- Waiting ---
  // On a worker's own thread: what the functions below take, until EndWorker()
  // has returned. Null on other threads.
  static void* CurrentWorker();
  // On any thread: the worker's task is ending the process and never returns,
  // so nobody must wait for it.
  static void LeaveForExit(void* worker);
  // On a worker, around a wait for something that this pool is to bring about:
  // others may have to stand in. EndBlocking() belongs to a true only.
  static bool BeginBlocking();
  static void EndBlocking();
  // The same for a worker that was found to wait, on any thread.
  static void BeginBlocking(void* worker);
  static void EndBlocking(void* worker);

 private:
  HostTask* Submit(HostTask* task, bool is_chunk,
                   const HostTaskInfo& info = {});
  HostTask* SubmitToView(HostTask* task, const HostTaskInfo& info);

  const std::shared_ptr<ThreadPoolHost> host_;
};

}  // namespace asyncpal::host

#endif  // ASYNCPAL_POOL_HOST_HOST_THREADS_H_
