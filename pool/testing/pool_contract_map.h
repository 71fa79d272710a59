#ifndef ASYNCPAL_POOL_TESTING_POOL_CONTRACT_MAP_H_
#define ASYNCPAL_POOL_TESTING_POOL_CONTRACT_MAP_H_

#include <algorithm>
#include <cstddef>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "asyncpal/future/error.h"
#include "asyncpal/pool/options.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/testing/gate.h"
#include "asyncpal/pool/testing/pool_contract_tools.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// The map family: part of pool_contract.h.

namespace asyncpal::testing {

template <typename Traits>
class PoolMapContract : public ::testing::Test {
 protected:
  using Pool = typename Traits::Pool;

  // Calls `check(name, results of f over `pairs`, whether in order)` for each
  // of the eight maps.
  template <typename F, typename Check>
  static void ForEachMap(Pool& pool, const MapOptions& options, F f,
                         const std::vector<std::tuple<int, int>>& pairs,
                         Check check) {
    std::vector<int> xs;
    std::vector<int> ys;
    for (const auto& [x, y] : pairs) {
      xs.push_back(x);
      ys.push_back(y);
    }
    check("Map", ToVector(pool.Map(options, f, xs, ys)), true);
    check("MapUnordered", ToVector(pool.MapUnordered(options, f, xs, ys)),
          false);
    check("MapAll", pool.MapAll(options, f, xs, ys), true);
    check("MapAllUnordered", pool.MapAllUnordered(options, f, xs, ys), false);
    check("Starmap", ToVector(pool.Starmap(options, f, pairs)), true);
    check("StarmapUnordered",
          ToVector(pool.StarmapUnordered(options, f, pairs)), false);
    check("StarmapAll", pool.StarmapAll(options, f, pairs), true);
    check("StarmapAllUnordered", pool.StarmapAllUnordered(options, f, pairs),
          false);
  }

  // Starts each of the eight maps over two pairs, and has `expect(name, call)`
  // look at what it throws.
  template <typename Expect>
  static void ForEachFailingMap(Pool& pool, const MapOptions& options,
                                Expect expect) {
    const std::vector<int> n = {1, 2};
    const std::vector<std::tuple<int, int>> pairs = {{1, 1}, {2, 2}};
    expect("Map", [&] { ToVector(pool.Map(options, Add, n, n)); });
    expect("MapUnordered",
           [&] { ToVector(pool.MapUnordered(options, Add, n, n)); });
    expect("MapAll", [&] { pool.MapAll(options, Add, n, n); });
    expect("MapAllUnordered",
           [&] { pool.MapAllUnordered(options, Add, n, n); });
    expect("Starmap", [&] { ToVector(pool.Starmap(options, Add, pairs)); });
    expect("StarmapUnordered",
           [&] { ToVector(pool.StarmapUnordered(options, Add, pairs)); });
    expect("StarmapAll", [&] { pool.StarmapAll(options, Add, pairs); });
    expect("StarmapAllUnordered",
           [&] { pool.StarmapAllUnordered(options, Add, pairs); });
  }

  static std::vector<std::tuple<int, int>> Pairs(int n) {
    std::vector<std::tuple<int, int>> pairs;
    for (int i = 0; i < n; ++i) pairs.emplace_back(i, 100 * i);
    return pairs;
  }
};
TYPED_TEST_SUITE_P(PoolMapContract);

// --- Results ---

TYPED_TEST_P(PoolMapContract, EveryMapGivesEveryResult) {
  typename TypeParam::Pool pool(3);
  std::vector<int> expected;
  for (int i = 0; i < 30; ++i) expected.push_back(101 * i);
  TestFixture::ForEachMap(
      pool, {}, Add, TestFixture::Pairs(30),
      [&](const char* name, const std::vector<int>& results, bool) {
        EXPECT_THAT(results, ::testing::UnorderedElementsAreArray(expected))
            << name;
      });
}

TYPED_TEST_P(PoolMapContract, OrderedMapsKeepTheOrder) {
  typename TypeParam::Pool pool(3);
  TestFixture::ForEachMap(
      pool, {}, Add, TestFixture::Pairs(30),
      [&](const char* name, const std::vector<int>& results, bool ordered) {
        if (!ordered) return;
        EXPECT_TRUE(std::is_sorted(results.begin(), results.end())) << name;
      });
}

TYPED_TEST_P(PoolMapContract, ChunksOfAnySizeChangeNoResult) {
  typename TypeParam::Pool pool(3);
  std::vector<int> expected;
  for (int i = 0; i < 30; ++i) expected.push_back(101 * i);
  for (const size_t chunk_size : {size_t{1}, size_t{7}, size_t{30}, size_t{31},
                                  std::numeric_limits<size_t>::max()}) {
    TestFixture::ForEachMap(
        pool, {.chunk_size = chunk_size}, Add, TestFixture::Pairs(30),
        [&](const char* name, const std::vector<int>& results, bool ordered) {
          if (ordered) {
            EXPECT_EQ(results, expected) << name << " by " << chunk_size;
          } else {
            EXPECT_THAT(results, ::testing::UnorderedElementsAreArray(expected))
                << name << " by " << chunk_size;
          }
        });
  }
}

TYPED_TEST_P(PoolMapContract, ChunkMakesOneTask) {
  typename TypeParam::Pool pool(3);
  pool.MapAll({.chunk_size = 7}, Square, Numbers(30));
  EXPECT_EQ(pool.Stats().submitted, 5);
}

TYPED_TEST_P(PoolMapContract, EveryMapOfNothingGivesNothing) {
  typename TypeParam::Pool pool(3);
  TestFixture::ForEachMap(
      pool, {}, Add, {},
      [&](const char* name, const std::vector<int>& results, bool) {
        EXPECT_THAT(results, ::testing::IsEmpty()) << name;
      });
}

TYPED_TEST_P(PoolMapContract, BufferOfOneGivesEveryResult) {
  typename TypeParam::Pool pool(3);
  TestFixture::ForEachMap(
      pool, {.buffer_size = 1}, Add, TestFixture::Pairs(30),
      [&](const char* name, const std::vector<int>& results, bool) {
        EXPECT_EQ(results.size(), 30u) << name;
      });
}

TYPED_TEST_P(PoolMapContract, HugeBufferGivesEveryResult) {
  typename TypeParam::Pool pool(3);
  TestFixture::ForEachMap(
      pool, {.buffer_size = std::numeric_limits<size_t>::max()}, Add,
      TestFixture::Pairs(30),
      [&](const char* name, const std::vector<int>& results, bool) {
        EXPECT_EQ(results.size(), 30u) << name;
      });
}

TYPED_TEST_P(PoolMapContract, ShortestRangeEndsTheMap) {
  typename TypeParam::Pool pool(2);
  EXPECT_THAT(ToVector(pool.Map(Add, Numbers(5), Numbers(3))),
              ::testing::ElementsAre(0, 2, 4));
}

TYPED_TEST_P(PoolMapContract, MapOfWhatReturnsNothingGivesAMarkForEachCall) {
  typename TypeParam::Pool pool(2);
  EXPECT_EQ(ToVector(pool.Map([](int) {}, Numbers(5))).size(), 5u);
}

TYPED_TEST_P(PoolMapContract, MapAllOfWhatReturnsNothingRunsEachCall) {
  typename TypeParam::Pool pool(2);
  pool.MapAll([](int) {}, Numbers(5));
  EXPECT_EQ(pool.Stats().completed, 5);
}

TYPED_TEST_P(PoolMapContract, UnorderedMapGivesFirstWhatIsDoneFirst) {
  typename TypeParam::Pool pool(2);
  Gate gate;
  const std::vector<std::string> paths(2, gate.path());
  auto results = pool.MapUnordered(PassGateAtZero, paths, Numbers(2));
  EXPECT_EQ(*results.begin(), 1);
}

TYPED_TEST_P(PoolMapContract, MapWithoutKeepOrderGivesFirstWhatIsDoneFirst) {
  typename TypeParam::Pool pool(2);
  Gate gate;
  const std::vector<std::string> paths(2, gate.path());
  auto results =
      pool.Map({.keep_order = false}, PassGateAtZero, paths, Numbers(2));
  EXPECT_EQ(*results.begin(), 1);
}

TYPED_TEST_P(PoolMapContract, MapAllUnorderedGivesFirstWhatIsDoneFirst) {
  typename TypeParam::Pool pool(2);
  Gate gate;
  JoiningThread opener([&] {
    // The other call is done when its task is.
    Eventually([&] { return pool.Stats().completed == 1; });
    gate.Open();
  });
  const std::vector<std::string> paths(2, gate.path());
  EXPECT_THAT(pool.MapAllUnordered(PassGateAtZero, paths, Numbers(2)),
              ::testing::ElementsAre(1, 0));
}

// --- Laziness ---

TYPED_TEST_P(PoolMapContract, LazyMapStartsAtTheCall) {
  typename TypeParam::Pool pool(2);
  Gate gate;
  const std::vector<std::string> paths(2, gate.path());
  auto results = pool.Map(PassGate, paths, Numbers(2));
  EXPECT_TRUE(gate.WaitForArrivals(2));
}

TYPED_TEST_P(PoolMapContract, LazyMapSubmitsNoMoreThanItsBuffer) {
  typename TypeParam::Pool pool(2);
  auto results = pool.Map({.buffer_size = 3}, Square, Numbers(100));
  EXPECT_EQ(pool.Stats().submitted, 3);
}

TYPED_TEST_P(PoolMapContract, LazyMapSubmitsOneForEachOneTaken) {
  typename TypeParam::Pool pool(2);
  auto results = pool.Map({.buffer_size = 3}, Square, Numbers(100));
  auto it = results.begin();
  ++it;
  EXPECT_EQ(pool.Stats().submitted, 5);
}

TYPED_TEST_P(PoolMapContract, BufferIsTwiceTheWorkersByDefault) {
  typename TypeParam::Pool pool(3);
  auto results = pool.MapUnordered(Square, Numbers(100));
  EXPECT_EQ(pool.Stats().submitted, 6);
}

TYPED_TEST_P(PoolMapContract, LeavingALazyMapCancelsWhatHasNotStarted) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  { auto results = pool.Map({.buffer_size = 5}, Square, Numbers(100)); }
  EXPECT_EQ(pool.Stats().cancelled, 5);
}

TYPED_TEST_P(PoolMapContract, LeavingAnUnorderedMapCancelsWhatHasNotStarted) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  {
    auto results = pool.MapUnordered({.buffer_size = 5}, Square, Numbers(100));
  }
  EXPECT_EQ(pool.Stats().cancelled, 5);
}

TYPED_TEST_P(PoolMapContract, LeavingAMapEarlyLeavesThePoolUsable) {
  typename TypeParam::Pool pool(1);
  for (const int result : pool.Map(Square, Numbers(100))) {
    if (result == 4) break;
  }
  EXPECT_EQ(pool.Run(Add, 1, 2), 3);
}

// --- Errors ---

TYPED_TEST_P(PoolMapContract, ResultsBeforeAnErrorComeOut) {
  typename TypeParam::Pool pool(2);
  std::vector<int> seen;
  auto results = pool.Map(FailAtTwo, Numbers(10));
  EXPECT_THROW(
      {
        for (const int result : results) seen.push_back(result);
      },
      std::out_of_range);
  EXPECT_THAT(seen, ::testing::ElementsAre(0, 1));
}

TYPED_TEST_P(PoolMapContract, ResultsBeforeAnErrorInTheirChunkComeOut) {
  typename TypeParam::Pool pool(2);
  std::vector<int> seen;
  auto results = pool.Map({.chunk_size = 5}, FailAtTwo, Numbers(10));
  EXPECT_THROW(
      {
        for (const int result : results) seen.push_back(result);
      },
      std::out_of_range);
  EXPECT_THAT(seen, ::testing::ElementsAre(0, 1));
}

TYPED_TEST_P(PoolMapContract, ErrorEndsTheRange) {
  typename TypeParam::Pool pool(2);
  auto results = pool.Map(FailAtTwo, Numbers(10));
  auto it = results.begin();
  ++it;
  EXPECT_THROW(++it, std::out_of_range);
  EXPECT_TRUE(it == results.end());
}

TYPED_TEST_P(PoolMapContract, ErrorCancelsWhatHasNotStarted) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  const std::vector<std::string> paths(10, gate.path());
  auto results =
      pool.Map({.buffer_size = 10}, FailAtTwoThenPassGate, paths, Numbers(10));
  EXPECT_THROW(ToVector(results), std::out_of_range);
  // The call with 3 may have started.
  EXPECT_GE(pool.Stats().cancelled, 6);
}

TYPED_TEST_P(PoolMapContract, ErrorInAnUnorderedMapCancelsWhatHasNotStarted) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  const std::vector<std::string> paths(10, gate.path());
  auto results = pool.MapUnordered({.buffer_size = 10}, FailAtTwoThenPassGate,
                                   paths, Numbers(10));
  EXPECT_THROW(ToVector(results), std::out_of_range);
  EXPECT_GE(pool.Stats().cancelled, 6);
}

TYPED_TEST_P(PoolMapContract, ErrorInAnEagerMapCancelsWhatHasNotStarted) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  const std::vector<std::string> paths(10, gate.path());
  EXPECT_THROW(pool.MapAll(FailAtTwoThenPassGate, paths, Numbers(10)),
               std::out_of_range);
  EXPECT_GE(pool.Stats().cancelled, 6);
}

TYPED_TEST_P(PoolMapContract, EveryEagerMapThrowsWhatACallThrew) {
  typename TypeParam::Pool pool(2);
  const auto numbers = Numbers(5);
  const std::vector<std::tuple<int>> tuples = {0, 1, 2, 3};
  EXPECT_THROW(pool.MapAll(FailAtTwo, numbers), std::out_of_range);
  EXPECT_THROW(pool.MapAllUnordered(FailAtTwo, numbers), std::out_of_range);
  EXPECT_THROW(pool.StarmapAll(FailAtTwo, tuples), std::out_of_range);
  EXPECT_THROW(pool.StarmapAllUnordered(FailAtTwo, tuples), std::out_of_range);
}

TYPED_TEST_P(PoolMapContract, PoolGoesOnAfterAFailedMap) {
  typename TypeParam::Pool pool(2);
  EXPECT_THROW(pool.MapAll(FailAtTwo, Numbers(5)), std::out_of_range);
  EXPECT_THAT(pool.MapAll(Square, Numbers(3)), ::testing::ElementsAre(0, 1, 4));
}

TYPED_TEST_P(PoolMapContract, TimeoutErrorNamesTheMapAndThePool) {
  typename TypeParam::Pool pool({.max_workers = 1, .name = "slow pool"});
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  TestFixture::ForEachFailingMap(
      pool, {.timeout = absl::Milliseconds(1)},
      [](const std::string& name, const auto& call) {
        EXPECT_THAT(call,
                    ::testing::ThrowsMessage<TimeoutError>(
                        ::testing::AllOf(::testing::StartsWith(name + " on"),
                                         ::testing::HasSubstr("'slow pool'"),
                                         ::testing::HasSubstr("1ms"))));
      });
}

TYPED_TEST_P(PoolMapContract, TimeoutCancelsWhatHasNotStarted) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  EXPECT_THROW(
      pool.MapAll({.timeout = absl::Milliseconds(1)}, Square, Numbers(10)),
      TimeoutError);
  EXPECT_EQ(pool.Stats().cancelled, 10);
}

TYPED_TEST_P(PoolMapContract, ZeroTimeoutOfABusyPoolTimesOut) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  TestFixture::ForEachFailingMap(pool, {.timeout = absl::ZeroDuration()},
                                 [](const std::string& name, const auto& call) {
                                   EXPECT_THROW(call(), TimeoutError) << name;
                                 });
}

TYPED_TEST_P(PoolMapContract, EveryMapRefusesANegativeTimeout) {
  typename TypeParam::Pool pool(1);
  TestFixture::ForEachFailingMap(
      pool, {.timeout = -absl::Seconds(1)},
      [](const std::string& name, const auto& call) {
        EXPECT_THAT(call, ::testing::ThrowsMessage<std::invalid_argument>(
                              ::testing::HasSubstr("timeout is -1s")))
            << name;
      });
}

TYPED_TEST_P(PoolMapContract, RefusedMapSubmitsNothing) {
  typename TypeParam::Pool pool(1);
  EXPECT_THROW(pool.Map({.timeout = -absl::Seconds(1)}, Square, Numbers(3)),
               std::invalid_argument);
  EXPECT_EQ(pool.Stats().submitted, 0);
}

TYPED_TEST_P(PoolMapContract, EveryMapOfAClosedPoolThrows) {
  typename TypeParam::Pool pool(1);
  pool.Shutdown();
  TestFixture::ForEachFailingMap(
      pool, {}, [](const std::string& name, const auto& call) {
        EXPECT_THROW(call(), ClosedPoolError) << name;
      });
}

TYPED_TEST_P(PoolMapContract, ShutdownEndsAMapWithCancelledError) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  auto results = pool.Map(Square, Numbers(10));
  pool.Shutdown({.deadline = absl::ZeroDuration()});
  EXPECT_THROW(ToVector(results), CancelledError);
}

REGISTER_TYPED_TEST_SUITE_P(
    PoolMapContract, EveryMapGivesEveryResult, OrderedMapsKeepTheOrder,
    ChunksOfAnySizeChangeNoResult, ChunkMakesOneTask,
    EveryMapOfNothingGivesNothing, BufferOfOneGivesEveryResult,
    HugeBufferGivesEveryResult, ShortestRangeEndsTheMap,
    MapOfWhatReturnsNothingGivesAMarkForEachCall,
    MapAllOfWhatReturnsNothingRunsEachCall,
    UnorderedMapGivesFirstWhatIsDoneFirst,
    MapWithoutKeepOrderGivesFirstWhatIsDoneFirst,
    MapAllUnorderedGivesFirstWhatIsDoneFirst, LazyMapStartsAtTheCall,
    LazyMapSubmitsNoMoreThanItsBuffer, LazyMapSubmitsOneForEachOneTaken,
    BufferIsTwiceTheWorkersByDefault, LeavingALazyMapCancelsWhatHasNotStarted,
    LeavingAnUnorderedMapCancelsWhatHasNotStarted,
    LeavingAMapEarlyLeavesThePoolUsable, ResultsBeforeAnErrorComeOut,
    ResultsBeforeAnErrorInTheirChunkComeOut, ErrorEndsTheRange,
    ErrorCancelsWhatHasNotStarted,
    ErrorInAnUnorderedMapCancelsWhatHasNotStarted,
    ErrorInAnEagerMapCancelsWhatHasNotStarted,
    EveryEagerMapThrowsWhatACallThrew, PoolGoesOnAfterAFailedMap,
    TimeoutErrorNamesTheMapAndThePool, TimeoutCancelsWhatHasNotStarted,
    ZeroTimeoutOfABusyPoolTimesOut, EveryMapRefusesANegativeTimeout,
    RefusedMapSubmitsNothing, EveryMapOfAClosedPoolThrows,
    ShutdownEndsAMapWithCancelledError);

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_POOL_TESTING_POOL_CONTRACT_MAP_H_
