#include "asyncpal/future/chunks.h"

#include <limits>
#include <list>
#include <memory>
#include <numeric>
#include <ranges>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "asyncpal/future/future.h"
#include "asyncpal/future/testing/manual_executor.h"
#include "asyncpal/future/wait.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::ManualExecutor;

int Add(int a, int b) { return a + b; }

// All elements of an input range.
template <typename Range>
auto ToVector(Range range) {
  std::vector<std::ranges::range_value_t<Range>> elements;
  for (auto& element : range) elements.push_back(std::move(element));
  return elements;
}

// The results of an input range of callables, each called in turn.
template <typename Range>
auto CallAll(Range range) {
  std::vector<decltype((*range.begin())())> results;
  for (auto& callable : range) results.push_back(callable());
  return results;
}

// --- GetChunks ---

TEST(GetChunks, CutsARangeIntoPiecesOfTheGivenSize) {
  const std::vector<int> numbers{1, 2, 3, 4};
  EXPECT_THAT(ToVector(GetChunks(numbers, 2)),
              ElementsAre(ElementsAre(1, 2), ElementsAre(3, 4)));
}

TEST(GetChunks, MakesTheLastPieceShorter) {
  const std::vector<int> numbers{1, 2, 3};
  EXPECT_THAT(ToVector(GetChunks(numbers, 2)),
              ElementsAre(ElementsAre(1, 2), ElementsAre(3)));
}

TEST(GetChunks, MakesOnePieceForTheLargestSize) {
  const std::vector<int> numbers{1, 2, 3};
  EXPECT_THAT(ToVector(GetChunks(numbers, std::numeric_limits<size_t>::max())),
              ElementsAre(ElementsAre(1, 2, 3)));
}

TEST(GetChunks, IsEmptyForAnEmptyRange) {
  EXPECT_THAT(ToVector(GetChunks(std::vector<int>{}, 2)), IsEmpty());
}

TEST(GetChunks, ThrowsInvalidArgumentForASizeOfZero) {
  EXPECT_THROW((void)GetChunks(std::vector<int>{1}, 0), std::invalid_argument);
}

TEST(GetChunks, IsAnInputRangeOfVectors) {
  using Range = decltype(GetChunks(std::list<std::string>{}, 1));
  static_assert(std::ranges::input_range<Range>);
  static_assert(std::is_same_v<std::ranges::range_value_t<Range>,
                               std::vector<std::string>>);
}

TEST(GetChunks, LeavesTheElementsOfTheRange) {
  const std::vector<std::string> words{std::string(100, 'x')};
  ToVector(GetChunks(words, 1));
  EXPECT_EQ(words[0], std::string(100, 'x'));
}

TEST(GetChunks, CutsTheBoolsOfAVector) {
  const std::vector<bool> flags{true, false, true};
  EXPECT_THAT(ToVector(GetChunks(flags, 2)),
              ElementsAre(ElementsAre(true, false), ElementsAre(true)));
}

TEST(GetChunks, ReadsTheRangeAsItGoes) {
  std::vector<int> numbers{1, 2, 3, 4};
  auto chunks = GetChunks(numbers, 2);
  auto it = chunks.begin();
  numbers[2] = 7;
  ++it;
  EXPECT_THAT(*it, ElementsAre(7, 4));
}

// --- SplitMapTask ---

TEST(SplitMapTask, AppliesTheFunctionToEachElement) {
  const std::vector<int> numbers{1, 2, 3};
  EXPECT_THAT(CallAll(SplitMapTask(
                  2, [](int n) { return n * n; }, numbers)),
              ElementsAre(ElementsAre(1, 4), ElementsAre(9)));
}

TEST(SplitMapTask, TakesSeveralRangesInStep) {
  const std::vector<int> ones{1, 2, 3};
  const std::list<int> tens{10, 20, 30};
  EXPECT_THAT(CallAll(SplitMapTask(2, Add, ones, tens)),
              ElementsAre(ElementsAre(11, 22), ElementsAre(33)));
}

TEST(SplitMapTask, EndsWithTheShortestRange) {
  const std::vector<int> longer{1, 2, 3};
  const std::vector<int> shorter{10};
  EXPECT_THAT(CallAll(SplitMapTask(2, Add, longer, shorter)),
              ElementsAre(ElementsAre(11)));
}

TEST(SplitMapTask, IsEmptyForAnEmptyRange) {
  EXPECT_THAT(
      CallAll(SplitMapTask(2, Add, std::vector<int>{}, std::vector<int>{1})),
      IsEmpty());
}

TEST(SplitMapTask, ThrowsInvalidArgumentForASizeOfZero) {
  const std::vector<int> numbers{1};
  EXPECT_THROW((void)SplitMapTask(0, Add, numbers, numbers),
               std::invalid_argument);
}

TEST(SplitMapTask, CallsNothingUntilItsTasksAreCalled) {
  int calls = 0;
  const std::vector<int> numbers{1, 2, 3};
  ToVector(SplitMapTask(
      2, [&](int) { return ++calls; }, numbers));
  EXPECT_EQ(calls, 0);
}

TEST(SplitMapTask, ReturnsNothingForAFunctionThatReturnsNothing) {
  std::vector<int> seen;
  const std::vector<int> numbers{1, 2, 3};
  for (auto& task : SplitMapTask(
           2, [&](int n) { seen.push_back(n); }, numbers)) {
    static_assert(std::is_void_v<decltype(task())>);
    task();
  }
  EXPECT_THAT(seen, ElementsAre(1, 2, 3));
}

TEST(SplitMapTask, ReturnsBools) {
  const std::vector<int> numbers{1, 2};
  EXPECT_THAT(CallAll(SplitMapTask(
                  2, [](int n) { return n == 1; }, numbers)),
              ElementsAre(ElementsAre(true, false)));
}

TEST(SplitMapTask, ReturnsResultsThatCannotBeCopied) {
  const std::vector<int> numbers{1, 2};
  auto results = CallAll(SplitMapTask(
      2, [](int n) { return std::make_unique<int>(n); }, numbers));
  EXPECT_EQ(*results[0][1], 2);
}

TEST(SplitMapTask, CopiesWhatTheFunctionReturnsByReference) {
  int last = 0;
  const std::vector<int> numbers{1, 2};
  const auto results = CallAll(SplitMapTask(
      2, [&](int n) -> int& { return last = n; }, numbers));
  EXPECT_THAT(results, ElementsAre(ElementsAre(1, 2)));
}

TEST(SplitMapTask, TakesAMemberFunction) {
  const std::vector<std::string> words{"a", "bcd"};
  EXPECT_THAT(CallAll(SplitMapTask(2, &std::string::length, words)),
              ElementsAre(ElementsAre(1u, 3u)));
}

TEST(SplitMapTask, LetsOutWhatTheFunctionThrows) {
  const std::vector<int> numbers{1, 2};
  auto tasks = SplitMapTask(
      2, [](int) -> int { throw std::out_of_range("row 7"); }, numbers);
  EXPECT_THROW((*tasks.begin())(), std::out_of_range);
}

TEST(SplitMapTask, KnowsTheSizeOfEachTask) {
  const std::vector<int> numbers{1, 2, 3};
  std::vector<size_t> sizes;
  for (const auto& task : SplitMapTask(2, Add, numbers, numbers)) {
    sizes.push_back(task.size());
  }
  EXPECT_THAT(sizes, ElementsAre(2u, 1u));
}

TEST(SplitMapTask, MakesTasksThatOutliveTheRange) {
  auto tasks = [] {
    const std::vector<int> numbers{1, 2};
    return ToVector(SplitMapTask(
        2, [](int n) { return n; }, numbers));
  }();
  EXPECT_THAT(tasks[0](), ElementsAre(1, 2));
}

TEST(SplitMapTask, MakesTasksForAnExecutor) {
  std::vector<int> numbers(100);
  std::iota(numbers.begin(), numbers.end(), 0);
  ManualExecutor executor;
  std::vector<Future<std::vector<int>>> futures;
  for (auto& task : SplitMapTask(25, Add, numbers, numbers)) {
    futures.push_back(executor.Submit(std::move(task)));
  }
  executor.RunAll();
  int sum = 0;
  for (const std::vector<int>& part : Collect(futures)) {
    sum = std::accumulate(part.begin(), part.end(), sum);
  }
  EXPECT_EQ(sum, 9900);
}

// --- SplitStarmapTask ---

TEST(SplitStarmapTask, AppliesTheFunctionToEachTuple) {
  const std::vector<std::tuple<int, int>> tuples{{1, 10}, {2, 20}, {3, 30}};
  EXPECT_THAT(CallAll(SplitStarmapTask(2, Add, tuples)),
              ElementsAre(ElementsAre(11, 22), ElementsAre(33)));
}

TEST(SplitStarmapTask, TakesPairs) {
  const std::vector<std::pair<int, int>> pairs{{1, 10}};
  EXPECT_THAT(CallAll(SplitStarmapTask(2, Add, pairs)),
              ElementsAre(ElementsAre(11)));
}

TEST(SplitStarmapTask, IsEmptyForAnEmptyRange) {
  EXPECT_THAT(
      CallAll(SplitStarmapTask(2, Add, std::vector<std::pair<int, int>>{})),
      IsEmpty());
}

TEST(SplitStarmapTask, ThrowsInvalidArgumentForASizeOfZero) {
  const std::vector<std::pair<int, int>> pairs{{1, 10}};
  EXPECT_THROW((void)SplitStarmapTask(0, Add, pairs), std::invalid_argument);
}

}  // namespace
}  // namespace asyncpal
