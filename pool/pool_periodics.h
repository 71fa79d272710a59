#ifndef ASYNCPAL_POOL_POOL_PERIODICS_H_
#define ASYNCPAL_POOL_POOL_PERIODICS_H_

#include <memory>
#include <type_traits>
#include <utility>

#include "absl/time/time.h"
#include "asyncpal/pool/internal/periodic_core.h"
#include "asyncpal/pool/options.h"
#include "asyncpal/pool/periodic.h"

namespace asyncpal {

// Tasks that run again and again, as every pool has them:
//
//   Periodic sweep = pool.Every(absl::Seconds(10), SweepCache);
//   pool.Every(absl::Hours(1), {.task = {.name = "report"},
//                               .initial_delay = absl::Hours(1)}, PrintReport);
//
// Each run is a task of the pool, from copies of `f` and `args`, and of no
// other one's: what is to stay from run to run is shared by them, through a
// pointer or std::ref(). What it returns is dropped. Runs never overlap.
//
// A full pool (max_pending) does with the first run what it does with one of
// SubmitAfter(); later ones need no room.
//
// Threads: any. Lifetime: it goes on without the Periodic; see there.
// Ordering: one run after the other.
// Errors: those of SubmitAfter(), for the first run; and std::invalid_argument
// for a bad period or option. What later runs fail with: PeriodicOptions.
// Shutdown: ends it. The run that waits is cancelled, and among what
// TakeCancelledTasks() returns. Pool::Join() waits until it has ended.
template <typename Derived>
class PoolPeriodics {
 public:
  // The first run is due at once; infinite: the only one that is not asked for
  // by Trigger().
  template <typename F, typename... A>
  requires(!internal::kIsOptions<F> &&
           !std::is_same_v<std::remove_cvref_t<F>, PeriodicOptions>) Periodic
      Every(absl::Duration period, F&& f, A&&... args) {
    return Every(period, PeriodicOptions(), std::forward<F>(f),
                 std::forward<A>(args)...);
  }
  template <typename F, typename... A>
  Periodic Every(absl::Duration period, PeriodicOptions options, F&& f,
                 A&&... args) {
    constexpr bool kCanRunAgain =
        (std::is_copy_constructible_v<std::decay_t<F>> && ... &&
         std::is_copy_constructible_v<std::decay_t<A>>);
    static_assert(kCanRunAgain,
                  "asyncpal: a periodic task runs from copies of its callable "
                  "and arguments, and one of these can't be copied: it can run "
                  "only once");
    internal::CheckPeriod(period);
    internal::CheckPeriodicOptions(options);
    if constexpr (kCanRunAgain) {
      auto& self = static_cast<Derived&>(*this);
      auto tasks = self.tasks();
      using Runs = internal::PeriodicRuns<decltype(tasks), std::decay_t<F>,
                                          std::decay_t<A>...>;
      auto runs = std::make_shared<Runs>(
          self.shared_core(), std::move(tasks), period, std::move(options),
          std::forward<F>(f), std::forward<A>(args)...);
      runs->Start();
      return Periodic(std::move(runs));
    } else {
      return Periodic(nullptr);
    }
  }
};

}  // namespace asyncpal

#endif  // ASYNCPAL_POOL_POOL_PERIODICS_H_
