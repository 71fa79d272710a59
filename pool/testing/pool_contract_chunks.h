#ifndef ASYNCPAL_POOL_TESTING_POOL_CONTRACT_CHUNKS_H_
#define ASYNCPAL_POOL_TESTING_POOL_CONTRACT_CHUNKS_H_

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "asyncpal/pool/options.h"
#include "asyncpal/pool/testing/pool_contract_tools.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// Maps that find the size of their chunks themselves.

namespace asyncpal::testing {

inline std::string Describe(std::string text) { return "<" + text + ">"; }

template <typename Traits>
class PoolChunksContract : public ::testing::Test {
 protected:
  PoolChunksContract() {
    for (const int n : numbers_) squares_.push_back(Square(n));
  }

  const MapOptions automatic_ = {.chunk_size = 0};
  const std::vector<int> numbers_ = Numbers(2000);
  std::vector<int> squares_;
};
TYPED_TEST_SUITE_P(PoolChunksContract);

TYPED_TEST_P(PoolChunksContract, AutomaticChunksGiveAllResultsInOrder) {
  typename TypeParam::Pool pool(2);
  EXPECT_EQ(pool.MapAll(this->automatic_, Square, this->numbers_),
            this->squares_);
  EXPECT_EQ(ToVector(pool.Map(this->automatic_, Square, this->numbers_)),
            this->squares_);
}

TYPED_TEST_P(PoolChunksContract, AutomaticChunksGiveAllResultsUnordered) {
  typename TypeParam::Pool pool(2);
  auto results = pool.MapAllUnordered(this->automatic_, Square, this->numbers_);
  std::sort(results.begin(), results.end());
  EXPECT_EQ(results, this->squares_);
}

TYPED_TEST_P(PoolChunksContract, AutomaticChunksOfFastCallsGrow) {
  typename TypeParam::Pool pool(2);
  pool.MapAll(this->automatic_, Square, Numbers(20'000));
  EXPECT_TRUE(pool.Join(kLong));
  EXPECT_LT(pool.Stats().completed, 20'000);  // how far depends on the machine
}

TYPED_TEST_P(PoolChunksContract, AutomaticChunksTakeAnyInput) {
  typename TypeParam::Pool pool(2);
  EXPECT_EQ(pool.MapAll(this->automatic_, Square, std::vector<int>()),
            std::vector<int>());
  EXPECT_EQ(pool.MapAll(this->automatic_, Square, std::vector<int>{3}),
            std::vector<int>{9});
  EXPECT_EQ(pool.MapAll(this->automatic_, Describe,
                        std::vector<std::string>{"a", "b"}),
            (std::vector<std::string>{"<a>", "<b>"}));
}

REGISTER_TYPED_TEST_SUITE_P(PoolChunksContract,
                            AutomaticChunksGiveAllResultsInOrder,
                            AutomaticChunksGiveAllResultsUnordered,
                            AutomaticChunksOfFastCallsGrow,
                            AutomaticChunksTakeAnyInput);

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_POOL_TESTING_POOL_CONTRACT_CHUNKS_H_
