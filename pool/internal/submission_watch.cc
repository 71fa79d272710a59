#include "asyncpal/pool/internal/submission_watch.h"

#include <pthread.h>

#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/ipc/worker/current_task.h"

namespace asyncpal::internal {

// Those of the process, which are never destroyed: pools may outlive statics.
struct SubmissionWatch::Listeners {
  static Listeners& All() {
    static auto* const all = [] {
      // A child must not find the lock held by a thread that it does not have.
      pthread_atfork([] { All().LockForFork(); },
                     [] { All().UnlockAfterFork(); },
                     [] { All().UnlockAfterFork(); });
      on_traced_task = [] { Begin(kTraceparents); };
      return new Listeners;
    }();
    return *all;
  }

  void Tell(unsigned reasons) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    for (Listener* it = first; it != nullptr; it = it->next_) {
      it->on_reasons_(reasons);
    }
  }

  void LockForFork() ABSL_NO_THREAD_SAFETY_ANALYSIS { mu.Lock(); }
  void UnlockAfterFork() ABSL_NO_THREAD_SAFETY_ANALYSIS { mu.Unlock(); }

  Mutex mu;  // taken last
  Listener* first ABSL_GUARDED_BY(mu) = nullptr;
};

void SubmissionWatch::Add(Listener& listener) {
  const WorkerTask* const task = WorkerTaskScope::Current();
  if (task != nullptr && !task->traceparent.empty()) Begin(kTraceparents);
  Listeners& all = Listeners::All();
  MutexLock lock(all.mu);
  listener.next_ = all.first;
  listener.link_ = &all.first;
  if (all.first != nullptr) all.first->link_ = &listener.next_;
  all.first = &listener;
  const unsigned reasons = reasons_.load(std::memory_order_relaxed);
  if (reasons != 0) listener.on_reasons_(reasons);
}

void SubmissionWatch::Remove(Listener& listener) {
  Listeners& all = Listeners::All();
  MutexLock lock(all.mu);
  if (listener.link_ == nullptr) return;
  *listener.link_ = listener.next_;
  if (listener.next_ != nullptr) listener.next_->link_ = listener.link_;
  listener.link_ = nullptr;
}

void SubmissionWatch::Begin(Reason reason) {
  if (Has(reason)) return;
  Listeners& all = Listeners::All();
  MutexLock lock(all.mu);
  all.Tell(reasons_.fetch_or(reason) | reason);
}

void SubmissionWatch::End(Reason reason) {
  Listeners& all = Listeners::All();
  MutexLock lock(all.mu);
  all.Tell(reasons_.fetch_and(~unsigned{reason}) & ~unsigned{reason});
}

}  // namespace asyncpal::internal
