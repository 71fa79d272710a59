#ifndef ASYNCPAL_POOL_INTERNAL_TASK_HISTOGRAMS_H_
#define ASYNCPAL_POOL_INTERNAL_TASK_HISTOGRAMS_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"
#include "asyncpal/pool/internal/pending_tasks.h"
#include "asyncpal/pool/options.h"

namespace asyncpal::internal {

// How many durations fell between which bounds: 1 us, 2 us, 4 us, ..., 36 min,
// and 1 h; and their sum.
//
// Threads: one at a time records, any may read. A reader may see a duration in
// the counts and not yet in the sum.
// Lifetime: none. Ordering: as of SharedCount. Errors: does not throw.
// Shutdown: none.
class DurationCounts {
 public:
  // The last one is 1 h, all others double.
  static constexpr size_t kBounds = 33;
  static constexpr int64_t kFirstNanos = 1000;
  static constexpr int64_t kLastNanos = int64_t{3600} * 1'000'000'000;

  static constexpr int64_t BoundNanos(size_t i) {
    return i + 1 < kBounds ? kFirstNanos << i : kLastNanos;
  }
  // The first bound that is not less than `nanos`; kBounds: there is none.
  static constexpr size_t BucketOf(int64_t nanos) {
    if (nanos > kLastNanos) return kBounds;
    const auto over = static_cast<uint64_t>(std::max<int64_t>(nanos - 1, 0));
    return std::min<size_t>(
        std::bit_width(over / static_cast<uint64_t>(kFirstNanos)), kBounds - 1);
  }

  void Record(int64_t nanos) {
    counts_[BucketOf(nanos)].Add(1);
    sum_nanos_.Add(std::max<int64_t>(nanos, 0));
  }
  // What `other` has recorded as well.
  void Add(const DurationCounts& other) {
    for (size_t i = 0; i < counts_.size(); ++i) {
      counts_[i].Add(other.counts_[i].Get());
    }
    sum_nanos_.Add(other.sum_nanos_.Get());
  }
  void AddTo(DurationHistogram& sum) const {
    if (sum.counts.empty()) {
      for (size_t i = 0; i < kBounds; ++i) {
        sum.bounds.push_back(absl::Nanoseconds(BoundNanos(i)));
      }
      sum.counts.resize(kBounds + 1);
    }
    for (size_t i = 0; i < counts_.size(); ++i) {
      sum.counts[i] += counts_[i].Get();
    }
    sum.sum += absl::Nanoseconds(sum_nanos_.Get());
  }

 private:
  std::array<SharedCount, kBounds + 1> counts_;
  SharedCount sum_nanos_;
};

// What PoolStats::wait and run are made of.
struct TaskHistograms {
  DurationCounts wait;
  DurationCounts run;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_TASK_HISTOGRAMS_H_
