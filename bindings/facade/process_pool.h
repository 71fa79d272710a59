#ifndef ASYNCPAL_BINDINGS_FACADE_PROCESS_POOL_H_
#define ASYNCPAL_BINDINGS_FACADE_PROCESS_POOL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "asyncpal/bindings/facade/failure.h"
#include "asyncpal/bindings/facade/pool.h"
#include "asyncpal/ipc/payload.h"
#include "asyncpal/pool/host/host_processes.h"

namespace asyncpal::facade {

// The host language's side of one ProcessPool, which owns it.
//
// Threads: the pool's own call it at the same time, and those that cancel or
// close.
// Errors: no method may let an exception out, but for a Complete() that has no
// memory for the result: then Fail() is called in its place.
class ProcessHost {
 public:
  virtual ~ProcessHost() = default;

  // One of these, once for each task that was submitted, perhaps before
  // Submit() has returned. A task that was cancelled fails with kCancelled.
  virtual void Complete(int64_t task, const Bytes& result) = 0;
  virtual void Fail(int64_t task, const Failure& failure) = 0;
  // In their place: the task never ran and never will, since `why` broke the
  // pool, or the pool was closed where that is empty.
  virtual void Drop(int64_t task, const Failure& why) = 0;
  // In place of Fail(), for a task of several calls (see
  // HostedWorker::BeginCalls()): `results` are what came of its first calls
  // before `failure`, and those from `rest` on, if there are any, had not
  // begun.
  virtual void LoseCalls(int64_t task, const Bytes& results, int64_t rest,
                         const Failure& failure) {
    static_cast<void>(results);
    static_cast<void>(rest);
    Fail(task, failure);
  }

  // What a worker asks for by HostedWorker::Ask(), if the pool's settings say
  // that it may. On a thread that does nothing else, one for each worker. What
  // it throws makes an empty answer, and so do more than 65 MiB.
  virtual Bytes Answer(const Bytes& request) {
    static_cast<void>(request);
    return {};
  }

  // A worker has ended though nobody wanted it to, with a task or without:
  // `loss` is a kWorkerLost. On the thread that serves it.
  virtual void OnLoss(const Failure& loss) { static_cast<void>(loss); }

  // See Pool::StartJoin(), and Host::Joined().
  virtual void Joined(int64_t join) = 0;

  // The pool is closed, all tasks are done and no worker is left. Once.
  virtual void Terminated() = 0;
};

// As asyncpal::ProcessPoolOptions, beyond what NativePoolOptions has.
class NativeProcessPoolOptions : public NativePoolOptions {
 public:
  // The program that workers run, and its arguments, one by one. It calls
  // HostedWorker::Serve(), or is a C++ program that links the library.
  void AddWorkerArgument(const std::string& argument) {
    worker_command_.push_back(argument);
  }
  const std::vector<std::string>& worker_command() const {
    return worker_command_;
  }
  // "NAME=value", for workers alone; what this process has of that name is not
  // theirs.
  void AddWorkerVariable(const std::string& variable) {
    worker_environment_.push_back(variable);
  }
  const std::vector<std::string>& worker_environment() const {
    return worker_environment_;
  }

  // Takes a variable out of the environment of workers.
  void HideFromWorkers(const std::string& variable) {
    hidden_environment_.push_back(variable);
  }
  const std::vector<std::string>& hidden_environment() const {
    return hidden_environment_;
  }

  // Whether workers may ask what ProcessHost::Answer() answers.
  bool answers_workers = false;

  // Each a call for the host's worker; empty: nothing to call.
  Bytes initializer;
  Bytes finalizer;

  int64_t max_payload_bytes = kDefaultMaxPayloadBytes;
  int64_t max_pending_bytes = 0;
  int max_restarts = 0;
  int64_t restart_window = 5000000000;  // ns
  int64_t handshake_timeout = 0;        // ns; 0: by the command
  bool no_new_privileges = false;
  int64_t max_worker_bytes = 0;

 private:
  std::vector<std::string> worker_command_;
  std::vector<std::string> hidden_environment_;
  std::vector<std::string> worker_environment_;
};

// The first byte of what WorkerHost::Serve() returns, if the host calls
// ProcessPool::Receive(): a plain result is read at once, without user code.
enum ResultKind { kOtherResult = 0, kPlainResult };

// As asyncpal::TaskProgress.
struct NativeTaskProgress {
  bool is_known = false;  // false: nothing was reported, or it does not run
  double fraction = 0;
  std::string text;
};

// A pool of processes that run tasks by their names.
//
// A handle is the host's share of a native task. The host gives each up by
// Release(), once.
//
// Lifetime: owns `host`, which lives until the last worker has gone.
// The rest is as for Pool.
class ProcessPool : public Pool {
 public:
  ProcessPool(ProcessHost* host, const NativeProcessPoolOptions& settings);

  // Hands a call to a worker, or queues it; returns its handle. `name` is that
  // of a C++ task, and `arguments` are what a ValueWriter has written for it;
  // with no name, they are a call that WorkerHost::Serve() gets. When it
  // throws, the task was not submitted. kNoHandle: nor was it, and the host is
  // to WaitForRoom() and try again.
  int64_t Submit(int64_t task, const std::string& name, const Bytes& arguments);
  int64_t Submit(int64_t task, const std::string& name, const Bytes& arguments,
                 const NativeTaskOptions& settings);
  // The same for a task of a view of this pool. `key` counts in one with keys.
  int64_t SubmitToView(const View& view, int64_t key, int64_t task,
                       const std::string& name, const Bytes& arguments,
                       const NativeTaskOptions& settings);
  // The same for a part of a map, which waits for room whatever when_full says.
  int64_t SubmitChunk(int64_t task, const std::string& name,
                      const Bytes& arguments);

  // --- With a handle that was not given up ---

  // A task that is still to wait does so until `due`, on clock_now(), or is
  // queued at once. False: it does not wait.
  bool MoveDelayed(int64_t handle, int64_t due);
  // Whether it has not begun, nor ended without that.
  static bool IsPending(int64_t handle);

  // True: the task was pending; Fail() was called with kCancelled.
  static bool Cancel(int64_t handle);
  // The same for a task that runs, whose worker is killed and replaced.
  static bool Kill(int64_t handle);
  static void Release(int64_t handle);
  // The calling thread waits for the task, for `limit` at most (ns): receives
  // its result right here if nobody else is going to, and if that is a
  // kPlainResult or one of a C++ task. True: Complete() was called.
  static bool Receive(int64_t handle, int64_t limit);
  // As Future::progress(): what the running task has reported last.
  static NativeTaskProgress Progress(int64_t handle);

 private:
  ProcessPool(std::shared_ptr<ProcessHost> host,
              const NativeProcessPoolOptions& settings);

  host::HostProcesses& processes() const {
    return static_cast<host::HostProcesses&>(pool());
  }
};

}  // namespace asyncpal::facade

#endif  // ASYNCPAL_BINDINGS_FACADE_PROCESS_POOL_H_
