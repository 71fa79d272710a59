#ifndef ASYNCPAL_BINDINGS_FACADE_HOSTED_WORKER_H_
#define ASYNCPAL_BINDINGS_FACADE_HOSTED_WORKER_H_

#include "asyncpal/bindings/facade/failure.h"

namespace asyncpal::facade {

// The host language's side of a worker process.
//
// Threads: the one that called Serve().
// Errors: no method may let an exception out.
class WorkerHost {
 public:
  virtual ~WorkerHost() = default;

  // Makes one call of the host's, and returns its result. What is put into
  // `failure` fails the task instead.
  virtual Bytes Serve(const Bytes& call, Failure& failure) = 0;
};

// What a host's program does when a ProcessPool has started it.
class HostedWorker {
 public:
  // Whether that was so.
  static bool IsOne();
  // Becomes the worker, and ends the process when it is no longer needed. Takes
  // `host`. Throws InvalidStateError if !IsOne().
  static void Serve(WorkerHost* host);

  // From inside of Serve(), on any thread: what ProcessHost::Answer() answers
  // in the parent. Throws if the pool's settings don't say so, or the parent is
  // gone.
  static Bytes Ask(const Bytes& request);
};

}  // namespace asyncpal::facade

#endif  // ASYNCPAL_BINDINGS_FACADE_HOSTED_WORKER_H_
