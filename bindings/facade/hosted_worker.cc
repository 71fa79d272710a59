#include "asyncpal/bindings/facade/hosted_worker.h"

#include <exception>
#include <string>

#include "asyncpal/pool/host/host_worker.h"

namespace asyncpal::facade {

bool HostedWorker::IsOne() { return host::HostWorker::IsOne(); }

void HostedWorker::Serve(WorkerHost* host) {
  host::HostWorker::Serve([host](const std::string& call) {
    Failure failure;
    Bytes result = host->Serve(call, failure);
    if (!failure.empty()) std::rethrow_exception(ToException(failure));
    return result;
  });
}

Bytes HostedWorker::Ask(const Bytes& request) {
  return host::HostWorker::Ask(request);
}

}  // namespace asyncpal::facade
