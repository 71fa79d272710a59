#include <atomic>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/future.h"
#include "asyncpal/pool/manual_clock.h"
#include "asyncpal/pool/thread_pool.h"
#include "gtest/gtest.h"

// Random schedules of all that decides when a task begins: delays, priorities,
// pauses, sizes, cancellations and shutdowns, each with wishes of its own.

namespace asyncpal {
namespace {

constexpr absl::Duration kLong = absl::Seconds(30);
constexpr int kSchedules = 10'000;

class Schedule {
 public:
  explicit Schedule(unsigned seed) : random_(seed) {
    pool_.emplace(PoolOptions{
        .max_workers = Pick(3) + 1, .min_workers = Pick(2), .clock = clock_});
  }

  void Run() {
    const int steps = 5 + Pick(20);
    for (int i = 0; i < steps; ++i) Step();
    static constexpr ShutdownMode kModes[] = {ShutdownMode::kCancelPending,
                                              ShutdownMode::kDrain,
                                              ShutdownMode::kKill};
    // What is to finish at a time that never comes must not hold it up.
    clock_->Advance(absl::Seconds(1));
    ASSERT_TRUE(pool_->Shutdown(
        {.mode = kModes[Pick(3)], .deadline = absl::Seconds(20)}));
    ASSERT_TRUE(pool_->is_terminated());
    const PoolStats stats = pool_->Stats();
    EXPECT_EQ(stats.submitted, static_cast<int64_t>(futures_.size()));
    EXPECT_EQ(stats.completed + stats.cancelled, stats.submitted);
    EXPECT_EQ(stats.pending, 0);
    EXPECT_EQ(stats.delayed, 0);
    EXPECT_EQ(stats.running, 0);
    for (const Future<void>& future : futures_) {
      ASSERT_TRUE(future.Wait(kLong));
    }
    EXPECT_EQ(ends_, static_cast<int>(futures_.size()));
    EXPECT_EQ(runs_, stats.completed);
  }

 private:
  int Pick(int n) { return static_cast<int>(random_() % n); }

  void Step() {
    switch (Pick(8)) {
      case 0:
        pauses_.push_back(std::make_unique<ExecutionFence>(*pool_));
        break;
      case 1:
        if (!pauses_.empty()) pauses_.pop_back();
        break;
      case 2:
        clock_->Advance(absl::Milliseconds(Pick(50)));
        break;
      case 3:
        if (!futures_.empty()) futures_[Pick(futures_.size())].Cancel();
        break;
      case 4:
        pool_->set_max_workers(2 + Pick(2));
        break;
      default:
        Submit();
    }
  }
  void Submit() {
    const TaskOptions options = {
        .priority = static_cast<TaskPriority>(Pick(5)),
        .at_shutdown = static_cast<AtShutdown>(Pick(3))};
    const auto run = [this] { ++runs_; };
    Future<void> future;
    switch (Pick(4)) {
      case 0:
        future = pool_->Submit(run);
        break;
      case 1:
        future = pool_->Submit(options, run);
        break;
      case 2:
        future = pool_->SubmitAfter(absl::Milliseconds(Pick(100)), run);
        break;
      default:
        future =
            pool_->SubmitAfter(absl::Milliseconds(Pick(100)), options, run);
    }
    future.AddCallback([this](const Future<void>&) { ++ends_; });
    futures_.push_back(std::move(future));
  }

  std::mt19937 random_;
  const std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>();
  std::atomic<int> runs_ = 0;
  std::atomic<int> ends_ = 0;
  std::vector<Future<void>> futures_;
  std::optional<ThreadPool> pool_;
  std::vector<std::unique_ptr<ExecutionFence>> pauses_;
};

TEST(ThreadPoolSchedule, EachFutureEndsOnce) {
  for (int seed = 0; seed < kSchedules && !::testing::Test::HasFailure();
       ++seed) {
    SCOPED_TRACE(seed);
    Schedule(static_cast<unsigned>(seed)).Run();
  }
}

}  // namespace
}  // namespace asyncpal
