#include "asyncpal/ipc/errors/utf8.h"

#include <string>
#include <string_view>

#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

constexpr size_t kNoLimit = 1000;
#define REPLACED "\xEF\xBF\xBD"

TEST(ToUtf8, KeepsCharactersOfEverySize) {
  constexpr std::string_view kText = "a\u00E9\u20AC\U0001F600\U0010FFFF";
  EXPECT_EQ(ToUtf8(kText, kNoLimit), kText);
}

TEST(ToUtf8, ReplacesAByteThatBeginsNoCharacter) {
  EXPECT_EQ(ToUtf8("a\xFF\x80z", kNoLimit), "a" REPLACED REPLACED "z");
}

TEST(ToUtf8, ReplacesACharacterThatIsCutOff) {
  EXPECT_EQ(ToUtf8("a\xE2\x82", kNoLimit), "a" REPLACED REPLACED);
}

TEST(ToUtf8, ReplacesACharacterWhoseEndIsMissing) {
  EXPECT_EQ(ToUtf8("\xE2\x82z", kNoLimit), REPLACED REPLACED "z");
}

TEST(ToUtf8, ReplacesACharacterThatIsLongerThanNeeded) {
  EXPECT_EQ(ToUtf8("\xC0\xAF", kNoLimit), REPLACED REPLACED);
}

TEST(ToUtf8, ReplacesASurrogate) {
  EXPECT_EQ(ToUtf8("\xED\xA0\x80", kNoLimit), REPLACED REPLACED REPLACED);
}

TEST(ToUtf8, ReplacesWhatIsBeyondTheLastCharacter) {
  EXPECT_EQ(ToUtf8("\xF4\x90\x80\x80", kNoLimit),
            REPLACED REPLACED REPLACED REPLACED);
}

TEST(ToUtf8, ReplacesAZero) {
  EXPECT_EQ(ToUtf8(std::string_view("a\0z", 3), kNoLimit), "a" REPLACED "z");
}

TEST(ToUtf8, CutsBetweenCharacters) { EXPECT_EQ(ToUtf8("ab\u20AC", 4), "ab"); }

TEST(ToUtf8, CutsToNothing) { EXPECT_EQ(ToUtf8("abc", 0), ""); }

}  // namespace
}  // namespace asyncpal::internal
