#include "asyncpal/pool/internal/thread_worker.h"

#include <utility>

#include "asyncpal/future/internal/futex.h"
#include "asyncpal/pool/internal/thread_core.h"

namespace asyncpal::internal {

ThreadWorker::ThreadWorker(ThreadCore& core, int64_t id, std::string name)
    : core(core),
      id(id),
      name(std::move(name)),
      histograms(core.MakeHistograms()) {}

std::exception_ptr ThreadWorker::Begin() { return core.RunInitializer(); }

std::exception_ptr ThreadWorker::End() { return core.RunFinalizer(); }

void ThreadWorker::Sleep(absl::Duration timeout) {
  FutexWait(reinterpret_cast<const uint32_t*>(&wake), kAsleep, timeout);
}

void ThreadWorker::WakeUp() {
  FutexWakeOne(reinterpret_cast<const uint32_t*>(&wake));
}

TaskState* ThreadWorker::GoOn() { return core.GoOn(*this); }

bool ThreadWorker::RunInline(TaskState& task, bool alone) {
  return core.RunInline(*this, task, alone);
}

bool ThreadWorker::BeginBlocking(const TaskState* awaited) {
  core.BeginBlocking(*this, awaited);
  return true;
}

void ThreadWorker::EndBlocking() { core.EndBlocking(*this); }

bool ThreadWorker::RecheckStandIn() { return core.RecheckStandIn(); }

void ThreadWorker::LeaveForExit() { core.LeaveForExit(*this); }

}  // namespace asyncpal::internal
