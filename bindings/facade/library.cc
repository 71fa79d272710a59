#include "asyncpal/bindings/facade/library.h"

#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "asyncpal/bindings/facade/durations.h"
#include "asyncpal/bindings/facade/option_names.h"
#include "asyncpal/future/log.h"
#include "asyncpal/pool/host/host_pool.h"
#include "asyncpal/pool/options.h"
#include "asyncpal/pool/task_context.h"
#include "asyncpal/pool/trace.h"

namespace asyncpal::facade {

void Library::Init(int option_naming) {
  SetOptionNaming(option_naming);
  host::LeaveEndToHost();
}

void Library::Shutdown() { host::ShutDownAll(); }

void Library::SetShutdownDeadline(int64_t nanos) {
  host::SetShutdownDeadline(FromNanos(nanos));
}

void Library::SetShutdownMode(int mode) {
  constexpr ExitMode kModes[] = {ExitMode::kCancel, ExitMode::kDrain,
                                 ExitMode::kNone};
  if (mode < 0 || mode >= static_cast<int>(std::size(kModes))) {
    throw std::invalid_argument(
        absl::StrCat("the exit mode is ", mode, "; there is no such mode"));
  }
  host::SetShutdownMode(kModes[mode]);
}

void Library::StartTrace(const std::string& path) { Trace::Start(path); }

void Library::StopTrace() { Trace::Stop(); }

std::string Library::Traceparent() { return TraceparentScope::Current(); }

TraceScope::TraceScope(const std::string& traceparent)
    : scope_(std::make_unique<const TraceparentScope>(traceparent)) {}

TraceScope::~TraceScope() = default;

void Library::SetLogHost(LogHost* host) {
  if (host == nullptr) {
    SetLogSink(nullptr);
    return;
  }
  SetLogSink([owned = std::unique_ptr<LogHost>(host)](
                 LogSeverity severity, std::string_view message) {
    owned->Write(static_cast<int>(severity),
                 InNamesOfHost(std::string(message)));
  });
}

}  // namespace asyncpal::facade
