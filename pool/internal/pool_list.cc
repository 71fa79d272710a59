#include "asyncpal/pool/internal/pool_list.h"

#include <pthread.h>

namespace asyncpal::internal {

PoolList& PoolList::Global() {
  static auto* const list = [] {
    // A child must not find the lock held by a thread that it does not have.
    pthread_atfork([] { Global().LockForFork(); },
                   [] { Global().UnlockAfterFork(); },
                   [] { Global().UnlockInForkedChild(); });
    return new PoolList;
  }();
  return *list;
}

uint64_t PoolList::Add(Pool* pool) {
  MutexLock lock(mu_);
  const uint64_t id = next_id_++;
  pools_.emplace(id, Entry{pool});
  return id;
}

void PoolList::Remove(uint64_t id) {
  MutexLock lock(mu_);
  const auto found = pools_.find(id);
  if (found == pools_.end()) return;  // it was made before a fork()
  found->second.is_leaving = true;
  while (found->second.visitors > 0) left_.Wait(mu_);
  pools_.erase(found);
}

void PoolList::ForEach(absl::AnyInvocable<void(Pool&)>& visit) {
  struct Visit {
    PoolList& list;
    const uint64_t id;
    ~Visit() { list.Leave(id); }
  };
  uint64_t id = 0;
  while (Pool* const pool = Enter(id)) {
    const Visit visiting{*this, id};
    visit(*pool);
  }
}

Pool* PoolList::Enter(uint64_t& id) {
  MutexLock lock(mu_);
  for (auto next = pools_.upper_bound(id); next != pools_.end(); ++next) {
    if (next->second.is_leaving) continue;
    id = next->first;
    ++next->second.visitors;
    return next->second.pool;
  }
  return nullptr;
}

void PoolList::Leave(uint64_t id) {
  MutexLock lock(mu_);
  const auto found = pools_.find(id);
  if (found == pools_.end()) return;  // a fork() came in between
  Entry& entry = found->second;
  if (--entry.visitors == 0 && entry.is_leaving) left_.NotifyAll();
}

void PoolList::UnlockInForkedChild() {
  pools_.clear();
  mu_.Unlock();
}

}  // namespace asyncpal::internal
