#ifndef ASYNCPAL_POOL_INTERNAL_GROUP_CORE_H_
#define ASYNCPAL_POOL_INTERNAL_GROUP_CORE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "asyncpal/future/internal/block_cache.h"
#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/future/internal/spin_mutex.h"
#include "asyncpal/future/internal/task.h"
#include "asyncpal/pool/internal/pool_core.h"
#include "asyncpal/pool/internal/posted_call.h"

namespace asyncpal::internal {

// What the tasks of a TaskGroup have in common: how many are left, and the
// first error. A task is a posted call that begins with the address of this.
//
// Threads: any; Wait() one at a time. Lifetime: until WaitUntilOver() after
// the last Add().
// Ordering: what a task did is seen after WaitUntilOver().
// Errors: kept for TakeError(). Shutdown: see Lose().
class GroupCore {
 public:
  GroupCore() = default;
  GroupCore(const GroupCore&) = delete;
  GroupCore& operator=(const GroupCore&) = delete;

  // Around each task, from before it is handed to the pool.
  void Add();
  void End();
  // Instead of the latter, where the pool has refused it.
  void Remove();
  // In between, it is about to run. False: it is to be dropped.
  bool Begin();
  // It has thrown `error`: what has not begun is dropped.
  void Fail(std::exception_ptr error);
  // The pool has cancelled it, or failed it with `why`. Then End().
  void Lose(std::exception_ptr why);

  void DropWhatHasNotBegun() { is_dropping_.store(true); }
  // Whether the calling thread is inside a task of this group.
  bool IsOnThisThread() const;
  // Returns when all are over. `is_inside`: this thread is inside a task of
  // `pool`, and runs what has not begun.
  void WaitUntilOver(PoolCore& pool, bool is_inside);
  // The first exception, else what Lose() was told, else null. Afterwards the
  // group is as new.
  std::exception_ptr TakeError();

  // Calls one: a task is on this stack while that lives.
  class Scope {
   public:
    explicit Scope(GroupCore& group) : group_(group), outer_(top_) {
      top_ = this;
    }
    ~Scope() {
      top_ = outer_;
      group_.End();
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

    // Calls `f` unless it is to be dropped.
    template <typename F>
    void Call(F& f) {
      if (!group_.Begin()) return;
      try {
        static_cast<void>(std::invoke(std::move(f)));
      } catch (...) {
        const std::exception_ptr error = std::current_exception();
        if (error == nullptr) {
          group_.FailByExit();
          throw;
        }
        group_.Fail(error);
      }
    }

   private:
    friend class GroupCore;
    static inline constinit thread_local const Scope* top_ = nullptr;
    GroupCore& group_;
    const Scope* const outer_;
  };

 private:
  // The counts of a word: who sleeps on its low half, how many tasks are
  // left, and how many of them have not begun.
  static constexpr uint64_t kSleeps = 1;   // until none is left
  static constexpr uint64_t kHelps = 2;    // and until one has been added
  static constexpr uint64_t kOneLeft = 4;  // in the low half
  static constexpr uint64_t kOneToBegin = uint64_t{1} << 32;
  static bool IsOver(uint64_t word) {
    return (word & (kOneToBegin - kOneLeft)) == 0;
  }

  void FailByExit();
  void WakeUp() const;

  std::atomic<uint64_t> word_{0};
  std::atomic<bool> is_dropping_{false};
  SpinMutex mu_;
  std::exception_ptr thrown_ ABSL_GUARDED_BY(mu_);
  std::exception_ptr lost_ ABSL_GUARDED_BY(mu_);
};

// A task of a group in a queue that takes no posted calls, or after it has left
// its queue and will not run.
TaskState* NewGroupTask(const PostedCall& posted, const void* call,
                        TaskOwner* owner);
// Whether `task` is one, of that group.
bool IsGroupTask(const TaskState& task, const void* group);

// A callable that does not fit into the queue. Its destructor may throw.
template <typename F>
struct HeldCallable {
  template <typename G>
  explicit HeldCallable(G&& g) : f(std::forward<G>(g)) {}
  ~HeldCallable() noexcept { DestroyContained(f, "callable"); }
  static void* operator new(size_t size) { return AllocateBlock(size); }
  static void operator delete(void* held, size_t size) {
    FreeBlock(held, size);
  }
  static void* operator new(size_t size, std::align_val_t alignment) {
    return ::operator new(size, alignment);
  }
  static void operator delete(void* held, std::align_val_t alignment) {
    ::operator delete(held, alignment);
  }

  union {
    F f;
  };
};

// What lies in the queue.
template <typename F>
struct GroupCall {
  static constexpr bool kFits = std::is_trivially_copyable_v<F> &&
                                std::is_copy_constructible_v<F> &&
                                sizeof(F) <= kPostedCallBytes - sizeof(void*) &&
                                alignof(F) <= alignof(void*);

  template <typename G>
  GroupCall(GroupCore& core, G&& g) : group(&core), f(Keep(g)) {}

  void Run() {
    GroupCore::Scope scope(*group);
    if constexpr (kFits) {
      scope.Call(f);
    } else {
      const std::unique_ptr<HeldCallable<F>> held(f);  // gone before the end
      scope.Call(held->f);
    }
  }
  void Drop() {
    if constexpr (!kFits) delete f;
  }

  GroupCore* group;
  std::conditional_t<kFits, F, HeldCallable<F>*> f;

 private:
  template <typename G>
  static auto Keep(G& g) {
    if constexpr (kFits) {
      return F(std::forward<G>(g));
    } else {
      return new HeldCallable<F>(std::forward<G>(g));
    }
  }
};

template <typename F>
inline constexpr PostedCall kGroupCall = {
    .run = [](void* call) { static_cast<GroupCall<F>*>(call)->Run(); },
    .to_task = [](const void* call, TaskOwner* owner) -> TaskState* {
      return NewGroupTask(kGroupCall<F>, call, owner);
    },
    .drop = [](void* call) { static_cast<GroupCall<F>*>(call)->Drop(); }};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_GROUP_CORE_H_
