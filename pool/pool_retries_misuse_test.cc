// What SubmitRetrying() and Every() say to those who give them what can run
// only once.

#include <memory>

#include "asyncpal/pool/thread_pool.h"

namespace asyncpal {

int Count(const std::shared_ptr<int>& n) { return *n; }

void Use(ThreadPool& pool) {
  pool.SubmitRetrying({}, Count, std::make_shared<int>(1));
#ifdef CALLABLE_THAT_RUNS_ONCE
  pool.SubmitRetrying({}, [once = std::make_unique<int>(1)] { return *once; });
#endif
#ifdef ARGUMENT_THAT_MOVES_ONLY
  pool.SubmitRetrying(
      {}, [](const std::unique_ptr<int>& n) { return *n; },
      std::make_unique<int>(1));
#endif
#ifdef CALLABLE_THAT_RUNS_ONCE_AND_OPTIONS
  pool.SubmitRetrying({}, TaskOptions(),
                      [once = std::make_unique<int>(1)] { return *once; });
#endif
#ifdef PERIODIC_CALLABLE_THAT_RUNS_ONCE
  pool.Every(absl::Seconds(1), [once = std::make_unique<int>(1)] {});
#endif
}

}  // namespace asyncpal
