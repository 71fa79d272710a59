#include "asyncpal/pool/internal/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <string_view>

#include "absl/strings/ascii.h"

namespace asyncpal::internal {
namespace {

constexpr int kDefaultWidth = 80;

std::string_view Environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string_view() : value;
}

}  // namespace

bool ShowsProgress(int fd) {
  const std::string_view ci = Environment("CI");
  const std::string_view term = Environment("TERM");
  return (ci.empty() || ci == "false" || ci == "0") && !term.empty() &&
         term != "dumb" && isatty(fd) == 1;
}

bool IsInBackground(int fd) {
  const pid_t foreground = tcgetpgrp(fd);
  // A terminal that is not this process's own has no such thing.
  return foreground != -1 && foreground != getpgrp();
}

int TerminalWidth(int fd) {
  winsize size = {};
  if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  const int columns = std::atoi(std::string(Environment("COLUMNS")).c_str());
  return columns > 0 && columns < 10'000 ? columns : kDefaultWidth;
}

bool LocaleIsUtf8() {
  // The first that is set counts, as for setlocale().
  for (const char* const name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string_view value = Environment(name);
    if (value.empty()) continue;
    const std::string lower =
        absl::AsciiStrToLower({value.data(), value.size()});
    return lower.find("utf-8") != std::string::npos ||
           lower.find("utf8") != std::string::npos;
  }
  return false;
}

}  // namespace asyncpal::internal
