#include "asyncpal/pool/internal/thread_worker.h"

#include "asyncpal/future/internal/futex.h"
#include "asyncpal/pool/internal/thread_core.h"

namespace asyncpal::internal {

std::exception_ptr ThreadWorker::Begin() { return core.RunInitializer(); }

std::exception_ptr ThreadWorker::End() { return core.RunFinalizer(); }

void ThreadWorker::Sleep(absl::Duration timeout) {
  FutexWait(reinterpret_cast<const uint32_t*>(&wake), kAsleep, timeout);
}

void ThreadWorker::WakeUp() {
  FutexWakeOne(reinterpret_cast<const uint32_t*>(&wake));
}

StateBase* ThreadWorker::GoOn() { return core.GoOn(*this); }

bool ThreadWorker::RunInline(StateBase& task, bool alone) {
  return core.RunInline(*this, task, alone);
}

bool ThreadWorker::BeginBlocking(const StateBase* awaited) {
  core.BeginBlocking(*this, awaited);
  return true;
}

void ThreadWorker::EndBlocking() { core.EndBlocking(*this); }

bool ThreadWorker::RecheckStandIn() { return core.RecheckStandIn(); }

void ThreadWorker::LeaveForExit() { core.LeaveForExit(*this); }

}  // namespace asyncpal::internal
