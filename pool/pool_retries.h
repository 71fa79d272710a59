#ifndef ASYNCPAL_POOL_POOL_RETRIES_H_
#define ASYNCPAL_POOL_POOL_RETRIES_H_

#include <type_traits>
#include <utility>

#include "asyncpal/future/future.h"
#include "asyncpal/pool/internal/retry_run.h"
#include "asyncpal/pool/options.h"
#include "asyncpal/pool/retry_policy.h"

namespace asyncpal {

// Tasks that are tried again when they fail, as every pool has them:
//
//   Future<Page> page = pool.SubmitRetrying({.max_attempts = 5}, Load, url);
//
// Each attempt is a task of the pool, counted and told of as such, from copies
// of `f` and `args`; it has the timeout and the other TaskOptions for itself,
// and its number in TaskReport::attempt. PoolStats::retried counts the further
// ones. Between attempts the next one is pending for later, as by
// SubmitAfter(): it holds no worker. Attempts don't overlap, but for a thread
// pool's that has missed its timeout and still runs.
//
// The future has the result of the attempt that succeeds, or the failure of the
// last one. It is pending until then; Cancel() ends it at once, and cancels the
// attempt, or asks it to stop.
//
// Threads: any. Lifetime: attempts go on without the future.
// Ordering: none.
// Errors: those of Submit(), for the first attempt; and std::invalid_argument
// for a bad policy. Where a further one is refused, the last failure counts.
// Shutdown: ends a wait for the next attempt with the last failure.
template <typename Derived>
class PoolRetries {
 public:
  // Submits the first attempt, and returns the Future of the result.
  template <typename F, typename... A>
  requires(!internal::kIsOptions<F>) auto SubmitRetrying(
      const RetryPolicy& policy, F&& f, A&&... args) {
    return SubmitRetrying(policy, TaskOptions(), std::forward<F>(f),
                          std::forward<A>(args)...);
  }
  // The same with options, for each attempt.
  template <typename F, typename... A>
  auto SubmitRetrying(const RetryPolicy& policy, TaskOptions options, F&& f,
                      A&&... args) {
    constexpr bool kCanRunAgain =
        (std::is_copy_constructible_v<std::decay_t<F>> && ... &&
         std::is_copy_constructible_v<std::decay_t<A>>);
    static_assert(kCanRunAgain,
                  "asyncpal: a task that is retried runs from copies of its "
                  "callable and arguments, and one of these can't be copied: "
                  "it can run only once");
    if constexpr (kCanRunAgain) {
      internal::CheckRetryPolicy(policy);
      internal::CheckTaskOptions(options);
      auto& self = static_cast<Derived&>(*this);
      auto tasks = self.tasks();
      using Run = internal::RetryRun<decltype(tasks), std::decay_t<F>,
                                     std::decay_t<A>...>;
      return Run::Start(self.shared_core(), std::move(tasks), policy,
                        std::move(options), std::forward<F>(f),
                        std::forward<A>(args)...);
    }
  }
};

}  // namespace asyncpal

#endif  // ASYNCPAL_POOL_POOL_RETRIES_H_
