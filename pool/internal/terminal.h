#ifndef ASYNCPAL_POOL_INTERNAL_TERMINAL_H_
#define ASYNCPAL_POOL_INTERNAL_TERMINAL_H_

// What is at the other end of a descriptor, and what it can show.

namespace asyncpal::internal {

// Whether somebody would see a line that moves: a terminal, not a dumb one, and
// not in continuous integration.
bool ShowsProgress(int fd);

// Whether this process is in the background of the terminal, where writing may
// stop it.
bool IsInBackground(int fd);

// In columns, at this moment; where nobody says, 80.
int TerminalWidth(int fd);

// Whether the environment's locale is one of UTF-8.
bool LocaleIsUtf8();

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_TERMINAL_H_
