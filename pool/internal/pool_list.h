#ifndef ASYNCPAL_POOL_INTERNAL_POOL_LIST_H_
#define ASYNCPAL_POOL_INTERNAL_POOL_LIST_H_

#include <cstdint>
#include <map>

#include "absl/functional/any_invocable.h"
#include "asyncpal/future/internal/mutex.h"

namespace asyncpal {

class Pool;

namespace internal {

// The pools of this process, for visitors that look at all of them.
//
// Threads: any may call any method.
// Lifetime: a pool that is in the list outlives its visitors, since Remove()
// waits for them.
// Ordering: visitors come to the pools in the order of Add().
// Errors: what a visitor throws ends ForEach().
// Shutdown: none. A child of fork() begins with an empty list.
class PoolList {
 public:
  PoolList() = default;
  PoolList(const PoolList&) = delete;
  PoolList& operator=(const PoolList&) = delete;

  // The process's own, which is never destroyed.
  static PoolList& Global();

  // Returns the pool's id, which Remove() wants.
  uint64_t Add(Pool* pool);
  // No visitor comes to it from now on; blocks while one is inside.
  void Remove(uint64_t id);

  // Calls `visit` with each pool, with no lock held. It may add and remove
  // other pools: one that is added meanwhile is visited too.
  void ForEach(absl::AnyInvocable<void(Pool&)>& visit);

 private:
  struct Entry {
    Pool* pool;
    int visitors = 0;
    bool is_leaving = false;
  };

  // The first pool after `id`, with a visitor more; null: there is none.
  Pool* Enter(uint64_t& id);
  void Leave(uint64_t id);

  // Around fork(). Which thread holds the lock meanwhile is nothing that the
  // compiler could follow.
  void LockForFork() ABSL_NO_THREAD_SAFETY_ANALYSIS { mu_.Lock(); }
  void UnlockAfterFork() ABSL_NO_THREAD_SAFETY_ANALYSIS { mu_.Unlock(); }
  void UnlockInForkedChild() ABSL_NO_THREAD_SAFETY_ANALYSIS;

  Mutex mu_;
  CondVar left_;
  std::map<uint64_t, Entry> pools_ ABSL_GUARDED_BY(mu_);
  uint64_t next_id_ ABSL_GUARDED_BY(mu_) = 1;
};

}  // namespace internal
}  // namespace asyncpal

#endif  // ASYNCPAL_POOL_INTERNAL_POOL_LIST_H_
