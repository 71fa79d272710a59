#ifndef ASYNCPAL_FUTURE_INTERNAL_ZIP_CURSOR_H_
#define ASYNCPAL_FUTURE_INTERNAL_ZIP_CURSOR_H_

#include <algorithm>
#include <cstddef>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace asyncpal::internal {

// One range on its way through: an lvalue is referred to, an rvalue is kept,
// and a kept container's elements are moved out rather than copied. The range
// is not asked for an element before that one is wanted: it may have to wait
// for it, or throw.
template <typename R>
class RangeCursor {
 public:
  using Range = std::remove_reference_t<R>;
  using Value = std::ranges::range_value_t<Range&>;

  explicit RangeCursor(R&& range)
      : held_(std::make_unique<Held>(std::forward<R>(range))) {}

  // Steps past the element that was read last. False: that was the last one.
  bool Step() {
    if (std::exchange(held_->was_read, false)) ++held_->it;
    return !(held_->it == held_->end);
  }

  // How many elements there are, if the range knows; before Step().
  static constexpr bool kEndless =
      std::is_same_v<std::ranges::sentinel_t<Range>,
                     std::unreachable_sentinel_t>;
  std::optional<size_t> Size() const {
    if constexpr (std::ranges::sized_range<Range&>) {
      return static_cast<size_t>(std::ranges::size(held_->range));
    } else {
      return std::nullopt;
    }
  }

  // Whether the range knows how many elements are left, and can give several at
  // once. A std::vector<bool> has no array of them.
  static constexpr bool kGivesColumns =
      std::ranges::random_access_range<Range> &&
      std::sized_sentinel_for<std::ranges::sentinel_t<Range>,
                              std::ranges::iterator_t<Range>> &&
      !std::is_same_v<Value, bool>;
  size_t Remaining() const {
    return static_cast<size_t>(held_->end - held_->it);
  }
  // Replaces what is in `column` by the next `size` elements, of those that
  // remain. Not after Step().
  void TakeColumn(size_t size, std::vector<Value>& column) {
    auto it = held_->it;
    held_->it += static_cast<std::ranges::range_difference_t<Range>>(size);
    if constexpr (kMovesElements) {
      column = {std::make_move_iterator(it),
                std::make_move_iterator(held_->it)};
    } else if constexpr (std::is_arithmetic_v<Value>) {
      // Also where the iterator does not look like one of random access to the
      // constructor.
      column.resize(size);
      for (Value& value : column) value = *it++;
    } else {
      column.clear();
      column.reserve(size);
      for (; it != held_->it; ++it) column.push_back(*it);
    }
  }

  // Whether the elements are numbers in an array, which can be read without the
  // range while it lives.
  static constexpr bool kGivesArray = kGivesColumns &&
                                      std::ranges::contiguous_range<Range> &&
                                      std::is_arithmetic_v<Value>;
  // The next `size` elements, of those that remain. Not after Step().
  const Value* TakeArray(size_t size) requires kGivesArray {
    const Value* const array = std::to_address(held_->it);
    held_->it += static_cast<std::ranges::range_difference_t<Range>>(size);
    return array;
  }

  // The element that Step() found.
  Value Read() {
    held_->was_read = true;
    if constexpr (kMovesElements) {
      return std::ranges::iter_move(held_->it);
    } else {
      return *held_->it;
    }
  }

 private:
  // A handle to someone else's elements may be an rvalue, too. One that is not
  // declared a view is known by this: making it const leaves its elements as
  // they are, while those of a container become const with it.
  static constexpr bool kOwnsElements = [] {
    if constexpr (std::ranges::view<Range> ||
                  std::ranges::borrowed_range<Range>) {
      return false;
    } else if constexpr (std::ranges::range<const Range>) {
      return !std::is_same_v<std::ranges::range_reference_t<const Range>,
                             std::ranges::range_reference_t<Range>>;
    } else {
      return true;  // makes them as it goes
    }
  }();
  static constexpr bool kMovesElements =
      !std::is_lvalue_reference_v<R> && kOwnsElements;

  // On the heap: moving the cursor must not move what the iterators point to.
  struct Held {
    explicit Held(R&& r)
        : range(std::forward<R>(r)),
          it(std::ranges::begin(range)),
          end(std::ranges::end(range)) {}
    R range;
    std::ranges::iterator_t<Range> it;
    std::ranges::sentinel_t<Range> end;
    bool was_read = false;
  };
  std::unique_ptr<Held> held_;
};

// Several ranges in step, as far as the shortest goes. R is deduced as for a
// forwarding reference.
template <typename... R>
class ZipCursor {
 public:
  static_assert(sizeof...(R) > 0, "a map needs at least one range");
  using Value = std::tuple<typename RangeCursor<R>::Value...>;

  explicit ZipCursor(R&&... ranges)
      : cursors_(RangeCursor<R>(std::forward<R>(ranges))...) {}

  // The next elements; nullopt at the end.
  std::optional<Value> Next() {
    return std::apply(
        [](auto&... cursors) -> std::optional<Value> {
          if (!(cursors.Step() && ...)) return std::nullopt;
          return std::optional<Value>(std::in_place, cursors.Read()...);
        },
        cursors_);
  }

  // How many there are: of the shortest range, if all that end know. Before
  // Next().
  std::optional<size_t> Size() const {
    std::optional<size_t> shortest;
    bool known = true;
    const auto look = [&](const auto& cursor) {
      if (cursor.kEndless) return;
      const std::optional<size_t> size = cursor.Size();
      if (!size.has_value()) known = false;
      if (!shortest.has_value() || size < shortest) shortest = size;
    };
    std::apply([&](const auto&... cursors) { (look(cursors), ...); }, cursors_);
    return known ? shortest : std::nullopt;
  }

  // The elements, taken many at a time: an array for each range.
  using Columns = std::tuple<std::vector<typename RangeCursor<R>::Value>...>;
  static constexpr bool kGivesColumns = (RangeCursor<R>::kGivesColumns && ...);
  size_t Remaining() const {
    return std::apply(
        [](const auto&... cursors) {
          return std::min({cursors.Remaining()...});
        },
        cursors_);
  }
  void TakeColumns(size_t size, Columns& columns) {
    TakeColumns(size, columns, std::index_sequence_for<R...>());
  }
  // The same without a copy, where kGivesArrays.
  using Arrays = std::tuple<const typename RangeCursor<R>::Value*...>;
  static constexpr bool kGivesArrays = (RangeCursor<R>::kGivesArray && ...);
  Arrays TakeArrays(size_t size) requires kGivesArrays {
    return std::apply(
        [size](auto&... cursors) { return Arrays(cursors.TakeArray(size)...); },
        cursors_);
  }
  // Calls `f` with one element of each column, moved.
  template <typename F>
  static decltype(auto) Call(F& f,
                             typename RangeCursor<R>::Value&... elements) {
    return std::invoke(f, std::move(elements)...);
  }

 private:
  template <size_t... I>
  void TakeColumns(size_t size, Columns& columns, std::index_sequence<I...>) {
    (std::get<I>(cursors_).TakeColumn(size, std::get<I>(columns)), ...);
  }

  std::tuple<RangeCursor<R>...> cursors_;
};

// One range of tuples, each of which is already a set of arguments.
template <typename R>
class TupleCursor {
 public:
  using Value = typename RangeCursor<R>::Value;

  explicit TupleCursor(R&& tuples) : cursor_(std::forward<R>(tuples)) {}

  std::optional<Value> Next() {
    if (!cursor_.Step()) return std::nullopt;
    return std::optional<Value>(std::in_place, cursor_.Read());
  }

  // As in ZipCursor.
  std::optional<size_t> Size() const { return cursor_.Size(); }
  using Columns = std::tuple<std::vector<Value>>;
  static constexpr bool kGivesColumns = RangeCursor<R>::kGivesColumns;
  size_t Remaining() const { return cursor_.Remaining(); }
  void TakeColumns(size_t size, Columns& columns) {
    cursor_.TakeColumn(size, std::get<0>(columns));
  }
  static constexpr bool kGivesArrays = false;  // tuples are no numbers
  template <typename F>
  static decltype(auto) Call(F& f, Value& arguments) {
    return std::apply(f, std::move(arguments));
  }

 private:
  RangeCursor<R> cursor_;
};

// Up to `size` elements of `cursor`; empty at its end.
template <typename Cursor>
std::vector<typename Cursor::Value> NextChunk(Cursor& cursor, size_t size) {
  std::vector<typename Cursor::Value> chunk;
  while (chunk.size() < size) {
    auto value = cursor.Next();
    if (!value.has_value()) break;
    chunk.push_back(std::move(*value));
  }
  return chunk;
}

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_FUTURE_INTERNAL_ZIP_CURSOR_H_
