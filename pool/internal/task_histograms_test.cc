#include "asyncpal/pool/internal/task_histograms.h"

#include <numeric>

#include "absl/time/time.h"
#include "asyncpal/pool/options.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

DurationHistogram HistogramOf(const DurationCounts& counts) {
  DurationHistogram histogram;
  counts.AddTo(histogram);
  return histogram;
}

TEST(DurationCountsTest, BoundsDoubleFromAMicrosecondToAnHour) {
  const DurationHistogram histogram = HistogramOf({});
  ASSERT_EQ(histogram.bounds.size(), 33u);
  EXPECT_EQ(histogram.counts.size(), histogram.bounds.size() + 1);
  EXPECT_EQ(histogram.bounds.front(), absl::Microseconds(1));
  for (size_t i = 1; i < 32; ++i) {
    EXPECT_EQ(histogram.bounds[i], 2 * histogram.bounds[i - 1]);
  }
  EXPECT_EQ(histogram.bounds.back(), absl::Hours(1));
  EXPECT_GT(histogram.bounds[32], histogram.bounds[31]);
}

TEST(DurationCountsTest, BoundBelongsToTheBucketThatItEnds) {
  for (size_t i = 0; i < DurationCounts::kBounds; ++i) {
    const int64_t bound = DurationCounts::BoundNanos(i);
    EXPECT_EQ(DurationCounts::BucketOf(bound), i);
    EXPECT_EQ(DurationCounts::BucketOf(bound + 1), i + 1);
  }
}

TEST(DurationCountsTest, NothingAndLessCountAsTheShortest) {
  EXPECT_EQ(DurationCounts::BucketOf(0), 0u);
  EXPECT_EQ(DurationCounts::BucketOf(1), 0u);
  DurationCounts counts;
  counts.Record(-5);  // clocks of two processors
  EXPECT_EQ(HistogramOf(counts).counts[0], 1);
  EXPECT_EQ(HistogramOf(counts).sum, absl::ZeroDuration());
}

TEST(DurationCountsTest, LongestDurationsHaveABucketOfTheirOwn) {
  DurationCounts counts;
  counts.Record(absl::ToInt64Nanoseconds(absl::Hours(24 * 365)));
  EXPECT_EQ(HistogramOf(counts).counts.back(), 1);
}

TEST(DurationCountsTest, AddsUpWhatSeveralHaveRecorded) {
  DurationCounts one;
  one.Record(3000);
  one.Record(900);
  DurationCounts other;
  other.Record(3500);
  DurationHistogram histogram = HistogramOf(one);
  other.AddTo(histogram);
  EXPECT_EQ(histogram.counts[0], 1);
  EXPECT_EQ(histogram.counts[2], 2);  // up to 4 us
  EXPECT_EQ(std::accumulate(histogram.counts.begin(), histogram.counts.end(),
                            int64_t{0}),
            3);
  EXPECT_EQ(histogram.sum, absl::Nanoseconds(7400));
}

TEST(DurationCountsTest, TakesOverWhatAnotherHasRecorded) {
  DurationCounts gone;
  gone.Record(3000);
  DurationCounts rest;
  rest.Record(2500);
  rest.Add(gone);
  EXPECT_EQ(HistogramOf(rest).counts[2], 2);
  EXPECT_EQ(HistogramOf(rest).sum, absl::Nanoseconds(5500));
}

}  // namespace
}  // namespace asyncpal::internal
