#include "asyncpal/pool/manual_clock.h"

#include <algorithm>
#include <cstdint>
#include <exception>
#include <map>
#include <stdexcept>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/mutex.h"

namespace asyncpal {
namespace {

// A timer's time, and the number of the call that has set it.
using Place = std::pair<absl::Duration, uint64_t>;

struct Alarm {
  explicit Alarm(absl::AnyInvocable<void()> f) : function(std::move(f)) {}
  absl::AnyInvocable<void()> function;
  std::optional<Place> place;  // guarded by the clock's lock; none: not set
};
using AlarmPtr = std::shared_ptr<Alarm>;

}  // namespace

class ManualClock::Core {
 public:
  absl::Duration Now() {
    internal::MutexLock lock(mu_);
    return now_;
  }

  void Set(const AlarmPtr& alarm, absl::Duration time) {
    internal::MutexLock lock(mu_);
    Unset(*alarm);
    if (time == absl::InfiniteDuration()) return;
    const Place place = {time, ++last_set_};
    alarms_.emplace(place, alarm);
    alarm->place = place;
  }

  // The timer goes away.
  void Drop(Alarm& alarm) {
    internal::MutexLock lock(mu_);
    Unset(alarm);
    while (running_ == &alarm && runner_ != std::this_thread::get_id()) {
      changed_.Wait(mu_);
    }
  }

  void Advance(absl::Duration time) {
    internal::MutexLock lock(mu_);
    if (is_advancing_ && runner_ == std::this_thread::get_id()) {
      throw InvalidStateError(
          "ManualClock::Advance() inside a timer of the same clock");
    }
    while (is_advancing_) changed_.Wait(mu_);
    is_advancing_ = true;
    runner_ = std::this_thread::get_id();
    const absl::Duration end = now_ + time;
    while (!alarms_.empty() && alarms_.begin()->first.first <= end) {
      AlarmPtr alarm = alarms_.begin()->second;
      now_ = std::max(now_, alarms_.begin()->first.first);
      Unset(*alarm);
      running_ = alarm.get();
      lock.Unlock();
      try {
        alarm->function();
      } catch (...) {
        internal::LogFailure("a timer of a ManualClock threw",
                             std::current_exception());
      }
      lock.Lock();
      running_ = nullptr;
      changed_.NotifyAll();
      lock.Unlock();
      alarm = nullptr;  // with its function, if the timer has gone
      lock.Lock();
    }
    now_ = end;
    is_advancing_ = false;
    runner_ = {};
    changed_.NotifyAll();
  }

  std::optional<absl::Duration> UntilNextTimer() {
    internal::MutexLock lock(mu_);
    if (alarms_.empty()) return std::nullopt;
    return std::max(alarms_.begin()->first.first - now_, absl::ZeroDuration());
  }

 private:
  void Unset(Alarm& alarm) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (!alarm.place.has_value()) return;
    alarms_.erase(*alarm.place);
    alarm.place.reset();
  }

  internal::Mutex mu_;
  internal::CondVar changed_;
  absl::Duration now_ ABSL_GUARDED_BY(mu_) = absl::ZeroDuration();
  std::map<Place, AlarmPtr> alarms_ ABSL_GUARDED_BY(mu_);
  uint64_t last_set_ ABSL_GUARDED_BY(mu_) = 0;
  bool is_advancing_ ABSL_GUARDED_BY(mu_) = false;
  const Alarm* running_ ABSL_GUARDED_BY(mu_) = nullptr;
  std::thread::id runner_ ABSL_GUARDED_BY(mu_);  // the thread that advances it
};

ManualClock::ManualClock() : core_(std::make_shared<Core>()) {}

ManualClock::~ManualClock() = default;

absl::Duration ManualClock::Now() { return core_->Now(); }

std::unique_ptr<Clock::Timer> ManualClock::MakeTimer(
    absl::AnyInvocable<void()> function) {
  class ManualTimer final : public Timer {
   public:
    ManualTimer(std::shared_ptr<Core> core, AlarmPtr alarm)
        : core_(std::move(core)), alarm_(std::move(alarm)) {}
    ~ManualTimer() override { core_->Drop(*alarm_); }
    void Set(absl::Duration time) override { core_->Set(alarm_, time); }

   private:
    const std::shared_ptr<Core> core_;
    const AlarmPtr alarm_;
  };
  return std::make_unique<ManualTimer>(
      core_, std::make_shared<Alarm>(std::move(function)));
}

void ManualClock::Advance(absl::Duration time) {
  if (time < absl::ZeroDuration() || time == absl::InfiniteDuration()) {
    throw std::invalid_argument(absl::StrCat(
        "ManualClock::Advance: time is ", absl::FormatDuration(time),
        "; it must be neither negative nor infinite"));
  }
  core_->Advance(time);
}

std::optional<absl::Duration> ManualClock::UntilNextTimer() {
  return core_->UntilNextTimer();
}

}  // namespace asyncpal
