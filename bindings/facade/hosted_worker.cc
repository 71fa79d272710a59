#include "asyncpal/bindings/facade/hosted_worker.h"

#include <exception>

#include "asyncpal/bindings/facade/raw_bytes.h"
#include "asyncpal/future/error.h"
#include "asyncpal/ipc/call.h"
#include "asyncpal/ipc/worker/worker_main.h"

namespace asyncpal::facade {
namespace {

WorkerHost* the_host = nullptr;  // set before the first call, for good

RawBytes CallHost(RawBytes call) {
  Failure failure;
  RawBytes result{the_host->Serve(call.bytes, failure)};
  if (!failure.empty()) std::rethrow_exception(ToException(failure));
  return result;
}

ASYNCPAL_REGISTER_TASK(kHostCall, CallHost);

}  // namespace

bool HostedWorker::IsOne() { return internal::IsFutureWorker(); }

void HostedWorker::Serve(WorkerHost* host) {
  if (!IsOne()) {
    throw InvalidStateError(
        "this process was not started as a worker by a ProcessPool");
  }
  the_host = host;
  internal::BecomeWorkerIfAsked();
}

Bytes HostedWorker::Ask(const Bytes& request) {
  return internal::AskParent(request);
}

}  // namespace asyncpal::facade
