#ifndef ASYNCPAL_FUTURE_INTERNAL_TASK_CLOCK_H_
#define ASYNCPAL_FUTURE_INTERNAL_TASK_CLOCK_H_

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>

#include "absl/time/time.h"
#include "asyncpal/future/internal/clock.h"
#include "asyncpal/future/state.h"

namespace asyncpal::internal {

// The three moments of a task's life in 16 bytes: the first as it is, each
// other one as its distance from the one before, which is exact up to 2^26
// ticks, and then to one part in 2^25.
//
// Threads: any. Whoever sees that the task is done must also see what was done
// before MarkEnded() returned.
// Lifetime: none. Ordering: as said. Errors: does not throw. Shutdown: none.
class TaskClock {
 public:
  // All moments are NowTicks().
  explicit TaskClock(int64_t submitted_at) : submitted_at_(submitted_at) {}

  // The first call counts.
  void MarkStarted(int64_t now) {
    if (started_.load(std::memory_order_relaxed) != 0) return;
    started_.store(kMark | Pack(now - submitted_at_),
                   std::memory_order_relaxed);
  }
  void MarkEnded(int64_t now) {
    const uint32_t started = started_.load(std::memory_order_relaxed);
    ended_.store(started == 0 ? kMark | Pack(now - submitted_at_)
                              : Pack(now - submitted_at_ - Unpack(started)),
                 std::memory_order_relaxed);
  }

  // The submission was at `now`. Before anyone else knows the task.
  void Restart(int64_t now) { submitted_at_ = now; }
  // The same as Times(), in nanoseconds, for a task that has started or ended.
  int64_t WaitedNanos() const {
    const uint32_t started = started_.load(std::memory_order_relaxed);
    return TicksToNanos(Unpack(
        started != 0 ? started : ended_.load(std::memory_order_relaxed)));
  }
  // For one that has ended.
  int64_t RanNanos() const {
    const uint32_t ended = ended_.load(std::memory_order_relaxed);
    return (ended & kMark) != 0 ? 0 : TicksToNanos(Unpack(ended));
  }

  // A number that is kept until MarkEnded(), in room that is not needed before.
  void SetNote(uint32_t note) { ended_.store(note, std::memory_order_relaxed); }
  uint32_t note() const { return ended_.load(std::memory_order_relaxed); }

  // A task that is not done ends `now`; one that has not started, starts when
  // it ends.
  TaskTimes Times(bool is_done, int64_t now) const {
    const uint32_t started = started_.load(std::memory_order_relaxed);
    const uint32_t ended = ended_.load(std::memory_order_relaxed);
    int64_t waited = Unpack(started);
    int64_t ran = Unpack(ended);
    if (!is_done) {
      const int64_t all = std::max<int64_t>(now - submitted_at_, 0);
      waited = started == 0 ? all : std::min(waited, all);
      ran = all - waited;
    } else if (started == 0 || (ended & kMark) != 0) {
      waited = ran;
      ran = 0;
    }
    return {absl::Nanoseconds(TicksToNanos(waited)),
            absl::Nanoseconds(TicksToNanos(ran))};
  }

 private:
  // That there is a `started_`; that `ended_` counts from the submission.
  static constexpr uint32_t kMark = uint32_t{1} << 31;
  static constexpr int kDigits = 26;  // what is left has the shift
  static constexpr uint32_t kDigitMask = (uint32_t{1} << kDigits) - 1;
  static constexpr int kMaxShift = 31;

  // A worker may have read its clock before the submitter did.
  static uint32_t Pack(int64_t ticks) {
    const auto value = static_cast<uint64_t>(std::max<int64_t>(ticks, 0));
    const int shift =
        std::max(static_cast<int>(std::bit_width(value)) - kDigits, 0);
    if (shift > kMaxShift) return kMark - 1;
    return static_cast<uint32_t>(shift) << kDigits |
           static_cast<uint32_t>(value >> shift);
  }
  static int64_t Unpack(uint32_t packed) {
    return int64_t{packed & kDigitMask} << ((packed & ~kMark) >> kDigits);
  }

  int64_t submitted_at_;
  std::atomic<uint32_t> started_{0};  // since the submission; 0: not yet
  // Since the start, or see kMark; before the end, see SetNote().
  std::atomic<uint32_t> ended_{0};
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_FUTURE_INTERNAL_TASK_CLOCK_H_
