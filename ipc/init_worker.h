#ifndef ASYNCPAL_IPC_INIT_WORKER_H_
#define ASYNCPAL_IPC_INIT_WORKER_H_

#include "asyncpal/future/internal/cpp20.h"

namespace asyncpal {

// Makes this process the worker that it was started to be, and does not return;
// in any other process it does nothing. A program with a main() needs no such
// call, the library acts before main(). A host whose main() is not linked with
// the library calls this first thing.
void InitWorker(int argc, char** argv);

}  // namespace asyncpal

#endif  // ASYNCPAL_IPC_INIT_WORKER_H_
