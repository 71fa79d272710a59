#ifndef ASYNCPAL_POOL_TESTING_POOL_CONTRACT_PROGRESS_H_
#define ASYNCPAL_POOL_TESTING_POOL_CONTRACT_PROGRESS_H_

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/pool/options.h"
#include "asyncpal/pool/progress.h"
#include "asyncpal/pool/testing/gate.h"
#include "asyncpal/pool/testing/pool_contract_tools.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// What maps tell their MapProgress: part of pool_contract.h.

namespace asyncpal::testing {

// Keeps what it is told.
class ProgressRecorder : public MapProgress {
 public:
  void OnChange(const MapState& map) override {
    EXPECT_THAT(ends, ::testing::IsEmpty());
    changes.push_back(map);
    if (on_change) on_change();
  }
  void OnEnd(const MapState& map) override { ends.push_back(map); }

  std::vector<MapState> changes;
  std::vector<MapState> ends;
  std::function<void()> on_change;
};

template <typename Traits>
class PoolProgressContract : public ::testing::Test {
 protected:
  using Pool = typename Traits::Pool;

  // Calls `check(name, run)` for each of the eight maps of `f` over 0 to n - 1;
  // `run(options)` goes through one.
  template <typename F, typename Check>
  static void ForEachMap(Pool& pool, F f, int n, Check check) {
    const std::vector<int> xs = Numbers(n);
    std::vector<std::tuple<int>> tuples;
    for (const int x : xs) tuples.emplace_back(x);
    check("Map", [&](const MapOptions& o) { ToVector(pool.Map(o, f, xs)); });
    check("MapUnordered",
          [&](const MapOptions& o) { ToVector(pool.MapUnordered(o, f, xs)); });
    check("MapAll", [&](const MapOptions& o) { pool.MapAll(o, f, xs); });
    check("MapAllUnordered",
          [&](const MapOptions& o) { pool.MapAllUnordered(o, f, xs); });
    check("Starmap",
          [&](const MapOptions& o) { ToVector(pool.Starmap(o, f, tuples)); });
    check("StarmapUnordered", [&](const MapOptions& o) {
      ToVector(pool.StarmapUnordered(o, f, tuples));
    });
    check("StarmapAll",
          [&](const MapOptions& o) { pool.StarmapAll(o, f, tuples); });
    check("StarmapAllUnordered",
          [&](const MapOptions& o) { pool.StarmapAllUnordered(o, f, tuples); });
  }
};
TYPED_TEST_SUITE_P(PoolProgressContract);

TYPED_TEST_P(PoolProgressContract, EveryMapTellsEachChunkAndThenTheEnd) {
  typename TypeParam::Pool pool(2);
  TestFixture::ForEachMap(pool, Square, 10, [](const char* name, auto run) {
    const auto told = std::make_shared<ProgressRecorder>();
    run({.chunk_size = 3, .progress = told});
    std::vector<int64_t> steps;
    for (size_t i = 0; i < told->changes.size(); ++i) {
      EXPECT_EQ(told->changes[i].total, 10) << name;
      EXPECT_EQ(told->changes[i].failed, 0) << name;
      if (i > 0) {
        steps.push_back(told->changes[i].done - told->changes[i - 1].done);
      }
    }
    EXPECT_THAT(steps, ::testing::UnorderedElementsAre(3, 3, 3, 1)) << name;
    ASSERT_EQ(told->ends.size(), 1u) << name;
    EXPECT_EQ(told->ends[0].done, 10) << name;
    EXPECT_EQ(told->ends[0].left, absl::ZeroDuration()) << name;
  });
}

TYPED_TEST_P(PoolProgressContract, EveryMapTellsTheEndAfterAFailure) {
  typename TypeParam::Pool pool(1);
  TestFixture::ForEachMap(pool, FailAtTwo, 5, [](const char* name, auto run) {
    const auto told = std::make_shared<ProgressRecorder>();
    EXPECT_THROW(run({.progress = told}), std::out_of_range) << name;
    ASSERT_EQ(told->ends.size(), 1u) << name;
    EXPECT_EQ(told->ends[0].failed, 1) << name;
    EXPECT_GE(told->ends[0].done, 2) << name;
  });
}

TYPED_TEST_P(PoolProgressContract, EveryMapOfNothingTellsBeginningAndEnd) {
  typename TypeParam::Pool pool(1);
  TestFixture::ForEachMap(pool, Square, 0, [](const char* name, auto run) {
    const auto told = std::make_shared<ProgressRecorder>();
    run({.progress = told});
    EXPECT_EQ(told->changes.size(), 1u) << name;
    ASSERT_EQ(told->ends.size(), 1u) << name;
    EXPECT_EQ(told->ends[0].total, 0) << name;
  });
}

TYPED_TEST_P(PoolProgressContract, WhatOnChangeThrowsEndsEveryMap) {
  typename TypeParam::Pool pool(1);
  TestFixture::ForEachMap(pool, Square, 5, [](const char* name, auto run) {
    const auto told = std::make_shared<ProgressRecorder>();
    told->on_change = [&] {
      if (told->changes.back().done == 2) throw std::domain_error("enough");
    };
    EXPECT_THROW(run({.progress = told}), std::domain_error) << name;
    EXPECT_EQ(told->ends.size(), 1u) << name;
  });
}

TYPED_TEST_P(PoolProgressContract, WhatTheFirstOnChangeThrowsSubmitsNothing) {
  typename TypeParam::Pool pool(1);
  TestFixture::ForEachMap(pool, Square, 5, [](const char* name, auto run) {
    const auto told = std::make_shared<ProgressRecorder>();
    told->on_change = [] { throw std::domain_error("enough"); };
    EXPECT_THROW(run({.progress = told}), std::domain_error) << name;
    EXPECT_EQ(told->ends.size(), 1u) << name;
  });
  EXPECT_EQ(pool.Stats().submitted, 0);
}

TYPED_TEST_P(PoolProgressContract, EveryMapTimesOutWithProgress) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  TestFixture::ForEachMap(pool, Square, 5, [](const char* name, auto run) {
    const auto told = std::make_shared<ProgressRecorder>();
    EXPECT_THROW(run({.timeout = absl::Milliseconds(1), .progress = told}),
                 TimeoutError)
        << name;
    ASSERT_EQ(told->ends.size(), 1u) << name;
    EXPECT_EQ(told->ends[0].done + told->ends[0].failed, 0) << name;
  });
}

TYPED_TEST_P(PoolProgressContract, EagerMapTellsWhatIsDoneBehindASlowCall) {
  typename TypeParam::Pool pool(2);
  Gate gate;
  const auto told = std::make_shared<ProgressRecorder>();
  told->on_change = [&] {
    if (told->changes.back().done == 4) gate.Open();
  };
  const std::vector<std::string> paths(5, gate.path());
  EXPECT_THAT(
      pool.MapAll({.progress = told}, PassGateAtZero, paths, Numbers(5)),
      ::testing::ElementsAre(0, 1, 2, 3, 4));
}

TYPED_TEST_P(PoolProgressContract, ResultsKeepTheirOrderWithProgress) {
  typename TypeParam::Pool pool(3);
  const auto told = std::make_shared<ProgressRecorder>();
  EXPECT_EQ(ToVector(pool.Map(
                {.chunk_size = 7, .progress = told}, [](int n) { return n; },
                Numbers(100))),
            Numbers(100));
}

TYPED_TEST_P(PoolProgressContract, LeavingALazyMapTellsTheEnd) {
  typename TypeParam::Pool pool(1);
  const auto told = std::make_shared<ProgressRecorder>();
  {
    auto results =
        pool.Map({.buffer_size = 2, .progress = told}, Square, Numbers(100));
    EXPECT_EQ(*results.begin(), 0);
    EXPECT_THAT(told->ends, ::testing::IsEmpty());
  }
  ASSERT_EQ(told->ends.size(), 1u);
  EXPECT_LT(told->ends[0].done, 100);
}

TYPED_TEST_P(PoolProgressContract, TotalIsKnownWhenARangeThatDoesNotSayEnds) {
  typename TypeParam::Pool pool(1);
  const auto told = std::make_shared<ProgressRecorder>();
  const std::vector<int> numbers = Numbers(10);
  auto even = numbers | std::views::filter([](int n) { return n % 2 == 0; });
  ToVector(pool.Map({.progress = told}, Square, even));
  EXPECT_EQ(told->changes[0].total, std::nullopt);
  EXPECT_EQ(told->ends.at(0).total, 5);
  EXPECT_EQ(told->ends.at(0).done, 5);
}

TYPED_TEST_P(PoolProgressContract, TotalIsThatOfTheShortestRangeThatEnds) {
  typename TypeParam::Pool pool(1);
  const auto told = std::make_shared<ProgressRecorder>();
  const std::list<int> three = {1, 2, 3};
  ToVector(pool.Map({.progress = told}, Add, std::views::iota(0), three));
  EXPECT_EQ(told->changes[0].total, 3);
  EXPECT_EQ(told->ends.at(0).done, 3);
}

REGISTER_TYPED_TEST_SUITE_P(
    PoolProgressContract, EveryMapTellsEachChunkAndThenTheEnd,
    EveryMapTellsTheEndAfterAFailure, EveryMapOfNothingTellsBeginningAndEnd,
    WhatOnChangeThrowsEndsEveryMap, WhatTheFirstOnChangeThrowsSubmitsNothing,
    EveryMapTimesOutWithProgress, EagerMapTellsWhatIsDoneBehindASlowCall,
    ResultsKeepTheirOrderWithProgress, LeavingALazyMapTellsTheEnd,
    TotalIsKnownWhenARangeThatDoesNotSayEnds,
    TotalIsThatOfTheShortestRangeThatEnds);

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_POOL_TESTING_POOL_CONTRACT_PROGRESS_H_
