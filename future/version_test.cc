#include "asyncpal/future/version.h"

#include <fstream>
#include <string>

#include "gtest/gtest.h"

namespace asyncpal {
namespace {

TEST(VersionTest, IsWhatTheFileSays) {
  std::ifstream file("VERSION");
  std::string version;
  ASSERT_TRUE(std::getline(file, version));
  EXPECT_EQ(Version(), version);
}

TEST(VersionTest, MacrosAreItsNumbers) {
  const std::string numbers = std::to_string(ASYNCPAL_VERSION_MAJOR) + "." +
                              std::to_string(ASYNCPAL_VERSION_MINOR) + "." +
                              std::to_string(ASYNCPAL_VERSION_PATCH);
  EXPECT_EQ(Version().substr(0, Version().find('-')), numbers);
}

}  // namespace
}  // namespace asyncpal
