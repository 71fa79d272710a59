#include "asyncpal/future/internal/zip_cursor.h"

#include <forward_list>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "asyncpal/future/internal/pull_range.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;

// As a function of the map family makes one: lvalues are referred to.
template <typename... R>
auto Zip(R&&... ranges) {
  return ZipCursor<R...>(std::forward<R>(ranges)...);
}

template <typename R>
auto Tuples(R&& range) {
  return TupleCursor<R>(std::forward<R>(range));
}

// Elements 1, 2, 3, ..., each of them made when it is asked for; `asked` counts
// how often that was. From `fault` on it throws.
auto Generator(int* asked, int fault = std::numeric_limits<int>::max()) {
  return PullRange([asked, fault]() -> std::optional<int> {
    if (++*asked >= fault) throw std::out_of_range("no more");
    return *asked;
  });
}

// Counts how often it was copied.
struct CopyCounter {
  CopyCounter() = default;
  CopyCounter(const CopyCounter& other) : copies(other.copies + 1) {}
  CopyCounter(CopyCounter&&) = default;
  int copies = 0;
};

// --- ZipCursor ---

TEST(ZipCursor, TakesTheRangesInStep) {
  const std::vector<int> numbers{1, 2};
  const std::list<std::string> words{"one", "two"};
  auto cursor = Zip(numbers, words);
  EXPECT_THAT(cursor.Next(), Optional(std::tuple(1, std::string("one"))));
  EXPECT_THAT(cursor.Next(), Optional(std::tuple(2, std::string("two"))));
  EXPECT_EQ(cursor.Next(), std::nullopt);
}

TEST(ZipCursor, EndsWithTheShortestRange) {
  const std::vector<int> longer{1, 2, 3};
  const std::vector<int> shorter{1};
  auto cursor = Zip(longer, shorter);
  cursor.Next();
  EXPECT_EQ(cursor.Next(), std::nullopt);
}

TEST(ZipCursor, EndsAtOnceWithAnEmptyRange) {
  const std::vector<int> some{1, 2, 3};
  const std::vector<int> none;
  EXPECT_EQ(Zip(some, none).Next(), std::nullopt);
}

TEST(ZipCursor, StaysAtItsEnd) {
  const std::vector<int> numbers{1};
  auto cursor = Zip(numbers);
  cursor.Next();
  cursor.Next();
  EXPECT_EQ(cursor.Next(), std::nullopt);
}

TEST(ZipCursor, RefersToAnLvalue) {
  std::vector<int> numbers{1, 2};
  auto cursor = Zip(numbers);
  numbers[0] = 7;
  EXPECT_THAT(cursor.Next(), Optional(std::tuple(7)));
}

TEST(ZipCursor, CopiesTheElementsOfAnLvalue) {
  std::vector<std::string> words{std::string(100, 'x')};
  Zip(words).Next();
  EXPECT_EQ(words[0], std::string(100, 'x'));
}

TEST(ZipCursor, KeepsAnRvalue) {
  auto cursor = Zip(std::vector<int>{1, 2});
  EXPECT_THAT(cursor.Next(), Optional(std::tuple(1)));
}

TEST(ZipCursor, CopiesNoElementOfAnRvalue) {
  auto cursor = Zip(std::vector<CopyCounter>(1));
  EXPECT_EQ(std::get<0>(*cursor.Next()).copies, 0);
}

TEST(ZipCursor, MovesElementsThatCannotBeCopiedOutOfAnRvalue) {
  std::vector<std::unique_ptr<int>> pointers;
  pointers.push_back(std::make_unique<int>(7));
  auto cursor = Zip(std::move(pointers));
  EXPECT_EQ(*std::get<0>(*cursor.Next()), 7);
}

TEST(ZipCursor, LeavesTheElementsBehindAnRvalueView) {
  std::vector<std::string> words{std::string(100, 'x')};
  Zip(absl::MakeSpan(words)).Next();
  EXPECT_EQ(words[0], std::string(100, 'x'));
}

TEST(ZipCursor, LeavesTheElementsOfAConstRvalue) {
  const std::vector<std::string> words{std::string(100, 'x')};
  Zip(std::move(words)).Next();  // NOLINT(performance-move-const-arg)
  EXPECT_EQ(words[0], std::string(100, 'x'));
}

TEST(ZipCursor, CanBeMovedOnItsWay) {
  auto cursor = Zip(std::string("abc"));
  cursor.Next();
  auto moved = std::move(cursor);
  EXPECT_THAT(moved.Next(), Optional(std::tuple('b')));
}

TEST(ZipCursor, HandsOutBoolsOfAVectorAsValues) {
  std::vector<bool> flags{true, false};
  auto cursor = Zip(flags);
  static_assert(std::is_same_v<decltype(cursor)::Value, std::tuple<bool>>);
  const auto first = cursor.Next();
  flags[0] = false;
  EXPECT_THAT(first, Optional(std::tuple(true)));
}

TEST(ZipCursor, TakesAnArray) {
  const int numbers[] = {1, 2};
  EXPECT_THAT(Zip(numbers).Next(), Optional(std::tuple(1)));
}

TEST(ZipCursor, TakesAMap) {
  const std::map<int, char> letters{{1, 'a'}};
  const auto first = Zip(letters).Next();
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(std::get<0>(*first), (std::pair<const int, char>(1, 'a')));
}

TEST(ZipCursor, TakesARangeThatIsGoneThroughOnce) {
  int asked = 0;
  auto cursor = Zip(Generator(&asked));
  cursor.Next();
  EXPECT_THAT(cursor.Next(), Optional(std::tuple(2)));
}

TEST(ZipCursor, AsksForNoElementAhead) {
  int asked = 0;
  auto cursor = Zip(Generator(&asked));
  cursor.Next();
  cursor.Next();
  EXPECT_EQ(asked, 2);
}

TEST(ZipCursor, AsksTheSecondRangeForNothingWhenTheFirstHasEnded) {
  int asked = 0;
  const std::vector<int> two{1, 2};
  auto cursor = Zip(two, Generator(&asked));
  while (cursor.Next().has_value()) {
  }
  EXPECT_EQ(asked, 2);
}

TEST(ZipCursor, HandsOutAllElementsBeforeOneThatThrows) {
  int asked = 0;
  auto cursor = Zip(Generator(&asked, /*fault=*/3));
  EXPECT_THAT(cursor.Next(), Optional(std::tuple(1)));
  EXPECT_THAT(cursor.Next(), Optional(std::tuple(2)));
  EXPECT_THROW(cursor.Next(), std::out_of_range);
}

// --- TupleCursor ---

TEST(TupleCursor, HandsOutTheElements) {
  const std::vector<std::tuple<int, char>> tuples{{1, 'a'}, {2, 'b'}};
  auto cursor = Tuples(tuples);
  EXPECT_THAT(cursor.Next(), Optional(std::tuple(1, 'a')));
  EXPECT_THAT(cursor.Next(), Optional(std::tuple(2, 'b')));
  EXPECT_EQ(cursor.Next(), std::nullopt);
}

TEST(TupleCursor, AsksForNoElementAhead) {
  int asked = 0;
  auto cursor = Tuples(Generator(&asked));
  cursor.Next();
  EXPECT_EQ(asked, 1);
}

TEST(TupleCursor, MovesElementsThatCannotBeCopiedOutOfAnRvalue) {
  std::vector<std::tuple<std::unique_ptr<int>>> tuples;
  tuples.emplace_back(std::make_unique<int>(7));
  auto cursor = Tuples(std::move(tuples));
  EXPECT_EQ(*std::get<0>(*cursor.Next()), 7);
}

// --- Size ---

TEST(CursorSize, IsThatOfTheRange) {
  const std::list<int> numbers{1, 2, 3};
  EXPECT_THAT(Tuples(numbers).Size(), Optional(3u));
}

TEST(CursorSize, IsThatOfTheShortestRange) {
  const std::vector<int> two{1, 2};
  const std::list<int> three{1, 2, 3};
  EXPECT_THAT(Zip(three, two).Size(), Optional(2u));
  EXPECT_THAT(Zip(two, three).Size(), Optional(2u));
}

TEST(CursorSize, IgnoresRangesWithoutEnd) {
  const std::vector<int> two{1, 2};
  EXPECT_THAT(Zip(std::views::iota(0), two).Size(), Optional(2u));
  EXPECT_EQ(Zip(std::views::iota(0)).Size(), std::nullopt);
}

TEST(CursorSize, IsUnknownWhereOneRangeDoesNotSay) {
  const std::vector<int> two{1, 2};
  const std::forward_list<int> more{1, 2, 3};
  EXPECT_EQ(Zip(more, two).Size(), std::nullopt);
  EXPECT_EQ(Zip(two, more).Size(), std::nullopt);
}

// --- NextChunk ---

TEST(NextChunk, HasTheSizeThatWasAskedFor) {
  const std::vector<int> numbers{1, 2, 3};
  auto cursor = Tuples(numbers);
  EXPECT_THAT(NextChunk(cursor, 2), ElementsAre(1, 2));
}

TEST(NextChunk, IsShorterAtTheEnd) {
  const std::vector<int> numbers{1, 2, 3};
  auto cursor = Tuples(numbers);
  NextChunk(cursor, 2);
  EXPECT_THAT(NextChunk(cursor, 2), ElementsAre(3));
}

TEST(NextChunk, IsEmptyPastTheEnd) {
  const std::vector<int> numbers{1, 2};
  auto cursor = Tuples(numbers);
  NextChunk(cursor, 2);
  EXPECT_THAT(NextChunk(cursor, 2), IsEmpty());
}

TEST(NextChunk, TakesEverythingForTheLargestSize) {
  const std::vector<int> numbers{1, 2, 3};
  auto cursor = Tuples(numbers);
  EXPECT_THAT(NextChunk(cursor, std::numeric_limits<size_t>::max()),
              ElementsAre(1, 2, 3));
}

TEST(NextChunk, AsksForNoElementAhead) {
  int asked = 0;
  auto cursor = Tuples(Generator(&asked));
  NextChunk(cursor, 3);
  EXPECT_EQ(asked, 3);
}

}  // namespace
}  // namespace asyncpal::internal
