#ifndef ASYNCPAL_POOL_INTERNAL_OVERDUE_RUNS_H_
#define ASYNCPAL_POOL_INTERNAL_OVERDUE_RUNS_H_

#include <algorithm>
#include <cstdint>
#include <limits>

#include "absl/time/time.h"

namespace asyncpal::internal {

// One look at all tasks that run: which of them have just become too long, and
// when to look again. A plain value; times are nanoseconds of one clock.
//
//   OverdueLook look(threshold_nanos, now);
//   for (Run& run : runs) {
//     if (look.IsOverdue(run.since, run.is_reported)) Report(run);
//   }
//   Sleep(look.until_next());
class OverdueLook {
 public:
  OverdueLook(int64_t threshold, int64_t now)
      : threshold_(std::max<int64_t>(threshold, 0)), now_(now) {}

  // Whether a run that began at `since` is to be reported now.
  bool IsOverdue(int64_t since, bool is_reported) {
    if (is_reported) return false;
    const int64_t left = threshold_ - (now_ - since);
    if (left <= 0) return true;
    next_ = std::min(next_, left);
    return false;
  }
  // Until the first of the others may be; infinite: there is none. Not so
  // short that looking would be work.
  absl::Duration until_next() const {
    if (next_ == kNever) return absl::InfiniteDuration();
    return std::max(absl::Nanoseconds(next_), kShortest);
  }

 private:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
  static constexpr absl::Duration kShortest = absl::Milliseconds(1);

  const int64_t threshold_;
  const int64_t now_;
  int64_t next_ = kNever;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_OVERDUE_RUNS_H_
