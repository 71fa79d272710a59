#ifndef ASYNCPAL_FUTURE_TESTING_NOTIFICATION_H_
#define ASYNCPAL_FUTURE_TESTING_NOTIFICATION_H_

#include <chrono>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "asyncpal/future/internal/mutex.h"

namespace asyncpal::testing {

// Far beyond what a healthy test needs, within what a test may take: for waits
// that must not go on for ever when the code under test is broken.
inline constexpr absl::Duration kDeadline = absl::Seconds(30);

// Something that happens once, for threads of a test to wait for. It measures
// its deadline in real time, whatever a FakeClock says.
//
//   Notification started;
//   std::thread thread([&] { started.Notify(); Work(); });
//   ASSERT_TRUE(started.Wait());
//
// Threads: any thread may call any method.
class Notification {
 public:
  void Notify() {
    internal::MutexLock lock(mu_);
    notified_ = true;
    changed_.NotifyAll();
  }

  bool HasBeenNotified() const {
    internal::MutexLock lock(mu_);
    return notified_;
  }

  // False: it did not happen in time.
  bool Wait(absl::Duration timeout = kDeadline) const {
    const auto deadline =
        std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(timeout);
    internal::MutexLock lock(mu_);
    while (!notified_) {
      const auto left = deadline - std::chrono::steady_clock::now();
      if (left.count() <= 0) return false;
      changed_.WaitFor(mu_, absl::FromChrono(left));
    }
    return true;
  }

 private:
  mutable internal::Mutex mu_;
  mutable internal::CondVar changed_;
  bool notified_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_FUTURE_TESTING_NOTIFICATION_H_
