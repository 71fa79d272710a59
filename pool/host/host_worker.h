#ifndef ASYNCPAL_POOL_HOST_HOST_WORKER_H_
#define ASYNCPAL_POOL_HOST_HOST_WORKER_H_

#include <functional>
#include <string>

namespace asyncpal::host {

// What a host's program does when a HostProcesses pool has started it.
//
//   if (HostWorker::IsOne()) HostWorker::Serve(make_call);
//
// Threads: Serve() is called once, and calls `make_call` on that thread. Any
// may Ask() meanwhile.
// Lifetime: until the process ends. Ordering: one call after the other.
// Errors: as said. Shutdown: the process ends inside Serve().
class HostWorker {
 public:
  // Makes one call of the host's, and returns its result. What it throws fails
  // the task instead.
  using MakeCall = std::function<std::string(const std::string& call)>;

  // Whether it was.
  static bool IsOne();
  // Becomes the worker, and ends the process when it is no longer needed.
  // Throws InvalidStateError if !IsOne().
  static void Serve(MakeCall make_call);

  // What ProcessHost::Answer() answers in the parent. Throws if the pool's
  // options don't say so, or the parent is gone.
  static std::string Ask(const std::string& request);

  // --- In `make_call`, on its thread, where a task runs ---
  // What runs is several calls, of which the parent gets to know what has ended
  // while others go on: so a worker that is lost costs the call that ran, and
  // what had ended just before. See ProcessHost::LoseCalls().
  static void BeginCalls();
  // Around each. What `make_call` returns at the end comes behind the results.
  // EndCall() throws SerializationError if these are too large together: then
  // the call has not ended.
  static void BeginCall();
  static void EndCall(const std::string& result);
  // Whether one of these results still waits to be sent.
  static bool HasUnsent();
};

}  // namespace asyncpal::host

#endif  // ASYNCPAL_POOL_HOST_HOST_WORKER_H_
