#include "asyncpal/pool/internal/cpu_count.h"

#include <sched.h>

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
  sched_setaffinity(0, sizeof(before), &before);
}

}  // namespace
}  // namespace asyncpal::internal
