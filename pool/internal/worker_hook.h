#ifndef ASYNCPAL_POOL_INTERNAL_WORKER_HOOK_H_
#define ASYNCPAL_POOL_INTERNAL_WORKER_HOOK_H_

#include <exception>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/strings/str_cat.h"
#include "asyncpal/future/error.h"

namespace asyncpal::internal {

// Runs an initializer or finalizer, if there is one. What it throws comes back
// nested in an HookError: "pool 'p': the initializer threw std::...: ...".
template <typename HookError>
std::exception_ptr RunHook(absl::AnyInvocable<void()>& hook,
                           const std::string& pool, const char* hook_name) {
  if (hook == nullptr) return nullptr;
  try {
    hook();
    return nullptr;
  } catch (...) {
    const std::exception_ptr cause = std::current_exception();
    // pthread_exit() ends the thread, here as elsewhere.
    if (cause == nullptr) throw;
    return NestException(
        HookError(absl::StrCat(pool, ": the ", hook_name, " threw ",
                               DescribeException(cause))),
        cause);
  }
}

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_WORKER_HOOK_H_
