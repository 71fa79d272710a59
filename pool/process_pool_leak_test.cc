#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/ipc/testing/descriptors.h"
#include "asyncpal/pool/process_pool.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/testing/gate.h"
#include "asyncpal/pool/testing/process_faults.h"
#include "gtest/gtest.h"

// What is left of a pool after its end: nothing, however often and in whatever
// way it ended.

namespace asyncpal {
namespace {

using ::asyncpal::testing::CollectLoss;
using ::asyncpal::testing::Eventually;
using ::asyncpal::testing::Gate;
using ::asyncpal::testing::kIsSanitized;
using ::asyncpal::testing::ListDescriptors;
using ::asyncpal::testing::PassGate;

constexpr absl::Duration kLong = absl::Seconds(30);
constexpr int kCycles = kIsSanitized ? 48 : 500;
constexpr int kPools = kIsSanitized ? 4 : 20;
constexpr int kKillsOfEach = 10;
// Far more than goes through the socket.
constexpr size_t kLarge = 256 << 10;

int Echo(int n) { return n; }
std::string EchoText(std::string text) { return text; }

// What this process has of the system.
struct Holdings {
  std::map<std::string, int> descriptors;  // how many of what they refer to
  int threads = 0;
  bool has_children = false;  // zombies count
  int memfd_mappings = 0;

  friend bool operator==(const Holdings&, const Holdings&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Holdings& holdings) {
    out << holdings.threads << " threads, "
        << (holdings.has_children ? "some" : "no") << " children, "
        << holdings.memfd_mappings << " mappings of memfds, descriptors:";
    for (const auto& [target, count] : holdings.descriptors) {
      out << "\n  " << count << " x " << target;
    }
    return out;
  }
};

// "socket:[123]" and its like have a number that is new each time.
std::string TargetOf(int fd) {
  char target[4096];
  const std::string link = absl::StrCat("/proc/self/fd/", fd);
  const ssize_t length = readlink(link.c_str(), target, sizeof(target));
  const std::string text(target, length > 0 ? length : 0);
  return text.substr(0, text.find(":["));
}

int CountThreads() {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir("/proc/self/task"),
                                                   &closedir);
  int threads = 0;
  while (const dirent* const entry = readdir(folder.get())) {
    threads += entry->d_name[0] == '.' ? 0 : 1;
  }
  return threads;
}

int CountMemfdMappings() {
  std::ifstream maps("/proc/self/maps");
  int mappings = 0;
  for (std::string line; std::getline(maps, line);) {
    mappings += absl::StrContains(line, "/memfd:") ? 1 : 0;
  }
  return mappings;
}

Holdings Look() {
  Holdings holdings;
  for (const int fd : ListDescriptors()) ++holdings.descriptors[TargetOf(fd)];
  holdings.threads = CountThreads();
  siginfo_t child = {};
  holdings.has_children =
      waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) == 0;
  holdings.memfd_mappings = CountMemfdMappings();
  return holdings;
}

// A joined thread may be listed for a moment yet.
void ExpectNothingMoreThan(const Holdings& before) {
  Holdings now;
  EXPECT_TRUE(Eventually([&] {
    now = Look();
    return now == before;
  })) << "before: "
      << before << "\nafter: " << now;
}

class ProcessPoolLeak : public ::testing::Test {
 protected:
  // What is made once for the whole program is no leak.
  ProcessPoolLeak() { ProcessPool(1).Submit(Echo, 1).Collect(kLong); }
};

TEST_F(ProcessPoolLeak, PoolLooksDifferentWhileItLives) {
  const Holdings before = Look();
  ProcessPool pool(1);
  pool.Submit(Echo, 1).Collect(kLong);
  const Holdings now = Look();
  EXPECT_NE(now.descriptors, before.descriptors);
  EXPECT_GT(now.threads, before.threads);
  EXPECT_TRUE(now.has_children);
  EXPECT_GT(now.memfd_mappings, before.memfd_mappings);
}

TEST_F(ProcessPoolLeak, NothingIsLeftOfManyPools) {
  const std::string large(kLarge, 'x');
  const Holdings before = Look();
  ASSERT_FALSE(before.has_children);
  const absl::Time start = absl::Now();
  for (int i = 0; i < kCycles; ++i) {
    ProcessPool pool(1);
    auto text = pool.Submit(EchoText, large);
    auto number = pool.Submit(Echo, i);
    ASSERT_EQ(text.Collect(kLong).size(), kLarge);
    ASSERT_EQ(number.Collect(kLong), i);
    switch (i % 4) {
      case 0:
        ASSERT_TRUE(pool.Shutdown());
        break;
      case 1:
        // With one that runs and one prefetched.
        pool.Submit([] { sleep(60); });
        pool.Submit(EchoText, large);
        ASSERT_TRUE(pool.Shutdown({.mode = ShutdownMode::kKill}));
        break;
      case 2:
        ASSERT_TRUE(pool.Join(kLong));
        break;
      default:
        // Nobody collects these.
        pool.Submit(EchoText, large);
        pool.Post([] { return std::string(kLarge, 'y'); });
    }
  }
  ExpectNothingMoreThan(before);
  std::printf("leak: %d pools, %.1f s\n", kCycles,
              absl::ToDoubleSeconds(absl::Now() - start));
}

TEST_F(ProcessPoolLeak, NothingIsLeftOfKilledWorkers) {
  const std::string large(kLarge, 'x');
  const Holdings before = Look();
  const absl::Time start = absl::Now();
  for (int i = 0; i < kPools; ++i) {
    ProcessPool pool(2);
    for (int kills = 0; kills < kKillsOfEach; ++kills) {
      Gate gate;
      auto victim = pool.Submit(TaskOptions{.name = "victim"}, PassGate,
                                gate.path(), kills);
      auto neighbour = pool.Submit(EchoText, large);
      ASSERT_TRUE(gate.WaitForArrivals(1));
      const pid_t worker = testing::FindWorker(pool, "victim");
      ASSERT_GT(worker, 0);
      ASSERT_EQ(kill(worker, SIGKILL), 0);
      CollectLoss(victim);
      ASSERT_EQ(neighbour.Collect(kLong).size(), kLarge);
    }
  }
  ExpectNothingMoreThan(before);
  std::printf("leak: %d kills, %.1f s\n", kPools * kKillsOfEach,
              absl::ToDoubleSeconds(absl::Now() - start));
}

}  // namespace
}  // namespace asyncpal
