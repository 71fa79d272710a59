#include "asyncpal/pool/internal/timer_queue.h"

#include <algorithm>
#include <map>
#include <thread>
#include <unordered_map>
#include <utility>

#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/clock.h"
#include "asyncpal/future/internal/mutex.h"

namespace asyncpal::internal {

class TimerQueue::Core {
 public:
  TimerId Schedule(const std::shared_ptr<Core>& self, absl::Duration delay,
                   absl::AnyInvocable<void()> function) {
    std::multimap<int64_t, Timer>::node_type dropped;  // with no lock held
    MutexLock lock(mu_);
    if (!thread_.joinable()) thread_ = std::thread([self] { self->Loop(); });
    const TimerId id = next_id_++;
    // Far enough for anybody, and no overflow.
    const int64_t due = NowNanos() + absl::ToInt64Nanoseconds(std::min(
                                         delay, absl::Hours(24 * 36500)));
    const bool first = timers_.empty() || due < timers_.begin()->first;
    const auto timer = timers_.emplace(due, Timer{id, std::move(function)});
    try {
      due_.emplace(id, timer);
    } catch (...) {  // a timer that nobody could cancel
      dropped = timers_.extract(timer);
      throw;
    }
    if (first) changed_.NotifyOne();
    return id;
  }

  bool Cancel(TimerId id) {
    absl::AnyInvocable<void()> dropped;  // destroyed with no lock held
    MutexLock lock(mu_);
    const auto found = due_.find(id);
    if (found == due_.end()) return false;
    dropped = std::move(found->second->second.function);
    timers_.erase(found->second);
    due_.erase(found);
    return true;
  }

  void Stop() {
    std::multimap<int64_t, Timer> dropped;
    std::thread thread;
    {
      MutexLock lock(mu_);
      stopping_ = true;
      dropped.swap(timers_);
      due_.clear();
      thread.swap(thread_);
      changed_.NotifyOne();
    }
    if (!thread.joinable()) return;
    if (thread.get_id() == std::this_thread::get_id()) {
      // A function dropped the last owner of this queue; the thread holds
      // the core and ends by itself when the function returns.
      thread.detach();
    } else {
      thread.join();
    }
  }

 private:
  struct Timer {
    TimerId id;
    absl::AnyInvocable<void()> function;
  };

  void Loop() {
    MutexLock lock(mu_);
    while (!stopping_) {
      if (timers_.empty()) {
        changed_.Wait(mu_);
        continue;
      }
      const int64_t left = timers_.begin()->first - NowNanos();
      if (left > 0) {
        changed_.WaitFor(mu_, absl::Nanoseconds(left));
        continue;
      }
      auto function = std::move(timers_.begin()->second.function);
      due_.erase(timers_.begin()->second.id);
      timers_.erase(timers_.begin());
      lock.Unlock();
      try {
        function();
      } catch (...) {
        LogFailure("a timer's function threw", std::current_exception());
      }
      function = nullptr;
      lock.Lock();
    }
  }

  Mutex mu_;
  CondVar changed_;
  std::multimap<int64_t, Timer> timers_ ABSL_GUARDED_BY(mu_);  // by due time
  std::unordered_map<TimerId, std::multimap<int64_t, Timer>::iterator> due_
      ABSL_GUARDED_BY(mu_);
  std::thread thread_ ABSL_GUARDED_BY(mu_);
  TimerId next_id_ ABSL_GUARDED_BY(mu_) = 1;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
};

TimerQueue::TimerQueue() : core_(std::make_shared<Core>()) {}

TimerQueue::~TimerQueue() { core_->Stop(); }

TimerQueue::TimerId TimerQueue::Schedule(absl::Duration delay,
                                         absl::AnyInvocable<void()> function) {
  return core_->Schedule(core_, delay, std::move(function));
}

bool TimerQueue::Cancel(TimerId id) { return core_->Cancel(id); }

}  // namespace asyncpal::internal
