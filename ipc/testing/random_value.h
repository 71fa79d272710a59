#ifndef ASYNCPAL_IPC_TESTING_RANDOM_VALUE_H_
#define ASYNCPAL_IPC_TESTING_RANDOM_VALUE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "absl/time/time.h"

namespace asyncpal::testing {

// Makes values of every type that has a codec, for property tests. The corners
// of each type come up often. Never a NaN, which does not equal itself.
class RandomValue {
 public:
  explicit RandomValue(uint64_t seed) : bits_(seed) {}

  template <typename T>
  T Make() {
    return Make(static_cast<T*>(nullptr));
  }

  size_t MakeSize() {
    static constexpr size_t kMost[] = {0, 1, 3, 9, 40};
    return bits_() % (kMost[bits_() % 5] + 1);
  }

 private:
  template <typename T>
  T Make(T*) requires std::is_integral_v<T> {
    switch (bits_() % 8) {
      case 0:
        return std::numeric_limits<T>::min();
      case 1:
        return std::numeric_limits<T>::max();
      case 2:
        return T{};
      default:
        return static_cast<T>(bits_());
    }
  }

  template <typename T>
  T Make(T*) requires std::is_floating_point_v<T> {
    static constexpr T kCorners[] = {
        0, -T{0}, std::numeric_limits<T>::infinity(),
        std::numeric_limits<T>::denorm_min(), std::numeric_limits<T>::lowest()};
    const uint64_t choice = bits_() % 10;
    if (choice < 5) return kCorners[choice];
    return static_cast<T>(static_cast<int64_t>(bits_())) / T{3};
  }

  template <typename T>
  T Make(T*) requires std::is_enum_v<T> {
    return static_cast<T>(Make<std::underlying_type_t<T>>());
  }

  template <typename Char>
  std::basic_string<Char> Make(std::basic_string<Char>*) {
    std::basic_string<Char> value(MakeSize(), Char{});
    for (Char& c : value) c = static_cast<Char>(bits_());
    return value;
  }

  absl::Duration Make(absl::Duration*) {
    switch (bits_() % 8) {
      case 0:
        return absl::InfiniteDuration();
      case 1:
        return -absl::InfiniteDuration();
      case 2:
        return absl::Seconds(std::numeric_limits<int64_t>::min());
      default:
        return absl::Seconds(Make<int64_t>() / 2) +
               Make<int64_t>() * (absl::Nanoseconds(1) / 4);
    }
  }

  absl::Time Make(absl::Time*) {
    return absl::UnixEpoch() + Make<absl::Duration>();
  }

  std::monostate Make(std::monostate*) { return {}; }

  template <typename T>
  std::optional<T> Make(std::optional<T>*) {
    if (Make<bool>()) return std::nullopt;
    return Make<T>();
  }

  template <typename A, typename B>
  std::pair<A, B> Make(std::pair<A, B>*) {
    return {Make<A>(), Make<B>()};
  }

  template <typename... Ts>
  std::tuple<Ts...> Make(std::tuple<Ts...>*) {
    return std::tuple<Ts...>{Make<Ts>()...};
  }

  template <typename... Ts>
  std::variant<Ts...> Make(std::variant<Ts...>*) {
    return MakeVariant<std::variant<Ts...>>(std::index_sequence_for<Ts...>());
  }

  template <typename T>
  std::vector<T> Make(std::vector<T>*) {
    std::vector<T> value;
    for (size_t i = MakeSize(); i > 0; --i) value.push_back(Make<T>());
    return value;
  }

  template <typename T, size_t kCount>
  std::array<T, kCount> Make(std::array<T, kCount>*) {
    std::array<T, kCount> value{};
    for (T& element : value) element = Make<T>();
    return value;
  }

  template <typename T>
  std::set<T> Make(std::set<T>*) {
    return MakeSet<std::set<T>, T>();
  }

  template <typename T>
  std::unordered_set<T> Make(std::unordered_set<T>*) {
    return MakeSet<std::unordered_set<T>, T>();
  }

  template <typename K, typename V>
  std::map<K, V> Make(std::map<K, V>*) {
    return MakeSet<std::map<K, V>, std::pair<K, V>>();
  }

  template <typename K, typename V>
  std::unordered_map<K, V> Make(std::unordered_map<K, V>*) {
    return MakeSet<std::unordered_map<K, V>, std::pair<K, V>>();
  }

  template <typename Set, typename Element>
  Set MakeSet() {
    Set value;
    for (size_t i = MakeSize(); i > 0; --i) value.insert(Make<Element>());
    return value;
  }

  template <typename Variant, size_t... kIndex>
  Variant MakeVariant(std::index_sequence<kIndex...>) {
    using MakeOne = Variant (*)(RandomValue&);
    static constexpr MakeOne kMake[] = {[](RandomValue& self) {
      return Variant(std::in_place_index<kIndex>,
                     self.Make<std::variant_alternative_t<kIndex, Variant>>());
    }...};
    return kMake[bits_() % sizeof...(kIndex)](*this);
  }

  std::mt19937_64 bits_;
};

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_IPC_TESTING_RANDOM_VALUE_H_
