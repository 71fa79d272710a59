#include "asyncpal/examples/file_tree.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wordcount {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class FileTreeTest : public testing::Test {
 protected:
  FileTreeTest()
      : root_(fs::path(testing::TempDir()) /
              testing::UnitTest::GetInstance()->current_test_info()->name()) {
    fs::create_directories(root_);
  }

  void MakeFile(const std::string& name) {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << name;
  }

  // The names of all files under `folder`, relative to the root.
  std::vector<std::string> Walk(const std::string& folder = "") {
    FileTree tree((root_ / folder).string(),
                  [this](const std::string& path, std::error_code error) {
                    errors_.push_back(fs::relative(path, root_).string() +
                                      ": " + error.message());
                  });
    std::vector<std::string> names;
    for (const std::string& path : tree) {
      names.push_back(path.substr(root_.string().size() + 1));
    }
    return names;
  }

  const fs::path root_;
  std::vector<std::string> errors_;
};

TEST_F(FileTreeTest, FindsFilesAtEveryDepth) {
  MakeFile("a");
  MakeFile("b/c");
  MakeFile("b/d/e/f");
  fs::create_directories(root_ / "empty/empty");
  EXPECT_THAT(Walk(), UnorderedElementsAre("a", "b/c", "b/d/e/f"));
  EXPECT_THAT(errors_, IsEmpty());
}

TEST_F(FileTreeTest, KeepsOddNamesAsTheyAre) {
  MakeFile(" a\nb\xff");
  EXPECT_THAT(Walk(), ElementsAre(" a\nb\xff"));
}

TEST_F(FileTreeTest, IsEmptyForAnEmptyDirectory) {
  EXPECT_THAT(Walk(), IsEmpty());
  EXPECT_THAT(errors_, IsEmpty());
}

TEST_F(FileTreeTest, DoesNotFollowSymbolicLinks) {
  MakeFile("outside/file");
  MakeFile("tree/file");
  fs::create_symlink(root_ / "outside", root_ / "tree/folder_link");
  fs::create_symlink(root_ / "outside/file", root_ / "tree/file_link");
  fs::create_symlink("..", root_ / "tree/loop");
  EXPECT_THAT(Walk("tree"), ElementsAre("tree/file"));
  EXPECT_THAT(errors_, IsEmpty());
}

TEST_F(FileTreeTest, ReportsLinksThatLeadNowhere) {
  MakeFile("file");
  fs::create_symlink("nowhere", root_ / "link");
  EXPECT_THAT(Walk(), ElementsAre("file"));
  EXPECT_EQ(errors_.size(), 1);
}

TEST_F(FileTreeTest, LeavesOutWhatIsNoFile) {
  ASSERT_EQ(mkfifo((root_ / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(Walk(), IsEmpty());
  EXPECT_THAT(errors_, IsEmpty());
}

TEST_F(FileTreeTest, ReportsAFolderThatVanishes) {
  EXPECT_THAT(Walk("gone"), IsEmpty());
  EXPECT_THAT(errors_, ElementsAre("gone: No such file or directory"));
}

}  // namespace
}  // namespace wordcount
