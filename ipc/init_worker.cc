#include "asyncpal/ipc/init_worker.h"

#include "asyncpal/ipc/worker/worker_main.h"

namespace asyncpal {

void InitWorker(int, char**) { internal::BecomeWorkerIfAsked(); }

}  // namespace asyncpal
