#include <dirent.h>
#include <unistd.h>

#include <cstddef>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "asyncpal/pool/process_pool.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/testing/process_faults.h"
#include "gtest/gtest.h"

// Results that are too large for a message, and come in files that workers
// write to again and again.

namespace asyncpal {
namespace {

using ::asyncpal::testing::Eventually;
using ::asyncpal::testing::kIsSanitized;

constexpr absl::Duration kLong = absl::Seconds(60);
constexpr size_t kLarge = 100'000;

// Each of its bytes tells which one it is.
std::string Fill(size_t size, int seed) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; ++i) {
    text[i] = static_cast<char>(i * 7 + static_cast<size_t>(seed) * 31);
  }
  return text;
}

std::string FillAndFork(size_t size, int seed) {
  if (fork() == 0) return Fill(size, seed + 1);
  return Fill(size, seed);
}

std::string FillAndThrow(size_t size, int seed) {
  if (seed % 2 == 0) throw std::runtime_error("no result");
  return Fill(size, seed);
}

// How many files for results a process has.
int CountResultFilesOf(const std::string& process) {
  const std::string path = absl::StrCat("/proc/", process, "/fd");
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir(path.c_str()),
                                                   &closedir);
  if (folder == nullptr) return -1;
  int count = 0;
  while (const dirent* const entry = readdir(folder.get())) {
    char target[256];
    const std::string link = absl::StrCat(path, "/", entry->d_name);
    const ssize_t length = readlink(link.c_str(), target, sizeof(target));
    if (length <= 0) continue;
    count += absl::StrContains(std::string(target, length), "asyncpal-results");
  }
  return count;
}

int CountResultFiles() { return CountResultFilesOf("self"); }

size_t SizeOf(int i) {
  // Up and down, below and beyond what goes into a file, or is kept.
  static constexpr size_t kSizes[] = {kLarge, 10,      5 << 20, 33'000,
                                      40'000, 1 << 20, 32'760,  kLarge + 1};
  return kSizes[static_cast<size_t>(i) % std::size(kSizes)];
}

TEST(ProcessPoolResults, ArriveUnchangedOneByOne) {
  ProcessPool pool(1);
  for (int i = 0; i < 40; ++i) {
    ASSERT_EQ(pool.Submit(Fill, SizeOf(i), i).Collect(kLong),
              Fill(SizeOf(i), i))
        << i;
    ASSERT_EQ(pool.Run(Fill, SizeOf(i + 3), i), Fill(SizeOf(i + 3), i)) << i;
  }
}

TEST(ProcessPoolResults, ArriveUnchangedFromBusyWorkers) {
  ProcessPool pool(2);
  for (int round = 0; round < 3; ++round) {
    std::vector<Future<std::string>> futures;
    for (int i = 0; i < 60; ++i) {
      futures.push_back(pool.Submit(Fill, SizeOf(i), i));
    }
    for (int i = 0; i < 60; ++i) {
      ASSERT_EQ(std::move(futures[i]).Collect(kLong), Fill(SizeOf(i), i)) << i;
    }
  }
}

TEST(ProcessPoolResults, ArriveUnchangedBesideTasksThatFail) {
  ProcessPool pool(1);
  for (int i = 0; i < 20; ++i) {
    auto future = pool.Submit(FillAndThrow, kLarge, i);
    if (i % 2 == 0) {
      EXPECT_THROW(future.Collect(kLong), std::runtime_error);
    } else {
      ASSERT_EQ(future.Collect(kLong), Fill(kLarge, i));
    }
  }
}

// The process that a task has forked has the worker's files, too.
TEST(ProcessPoolResults, ArriveUnchangedBesideThoseOfForkedProcesses) {
  ProcessPool pool(1);
  for (int i = 0; i < (kIsSanitized ? 3 : 20); ++i) {
    ASSERT_EQ(pool.Submit(FillAndFork, kLarge, i).Collect(kLong),
              Fill(kLarge, i));
  }
}

TEST(ProcessPoolResults, NeedNoMoreThanTwoFiles) {
  ProcessPool pool(1);
  EXPECT_EQ(pool.Run(CountResultFiles), 0);
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(pool.Submit(Fill, kLarge, i).Collect(kLong).size(), kLarge);
  }
  EXPECT_LE(pool.Run(CountResultFiles), 2);
  // Unless this thread takes so long that the worker counts as idle.
  EXPECT_TRUE(Eventually([&] {
    pool.Run(Fill, kLarge, 1);
    return pool.Run(CountResultFiles) > 0;
  }));
}

TEST(ProcessPoolResults, KeepNoFileInAnIdleWorker) {
  ProcessPool pool(1);
  const std::string worker = std::to_string(pool.Run(getpid));
  ASSERT_EQ(pool.Run(Fill, kLarge, 1).size(), kLarge);
  EXPECT_TRUE(Eventually([&] { return CountResultFilesOf(worker) == 0; }));
  EXPECT_EQ(pool.Run(Fill, kLarge, 2), Fill(kLarge, 2));
}

TEST(ProcessPoolResults, LeaveNoFileThatIsLarge) {
  ProcessPool pool(1);
  ASSERT_EQ(pool.Submit(Fill, size_t{5} << 20, 1).Collect(kLong).size(),
            size_t{5} << 20);
  EXPECT_EQ(pool.Run(CountResultFiles), 0);
}

}  // namespace
}  // namespace asyncpal
