#include "asyncpal/pool/internal/random_fractions.h"

#include <set>

#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

TEST(RandomFractionsTest, FillsTheRangeEvenly) {
  for (const uint32_t seed : {0u, 1u, 2u, 0xffffffffu}) {
    RandomFractions fractions(seed);
    int counts[10] = {};
    for (int i = 0; i < 10'000; ++i) {
      const double fraction = fractions.Next();
      ASSERT_GE(fraction, 0);
      ASSERT_LT(fraction, 1);
      ++counts[static_cast<int>(fraction * 10)];
    }
    for (const int count : counts) {
      EXPECT_GT(count, 800) << seed;
      EXPECT_LT(count, 1200) << seed;
    }
  }
}

TEST(RandomFractionsTest, SeedsDiffer) {
  std::set<uint32_t> seeds;
  for (int i = 0; i < 10; ++i) seeds.insert(RandomFractions::NewSeed());
  EXPECT_GT(seeds.size(), 5u);
}

}  // namespace
}  // namespace asyncpal::internal
