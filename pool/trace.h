#ifndef ASYNCPAL_POOL_TRACE_H_
#define ASYNCPAL_POOL_TRACE_H_

#include <string>

namespace asyncpal {

// Records what all pools of this process do, task by task, into a file that
// https://ui.perfetto.dev, chrome://tracing and https://speedscope.app show:
//
//   asyncpal::Trace::Start("run.json");
//   ...
//   asyncpal::Trace::Stop();
//
// or, without a change to the program, ASYNCPAL_TRACE=run.json in its
// environment, which starts with its first pool and stops at its end. There,
// a file that can't be written is a message (SetLogSink()).
//
// Each worker has a lane, a worker process as one of its own, with a slice for
// each run of a task. An asynchronous event is the time that a task has waited,
// a flow leads from its submission to its run, and an instant tells how a
// worker has ended. Tasks that were submitted before the start are not there,
// nor is what pools inside of worker processes do. Calls that are posted become
// tasks meanwhile, and each task costs about a microsecond more.
//
// //tools/trace_report makes an HTML page of such a file.
//
// Threads: any.
// Lifetime: from Start() to Stop(), or the end of the process by exit() or
// main()'s return.
// Ordering: events are in the order of their times.
// Errors: as said. A disk that is full ends the trace, with one message;
// nothing else notices.
// Shutdown: what still waits or runs when it stops ends there in the file.
class Trace {
 public:
  Trace() = delete;

  // Overwrites the file. Throws std::system_error if it can't be written, and
  // InvalidStateError while there is a trace.
  static void Start(const std::string& path);
  // The file is complete when this returns. Without a trace it does nothing.
  static void Stop();
};

}  // namespace asyncpal

#endif  // ASYNCPAL_POOL_TRACE_H_
