#include "asyncpal/pool/internal/cpu_count.h"

#include <sched.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

TEST(CpuCount, QuotaOfWholeCpus) { EXPECT_EQ(CpusOfQuota("200000 100000"), 2); }

TEST(CpuCount, QuotaOfPartOfACpuIsRoundedUp) {
  EXPECT_EQ(CpusOfQuota("150000 100000"), 2);
  EXPECT_EQ(CpusOfQuota("1 100000"), 1);
}

TEST(CpuCount, NoQuotaIsNoLimit) { EXPECT_EQ(CpusOfQuota("max 100000"), 0); }

TEST(CpuCount, TextThatIsNoQuotaIsNoLimit) {
  for (const char* text : {"", "max", "x y", "100000", "100000 0", "0 100000",
                           "-100000 100000", "100000 -1"}) {
    EXPECT_EQ(CpusOfQuota(text), 0) << text;
  }
}

TEST(CpuCount, HugeQuotaDoesNotOverflow) {
  EXPECT_GT(CpusOfQuota("9223372036854775807 1"), 0);
}

void WriteFile(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << text << "\n";
}

int CpusIn(const std::string& cgroups, const std::string& root) {
  std::istringstream text(cgroups);
  return CpusOfCgroups(text, root);
}

TEST(CpuCount, FollowsTheTightestQuotaUpTheTreeOfCgroupsV2) {
  const std::string root = ::testing::TempDir() + "/v2";
  WriteFile(root + "/a/cpu.max", "300000 100000");
  WriteFile(root + "/a/b/cpu.max", "max 100000");
  EXPECT_EQ(CpusIn("0::/a/b\n", root), 3);
  EXPECT_EQ(CpusIn("0::/\n", root), 0);
}

TEST(CpuCount, FollowsTheQuotaOfCgroupsV1) {
  const std::string root = ::testing::TempDir() + "/v1";
  WriteFile(root + "/cpu,cpuacct/docker/cpu.cfs_quota_us", "150000");
  WriteFile(root + "/cpu,cpuacct/docker/cpu.cfs_period_us", "100000");
  WriteFile(root + "/cpu,cpuacct/cpu.cfs_quota_us", "-1");
  WriteFile(root + "/cpu,cpuacct/cpu.cfs_period_us", "100000");
  const std::string others = "5:cpuset:/docker\n1:name=systemd:/docker\n";
  EXPECT_EQ(CpusIn(others + "4:cpu,cpuacct:/docker\n", root), 2);
  EXPECT_EQ(CpusIn(others + "4:cpu,cpuacct:/\n", root), 0);
}

// The text names the folder on the host, but only its own is mounted.
TEST(CpuCount, FollowsTheQuotaOfTheRootThatAContainerSees) {
  const std::string root = ::testing::TempDir() + "/container";
  WriteFile(root + "/cpu/cpu.cfs_quota_us", "200000");
  WriteFile(root + "/cpu/cpu.cfs_period_us", "100000");
  EXPECT_EQ(CpusIn("4:cpu:/docker/1f2e\n", root), 2);
}

TEST(CpuCount, IsAtLeastOne) { EXPECT_GE(AvailableCpus(), 1); }

TEST(CpuCount, FollowsTheAffinityOfThisProcess) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  int cpu = 0;
  while (!CPU_ISSET(cpu, &before)) ++cpu;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  EXPECT_EQ(AvailableCpus(), 1);
  EXPECT_EQ(ProbablyAvailableCpus(), 1);
  sched_setaffinity(0, sizeof(before), &before);
}

}  // namespace
}  // namespace asyncpal::internal
