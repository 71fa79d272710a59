#include "asyncpal/future/internal/futex.h"

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/testing/notification.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using testing::kDeadline;
using testing::Notification;

const uint32_t* AddressOf(const std::atomic<uint32_t>& word) {
  return reinterpret_cast<const uint32_t*>(&word);
}

TEST(FutexWait, ReturnsAtOnceWhenTheWordDiffers) {
  const std::atomic<uint32_t> word{1};
  FutexWait(AddressOf(word), 0, absl::InfiniteDuration());
}

TEST(FutexWait, ReturnsWhenTheTimeoutHasPassed) {
  const std::atomic<uint32_t> word{0};
  FutexWait(AddressOf(word), 0, absl::Milliseconds(1));
}

TEST(FutexWait, ReturnsAtOnceForATimeoutThatHasEnded) {
  const std::atomic<uint32_t> word{0};
  FutexWait(AddressOf(word), 0, absl::ZeroDuration());
  FutexWait(AddressOf(word), 0, absl::Seconds(-1));
  FutexWait(AddressOf(word), 0, -absl::InfiniteDuration());
}

TEST(FutexWait, ReturnsForAFractionOfANanosecond) {
  const std::atomic<uint32_t> word{0};
  FutexWait(AddressOf(word), 0, absl::Nanoseconds(0.25));
}

TEST(FutexWait, LeavesErrnoAlone) {
  const std::atomic<uint32_t> word{0};
  errno = EDOM;
  FutexWait(AddressOf(word), 0, absl::Milliseconds(1));
  EXPECT_EQ(errno, EDOM);
}

// Sleeps until the word is no longer 0.
void SleepWhileZero(const std::atomic<uint32_t>& word, absl::Duration timeout) {
  while (word.load() == 0) FutexWait(AddressOf(word), 0, timeout);
}

class SleepOf : public ::testing::TestWithParam<absl::Duration> {};

TEST_P(SleepOf, EndsWithFutexWakeOne) {
  std::atomic<uint32_t> word{0};
  Notification started;
  std::thread sleeper([&] {
    started.Notify();
    SleepWhileZero(word, GetParam());
  });
  EXPECT_TRUE(started.Wait());
  word = 1;
  FutexWakeOne(AddressOf(word));
  sleeper.join();
}

INSTANTIATE_TEST_SUITE_P(Each, SleepOf,
                         ::testing::Values(kDeadline,
                                           absl::Nanoseconds(INT64_MAX),
                                           absl::Seconds(INT64_MAX),
                                           absl::InfiniteDuration()));

TEST(FutexWakeAll, WakesEverySleeper) {
  std::atomic<uint32_t> word{0};
  std::vector<std::thread> sleepers;
  for (int i = 0; i < 4; ++i) {
    sleepers.emplace_back([&] { SleepWhileZero(word, kDeadline); });
  }
  word = 1;
  FutexWakeAll(AddressOf(word));
  for (std::thread& sleeper : sleepers) sleeper.join();
}

TEST(YieldUntil, ReturnsTrueOnceItsConditionHolds) {
  int calls = 0;
  EXPECT_TRUE(YieldUntil([&] { return ++calls == 3; }));
  EXPECT_EQ(calls, 3);
}

TEST(YieldUntil, ReturnsFalseForAConditionThatDoesNotCome) {
  EXPECT_FALSE(YieldUntil([] { return false; }));
}

}  // namespace
}  // namespace asyncpal::internal
