#ifndef ASYNCPAL_POOL_TESTING_POOL_CONTRACT_SETTLED_H_
#define ASYNCPAL_POOL_TESTING_POOL_CONTRACT_SETTLED_H_

#include <cstddef>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/pool/options.h"
#include "asyncpal/pool/settled.h"
#include "asyncpal/pool/testing/gate.h"
#include "asyncpal/pool/testing/pool_contract_progress.h"
#include "asyncpal/pool/testing/pool_contract_tools.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// Maps that go on after a failure: part of pool_contract.h.

namespace asyncpal::testing {

inline int FailAtMultiplesOfThree(int n) {
  if (n % 3 == 0) throw std::out_of_range("a multiple of three");
  return n;
}

inline int FailWithACauseAtTwo(int n) {
  try {
    return FailAtTwo(n);
  } catch (...) {
    std::throw_with_nested(std::invalid_argument("bad number"));
  }
}

template <typename Traits>
class PoolSettledContract : public ::testing::Test {
 protected:
  using Pool = typename Traits::Pool;

  // Calls `check(name, run)` for each of the maps that settle, of `f` over 0 to
  // n - 1; `run(options)` returns what one gives.
  template <typename F, typename Check>
  static void ForEachSettlingMap(Pool& pool, F f, int n, Check check) {
    const std::vector<int> xs = Numbers(n);
    std::vector<std::tuple<int>> tuples;
    for (const int x : xs) tuples.emplace_back(x);
    check("MapSettled", [&](const MapOptions& o) {
      return ToVector(pool.MapSettled(o, f, xs));
    });
    check("MapSettledAll",
          [&](const MapOptions& o) { return pool.MapSettledAll(o, f, xs); });
    check("StarmapSettled", [&](const MapOptions& o) {
      return ToVector(pool.StarmapSettled(o, f, tuples));
    });
    check("StarmapSettledAll", [&](const MapOptions& o) {
      return pool.StarmapSettledAll(o, f, tuples);
    });
  }

  // The same for the other maps, with OnError::kSkip.
  template <typename F, typename Check>
  static void ForEachSkippingMap(Pool& pool, F f, int n, Check check) {
    const std::vector<int> xs = Numbers(n);
    std::vector<std::tuple<int>> tuples;
    for (const int x : xs) tuples.emplace_back(x);
    const auto with = [&](const char* name, auto map) {
      check(name, [map](MapOptions o) {
        o.on_error = OnError::kSkip;
        return map(o);
      });
    };
    with("Map",
         [&](const MapOptions& o) { return ToVector(pool.Map(o, f, xs)); });
    with("MapUnordered", [&](const MapOptions& o) {
      return ToVector(pool.MapUnordered(o, f, xs));
    });
    with("MapAll", [&](const MapOptions& o) { return pool.MapAll(o, f, xs); });
    with("MapAllUnordered",
         [&](const MapOptions& o) { return pool.MapAllUnordered(o, f, xs); });
    with("Starmap", [&](const MapOptions& o) {
      return ToVector(pool.Starmap(o, f, tuples));
    });
    with("StarmapUnordered", [&](const MapOptions& o) {
      return ToVector(pool.StarmapUnordered(o, f, tuples));
    });
    with("StarmapAll",
         [&](const MapOptions& o) { return pool.StarmapAll(o, f, tuples); });
    with("StarmapAllUnordered", [&](const MapOptions& o) {
      return pool.StarmapAllUnordered(o, f, tuples);
    });
  }
};
TYPED_TEST_SUITE_P(PoolSettledContract);

// --- MapSettled and its like ---

TYPED_TEST_P(PoolSettledContract, EverySettlingMapTellsHowEachCallEnded) {
  typename TypeParam::Pool pool(3);
  TestFixture::ForEachSettlingMap(
      pool, FailAtMultiplesOfThree, 20, [](const char* name, auto run) {
        for (const size_t chunk_size : {1, 2, 7, 20, 100}) {
          SCOPED_TRACE(std::string(name) + " by " + std::to_string(chunk_size));
          const std::vector<Settled<int>> settled =
              run({.chunk_size = chunk_size});
          ASSERT_EQ(settled.size(), 20u);
          for (int i = 0; i < 20; ++i) {
            const Settled<int>& one = settled[static_cast<size_t>(i)];
            EXPECT_EQ(one.index, static_cast<size_t>(i));
            EXPECT_EQ(one.ok(), i % 3 != 0) << i;
            if (i % 3 == 0) {
              EXPECT_FALSE(one.value.has_value()) << i;
              EXPECT_THROW(one.Collect(), std::out_of_range) << i;
            } else {
              EXPECT_EQ(one.value, i);
              EXPECT_EQ(one.Collect(), i);
            }
          }
        }
      });
}

TYPED_TEST_P(PoolSettledContract, IndexIsThatOfTheInputWhateverTheOrder) {
  typename TypeParam::Pool pool(3);
  TestFixture::ForEachSettlingMap(
      pool, FailAtMultiplesOfThree, 20, [](const char* name, auto run) {
        std::vector<size_t> seen;
        for (const Settled<int>& one :
             run({.chunk_size = 3, .keep_order = false})) {
          seen.push_back(one.index);
          const bool fails = one.index % 3 == 0;
          EXPECT_EQ(one.ok(), !fails) << name;
          if (!fails) {
            EXPECT_EQ(one.value, static_cast<int>(one.index)) << name;
          }
        }
        std::vector<size_t> all(20);
        for (size_t i = 0; i < all.size(); ++i) all[i] = i;
        EXPECT_THAT(seen, ::testing::UnorderedElementsAreArray(all)) << name;
      });
}

TYPED_TEST_P(PoolSettledContract, WithoutOrderTheFirstDoneComesFirst) {
  typename TypeParam::Pool pool(2);
  Gate gate;
  const std::vector<std::string> paths(2, gate.path());
  auto settled =
      pool.MapSettled({.keep_order = false}, PassGateAtZero, paths, Numbers(2));
  EXPECT_EQ(settled.begin()->index, 1u);
}

TYPED_TEST_P(PoolSettledContract, SettledExceptionKeepsItsCauses) {
  typename TypeParam::Pool pool(2);
  TestFixture::ForEachSettlingMap(
      pool, FailWithACauseAtTwo, 5, [](const char* name, auto run) {
        const std::vector<Settled<int>> settled = run({.chunk_size = 5});
        ASSERT_EQ(settled.size(), 5u) << name;
        EXPECT_THROW(settled[2].Collect(), std::invalid_argument) << name;
        EXPECT_EQ(ThrownChain([&] { settled[2].Collect(); }),
                  "bad number <- two is too many")
            << name;
      });
}

TYPED_TEST_P(PoolSettledContract, WhatReturnsNothingIsSettledToo) {
  typename TypeParam::Pool pool(2);
  const auto settled = pool.MapSettledAll(
      {.chunk_size = 2},
      [](int n) {
        if (n == 2) throw std::out_of_range("two is too many");
      },
      Numbers(4));
  ASSERT_EQ(settled.size(), 4u);
  settled[3].Collect();
  EXPECT_THROW(settled[2].Collect(), std::out_of_range);
}

TYPED_TEST_P(PoolSettledContract, SettlingMapsTakeSeveralRangesAndNoOptions) {
  typename TypeParam::Pool pool(2);
  const std::vector<std::tuple<int, int>> pairs = {{1, 10}, {2, 20}};
  EXPECT_EQ(pool.MapSettledAll(Add, Numbers(3), Numbers(9)).at(2).value, 4);
  EXPECT_EQ(pool.StarmapSettledAll(Add, pairs).at(1).value, 22);
  EXPECT_EQ(ToVector(pool.MapSettled(Square, Numbers(3))).at(2).value, 4);
  EXPECT_EQ(ToVector(pool.StarmapSettled(Add, pairs)).at(0).value, 11);
}

TYPED_TEST_P(PoolSettledContract, SettlingMapsOfNothingGiveNothing) {
  typename TypeParam::Pool pool(2);
  TestFixture::ForEachSettlingMap(
      pool, Square, 0,
      [](const char* name, auto run) { EXPECT_TRUE(run({}).empty()) << name; });
}

TYPED_TEST_P(PoolSettledContract, LazySettlingMapSubmitsNoMoreThanItsBuffer) {
  typename TypeParam::Pool pool(2);
  auto settled = pool.MapSettled({.buffer_size = 3}, Square, Numbers(100));
  EXPECT_EQ(pool.Stats().submitted, 3);
}

TYPED_TEST_P(PoolSettledContract, LeavingASettlingMapCancelsWhatHasNotStarted) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  { auto settled = pool.MapSettled({.buffer_size = 5}, Square, Numbers(100)); }
  EXPECT_EQ(pool.Stats().cancelled, 5);
}

TYPED_TEST_P(PoolSettledContract, TimeoutEndsEverySettlingMap) {
  typename TypeParam::Pool pool({.max_workers = 1, .name = "slow pool"});
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  TestFixture::ForEachSettlingMap(
      pool, Square, 5, [](const std::string& name, auto run) {
        EXPECT_THAT([&] { run({.timeout = absl::Milliseconds(1)}); },
                    ::testing::ThrowsMessage<TimeoutError>(
                        ::testing::AllOf(::testing::StartsWith(name + " on"),
                                         ::testing::HasSubstr("'slow pool'"))));
      });
}

TYPED_TEST_P(PoolSettledContract, ShutdownEndsASettlingMap) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  auto settled = pool.MapSettled(Square, Numbers(10));
  pool.Shutdown({.deadline = absl::ZeroDuration()});
  EXPECT_THROW(ToVector(settled), CancelledError);
}

TYPED_TEST_P(PoolSettledContract, ClosedPoolRefusesEverySettlingMap) {
  typename TypeParam::Pool pool(1);
  pool.Shutdown();
  TestFixture::ForEachSettlingMap(
      pool, Square, 5, [](const char* name, auto run) {
        EXPECT_THROW(run({}), ClosedPoolError) << name;
      });
}

TYPED_TEST_P(PoolSettledContract, SettlingMapsRefuseToSkip) {
  typename TypeParam::Pool pool(1);
  TestFixture::ForEachSettlingMap(
      pool, Square, 5, [](const std::string& name, auto run) {
        EXPECT_THAT(
            [&] { run({.on_error = OnError::kSkip}); },
            ::testing::ThrowsMessage<std::invalid_argument>(
                ::testing::AllOf(::testing::HasSubstr("on_error is kSkip"),
                                 ::testing::HasSubstr(name + " gives"))));
      });
  EXPECT_EQ(pool.Stats().submitted, 0);
}

TYPED_TEST_P(PoolSettledContract, SettlingMapsCountEachFailureByItself) {
  typename TypeParam::Pool pool(2);
  TestFixture::ForEachSettlingMap(
      pool, FailAtMultiplesOfThree, 10, [](const char* name, auto run) {
        const auto told = std::make_shared<ProgressRecorder>();
        run({.chunk_size = 5, .progress = told});
        EXPECT_EQ(told->changes.size(), 3u) << name;
        ASSERT_EQ(told->ends.size(), 1u) << name;
        EXPECT_EQ(told->ends[0].done, 6) << name;
        EXPECT_EQ(told->ends[0].failed, 4) << name;
      });
}

// --- OnError::kSkip ---

TYPED_TEST_P(PoolSettledContract, EverySkippingMapLeavesOutWhatFailed) {
  typename TypeParam::Pool pool(3);
  std::vector<int> expected;
  for (int i = 0; i < 20; ++i) {
    if (i % 3 != 0) expected.push_back(i);
  }
  TestFixture::ForEachSkippingMap(
      pool, FailAtMultiplesOfThree, 20, [&](const std::string& name, auto run) {
        for (const size_t chunk_size : {1, 2, 7, 20, 100}) {
          SCOPED_TRACE(name + " by " + std::to_string(chunk_size));
          const std::vector<int> results = run({.chunk_size = chunk_size});
          if (name.ends_with("Unordered")) {
            EXPECT_THAT(results,
                        ::testing::UnorderedElementsAreArray(expected));
          } else {
            EXPECT_EQ(results, expected);
          }
        }
      });
}

TYPED_TEST_P(PoolSettledContract, EverySkippingMapCountsWhatItLeftOut) {
  typename TypeParam::Pool pool(2);
  TestFixture::ForEachSkippingMap(
      pool, FailAtMultiplesOfThree, 10, [](const char* name, auto run) {
        const auto told = std::make_shared<ProgressRecorder>();
        run({.chunk_size = 5, .progress = told});
        EXPECT_EQ(told->changes.size(), 3u) << name;
        ASSERT_EQ(told->ends.size(), 1u) << name;
        EXPECT_EQ(told->ends[0].done, 6) << name;
        EXPECT_EQ(told->ends[0].failed, 4) << name;
      });
}

TYPED_TEST_P(PoolSettledContract, SkippingMapWhoseCallsAllFailGivesNothing) {
  typename TypeParam::Pool pool(2);
  TestFixture::ForEachSkippingMap(
      pool,
      [](int n) -> int {
        throw std::out_of_range("no number is good, not " + std::to_string(n));
      },
      10,
      [](const char* name, auto run) {
        EXPECT_TRUE(run({.chunk_size = 3}).empty()) << name;
      });
}

TYPED_TEST_P(PoolSettledContract, SkippingMapOfWhatReturnsNothingGoesOn) {
  typename TypeParam::Pool pool(2);
  const auto told = std::make_shared<ProgressRecorder>();
  pool.MapAll(
      {.chunk_size = 2, .progress = told, .on_error = OnError::kSkip},
      [](int n) {
        if (n == 2) throw std::out_of_range("two is too many");
      },
      Numbers(5));
  ASSERT_EQ(told->ends.size(), 1u);
  EXPECT_EQ(told->ends[0].done, 4);
  EXPECT_EQ(told->ends[0].failed, 1);
}

TYPED_TEST_P(PoolSettledContract, ShutdownEndsASkippingMap) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  auto results = pool.Map({.on_error = OnError::kSkip}, Square, Numbers(10));
  pool.Shutdown({.deadline = absl::ZeroDuration()});
  EXPECT_THROW(ToVector(results), CancelledError);
}

TYPED_TEST_P(PoolSettledContract, UnknownOnErrorIsRefused) {
  typename TypeParam::Pool pool(1);
  EXPECT_THAT(
      [&] {
        pool.MapAll({.on_error = static_cast<OnError>(7)}, Square, Numbers(3));
      },
      ::testing::ThrowsMessage<std::invalid_argument>(
          ::testing::HasSubstr("on_error is 7")));
  EXPECT_EQ(pool.Stats().submitted, 0);
}

REGISTER_TYPED_TEST_SUITE_P(
    PoolSettledContract, EverySettlingMapTellsHowEachCallEnded,
    IndexIsThatOfTheInputWhateverTheOrder, WithoutOrderTheFirstDoneComesFirst,
    SettledExceptionKeepsItsCauses, WhatReturnsNothingIsSettledToo,
    SettlingMapsTakeSeveralRangesAndNoOptions, SettlingMapsOfNothingGiveNothing,
    LazySettlingMapSubmitsNoMoreThanItsBuffer,
    LeavingASettlingMapCancelsWhatHasNotStarted, TimeoutEndsEverySettlingMap,
    ShutdownEndsASettlingMap, ClosedPoolRefusesEverySettlingMap,
    SettlingMapsRefuseToSkip, SettlingMapsCountEachFailureByItself,
    EverySkippingMapLeavesOutWhatFailed, EverySkippingMapCountsWhatItLeftOut,
    SkippingMapWhoseCallsAllFailGivesNothing,
    SkippingMapOfWhatReturnsNothingGoesOn, ShutdownEndsASkippingMap,
    UnknownOnErrorIsRefused);

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_POOL_TESTING_POOL_CONTRACT_SETTLED_H_
