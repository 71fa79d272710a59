#include "asyncpal/pool/host/host_worker.h"

#include <utility>

#include "asyncpal/future/error.h"
#include "asyncpal/ipc/call.h"
#include "asyncpal/ipc/worker/worker_main.h"
#include "asyncpal/pool/host/raw_bytes.h"

namespace asyncpal::host {
namespace {

// Set before the first call, for good.
HostWorker::MakeCall* the_make_call = nullptr;

RawBytes CallHost(RawBytes call) {
  return RawBytes{(*the_make_call)(call.bytes)};
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

}  // namespace asyncpal::host
