#ifndef ASYNCPAL_FUTURE_INTERNAL_PULL_RANGE_H_
#define ASYNCPAL_FUTURE_INTERNAL_PULL_RANGE_H_

#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace asyncpal::internal {

// An input range made from a function that returns the next element, or
// nullopt at the end. It is gone through once. What `next` throws comes out of
// begin() or ++, and ends the range.
template <typename Next>
class PullRange {
 public:
  using value_type = typename std::invoke_result_t<Next&>::value_type;

  class iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using iterator_category = std::input_iterator_tag;
    using value_type = PullRange::value_type;
    using difference_type = std::ptrdiff_t;
    using pointer = value_type*;
    using reference = value_type&;

    iterator() = default;
    reference operator*() const { return *range_->current_; }
    pointer operator->() const { return &*range_->current_; }
    iterator& operator++() {
      range_->Advance();
      return *this;
    }
    void operator++(int) { range_->Advance(); }
    friend bool operator==(const iterator& it, std::default_sentinel_t) {
      return it.at_end();
    }

   private:
    friend class PullRange;
    bool at_end() const { return !range_->current_.has_value(); }
    explicit iterator(PullRange* range) : range_(range) {}
    PullRange* range_ = nullptr;
  };

  explicit PullRange(Next next)
      : next_(std::make_unique<Next>(std::move(next))) {}
  // Only before begin(): iterators don't move along.
  PullRange(PullRange&&) = default;
  PullRange& operator=(PullRange&&) = default;

  iterator begin() {
    if (!std::exchange(begun_, true)) Advance();
    return iterator(this);
  }
  std::default_sentinel_t end() const { return {}; }

 private:
  void Advance() {
    current_.reset();
    if (next_ == nullptr) return;
    try {
      if (auto value = (*next_)(); value.has_value()) {
        current_.emplace(std::move(*value));
        return;
      }
    } catch (...) {
      next_.reset();
      throw;
    }
    next_.reset();
  }

  // Null past the end. On the heap because a lambda can't be assigned.
  std::unique_ptr<Next> next_;
  std::optional<value_type> current_;
  bool begun_ = false;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_FUTURE_INTERNAL_PULL_RANGE_H_
