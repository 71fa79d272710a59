#include "asyncpal/pool/observer.h"

namespace asyncpal {

void PoolObserver::OnSubmit(const TaskReport&) {}
void PoolObserver::OnStart(const TaskReport&) {}
void PoolObserver::OnDone(const TaskReport&) {}
void PoolObserver::OnWorkerStarted(const WorkerInfo&) {}
void PoolObserver::OnWorkerEnded(const WorkerInfo&, const std::string&) {}
void PoolObserver::OnStall(const TaskReport&, const std::string&) {}

}  // namespace asyncpal
