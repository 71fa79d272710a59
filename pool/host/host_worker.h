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
};

}  // namespace asyncpal::host

#endif  // ASYNCPAL_POOL_HOST_HOST_WORKER_H_
