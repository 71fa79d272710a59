#include "asyncpal/future/internal/pull_range.h"

#include <concepts>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Counts up to `limit`.
auto UpTo(int limit) {
  return PullRange([limit, next = 0]() mutable -> std::optional<int> {
    if (next == limit) return std::nullopt;
    return ++next;
  });
}

using IntRange = decltype(UpTo(0));
static_assert(std::ranges::input_range<IntRange>);
static_assert(!std::ranges::forward_range<IntRange>);
static_assert(std::is_same_v<std::ranges::range_value_t<IntRange>, int>);
static_assert(std::movable<IntRange>);
static_assert(!std::copyable<IntRange>);

template <typename Range>
std::vector<int> ElementsOf(Range&& range) {
  std::vector<int> elements;
  for (const int element : range) elements.push_back(element);
  return elements;
}

TEST(PullRange, HandsOutWhatItsFunctionReturns) {
  EXPECT_THAT(ElementsOf(UpTo(3)), ElementsAre(1, 2, 3));
}

TEST(PullRange, IsEmptyWhenItsFunctionReturnsNothing) {
  EXPECT_THAT(ElementsOf(UpTo(0)), IsEmpty());
}

TEST(PullRange, DoesNotCallItsFunctionBeforeBegin) {
  int calls = 0;
  PullRange range([&]() -> std::optional<int> { return ++calls; });
  EXPECT_EQ(calls, 0);
}

TEST(PullRange, PullsNoElementAhead) {
  int calls = 0;
  PullRange range([&]() -> std::optional<int> { return ++calls; });
  auto it = range.begin();
  ++it;
  EXPECT_EQ(*it, 2);
  EXPECT_EQ(calls, 2);
}

TEST(PullRange, GoesOnWhereALoopWasLeft) {
  auto range = UpTo(4);
  for (const int element : range) {
    if (element == 2) break;
  }
  EXPECT_THAT(ElementsOf(range), ElementsAre(2, 3, 4));
}

TEST(PullRange, IsAtItsEndOnceItWasGoneThrough) {
  auto range = UpTo(3);
  ElementsOf(range);
  EXPECT_TRUE(range.begin() == range.end());
}

TEST(PullRange, DoesNotCallItsFunctionPastTheEnd) {
  int calls = 0;
  PullRange range([&]() -> std::optional<int> {
    ++calls;
    return std::nullopt;
  });
  range.begin();
  range.begin();
  EXPECT_EQ(calls, 1);
}

TEST(PullRange, DestroysItsFunctionAtTheEnd) {
  auto resource = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = resource;
  PullRange range([resource = std::move(resource)]() -> std::optional<int> {
    return std::nullopt;
  });
  range.begin();
  EXPECT_TRUE(watch.expired());
}

TEST(PullRange, LetsOutWhatItsFunctionThrowsAtBegin) {
  PullRange range(
      []() -> std::optional<int> { throw std::out_of_range("row 7"); });
  EXPECT_THROW(range.begin(), std::out_of_range);
}

TEST(PullRange, LetsOutWhatItsFunctionThrowsAtIncrement) {
  PullRange range([first = true]() mutable -> std::optional<int> {
    if (!std::exchange(first, false)) throw std::out_of_range("row 7");
    return 1;
  });
  auto it = range.begin();
  EXPECT_THROW(++it, std::out_of_range);
}

TEST(PullRange, IsAtItsEndAfterAnException) {
  PullRange range(
      []() -> std::optional<int> { throw std::out_of_range("row 7"); });
  EXPECT_THROW(range.begin(), std::out_of_range);
  EXPECT_TRUE(range.begin() == range.end());
}

TEST(PullRange, LetsItsElementsBeMovedOut) {
  PullRange range([n = 0]() mutable -> std::optional<std::unique_ptr<int>> {
    if (n == 2) return std::nullopt;
    return std::make_unique<int>(++n);
  });
  std::vector<std::unique_ptr<int>> elements;
  for (auto& element : range) elements.push_back(std::move(element));
  EXPECT_EQ(*elements[1], 2);
}

TEST(PullRange, CanBeMovedBeforeItIsBegun) {
  auto range = UpTo(2);
  auto moved = std::move(range);
  EXPECT_THAT(ElementsOf(moved), ElementsAre(1, 2));
}

TEST(PullRange, CanBeAssignedTo) {
  auto range = UpTo(2);
  ElementsOf(range);
  range = UpTo(3);
  EXPECT_THAT(ElementsOf(range), ElementsAre(1, 2, 3));
}

// As an rvalue in a pipeline of the standard's views: that keeps it.
TEST(PullRange, CanBeKeptByAView) {
  std::ranges::owning_view<IntRange> view{UpTo(2)};
  EXPECT_THAT(ElementsOf(view), ElementsAre(1, 2));
}

}  // namespace
}  // namespace asyncpal::internal
