#ifndef ASYNCPAL_FUTURE_WAIT_H_
#define ASYNCPAL_FUTURE_WAIT_H_

#include <atomic>
#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "asyncpal/future/countdown.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/future.h"
#include "asyncpal/future/future_filter.h"
#include "asyncpal/future/internal/pull_range.h"

// Waiting for many futures at once. `futures` is any range of Future<T>; an
// empty future in it is an InvalidStateError that names its index. A timeout
// limits the whole call. Threads, Lifetime, Ordering, Shutdown: as for Future.

namespace asyncpal {

// For AsDone().
struct AsDoneOptions {
  bool keep_order = false;  // true: in the order of the range
  absl::Duration timeout = absl::InfiniteDuration();  // of the whole iteration
};

namespace internal {

template <typename R>
using FutureOf =
    std::remove_cvref_t<decltype(*std::begin(std::declval<const R&>()))>;

template <typename F>
struct ResultOfFuture;
template <typename T>
struct ResultOfFuture<Future<T>> {
  using type = T;
};
template <typename R>
using ResultIn = typename ResultOfFuture<FutureOf<R>>::type;

// A copy of the range, once all its futures are known to be valid.
template <typename R>
std::vector<FutureOf<R>> CheckedFutures(const char* function,
                                        const R& futures) {
  std::vector<FutureOf<R>> copy(std::begin(futures), std::end(futures));
  for (size_t i = 0; i < copy.size(); ++i) {
    if (copy[i].valid()) continue;
    throw InvalidStateError(
        absl::StrCat(function, ": the future at index ", i, " is empty"));
  }
  return copy;
}

// The pool that all of `futures` share; null if they don't share one.
template <typename T>
TaskOwner* CommonOwner(const std::vector<Future<T>>& futures) {
  TaskOwner* owner = nullptr;
  for (const Future<T>& future : futures) {
    TaskOwner* const its = FutureAccess::State(future).owner();
    if (owner != nullptr && its != owner) return nullptr;
    owner = its;
  }
  return owner;
}

// The results of done futures, in order; throws the first failure.
template <typename T>
auto Results(std::vector<Future<T>> futures) {
  if constexpr (std::is_void_v<T>) {
    for (const Future<T>& future : futures) future.Collect();
    return std::monostate{};
  } else {
    std::vector<T> results;
    results.reserve(futures.size());
    for (Future<T>& future : futures) {
      results.push_back(std::move(future).Collect());
    }
    return results;
  }
}

}  // namespace internal

// Blocks until all are done; false: `timeout` passed before.
template <typename R>
bool Wait(const R& futures, absl::Duration timeout = absl::InfiniteDuration()) {
  const Countdown countdown(timeout);
  for (const auto& future : internal::CheckedFutures("Wait", futures)) {
    if (!future.Wait(countdown.Remaining())) return false;
  }
  return true;
}

// The results in order, as a std::vector<T> (nothing for Future<void>). Throws
// the first failure in that order, or TimeoutError. Results are copied; those
// that can't be are moved out.
template <typename R>
auto Collect(const R& futures,
             absl::Duration timeout = absl::InfiniteDuration()) {
  auto checked = internal::CheckedFutures("Collect", futures);
  const Countdown countdown(timeout);
  size_t done = 0;
  for (const auto& future : checked) {
    if (!future.Wait(countdown.Remaining())) {
      throw TimeoutError(absl::StrCat("Collect: ", done, " of ", checked.size(),
                                      " futures were done in ",
                                      absl::FormatDuration(timeout)));
    }
    // Fail now rather than after the rest.
    if (!future.is_completed()) internal::FutureAccess::State(future).Get();
    ++done;
  }
  if constexpr (std::is_void_v<internal::ResultIn<R>>) {
    return;
  } else {
    return internal::Results(std::move(checked));
  }
}

// An input range of the futures as they are done, each once. Its iteration
// throws TimeoutError when the next is not done in time.
template <typename R>
auto AsDone(const R& futures, AsDoneOptions options = {}) {
  using F = internal::FutureOf<R>;
  auto checked = internal::CheckedFutures("AsDone", futures);
  const Countdown countdown(options.timeout);
  std::shared_ptr<FutureFilter<internal::ResultIn<R>>> filter;
  if (!options.keep_order) {
    filter = std::make_shared<FutureFilter<internal::ResultIn<R>>>();
    filter->Populate(checked);
    checked.clear();
  }
  return internal::PullRange([filter, checked = std::move(checked), countdown,
                              timeout = options.timeout,
                              next = size_t{0}]() mutable -> std::optional<F> {
    if (filter != nullptr) return filter->Get(countdown);
    if (next == checked.size()) return std::nullopt;
    if (!checked[next].Wait(countdown.Remaining())) {
      throw TimeoutError(absl::StrCat("AsDone: the future at index ", next,
                                      " was not done in ",
                                      absl::FormatDuration(timeout)));
    }
    return std::move(checked[next++]);
  });
}

// A future of all results: a Future<std::vector<T>>, or a Future<void>. It
// fails or is cancelled as soon as one of the futures fails or is cancelled. An
// empty range gives a completed future.
template <typename R>
auto WhenAll(const R& futures) {
  using T = internal::ResultIn<R>;
  using All = std::conditional_t<std::is_void_v<T>, void,
                                 std::vector<internal::Stored<T>>>;
  struct Gathering {
    std::vector<Future<T>> futures;
    std::atomic<size_t> missing;
    internal::StateRef<internal::PromiseState<All>> promise;
  };
  auto checked = internal::CheckedFutures("WhenAll", futures);
  auto promise =
      internal::PromiseState<All>::Make(internal::CommonOwner(checked));
  if (checked.empty()) promise->Complete({});
  auto all = std::make_shared<Gathering>();
  all->futures = checked;
  all->missing = checked.size();
  all->promise = promise;
  const auto gather = [all](const Future<T>& done) {
    if (!done.is_completed()) {
      all->promise->Settle(done.state(), done.exception());
    }
    if (all->missing.fetch_sub(1) > 1) return;
    if (all->promise->is_done()) return;
    try {
      all->promise->Complete(internal::Results(std::move(all->futures)));
    } catch (...) {
      all->promise->Fail(std::current_exception());
    }
  };
  for (const Future<T>& future : checked) {
    if (future.is_done()) {
      gather(future);
    } else {
      future.AddCallback(gather);
    }
  }
  return internal::FutureAccess::Make<All>(std::move(promise));
}

// A future of the index of the first one that is done, whatever its outcome.
// Throws std::invalid_argument for an empty range, in which none ever would be.
template <typename R>
Future<size_t> WhenAny(const R& futures) {
  using T = internal::ResultIn<R>;
  auto checked = internal::CheckedFutures("WhenAny", futures);
  if (checked.empty()) {
    throw std::invalid_argument("WhenAny: the range of futures is empty");
  }
  auto promise =
      internal::PromiseState<size_t>::Make(internal::CommonOwner(checked));
  std::vector<std::pair<Future<T>, CallbackId>> registered;
  for (size_t i = 0; i < checked.size(); ++i) {
    registered.emplace_back(
        checked[i], checked[i].AddCallback(
                        [promise, i](const auto&) { promise->Complete(i); }));
  }
  auto any = internal::FutureAccess::Make<size_t>(std::move(promise));
  // The losers may live long: they must not collect callbacks.
  any.AddCallback([registered = std::move(registered)](const auto&) {
    for (const auto& [future, id] : registered) future.RemoveCallback(id);
  });
  return any;
}

}  // namespace asyncpal

#endif  // ASYNCPAL_FUTURE_WAIT_H_
