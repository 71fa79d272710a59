#include "asyncpal/pool/internal/progress_line.h"

#include <string>

#include "absl/time/time.h"
#include "asyncpal/pool/internal/terminal_text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

MapState Half() {
  return {.done = 421,
          .total = 1000,
          .per_second = 83.14,
          .left = absl::Seconds(7),
          .elapsed = absl::Seconds(5)};
}

std::string Line(const MapState& map, int width = 70, bool unicode = true) {
  return FormatProgress(map, {.label = "thumbnails",
                              .unit = "files",
                              .width = width,
                              .unicode = unicode});
}

TEST(FormatProgress, ShowsShareCountsTimesAndRate) {
  EXPECT_EQ(Line(Half()),
            "thumbnails:  42%|██████▎        | 421/1000 [00:05<00:07, 83.1 "
            "files/s]");
}

TEST(FormatProgress, ShowsABarInAscii) {
  EXPECT_EQ(Line(Half(), 70, false),
            "thumbnails:  42%|######         | 421/1000 [00:05<00:07, 83.1 "
            "files/s]");
}

TEST(FormatProgress, FillsEachWidthExactlyOrStaysBelow) {
  for (int width = 0; width < 200; ++width) {
    for (const bool unicode : {false, true}) {
      const std::string line = Line(Half(), width, unicode);
      const int columns = FitTerminal(line, 1000, true).columns;
      EXPECT_LE(columns, width) << line;
      if (width > 40) {
        EXPECT_EQ(columns, width) << line;
      }
    }
  }
}

TEST(FormatProgress, LeavesOutWhatIsTooMuch) {
  EXPECT_THAT(Line(Half(), 55), HasSubstr("421/1000 [00:05<00:07]"));
  EXPECT_THAT(Line(Half(), 42), HasSubstr("| 421/1000"));
  EXPECT_THAT(Line(Half(), 42), Not(HasSubstr("[")));
  EXPECT_EQ(Line(Half(), 12), "thu…:  42%");
}

TEST(FormatProgress, IsFullOnlyWhenAllIsDone) {
  MapState map = Half();
  map.done = 999;
  EXPECT_THAT(Line(map), HasSubstr(" 99%|"));
  map.done = 1000;
  map.left = absl::ZeroDuration();
  EXPECT_THAT(Line(map), HasSubstr("100%|█████"));
}

TEST(FormatProgress, IsFullForAMapOfNothing) {
  EXPECT_THAT(Line({.total = 0}), HasSubstr("100%|"));
}

TEST(FormatProgress, SaysWhatFailed) {
  MapState map = Half();
  map.failed = 3;
  EXPECT_THAT(Line(map, 90), HasSubstr("424/1000, 3 failed ["));
}

TEST(FormatProgress, SaysThatItDoesNotKnowYet) {
  EXPECT_THAT(Line({.total = 5}), HasSubstr("0/5 [00:00<?, ?/s]"));
}

TEST(FormatProgress, HasNoBarWithoutATotal) {
  MapState map = Half();
  map.total.reset();
  EXPECT_EQ(Line(map), "thumbnails: 421 files [00:05, 83.1 files/s]");
  EXPECT_EQ(Line(map, 30), "thumbnails: 421 files");
}

TEST(FormatProgress, NeedsNeitherLabelNorUnit) {
  MapState map = Half();
  map.total.reset();
  EXPECT_EQ(FormatProgress(map, {.width = 70, .unicode = true}),
            "421 [00:05, 83.1/s]");
}

TEST(FormatProgress, SaysHowLongASlowCallTakes) {
  MapState map = Half();
  map.per_second = 0.08;
  EXPECT_THAT(Line(map, 90), HasSubstr("12.5 s each]"));
}

TEST(FormatProgress, CountsHours) {
  MapState map = Half();
  map.elapsed = absl::Hours(30) + absl::Seconds(62);
  EXPECT_THAT(Line(map, 90), HasSubstr("[30:01:02<"));
}

TEST(FormatProgress, CutsALongLabel) {
  const std::string label(500, 'x');
  const std::string line = FormatProgress(
      Half(), {.label = label, .unit = "", .width = 60, .unicode = false});
  EXPECT_THAT(line, StartsWith("xxxxxxxxxxxxxxxxxxx~:  42%|"));
}

TEST(FormatProgress, IsOneLineWhateverTheLabel) {
  const std::string line = FormatProgress(
      Half(), {.label = "a\nb\x1b[2J", .unit = "\r", .width = 80});
  EXPECT_THAT(line, Not(HasSubstr("\n")));
  EXPECT_THAT(line, Not(HasSubstr("\r")));
  EXPECT_THAT(line, Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace asyncpal::internal
