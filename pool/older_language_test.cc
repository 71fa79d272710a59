// Each public header, compiled as C++17, says that it needs C++20, and no more.

#if defined(ONLY_CHUNKS)
#include "asyncpal/future/chunks.h"
#elif defined(ONLY_COUNTDOWN)
#include "asyncpal/future/countdown.h"
#elif defined(ONLY_ERROR)
#include "asyncpal/future/error.h"
#elif defined(ONLY_FUTURE)
#include "asyncpal/future/future.h"
#elif defined(ONLY_FUTURE_FILTER)
#include "asyncpal/future/future_filter.h"
#elif defined(ONLY_STATE)
#include "asyncpal/future/state.h"
#elif defined(ONLY_WAIT)
#include "asyncpal/future/wait.h"
#elif defined(ONLY_CALL)
#include "asyncpal/ipc/call.h"
#elif defined(ONLY_CAPNP_CODEC)
#include "asyncpal/ipc/capnp_codec.h"
#elif defined(ONLY_CODEC)
#include "asyncpal/ipc/codec.h"
#elif defined(ONLY_EXCEPTION_REGISTRY)
#include "asyncpal/ipc/exception_registry.h"
#elif defined(ONLY_INIT_WORKER)
#include "asyncpal/ipc/init_worker.h"
#elif defined(ONLY_PAYLOAD)
#include "asyncpal/ipc/payload.h"
#elif defined(ONLY_CANCELLED_TASK)
#include "asyncpal/pool/cancelled_task.h"
#elif defined(ONLY_GLOBAL_SHUTDOWN)
#include "asyncpal/pool/global_shutdown.h"
#elif defined(ONLY_OPTIONS)
#include "asyncpal/pool/options.h"
#elif defined(ONLY_POOL)
#include "asyncpal/pool/pool.h"
#elif defined(ONLY_PROCESS_POOL)
#include "asyncpal/pool/process_pool.h"
#elif defined(ONLY_THREAD_POOL)
#include "asyncpal/pool/thread_pool.h"
#else
#include "asyncpal/pool/process_pool.h"
#include "asyncpal/pool/thread_pool.h"
#endif
