#include "asyncpal/pool/internal/progress_line.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "asyncpal/pool/internal/terminal_text.h"

namespace asyncpal::internal {
namespace {

constexpr int kMinBar = 10;  // columns

// "01:23", "2:03:04"; "?" where it is not known.
std::string FormatTime(absl::Duration time) {
  if (time == absl::InfiniteDuration()) return "?";
  const int64_t seconds = absl::ToInt64Seconds(time);
  const int64_t hours = seconds / 3600;
  const std::string rest =
      absl::StrFormat("%02d:%02d", seconds / 60 % 60, seconds % 60);
  return hours == 0 ? rest : absl::StrCat(hours, ":", rest);
}

// Three digits.
std::string FormatNumber(double value) {
  const int decimals = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return absl::StrFormat("%.*f", decimals, value);
}

std::string FormatRate(double per_second, const std::string& unit) {
  if (per_second <= 0) return "?/s";
  if (per_second < 1) {
    return absl::StrCat(FormatNumber(1 / per_second), " s each");
  }
  return absl::StrCat(FormatNumber(per_second), unit.empty() ? "" : " ", unit,
                      "/s");
}

// `share` (0 to 1) of `width` columns.
std::string FormatBar(double share, int width, bool unicode) {
  constexpr const char* kEighths[] = {"",       "\u258f", "\u258e", "\u258d",
                                      "\u258c", "\u258b", "\u258a", "\u2589"};
  const int eighths = static_cast<int>(share * width * 8);
  const int full = eighths / 8;
  std::string bar;
  int used = full;
  for (int i = 0; i < full; ++i) bar += unicode ? "\u2588" : "#";
  if (unicode && eighths % 8 != 0) {
    bar += kEighths[eighths % 8];
    ++used;
  }
  bar.append(static_cast<size_t>(width - used), ' ');
  return bar;
}

}  // namespace

std::string FormatProgress(const MapState& map, const ProgressStyle& style) {
  const int width = std::max(style.width, 0);
  // Neither may push the numbers out.
  TerminalText label = FitTerminal(style.label, width / 3, style.unicode);
  const std::string unit =
      FitTerminal(style.unit, width / 4, style.unicode).text;
  if (!label.text.empty()) {
    label.text += ": ";
    label.columns += 2;
  }

  const int64_t ended = map.done + map.failed;
  const std::string failed =
      map.failed == 0 ? "" : absl::StrCat(", ", map.failed, " failed");
  const std::string elapsed = FormatTime(map.elapsed);
  const std::string rate = FormatRate(map.per_second, unit);

  if (!map.total.has_value()) {
    const std::string counts =
        absl::StrCat(ended, unit.empty() ? "" : " ", unit, failed);
    const std::string whole =
        absl::StrCat(label.text, counts, " [", elapsed, ", ", rate, "]");
    // The unit can be shown: nothing of it becomes a question mark here.
    if (FitTerminal(whole, width, true).text == whole) return whole;
    return FitTerminal(absl::StrCat(label.text, counts), width, style.unicode)
        .text;
  }

  const int64_t total = std::max<int64_t>(*map.total, ended);
  const double share =
      total == 0 ? 1 : static_cast<double>(ended) / static_cast<double>(total);
  const std::string percent =
      absl::StrFormat("%3d%%", static_cast<int>(share * 100));
  const std::string counts = absl::StrCat(ended, "/", total, failed);
  const std::string times = absl::StrCat(elapsed, "<", FormatTime(map.left));
  // From all that there is to say to the least.
  for (const std::string& after :
       {absl::StrCat(counts, " [", times, ", ", rate, "]"),
        absl::StrCat(counts, " [", times, "]"), counts, std::string()}) {
    const int after_columns =
        FitTerminal(after, static_cast<int>(after.size()), true).columns;
    const int bar = width - label.columns - 4 - after_columns -
                    (after.empty() ? 2 : 3);  // "100%", "|", "| "
    if (bar < kMinBar) continue;
    return absl::StrCat(label.text, percent, "|",
                        FormatBar(share, bar, style.unicode), "|",
                        after.empty() ? "" : " ", after);
  }
  return FitTerminal(absl::StrCat(label.text, percent), width, style.unicode)
      .text;
}

}  // namespace asyncpal::internal
