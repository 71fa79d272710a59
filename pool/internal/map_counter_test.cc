#include "asyncpal/pool/internal/map_counter.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/log.h"
#include "asyncpal/future/testing/fake_clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::testing::DoubleNear;
using testing::FakeClock;
using ::testing::HasSubstr;

constexpr int64_t kSecond = 1'000'000'000;

// --- RateMeter ---

TEST(RateMeter, IsZeroBeforeAnythingIsCounted) {
  EXPECT_EQ(RateMeter(0).PerSecond(), 0);
}

TEST(RateMeter, IsZeroWhenNoTimeHasPassed) {
  RateMeter rate(0);
  rate.Add(5, 0);
  EXPECT_EQ(rate.PerSecond(), 0);
}

TEST(RateMeter, IsThePlainAverageAfterTheFirstCount) {
  RateMeter rate(0);
  rate.Add(6, 2 * kSecond);
  EXPECT_THAT(rate.PerSecond(), DoubleNear(3, 1e-9));
}

TEST(RateMeter, IsSteadyForASteadyRhythmHoweverSlow) {
  for (const int64_t seconds : {1, 60, 3600}) {
    RateMeter rate(0);
    for (int64_t i = 1; i <= 50; ++i) {
      rate.Add(1, i * seconds * kSecond);
      EXPECT_THAT(rate.PerSecond() * static_cast<double>(seconds),
                  DoubleNear(1, 1e-9))
          << i;
    }
  }
}

TEST(RateMeter, FollowsAChangeWithinAMinute) {
  RateMeter rate(0);
  int64_t now = 0;
  for (int i = 0; i < 100; ++i) rate.Add(10, now += kSecond);
  for (int i = 0; i < 60; ++i) rate.Add(1, now += kSecond);
  EXPECT_THAT(rate.PerSecond(), DoubleNear(1, 0.05));
}

// --- MapCounter ---

// Keeps what it is told.
class Recorder : public MapProgress {
 public:
  void OnChange(const MapState& map) override { changes.push_back(map); }
  void OnEnd(const MapState& map) override { ends.push_back(map); }
  std::vector<MapState> changes;
  std::vector<MapState> ends;
};

class MapCounterTest : public ::testing::Test {
 protected:
  FakeClock clock_;
  std::shared_ptr<Recorder> told_ = std::make_shared<Recorder>();
};

TEST_F(MapCounterTest, TellsTheBeginning) {
  MapCounter counter(told_, 10);
  counter.Begin();
  ASSERT_EQ(told_->changes.size(), 1u);
  EXPECT_EQ(told_->changes[0].done, 0);
  EXPECT_EQ(told_->changes[0].total, 10);
  EXPECT_EQ(told_->changes[0].left, absl::InfiniteDuration());
}

TEST_F(MapCounterTest, TellsCountsRateAndWhatIsLeft) {
  MapCounter counter(told_, 10);
  clock_.Advance(absl::Seconds(1));
  counter.Count(2, 0);
  clock_.Advance(absl::Seconds(1));
  counter.Count(0, 2);
  const MapState& state = told_->changes.back();
  EXPECT_EQ(state.done, 2);
  EXPECT_EQ(state.failed, 2);
  EXPECT_THAT(state.per_second, DoubleNear(2, 1e-6));
  EXPECT_EQ(absl::Trunc(state.left + absl::Milliseconds(1), absl::Seconds(1)),
            absl::Seconds(3));
  EXPECT_EQ(state.elapsed, absl::Seconds(2));
}

TEST_F(MapCounterTest, TellsAChunkOfBothKindsOnce) {
  MapCounter counter(told_, 10);
  counter.Count(3, 1);
  ASSERT_EQ(told_->changes.size(), 1u);
  EXPECT_EQ(told_->changes[0].done, 3);
  EXPECT_EQ(told_->changes[0].failed, 1);
}

TEST_F(MapCounterTest, DoesNotKnowWhatIsLeftWithoutATotal) {
  MapCounter counter(told_, std::nullopt);
  clock_.Advance(absl::Seconds(1));
  counter.Count(2, 0);
  EXPECT_EQ(told_->changes.back().total, std::nullopt);
  EXPECT_EQ(told_->changes.back().left, absl::InfiniteDuration());
}

TEST_F(MapCounterTest, HasNothingLeftWhenAllIsCounted) {
  MapCounter counter(told_, std::nullopt);
  counter.Count(2, 0);
  counter.SetTotal(2);
  counter.End();
  EXPECT_EQ(told_->ends.back().left, absl::ZeroDuration());
}

TEST_F(MapCounterTest, TellsTheEndOnce) {
  MapCounter counter(told_, 1);
  counter.End();
  counter.End();
  EXPECT_EQ(told_->ends.size(), 1u);
}

TEST_F(MapCounterTest, LogsWhatTheEndThrows) {
  class Thrower : public MapProgress {
    void OnEnd(const MapState&) override {
      throw std::runtime_error("the screen is gone");
    }
  };
  std::string logged;
  SetLogSink([&](LogSeverity, std::string_view text) { logged = text; });
  MapCounter(std::make_shared<Thrower>(), 1).End();
  SetLogSink(nullptr);
  EXPECT_THAT(logged, HasSubstr("the screen is gone"));
}

}  // namespace
}  // namespace asyncpal::internal
