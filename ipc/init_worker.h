#ifndef ASYNCPAL_IPC_INIT_WORKER_H_
#define ASYNCPAL_IPC_INIT_WORKER_H_

#include "asyncpal/future/internal/cpp20.h"

namespace asyncpal {

// Makes this process the worker that it was started to be, and does not return;
// in any other process it does nothing. A program whose main() is linked with
// the library does not need this: the library takes over before main(). Any
// other program calls it before everything else.
void InitWorker(int argc, char** argv);

}  // namespace asyncpal

#endif  // ASYNCPAL_IPC_INIT_WORKER_H_
