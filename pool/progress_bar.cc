#include "asyncpal/pool/progress_bar.h"

#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/internal/clock.h"
#include "asyncpal/pool/internal/progress_line.h"
#include "asyncpal/pool/internal/terminal.h"

namespace asyncpal {
namespace {

constexpr int kFd = STDERR_FILENO;
constexpr int64_t kNanosBetweenDraws = 100'000'000;
constexpr char kClearToEnd[] = "\x1b[K";

// In one piece, lest another thread's output come in between.
void Write(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(kFd, text.data(), text.size());
    if (written > 0) {
      text.remove_prefix(static_cast<size_t>(written));
    } else if (written == 0 || errno != EINTR) {
      return;
    }
  }
}

}  // namespace

ProgressBar::ProgressBar(ProgressBarOptions options)
    : options_(std::move(options)),
      is_seen_(internal::ShowsProgress(kFd)),
      unicode_(internal::LocaleIsUtf8()) {}

ProgressBar::~ProgressBar() { Clear(); }

void ProgressBar::OnChange(const MapState& map) {
  if (!is_seen_) return;
  const int64_t now = internal::NowNanos();
  internal::MutexLock lock(mu_);
  if (drawn_at_.has_value() && now - *drawn_at_ < kNanosBetweenDraws) return;
  if (internal::IsInBackground(kFd)) return;
  drawn_at_ = now;
  Draw(map, "");
  on_screen_ = true;
}

void ProgressBar::OnEnd(const MapState& map) {
  if (!options_.keep) {
    Clear();
  } else if (is_seen_ && !internal::IsInBackground(kFd)) {
    internal::MutexLock lock(mu_);
    Draw(map, "\n");
    on_screen_ = false;
  }
  internal::MutexLock lock(mu_);
  drawn_at_.reset();  // another map begins at once
}

void ProgressBar::Clear() {
  internal::MutexLock lock(mu_);
  if (!std::exchange(on_screen_, false)) return;
  if (!internal::IsInBackground(kFd)) Write(absl::StrCat("\r", kClearToEnd));
}

void ProgressBar::Draw(const MapState& map, const char* end) {
  // One column stays free: a terminal may wrap after its last one.
  const int width = internal::TerminalWidth(kFd) - 1;
  Write(absl::StrCat("\r",
                     internal::FormatProgress(map, {.label = options_.label,
                                                    .unit = options_.unit,
                                                    .width = width,
                                                    .unicode = unicode_}),
                     kClearToEnd, end));
}

}  // namespace asyncpal
