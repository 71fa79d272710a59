#include "asyncpal/pool/host/host_worker.h"

#include <string>
#include <utility>

#include "absl/types/span.h"
#include "asyncpal/future/error.h"
#include "asyncpal/ipc/call.h"
#include "asyncpal/ipc/worker/current_task.h"
#include "asyncpal/ipc/worker/partial_results.h"
#include "asyncpal/ipc/worker/worker_main.h"
#include "asyncpal/pool/host/raw_bytes.h"

namespace asyncpal::host {
namespace {

// Set before the first call, for good.
HostWorker::MakeCall* the_make_call = nullptr;

// Of the task that is several calls; null: none such runs. Written and read by
// the thread that runs tasks.
internal::PartialResults* the_calls = nullptr;

// Sets that back however the call of the host ends.
class CallsScope {
 public:
  CallsScope() = default;
  ~CallsScope() { the_calls = nullptr; }
  CallsScope(const CallsScope&) = delete;
  CallsScope& operator=(const CallsScope&) = delete;
};

HostResult CallHost(RawBytes call) {
  const CallsScope scope;
  std::string result = (*the_make_call)(call.bytes);
  if (the_calls == nullptr) return {.bytes = std::move(result)};
  const internal::PartialResults::Rest rest = the_calls->TakeRest();
  const absl::Span<const char> bytes = rest.results.bytes();
  return {.bytes = std::string(bytes.data(), bytes.size()) + result};
}

internal::PartialResults& Calls() {
  if (the_calls == nullptr) {
    throw InvalidStateError("no task of several calls runs here");
  }
  return *the_calls;
}

ASYNCPAL_REGISTER_TASK(kHostCall, CallHost);

}  // namespace

bool HostWorker::IsOne() { return internal::IsFutureWorker(); }

void HostWorker::Serve(MakeCall make_call) {
  if (!IsOne()) {
    throw InvalidStateError(
        "this process was not started as a worker by a ProcessPool");
  }
  the_make_call = new MakeCall(std::move(make_call));
  internal::BecomeWorkerIfAsked();
}

std::string HostWorker::Ask(const std::string& request) {
  return internal::AskParent(request);
}

void HostWorker::BeginCalls() {
  const internal::WorkerTask* const task = internal::WorkerTaskScope::Current();
  if (task == nullptr || task->partial_results == nullptr) {
    throw InvalidStateError("this thread runs no task of a ProcessPool");
  }
  the_calls = task->partial_results;
  the_calls->Begin(task->attempt);
}

void HostWorker::BeginCall() { Calls().BeginCall(); }

void HostWorker::EndCall(const std::string& result) {
  internal::PartialResults& calls = Calls();
  internal::Serializing("the result can't be encoded", [&] {
    calls.EndCall([&result](Encoder& out) {
      out.WriteBytes(result.data(), result.size());
    });
  });
}

bool HostWorker::HasUnsent() { return Calls().HasUnsent(); }

}  // namespace asyncpal::host
