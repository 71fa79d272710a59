#ifndef ASYNCPAL_POOL_SETTLED_H_
#define ASYNCPAL_POOL_SETTLED_H_

#include <cstddef>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "asyncpal/future/internal/cpp20.h"
#include "asyncpal/future/internal/result_state.h"

namespace asyncpal {

// How one call of a map ended: what MapSettled() and its like give for each
// element of the input.
//
//   for (const Settled<Page>& page : pool.MapSettled(Load, urls)) {
//     if (page.ok()) {
//       Store(urls[page.index], *page.value);
//     } else {
//       Report(urls[page.index], asyncpal::ToStatus(page.exception));
//     }
//   }
//
// Threads: as a struct of plain values. Lifetime, Ordering, Shutdown: none.
// Errors: what the call has thrown comes out of Collect().
template <typename T>
struct Settled {
  // Of the element in the input, from 0.
  size_t index = 0;

  // What the call has returned; a std::monostate if that is nothing.
  std::optional<internal::Stored<T>> value = {};

  // Why there is no value: what the call has thrown, or what became of it,
  // such as WorkerLostError. Null if there is one.
  std::exception_ptr exception = {};

  // Whether there is a value.
  bool ok() const { return exception == nullptr; }

  // A copy of the value; throws the exception if there is one.
  T Collect() const& {
    if (exception != nullptr) std::rethrow_exception(exception);
    if constexpr (!std::is_void_v<T>) return value.value();
  }
  // The same, moved out.
  T Collect() && {
    if (exception != nullptr) std::rethrow_exception(std::move(exception));
    if constexpr (!std::is_void_v<T>) return std::move(value).value();
  }
};

}  // namespace asyncpal

#endif  // ASYNCPAL_POOL_SETTLED_H_
