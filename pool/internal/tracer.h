#ifndef ASYNCPAL_POOL_INTERNAL_TRACER_H_
#define ASYNCPAL_POOL_INTERNAL_TRACER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "asyncpal/future/state.h"
#include "asyncpal/pool/internal/submission_watch.h"
#include "asyncpal/pool/internal/trace_log.h"

namespace asyncpal::internal {

// A worker, as the trace has it.
struct TracedWorker {
  std::string_view name = {};
  std::string_view pool_name = {};
  bool is_process = false;
  int64_t id = 0;  // of its process or thread; 0: there is none yet
};

// The process's one trace: where Trace is documented. Pools ask IsOn() only of
// what they look at anyway, and then tell it of that.
//
// Threads: any, with no lock held. The file is written on the thread that has
// filled a buffer; others do not wait for it.
// Lifetime: the process's. Ordering: that of the calls.
// Errors: Start() throws as Trace::Start(); the others nothing. What there is
// no memory for is missing in the trace. Shutdown: Stop() at exit. A child of
// fork() has no trace.
class Tracer {
 public:
  static void Start(const std::string& path);
  static void Stop();
  // Where the environment asks for it, the first time.
  static void StartIfAsked();
  // From now on, what there is to say at exit goes to stderr: the sink of
  // messages belongs to a runtime that has ended by then.
  static void LeaveSinkToHost();

  static bool IsOn() { return SubmissionWatch::Has(SubmissionWatch::kTrace); }
  // A number for TracedTask::pool.
  static uint64_t NewPool();

  // About to be submitted, on this thread.
  static void OnSubmit(const TracedTask& task) noexcept;
  // Runs on this thread on behalf of that worker; null: it is nobody's.
  static void OnStart(const TracedTask& task, const TracedWorker* worker,
                      int attempt) noexcept;
  static void OnNextAttempt(const TracedTask& task, const TracedWorker& worker,
                            int attempt) noexcept;
  static void OnOutcome(const TracedTask& task, FutureState outcome,
                        bool lost) noexcept;
  static void OnRunEnd(const TracedTask& task) noexcept;
  static void OnWorkerStarted(const TracedWorker& worker) noexcept;
  static void OnWorkerEnded(const TracedWorker& worker,
                            std::string_view why) noexcept;

 private:
  struct State;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_TRACER_H_
