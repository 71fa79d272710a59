#ifndef ASYNCPAL_POOL_INTERNAL_INITIALIZER_H_
#define ASYNCPAL_POOL_INTERNAL_INITIALIZER_H_

#include <exception>
#include <string>
#include <type_traits>

#include "absl/functional/any_invocable.h"
#include "absl/strings/str_cat.h"
#include "asyncpal/future/error.h"

namespace asyncpal::internal {

// What a worker's initializer threw, nested in an InitializerError, or what its
// finalizer threw, nested in a FinalizerError:
// "pool 'p': the initializer threw std::...: ...".
template <typename Error>
std::exception_ptr InitializerFailure(const std::string& pool,
                                      const std::exception_ptr& thrown) {
  constexpr bool kInitializer = std::is_same_v<Error, InitializerError>;
  return NestException(
      Error(absl::StrCat(pool, ": the ",
                         kInitializer ? "initializer" : "finalizer", " threw ",
                         DescribeException(thrown))),
      thrown);
}

// Runs an initializer, or with a FinalizerError a finalizer, if there is one.
// Returns what it threw, described as above, or null.
template <typename Error>
std::exception_ptr RunInitializer(absl::AnyInvocable<void()>& initializer,
                                  const std::string& pool) {
  if (initializer == nullptr) return nullptr;
  try {
    initializer();
    return nullptr;
  } catch (...) {
    const std::exception_ptr cause = std::current_exception();
    // pthread_exit() ends the thread, here as elsewhere.
    if (cause == nullptr) throw;
    return InitializerFailure<Error>(pool, cause);
  }
}

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_INITIALIZER_H_
