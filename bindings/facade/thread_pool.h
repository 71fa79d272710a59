#ifndef ASYNCPAL_BINDINGS_FACADE_THREAD_POOL_H_
#define ASYNCPAL_BINDINGS_FACADE_THREAD_POOL_H_

#include <cstdint>
#include <memory>

#include "asyncpal/bindings/facade/host.h"
#include "asyncpal/bindings/facade/pool.h"
#include "asyncpal/pool/host/host_threads.h"

namespace asyncpal::facade {

// A pool of native threads that runs the host language's tasks.
//
//   ThreadPool pool(new MyHost, NativePoolOptions{.max_workers = 4});
//   int64_t handle = pool.Submit(17);  // a worker calls MyHost::Run(17)
//
// Lifetime: owns `host`, which lives until the last worker has gone.
// The rest is as for Pool.
class ThreadPool : public Pool {
 public:
  ThreadPool(Host* host, const NativePoolOptions& settings);

  // Hands the task to a worker, or queues it; returns its handle. When it
  // throws, the task was not submitted and there is no handle. kNoHandle: nor
  // was it, and the host is to WaitForRoom() and try again.
  int64_t Submit(int64_t task);
  // The same for a part of a map, which waits for room whatever when_full says.
  int64_t SubmitChunk(int64_t task);
  int64_t Submit(int64_t task, const NativeTaskOptions& settings);
  // The same for a task of a view of this pool. `key` counts in one with keys.
  int64_t SubmitToView(const View& view, int64_t key, int64_t task,
                       const NativeTaskOptions& settings);

  // On a thread that Host::StartWorker() has started, with what that was given,
  // once: becomes the worker, and returns when it has ended.
  static void RunWorker(int64_t worker);

  // How the task that Run() was called for on this thread, the innermost one,
  // has ended: a TaskOutcome. The first call counts. False: it counts for
  // nothing, as Host::Expire() says.
  static bool Settle(int outcome);

  // What saves the host many a call of Host::Run(): ends the innermost task on
  // this thread, as the return of Run() would, with the same answer; and
  // returns the next one that this worker is to run, or kNoTask, and Run() must
  // return.
  static int64_t GoOn(bool host_keeps_handle);

  // Inside of Host::Run(), before Settle(), once: the innermost task keeps its
  // place in its view beyond its end, until EndPlace() gets what this returns;
  // 0: it has none. Where what it has begun goes on elsewhere.
  static int64_t KeepPlace();
  // On any thread.
  static void EndPlace(int64_t kept);

  // --- With a handle that was not given up ---

  // A task that is still to wait does so until `due`, on clock_now(), or is
  // queued at once. False: it does not wait.
  bool MoveDelayed(int64_t handle, int64_t due);
  // Whether it has not begun, nor ended without that.
  static bool IsPending(int64_t handle);

  // True: the task was pending and will never run. Drop() is not called.
  static bool Cancel(int64_t handle);
  // On a worker: runs the task right here if it is a pending one of the same
  // pool. False: it is not, or the stack is already deep. A kInvalidState if
  // the task can start only after one that runs on this thread.
  static bool RunInline(int64_t handle);
  // On a worker that is about to wait for the task in another way: that error
  // alone.
  static void CheckWait(int64_t handle);
  static void Release(int64_t handle);

  // On a worker's own thread: what the functions for workers take, until
  // Host::EndWorker() has returned. 0 on other threads.
  static int64_t CurrentWorker();
  // On any thread: the worker's task is ending the process and never returns,
  // so nobody must wait for it. Where a runtime's exit runs the shutdown on
  // another thread than the one that has called it.
  static void LeaveForExit(int64_t worker);

  // On a worker, around a wait for something that this pool is to bring about:
  // others may have to stand in. EndBlocking() belongs to a true only.
  static bool BeginBlocking();
  static void EndBlocking();
  // The same for a worker that was found to wait, on any thread: `worker` is
  // its CurrentWorker().
  static void BeginBlocking(int64_t worker);
  static void EndBlocking(int64_t worker);

 private:
  ThreadPool(std::shared_ptr<Host> host, const NativePoolOptions& settings);

  host::HostThreads& threads() const {
    return static_cast<host::HostThreads&>(pool());
  }
};

}  // namespace asyncpal::facade

#endif  // ASYNCPAL_BINDINGS_FACADE_THREAD_POOL_H_
