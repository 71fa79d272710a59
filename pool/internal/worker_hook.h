#ifndef ASYNCPAL_POOL_INTERNAL_WORKER_HOOK_H_
#define ASYNCPAL_POOL_INTERNAL_WORKER_HOOK_H_

#include <exception>
#include <string>
#include <type_traits>

#include "absl/functional/any_invocable.h"
#include "absl/strings/str_cat.h"
#include "asyncpal/future/error.h"

namespace asyncpal::internal {

// What an initializer or finalizer threw, nested in a HookError:
// "pool 'p': the initializer threw std::...: ...".
template <typename HookError>
std::exception_ptr HookFailure(const std::string& pool,
                               const std::exception_ptr& thrown) {
  constexpr bool kInitializer = std::is_same_v<HookError, InitializerError>;
  return NestException(
      HookError(absl::StrCat(pool, ": the ",
                             kInitializer ? "initializer" : "finalizer",
                             " threw ", DescribeException(thrown))),
      thrown);
}

// Runs an initializer or finalizer, if there is one.
template <typename HookError>
std::exception_ptr RunHook(absl::AnyInvocable<void()>& hook,
                           const std::string& pool) {
  if (hook == nullptr) return nullptr;
  try {
    hook();
    return nullptr;
  } catch (...) {
    const std::exception_ptr cause = std::current_exception();
    // pthread_exit() ends the thread, here as elsewhere.
    if (cause == nullptr) throw;
    return HookFailure<HookError>(pool, cause);
  }
}

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_WORKER_HOOK_H_
