#include "asyncpal/pool/internal/timer_queue.h"

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
  explicit Core(std::shared_ptr<Clock> clock) : clock_(std::move(clock)) {}

  int64_t Now() const {
    return clock_ == nullptr ? NowNanos()
                             : absl::ToInt64Nanoseconds(clock_->Now());
  }

  TimerId Schedule(const std::shared_ptr<Core>& self, int64_t due,
                   absl::AnyInvocable<void()> function) {
    std::multimap<int64_t, Timer>::node_type dropped;  // with no lock held
    MutexLock lock(mu_);
    MakeSource(self);
    const TimerId id = next_id_++;
    const bool first = timers_.empty() || due < timers_.begin()->first;
    const auto timer = timers_.emplace(due, Timer{id, std::move(function)});
    try {
      due_.emplace(id, timer);
    } catch (...) {  // a timer that nobody could cancel
      dropped = timers_.extract(timer);
      throw;
    }
    if (first) NoteFirst();
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
    std::unique_ptr<Clock::Timer> source;
    std::thread thread;
    {
      MutexLock lock(mu_);
      stopping_ = true;
      dropped.swap(timers_);
      due_.clear();
      thread.swap(thread_);
      source = std::move(source_);
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

  // What sees to it that functions run.
  void MakeSource(const std::shared_ptr<Core>& self)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (clock_ == nullptr) {
      if (!thread_.joinable()) thread_ = std::thread([self] { self->Loop(); });
    } else if (source_ == nullptr) {
      source_ = clock_->MakeTimer([weak = std::weak_ptr<Core>(self)] {
        if (const auto core = weak.lock()) core->RunDue();
      });
    }
  }
  void NoteFirst() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (clock_ == nullptr) {
      changed_.NotifyOne();
    } else if (source_ != nullptr && !timers_.empty()) {
      source_->Set(absl::Nanoseconds(timers_.begin()->first));
    }
  }

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
      RunFirst();
    }
  }
  // On the clock's thread.
  void RunDue() {
    MutexLock lock(mu_);
    while (!timers_.empty() && timers_.begin()->first <= Now()) RunFirst();
    NoteFirst();
  }
  void RunFirst() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    auto function = std::move(timers_.begin()->second.function);
    due_.erase(timers_.begin()->second.id);
    timers_.erase(timers_.begin());
    mu_.Unlock();
    try {
      function();
    } catch (...) {
      LogFailure("a timer's function threw", std::current_exception());
    }
    function = nullptr;
    mu_.Lock();
  }

  const std::shared_ptr<Clock> clock_;
  Mutex mu_;
  CondVar changed_;
  std::multimap<int64_t, Timer> timers_ ABSL_GUARDED_BY(mu_);  // by due time
  std::unordered_map<TimerId, std::multimap<int64_t, Timer>::iterator> due_
      ABSL_GUARDED_BY(mu_);
  std::thread thread_ ABSL_GUARDED_BY(mu_);  // without a clock
  std::unique_ptr<Clock::Timer> source_ ABSL_GUARDED_BY(mu_);  // else
  TimerId next_id_ ABSL_GUARDED_BY(mu_) = 1;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
};

TimerQueue::TimerQueue(std::shared_ptr<Clock> clock)
    : core_(std::make_shared<Core>(std::move(clock))) {}

TimerQueue::~TimerQueue() { core_->Stop(); }

TimerQueue::TimerId TimerQueue::Schedule(absl::Duration delay,
                                         absl::AnyInvocable<void()> function) {
  return ScheduleAt(After(delay), std::move(function));
}

TimerQueue::TimerId TimerQueue::ScheduleAt(
    int64_t due, absl::AnyInvocable<void()> function) {
  return core_->Schedule(core_, due, std::move(function));
}

bool TimerQueue::Cancel(TimerId id) { return core_->Cancel(id); }

int64_t TimerQueue::Now() const { return core_->Now(); }

int64_t TimerQueue::After(absl::Duration delay) const {
  // Far enough for anybody, and no overflow.
  if (delay > absl::Hours(24 * 36500)) return kNever;
  return Now() + absl::ToInt64Nanoseconds(delay);
}

}  // namespace asyncpal::internal
