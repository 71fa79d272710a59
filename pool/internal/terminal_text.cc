#include "asyncpal/pool/internal/terminal_text.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>

namespace asyncpal::internal {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

// By Unicode's general categories Cc and Cf where they turn the text.
constexpr Range kControls[] = {{0x00, 0x1f},     {0x7f, 0x9f},
                               {0x2028, 0x202e}, {0x2066, 0x2069},
                               {0xfeff, 0xfeff}, {0xfff9, 0xfffb}};
constexpr Range kCombining[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x064b, 0x065f},
    {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x200b, 0x200f}, {0x20d0, 0x20ff},
    {0x302a, 0x302f}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}};
// By Unicode's East_Asian_Width W and F.
constexpr Range kWide[] = {
    {0x1100, 0x115f},   {0x231a, 0x231b},   {0x23e9, 0x23ec},
    {0x2614, 0x2615},   {0x26a1, 0x26a1},   {0x2705, 0x2705},
    {0x274c, 0x274c},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},
    {0xa960, 0xa97f},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},
    {0xfe30, 0xfe6f},   {0xff01, 0xff60},   {0xffe0, 0xffe6},
    {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff},
    {0x20000, 0x3fffd}};

template <size_t kSize>
bool IsIn(const Range (&ranges)[kSize], char32_t c) {
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [c](Range r) { return r.first <= c && c <= r.last; });
}

struct Character {
  char32_t value;
  size_t bytes;
  bool valid;
};

// The first of `text`, which is not empty. One that is not valid is a byte.
Character Decode(std::string_view text) {
  constexpr Character kInvalid = {0, 1, false};
  const auto byte = [text](size_t i) {
    return static_cast<unsigned char>(text[i]);
  };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  const size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return kInvalid;
  char32_t value = lead & (0x7f >> size);
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return kInvalid;
    value = value << 6 | (byte(i) & 0x3f);
  }
  constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = value >= 0xd800 && value <= 0xdfff;
  if (value < kSmallest[size] || value > 0x10ffff || surrogate) return kInvalid;
  return {value, size, true};
}

}  // namespace

TerminalText FitTerminal(std::string_view text, int max_columns, bool unicode) {
  const std::string_view mark = unicode ? "\u2026" : "~";  // one column
  TerminalText all;
  TerminalText with_mark;  // what fits if it has to be cut
  while (!text.empty()) {
    const Character c = Decode(text);
    const bool shown =
        c.valid && !IsIn(kControls, c.value) && (unicode || c.value < 0x80);
    const int columns = !shown                      ? 1
                        : IsIn(kCombining, c.value) ? 0
                        : IsIn(kWide, c.value)      ? 2
                                                    : 1;
    if (all.columns + columns > max_columns) {
      if (max_columns < 1) return {};
      with_mark.text += mark;
      ++with_mark.columns;
      return with_mark;
    }
    all.text += shown ? text.substr(0, c.bytes) : std::string_view("?");
    all.columns += columns;
    if (all.columns < max_columns) with_mark = all;
    text.remove_prefix(c.bytes);
  }
  return all;
}

}  // namespace asyncpal::internal
