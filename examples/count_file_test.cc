#include "asyncpal/examples/count_file.h"

#include <unistd.h>

#include <fstream>
#include <string>

#include "gtest/gtest.h"

namespace wordcount {
namespace {

std::string TempFile(const std::string& name, const std::string& content) {
  const std::string path = testing::TempDir() + name;
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

struct Case {
  std::string name;
  std::string content;
  int64_t lines;
  int64_t words;
};

class CountFileTest : public testing::TestWithParam<Case> {};

// The numbers are what GNU wc prints.
TEST_P(CountFileTest, CountsAsWcDoes) {
  const Case& c = GetParam();
  const FileCount file = CountFile(TempFile(c.name, c.content));
  EXPECT_FALSE(file.error) << file.error.message();
  EXPECT_EQ(file.counts.lines, c.lines);
  EXPECT_EQ(file.counts.words, c.words);
  EXPECT_EQ(file.counts.bytes, static_cast<int64_t>(c.content.size()));
}

INSTANTIATE_TEST_SUITE_P(
    All, CountFileTest,
    testing::Values(
        Case{"Empty", "", 0, 0}, Case{"Plain", "one two\nthree\n", 2, 3},
        Case{"NoNewlineAtEnd", "one\ntwo", 1, 2},
        Case{"OnlyWhiteSpace", " \t\n\v\f\r", 1, 0},
        Case{"CarriageReturns", "one\r\ntwo\r\n", 2, 2},
        Case{"FormFeedSeparates", "one\ftwo\vthree", 0, 3},
        Case{"NonBreakingSpaceJoins", "one\xa0two\xc2\xa0three", 0, 1},
        Case{"NotPrintableIsNoWord", "\x80\xff \x01 a", 0, 1},
        Case{"NulIsNoSpace", std::string("a\0b \0 c", 7), 0, 2},
        Case{"WordAcrossBlocks", std::string(64 * 1024 - 1, ' ') + "ab", 0, 1},
        Case{"TwoWordsAtBlockEdge", std::string(64 * 1024 - 1, 'a') + " b", 0,
             2}),
    [](const auto& info) { return info.param.name; });

TEST(CountFileErrorTest, FileThatIsGoneIsAnError) {
  const FileCount file = CountFile(testing::TempDir() + "gone");
  EXPECT_EQ(file.error, std::errc::no_such_file_or_directory);
  EXPECT_EQ(file.path, testing::TempDir() + "gone");
}

TEST(CountFileErrorTest, SymbolicLinkIsNotFollowed) {
  const std::string target = TempFile("target", "text");
  const std::string link = testing::TempDir() + "link";
  ASSERT_EQ(symlink(target.c_str(), link.c_str()), 0);
  EXPECT_EQ(CountFile(link).error, std::errc::too_many_symbolic_link_levels);
}

TEST(CountFileErrorTest, DirectoryIsAnError) {
  EXPECT_EQ(CountFile(testing::TempDir()).error, std::errc::is_a_directory);
}

}  // namespace
}  // namespace wordcount
