#ifndef ASYNCPAL_IPC_WORKER_WORKER_MAIN_H_
#define ASYNCPAL_IPC_WORKER_WORKER_MAIN_H_

#include <string>

namespace asyncpal::internal {

// InitWorker(), for the library itself.
void BecomeWorkerIfAsked();

// Whether this program becomes a worker where it is started as one: the linker
// has brought the library in front of its main(), or it has called
// BecomeWorkerIfAsked() or PromiseToBecomeWorker(). If not, its main() would
// run once more in each worker.
bool BecomesWorker();

// Says so on behalf of a host that calls BecomeWorkerIfAsked() in workers only.
void PromiseToBecomeWorker();

// Whether this process was started as a worker and has not become one yet: then
// no code of the program's should run, and no worker be started.
bool IsFutureWorker();

// Asks the parent for what RequestServer's handler answers, once this process
// is a worker. Throws InvalidStateError where the parent answers no requests,
// and ChannelClosedError if it is gone. Any thread.
std::string AskParent(const std::string& request);

// How many workers are above this process; 0 outside of workers.
int WorkerDepth();

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_IPC_WORKER_WORKER_MAIN_H_
