#ifndef ASYNCPAL_POOL_TESTING_LAUNCH_FAULTS_H_
#define ASYNCPAL_POOL_TESTING_LAUNCH_FAULTS_H_

#include <atomic>
#include <functional>
#include <set>
#include <string>

#include "absl/time/time.h"
#include "asyncpal/pool/process_pool.h"
#include "gtest/gtest.h"

// Workers that can't be started, or only with difficulties. A program that
// links this has a posix_spawnp() that counts, and does what it is told to.

namespace asyncpal::testing {

inline constexpr absl::Duration kLong = absl::Seconds(30);
inline constexpr int kForEver = 1 << 30;

// The calls of posix_spawnp() so far.
extern std::atomic<int> spawns;
// What the next call does first, once.
extern std::atomic<std::function<void()>*> before_spawn;

int Echo(int n);

class ProcessPoolLaunch : public ::testing::Test {
 protected:
  struct Breaking {
    std::string message;
    int code = 0;  // that the system gave as the reason; 0: there is none
  };

  ProcessPoolLaunch();
  ~ProcessPoolLaunch() override { FailSpawns(0, 0); }

  // That many of the next calls of posix_spawnp() fail, with `error`.
  static void FailSpawns(int times, int error);
  // Submits a task to a pool that can't start any worker.
  static Breaking Break(ProcessPool& pool);
  void ExpectNothingLeft() const;

 private:
  std::set<int> descriptors_;
};

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_POOL_TESTING_LAUNCH_FAULTS_H_
