#ifndef ASYNCPAL_POOL_INTERNAL_POSTED_CALL_H_
#define ASYNCPAL_POOL_INTERNAL_POSTED_CALL_H_

#include <cstddef>
#include <functional>
#include <type_traits>

#include "asyncpal/future/internal/task.h"

namespace asyncpal::internal {

// Small callables that are posted lie in the queue as they are, without a task
// of their own: those of so many bytes that may be copied byte by byte, and
// need no destructor.
inline constexpr size_t kPostedCallBytes = 16;

// What can be done with one.
struct PostedCall {
  void (*run)(void* call);
  // A task of its own for it, which has taken it over. Throws std::bad_alloc.
  // Null: it is a ForkedCall.
  TaskState* (*to_task)(const void* call, TaskOwner* owner);
  // Not null: it is a task of a group and begins with the address of the
  // GroupCore, which learns of errors; this ends the life of one that will not
  // run.
  void (*drop)(void* call) = nullptr;

  bool is_of_group() const { return drop != nullptr; }
};

template <typename Call>
inline constexpr bool kIsPostedInPlace =
    std::is_trivially_copyable_v<Call>&& std::is_copy_constructible_v<Call> &&
    sizeof(Call) <= kPostedCallBytes && alignof(Call) <= alignof(void*) &&
    !kWantsStopToken<Call>;

template <typename Call>
inline constexpr PostedCall kPostedCall = {
    .run =
        [](void* call) {
          static_cast<void>(std::invoke(std::move(*static_cast<Call*>(call))));
        },
    .to_task = [](const void* call, TaskOwner* owner) -> TaskState* {
      return NewTask(owner, TaskState::kDetached,
                     Call(*static_cast<const Call*>(call)));
    }};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_POSTED_CALL_H_
