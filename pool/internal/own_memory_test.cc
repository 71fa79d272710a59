#include "asyncpal/pool/internal/own_memory.h"

#include <unistd.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

TEST(OwnMemory, GrowsWithWhatTheProcessWrites) {
  constexpr int64_t kBytes = int64_t{64} << 20;
  const std::optional<int64_t> before = OwnMemory(getpid());
  ASSERT_TRUE(before.has_value());
  EXPECT_GT(*before, 0);
  const std::vector<char> written(kBytes, 'x');
  EXPECT_GE(OwnMemory(getpid()).value_or(0), *before + kBytes / 2)
      << written.back();
}

TEST(OwnMemory, IsUnknownOfAProcessThatIsGone) {
  EXPECT_FALSE(OwnMemory(0x7fffffff).has_value());
}

}  // namespace
}  // namespace asyncpal::internal
