#ifndef ASYNCPAL_POOL_INTERNAL_TIMER_QUEUE_H_
#define ASYNCPAL_POOL_INTERNAL_TIMER_QUEUE_H_

#include <cstdint>
#include <limits>
#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "asyncpal/pool/clock.h"

namespace asyncpal::internal {

// Runs functions at their time, one after the other, on one thread of its own.
// The thread starts with the first timer and sleeps without waking while there
// is none. With a clock there is no thread: functions run where that runs its
// timers.
//
// Threads: any thread may call; functions run with no lock held.
// Lifetime: the destructor drops what is still to come and waits for a function
// that is running, unless it runs on that very thread.
// Errors: Schedule() throws std::system_error where no thread can be started,
// and what the clock throws.
class TimerQueue {
 public:
  using TimerId = uint64_t;  // never 0

  // Null: the steady clock.
  explicit TimerQueue(std::shared_ptr<Clock> clock = nullptr);
  ~TimerQueue();
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;

  TimerId Schedule(absl::Duration delay, absl::AnyInvocable<void()> function);

  // The same at a moment, see Now().
  TimerId ScheduleAt(int64_t due, absl::AnyInvocable<void()> function);

  // Nanoseconds on the clock, now and after a delay. kNever: it is infinite, or
  // more than a century.
  int64_t Now() const;
  int64_t After(absl::Duration delay) const;
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  // True: the function will not run. False: it has run or is running.
  bool Cancel(TimerId id);

 private:
  class Core;
  std::shared_ptr<Core> core_;  // shared with the thread
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_TIMER_QUEUE_H_
