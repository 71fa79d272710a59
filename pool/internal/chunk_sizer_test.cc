#include "asyncpal/pool/internal/chunk_sizer.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <optional>
#include <random>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

constexpr absl::Duration kCost = absl::Microseconds(1);

// A sizer that has seen chunks of items that take that long until it changed no
// more.
ChunkSizer Settled(absl::Duration item, int workers = 2) {
  ChunkSizer sizer(kCost, workers);
  for (int i = 0; i < 40; ++i) {
    const size_t size = sizer.Next(std::nullopt);
    sizer.Learn(size, static_cast<int64_t>(size) * item);
  }
  return sizer;
}

TEST(ChunkSizerTest, BeginsWithOneItem) {
  EXPECT_EQ(ChunkSizer(kCost, 2).Next(1'000'000), 1u);
  EXPECT_EQ(ChunkSizer(kCost, 2).Next(std::nullopt), 1u);
}

TEST(ChunkSizerTest, AimsAtTwentyTimesTheCostOfATask) {
  EXPECT_EQ(Settled(absl::Nanoseconds(10)).Next(std::nullopt), 2000u);
  EXPECT_EQ(Settled(absl::Microseconds(1)).Next(std::nullopt), 20u);
  EXPECT_EQ(Settled(absl::Microseconds(15)).Next(std::nullopt), 1u);
  EXPECT_EQ(Settled(absl::Seconds(1)).Next(std::nullopt), 1u);
}

TEST(ChunkSizerTest, GrowsToDoubleAtMost) {
  ChunkSizer sizer(kCost, 2);
  std::vector<size_t> sizes;
  for (int i = 0; i < 6; ++i) {
    sizes.push_back(sizer.Next(std::nullopt));
    sizer.Learn(sizes.back(), absl::ZeroDuration());
  }
  EXPECT_THAT(sizes, ::testing::ElementsAre(1, 2, 4, 8, 16, 32));
}

TEST(ChunkSizerTest, TakesAThirdOfAWorkersShareOfWhatIsLeft) {
  const ChunkSizer sizer = Settled(absl::Nanoseconds(1), /*workers=*/4);
  EXPECT_EQ(sizer.Next(1200), 100u);
  EXPECT_EQ(sizer.Next(13), 1u);
  EXPECT_EQ(sizer.Next(1), 1u);
}

TEST(ChunkSizerTest, BelievesInSlowItemsAtOnceAndInFastOnesByHalf) {
  ChunkSizer slower = Settled(absl::Nanoseconds(10));
  slower.Learn(100, 100 * absl::Microseconds(1));
  EXPECT_EQ(slower.Next(std::nullopt), 20u);

  ChunkSizer faster = Settled(absl::Microseconds(1));
  faster.Learn(20, 20 * absl::Nanoseconds(10));
  EXPECT_LT(faster.Next(std::nullopt), 40u);
  EXPECT_GT(faster.Next(std::nullopt), 20u);
}

TEST(ChunkSizerTest, TellsHowManyChunksAreDoneInATime) {
  EXPECT_EQ(ChunkSizer(kCost, 2).ChunksIn(absl::Seconds(1)), 1u);
  // Of 20 items each.
  const ChunkSizer sizer = Settled(absl::Microseconds(1), /*workers=*/2);
  EXPECT_EQ(sizer.ChunksIn(absl::Microseconds(210)), 21u);
  EXPECT_EQ(sizer.ChunksIn(absl::Microseconds(1)), 1u);
  EXPECT_GT(sizer.ChunksIn(absl::InfiniteDuration()), 1'000'000u);
}

TEST(ChunkSizerTest, BearsTimesOfZero) {
  ChunkSizer sizer(kCost, 1);
  sizer.Learn(1, absl::ZeroDuration());
  EXPECT_EQ(sizer.Next(std::nullopt), 2u);
}

// ---------------------------------------------------------------- Whole maps

// How long workers take for items of these times, each chunk at kCost, if the
// next chunk goes to the first worker that is free.
absl::Duration Simulate(const std::vector<absl::Duration>& items, int workers,
                        std::optional<size_t> fixed) {
  ChunkSizer sizer(kCost, workers);
  std::vector<absl::Duration> free_at(static_cast<size_t>(workers));
  size_t next = 0;
  while (next < items.size()) {
    const size_t left = items.size() - next;
    const size_t size = std::min(fixed.value_or(sizer.Next(left)), left);
    absl::Duration ran;
    for (size_t i = 0; i < size; ++i) ran += items[next++];
    *std::min_element(free_at.begin(), free_at.end()) += kCost + ran;
    sizer.Learn(size, ran);
  }
  return *std::max_element(free_at.begin(), free_at.end());
}

absl::Duration BestFixed(const std::vector<absl::Duration>& items,
                         int workers) {
  absl::Duration best = absl::InfiniteDuration();
  for (size_t size = 1; size <= items.size(); size *= 2) {
    best = std::min(best, Simulate(items, workers, size));
  }
  return best;
}

std::vector<absl::Duration> Items(
    size_t n, const std::function<absl::Duration(size_t)>& time) {
  std::vector<absl::Duration> items(n);
  for (size_t i = 0; i < n; ++i) items[i] = time(i);
  return items;
}

TEST(ChunkSizerTest, IsAlmostAsGoodAsTheBestFixedSizeForAnyItems) {
  std::minstd_rand random(7);
  std::lognormal_distribution<double> lognormal(0, 1.5);
  const std::vector<std::vector<absl::Duration>> inputs = {
      Items(10'000, [](size_t) { return absl::Microseconds(1); }),
      Items(2'000, [](size_t) { return absl::Microseconds(100); }),
      Items(50, [](size_t) { return absl::Milliseconds(10); }),
      Items(10'000,
            [&](size_t) { return absl::Microseconds(lognormal(random)); }),
      Items(10'000,
            [](size_t i) { return absl::Microseconds(i < 5'000 ? 0.1 : 50); }),
      Items(10'000,
            [](size_t i) { return absl::Microseconds(i < 5'000 ? 50 : 0.1); }),
      Items(
          10'000,
          [](size_t i) { return absl::Microseconds(i == 5'000 ? 3'000 : 1); }),
  };
  for (const int workers : {2, 8}) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      const absl::Duration best = BestFixed(inputs[i], workers);
      EXPECT_LE(Simulate(inputs[i], workers, std::nullopt), 1.1 * best)
          << "input " << i << ", " << workers << " workers, best " << best;
    }
  }
}

}  // namespace
}  // namespace asyncpal::internal
