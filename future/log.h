#ifndef ASYNCPAL_FUTURE_LOG_H_
#define ASYNCPAL_FUTURE_LOG_H_

#include <string_view>

#include "absl/functional/any_invocable.h"
#include "asyncpal/future/internal/cpp20.h"

namespace asyncpal {

// How serious a message of this library is.
enum class LogSeverity {
  kInfo,
  kWarning,  // nothing has failed yet: a pool may be waiting for itself
  kError,    // something has failed that no future and no call reports
};

// Sends this library's messages to `sink` in place of stderr, where each of
// them is a line, or a few, after "asyncpal: ". The sink gets the text alone,
// without a newline at its end. An empty sink: stderr again.
//
//   asyncpal::SetLogSink([](asyncpal::LogSeverity severity,
//                           std::string_view message) {
//     my_log.Write(severity == asyncpal::LogSeverity::kError, message);
//   });
//
// A worker process has a sink of its own, at first stderr; the pool's
// initializer may set it. What tasks print is not the library's message.
//
// Threads: any. The sink is called on the thread that has the message, on
// several at once, and never under one of the library's locks. It may use the
// library; messages from inside it go to stderr.
// Lifetime: when this returns, the previous sink is destroyed and no longer
// called: it waits for calls that are under way, except inside a sink.
// Ordering: that of one thread's messages.
// Errors: what the sink throws goes to stderr, together with the message.
// Shutdown: none. Messages can come until the process has ended, after static
// objects are gone; the last sink is never destroyed.
void SetLogSink(absl::AnyInvocable<void(LogSeverity, std::string_view)> sink);

namespace internal {

// Sends a message to the sink, or to stderr. Call it with no lock of the
// library's held. What there is no memory for is lost.
void Log(LogSeverity severity, std::string_view message) noexcept;

}  // namespace internal
}  // namespace asyncpal

#endif  // ASYNCPAL_FUTURE_LOG_H_
