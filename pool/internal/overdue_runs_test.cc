#include "asyncpal/pool/internal/overdue_runs.h"

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

TEST(OverdueLookTest, RunIsOverdueFromTheThresholdOn) {
  OverdueLook look(2 * kSecond, 10 * kSecond);
  EXPECT_FALSE(look.IsOverdue(8 * kSecond + 1, /*is_reported=*/false));
  EXPECT_TRUE(look.IsOverdue(8 * kSecond, /*is_reported=*/false));
  EXPECT_TRUE(look.IsOverdue(0, /*is_reported=*/false));
}

TEST(OverdueLookTest, RunIsReportedOnce) {
  OverdueLook look(2 * kSecond, 10 * kSecond);
  EXPECT_FALSE(look.IsOverdue(0, /*is_reported=*/true));
}

TEST(OverdueLookTest, NextLookIsWhenTheOldestOfTheOthersMayBeOverdue) {
  OverdueLook look(5 * kSecond, 10 * kSecond);
  look.IsOverdue(9 * kSecond, false);
  look.IsOverdue(7 * kSecond, false);
  look.IsOverdue(8 * kSecond, false);
  EXPECT_EQ(look.until_next(), absl::Seconds(2));
}

TEST(OverdueLookTest, NobodyLooksAgainWhereNothingRunsThatIsNotReported) {
  OverdueLook look(2 * kSecond, 10 * kSecond);
  EXPECT_EQ(look.until_next(), absl::InfiniteDuration());
  look.IsOverdue(0, /*is_reported=*/false);
  look.IsOverdue(0, /*is_reported=*/true);
  EXPECT_EQ(look.until_next(), absl::InfiniteDuration());
}

TEST(OverdueLookTest, LooksAreNotCloserThanAMillisecond) {
  OverdueLook look(/*threshold=*/10, 100);
  look.IsOverdue(99, /*is_reported=*/false);
  EXPECT_EQ(look.until_next(), absl::Milliseconds(1));
}

}  // namespace
}  // namespace asyncpal::internal
