#include "asyncpal/pool/internal/terminal_text.h"

#include <string>

#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

std::string Fit(const std::string& text, int columns = 40) {
  return FitTerminal(text, columns, true).text;
}

TEST(FitTerminal, LeavesWhatFits) { EXPECT_EQ(Fit("four", 4), "four"); }

TEST(FitTerminal, MarksWhereItCuts) { EXPECT_EQ(Fit("fives", 4), "fiv…"); }

TEST(FitTerminal, MarksInAsciiWhereThatIsAll) {
  EXPECT_EQ(FitTerminal("fives", 4, false).text, "fiv~");
}

TEST(FitTerminal, GivesNothingForNoColumns) { EXPECT_EQ(Fit("a", 0), ""); }

TEST(FitTerminal, CountsAWideCharacterTwice) {
  EXPECT_EQ(FitTerminal("日本", 4, true).columns, 4);
  EXPECT_EQ(Fit("日本", 3), "日…");
  EXPECT_EQ(FitTerminal("📦", 4, true).columns, 2);
}

TEST(FitTerminal, CountsACombiningCharacterNotAtAll) {
  const TerminalText e_acute = FitTerminal("e\u0301x", 2, true);
  EXPECT_EQ(e_acute.text, "e\u0301x");
  EXPECT_EQ(e_acute.columns, 2);
}

TEST(FitTerminal, ReplacesControlCharacters) {
  EXPECT_EQ(Fit("a\x1b[2J\nb\x7f"), "a?[2J?b?");
  EXPECT_EQ(Fit("a\u009bz\u202ez"), "a?z?z");
}

TEST(FitTerminal, ReplacesWhatIsNoUtf8) {
  EXPECT_EQ(Fit("\xff\x80 \xc3"), "?? ?");
  EXPECT_EQ(Fit("\xc0\xaf"), "??");            // overlong
  EXPECT_EQ(Fit("\xed\xa0\x80"), "???");       // half of a pair
  EXPECT_EQ(Fit("\xf4\x90\x80\x80"), "????");  // beyond the last
  EXPECT_EQ(Fit("\xe2\x82"), "??");            // cut
}

TEST(FitTerminal, ReplacesWhatIsNotAsciiWhereThatIsAll) {
  EXPECT_EQ(FitTerminal("na\u00efve", 9, false).text, "na?ve");
}

}  // namespace
}  // namespace asyncpal::internal
