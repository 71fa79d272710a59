#ifndef ASYNCPAL_BINDINGS_FACADE_HOSTED_WORKER_H_
#define ASYNCPAL_BINDINGS_FACADE_HOSTED_WORKER_H_

#include <cstdint>
#include <string>

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

  // --- Inside of WorkerHost::Serve(), or of Host::Run(), on that thread ---
  // Whether a task runs; or else an initializer or a finalizer.
  static bool RunsTask();
  // What TaskContext has of the task. Elsewhere InvalidStateError.
  static std::string TaskName();
  static int64_t TaskId();
  static int TaskAttempt();
  static std::string Traceparent();  // empty: none

  // --- Inside of WorkerHost::Serve() alone ---
  // On its thread: ReportProgress() reaches its task from now on.
  static void ShareTask();
  // On any thread: what ProcessPool::Progress() has from now on. Nothing if
  // that task is not shared, or has ended. Throws std::invalid_argument unless
  // `fraction` is between 0 and 1.
  static void ReportProgress(int64_t task, int attempt, double fraction,
                             const std::string& text);

  // On its thread, where a task runs that is several calls: the parent gets to
  // know of those that have ended while others go on, so that a lost worker
  // costs little more than the call that ran; see ProcessHost::LoseCalls().
  // What Serve() returns comes behind the results.
  static void BeginCalls();
  // Around each call. EndCall() throws SerializationError if its result makes
  // them too large together; then the call has not ended.
  static void BeginCall();
  static void EndCall(const Bytes& result);
  // Whether one of these results still waits to be sent.
  static bool HasUnsent();
};

}  // namespace asyncpal::facade

#endif  // ASYNCPAL_BINDINGS_FACADE_HOSTED_WORKER_H_
