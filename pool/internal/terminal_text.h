#ifndef ASYNCPAL_POOL_INTERNAL_TERMINAL_TEXT_H_
#define ASYNCPAL_POOL_INTERNAL_TERMINAL_TEXT_H_

#include <string>
#include <string_view>

namespace asyncpal::internal {

// UTF-8 that a terminal shows on one line, and how many columns it takes.
struct TerminalText {
  std::string text;
  int columns = 0;
};

// `text` in at most `max_columns`, with a mark at its end where it is cut.
// Bytes that are no UTF-8, control characters, changes of direction and,
// without `unicode`, all beyond ASCII become question marks. Wide characters
// take two columns, combining ones none.
TerminalText FitTerminal(std::string_view text, int max_columns, bool unicode);

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_TERMINAL_TEXT_H_
