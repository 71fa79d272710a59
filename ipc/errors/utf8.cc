#include "asyncpal/ipc/errors/utf8.h"

#include <algorithm>
#include <cstdint>

namespace asyncpal::internal {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// Of the character at the beginning of `bytes`, which is not empty; 0 if there
// is none.
size_t CharacterSize(std::string_view bytes) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return first == 0 ? 0 : 1;
  const size_t size = first < 0xC2   ? 0
                      : first < 0xE0 ? 2
                      : first < 0xF0 ? 3
                      : first < 0xF5 ? 4
                                     : 0;
  if (size == 0 || bytes.size() < size) return 0;
  // Neither longer than needed, nor a surrogate, nor beyond U+10FFFF.
  const uint8_t low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  const uint8_t high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  if (byte(1) < low || byte(1) > high) return 0;
  for (size_t i = 2; i < size; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xBF) return 0;
  }
  return size;
}

}  // namespace

std::string ToUtf8(std::string_view bytes, size_t max_bytes) {
  std::string text;
  text.reserve(std::min(bytes.size(), max_bytes));
  while (!bytes.empty()) {
    const size_t size = CharacterSize(bytes);
    const std::string_view character =
        size == 0 ? kReplacement : bytes.substr(0, size);
    if (text.size() + character.size() > max_bytes) break;
    text += character;
    bytes.remove_prefix(std::max<size_t>(size, 1));
  }
  return text;
}

}  // namespace asyncpal::internal
