#ifndef ASYNCPAL_POOL_HOST_HOST_PROCESSES_H_
#define ASYNCPAL_POOL_HOST_HOST_PROCESSES_H_

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/state.h"
#include "asyncpal/ipc/payload.h"
#include "asyncpal/pool/host/host_pool.h"
#include "asyncpal/pool/options.h"

namespace asyncpal::host {

class HostCall;

// The first byte of a result of the host's worker, if Receive() may bring it:
// to read the rest runs no code of the user's and takes no time.
inline constexpr char kPlainResult = 1;

// The host language's side of a HostProcesses pool.
//
// Threads: the pool's own call it at the same time, and those that cancel or
// close.
// Lifetime: until the last worker has gone.
// Ordering: a task's end may come before Submit() has returned.
// Errors: Complete() may throw where there is no memory for the result: then
// Fail() is called in its place. Answer() may, which makes an empty answer.
// Shutdown: Terminated() is the last call.
class ProcessHost {
 public:
  virtual ~ProcessHost() = default;

  // One of these, once for each task that was submitted. A task that was
  // cancelled fails with CancelledError.
  virtual void Complete(int64_t task, const std::string& result) = 0;
  virtual void Fail(int64_t task, const std::exception_ptr& error) = 0;
  // In their place: the task never ran and never will, since `why` broke the
  // pool, or the pool was closed where that is null.
  virtual void Drop(int64_t task, const std::exception_ptr& why) = 0;
  // In place of Fail(), for a task of several calls (HostWorker::BeginCalls()):
  // it was lost, mostly with its worker. `results` are what came of its first
  // calls; those from `rest` on had not begun, though it may have fewer.
  virtual void LoseCalls(int64_t task, const std::string& results, int64_t rest,
                         const std::exception_ptr& error) {
    static_cast<void>(results);
    static_cast<void>(rest);
    Fail(task, error);
  }

  // What a worker asks for by HostWorker::Ask(), with
  // HostProcesses::Options::answers_workers. On a thread that does nothing
  // else, one for each worker. More than 65 MiB make an empty answer.
  virtual std::string Answer(const std::string& request) = 0;

  // A worker has ended though nobody wanted it to, with a task or without. On
  // the thread that serves it.
  virtual void OnLoss(const WorkerLostError&) {}

  // The pool is closed, all tasks are done and no worker is left. Once.
  virtual void Terminated() = 0;
};

// A pool of processes that run tasks by their names.
//
// A HostCall* is the host's share of a task. The host gives each up by
// Release(), once.
//
// Threads, Lifetime, Ordering, Errors, Shutdown: as HostPool.
class HostProcesses : public HostPool {
 public:
  struct Options {
    PoolOptions pool;  // without callables
    bool close_on_exit = true;
    // The program that workers run, and its arguments. It becomes a HostWorker,
    // or is a C++ program that links the library.
    std::vector<std::string> worker_command;
    // "NAME=value", for workers alone.
    std::vector<std::string> worker_environment;
    // Names of variables that workers don't have.
    std::vector<std::string> hidden_environment;
    bool answers_workers = false;
    // Each a call for the host's worker; empty: nothing to call.
    std::string initializer;
    std::string finalizer;
    int64_t max_payload_bytes = kDefaultMaxPayloadBytes;
    int64_t max_pending_bytes = 0;
    int max_restarts = 0;
    absl::Duration restart_window = absl::Seconds(5);
    absl::Duration handshake_timeout = absl::ZeroDuration();
    bool no_new_privileges = false;
    int64_t max_worker_bytes = 0;
    LogSink log_sink = nullptr;
  };

  HostProcesses(std::shared_ptr<ProcessHost> host, const Options& options);

  // Hands a call to a worker, or queues it. `name` is that of a C++ task, which
  // `arguments` are encoded for; with no name, they are a call that the host's
  // worker gets. When it throws, the task was not submitted. Null: nor was it,
  // as the pool is full; the host is to WaitForRoom() and try again.
  // `is_chunk`: the task is a part of a map, which waits for room whatever
  // when_full says.
  HostCall* Submit(int64_t task, const std::string& name,
                   const std::string& arguments, bool is_chunk);
  HostCall* Submit(int64_t task, const std::string& name,
                   const std::string& arguments, const TaskOptions& options,
                   const HostTaskInfo& info = {});

  // With a share that was not given up, of a task that is still to wait: it
  // does so until `due`, on ClockNow(), or is queued at once. False: it does
  // not wait.
  bool MoveDelayed(HostCall* task, int64_t due);
  // Whether it has not begun, nor ended without that.
  static bool IsPending(HostCall* task);

  // --- With a share that was not given up ---
  // True: the task was pending; Fail() was called with CancelledError.
  static bool Cancel(HostCall* task);
  // The same for a task that runs, whose worker is killed and replaced.
  static bool Kill(HostCall* task);
  static void Release(HostCall* task);
  // The calling thread waits for the task. If no other thread is going to, it
  // receives the result itself, for `limit` at most, and Complete() is called
  // here: so a call costs no wake-up of a third thread. Of a task of the host's
  // that is only so with a kPlainResult, of a C++ task with up to 32 KiB. True:
  // the task is done. False: it is to be waited for.
  static bool Receive(HostCall* task, absl::Duration limit);
  // As Future::progress().
  static std::optional<TaskProgress> Progress(HostCall* task);

 private:
  template <typename Call>
  Call* NewTask(int64_t id, const std::string& name,
                const std::string& arguments, uint32_t flags);
  HostCall* Submit(HostCall* task, bool is_chunk, const HostTaskInfo& info);

  const std::shared_ptr<ProcessHost> host_;
  const int64_t max_payload_bytes_;
};

}  // namespace asyncpal::host

#endif  // ASYNCPAL_POOL_HOST_HOST_PROCESSES_H_
