#ifndef ASYNCPAL_BINDINGS_FACADE_LIBRARY_H_
#define ASYNCPAL_BINDINGS_FACADE_LIBRARY_H_

#include <cstdint>
#include <memory>
#include <string>

namespace asyncpal {
class TraceparentScope;
}

namespace asyncpal::facade {

// As asyncpal::ExitMode.
enum HostExitMode { kExitCancel = 0, kExitDrain, kExitNone };

// Where the native library's messages go in the host.
//
// Threads: any call Write(), at the same time.
// Errors: it may let no exception out.
class LogHost {
 public:
  virtual ~LogHost() = default;

  // `severity`: as asyncpal::LogSeverity; 0: info, 1: a warning, 2: an error.
  virtual void Write(int severity, const std::string& message) = 0;
};

// What concerns the native library as a whole.
class Library {
 public:
  // Before anything else of the facade: the end of the process is the host's
  // affair, and no exit() or std::terminate() will join threads. Messages have
  // options' names as the host spells them, by an OptionNaming.
  static void Init(int option_naming);

  // As asyncpal::GlobalShutdown. The host calls Shutdown() where its runtime is
  // about to end but still runs code; it blocks for the deadline at most.
  static void Shutdown();
  static void SetShutdownDeadline(int64_t nanos);
  static void SetShutdownMode(int mode);  // a HostExitMode

  // As asyncpal::Trace.
  static void StartTrace(const std::string& path);
  static void StopTrace();

  // As TraceparentScope::Current(): what a submission of this thread carries if
  // its settings have none; empty: nothing.
  static std::string Traceparent();

  // As asyncpal::SetLogSink(); owns `host`. Null: stderr.
  static void SetLogHost(LogHost* host);
};

// As asyncpal::TraceparentScope: what this thread submits while it lives
// belongs to that trace. The same thread destroys it.
class TraceScope {
 public:
  explicit TraceScope(const std::string& traceparent);
  ~TraceScope();
  TraceScope(const TraceScope&) = delete;
  TraceScope& operator=(const TraceScope&) = delete;

 private:
  const std::unique_ptr<const TraceparentScope> scope_;
};

}  // namespace asyncpal::facade

#endif  // ASYNCPAL_BINDINGS_FACADE_LIBRARY_H_
