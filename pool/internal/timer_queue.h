#ifndef ASYNCPAL_POOL_INTERNAL_TIMER_QUEUE_H_
#define ASYNCPAL_POOL_INTERNAL_TIMER_QUEUE_H_

#include <cstdint>
#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"

namespace asyncpal::internal {

// Runs functions at their time, one after the other, on one thread of its own.
// The thread starts with the first timer and sleeps without waking while there
// is none.
//
// Threads: any thread may call; functions run with no lock held.
// Lifetime: the destructor drops what is still to come and joins the thread,
// unless it runs on that very thread.
// Errors: Schedule() throws std::system_error where no thread can be started.
class TimerQueue {
 public:
  using TimerId = uint64_t;  // never 0

  TimerQueue();
  ~TimerQueue();
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;

  TimerId Schedule(absl::Duration delay, absl::AnyInvocable<void()> function);

  // True: the function will not run. False: it has run or is running.
  bool Cancel(TimerId id);

 private:
  class Core;
  std::shared_ptr<Core> core_;  // shared with the thread
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_TIMER_QUEUE_H_
