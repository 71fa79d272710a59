#ifndef ASYNCPAL_FUTURE_INTERNAL_ZIP_CURSOR_H_
#define ASYNCPAL_FUTURE_INTERNAL_ZIP_CURSOR_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <ranges>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace asyncpal::internal {

// One range on its way through: an lvalue is referred to, an rvalue is kept,
// and a kept container's elements are moved out rather than copied.
template <typename R>
class RangeCursor {
 public:
  using Range = std::remove_reference_t<R>;
  using Value = std::remove_cvref_t<std::ranges::range_reference_t<Range&>>;

  explicit RangeCursor(R&& range)
      : held_(std::make_unique<Held>(std::forward<R>(range))) {}

  bool at_end() const { return held_->it == held_->end; }
  Value Read() const {
    if constexpr (kMovesElements) {
      return std::move(*held_->it);
    } else {
      return *held_->it;
    }
  }
  void Advance() { ++held_->it; }

 private:
  static constexpr bool kMovesElements =
      !std::is_lvalue_reference_v<R> && !std::ranges::view<Range> &&
      !std::ranges::borrowed_range<Range> && !std::is_const_v<Range>;

  // On the heap: moving the cursor must not move what the iterators point to.
  struct Held {
    explicit Held(R&& r)
        : range(std::forward<R>(r)),
          it(std::ranges::begin(range)),
          end(std::ranges::end(range)) {}
    R range;
    std::ranges::iterator_t<Range> it;
    std::ranges::sentinel_t<Range> end;
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

  // The next elements; nullopt at the end. Iterators that throw end it.
  std::optional<Value> Next() {
    return std::apply(
        [](auto&... cursors) -> std::optional<Value> {
          if ((cursors.at_end() || ...)) return std::nullopt;
          std::optional<Value> value(std::in_place, cursors.Read()...);
          (cursors.Advance(), ...);
          return value;
        },
        cursors_);
  }

 private:
  std::tuple<RangeCursor<R>...> cursors_;
};

// One range of tuples, each of which is already a set of arguments.
template <typename R>
class TupleCursor {
 public:
  using Value = typename RangeCursor<R>::Value;

  explicit TupleCursor(R&& tuples) : cursor_(std::forward<R>(tuples)) {}

  std::optional<Value> Next() {
    if (cursor_.at_end()) return std::nullopt;
    std::optional<Value> value(std::in_place, cursor_.Read());
    cursor_.Advance();
    return value;
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
