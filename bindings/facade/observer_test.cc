#include "asyncpal/bindings/facade/observer.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "asyncpal/bindings/facade/fake_host.h"
#include "asyncpal/bindings/facade/library.h"
#include "asyncpal/bindings/facade/thread_pool.h"
#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/pool/testing/eventually.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::facade {
namespace {

using ::asyncpal::testing::Eventually;
using ::testing::HasSubstr;

// What an observer was told, which outlives it.
struct Sightings {
  internal::Mutex mu;
  std::vector<std::string> seen ABSL_GUARDED_BY(mu);

  void Note(std::string what) {
    internal::MutexLock lock(mu);
    seen.push_back(std::move(what));
  }
  std::vector<std::string> Seen() {
    internal::MutexLock lock(mu);
    return seen;
  }
};

class FakeObserver final : public ObserverHost {
 public:
  explicit FakeObserver(std::shared_ptr<Sightings> sightings)
      : sightings_(std::move(sightings)) {}
  ~FakeObserver() override { sightings_->Note("gone"); }

  void OnSubmit(const TaskReport& task) override { Note("submit", task); }
  void OnStart(const TaskReport& task) override { Note("start", task); }
  void OnDone(const TaskReport& task) override { Note("done", task); }
  void OnWorkerStarted(const WorkerInfo& worker) override {
    sightings_->Note("begin " + worker.name);
  }
  void OnWorkerEnded(const WorkerInfo& worker,
                     const std::string& why) override {
    sightings_->Note("end " + worker.name + ": " + why);
  }
  void OnStall(const TaskReport& task, const std::string&) override {
    Note("stall", task);
  }

 private:
  void Note(const char* what, const TaskReport& task) {
    sightings_->Note(std::string(what) + " " + task.pool + " " +
                     std::to_string(task.id) + " " + task.name + " " +
                     std::to_string(task.state) + " " +
                     std::to_string(task.worker));
  }

  const std::shared_ptr<Sightings> sightings_;
};

class FakeLog final : public LogHost {
 public:
  explicit FakeLog(std::shared_ptr<Sightings> sightings)
      : sightings_(std::move(sightings)) {}
  ~FakeLog() override { sightings_->Note("gone"); }

  void Write(int severity, const std::string& message) override {
    sightings_->Note(std::to_string(severity) + " " + message);
  }

 private:
  const std::shared_ptr<Sightings> sightings_;
};

class ObserverTest : public FakeHostTest {
 protected:
  ThreadPool& MakeWatched(NativePoolOptions settings) {
    settings.max_workers = 1;
    settings.name = "p";
    SetObserver(settings, new FakeObserver(sightings_));
    pool_ = std::make_unique<ThreadPool>(new FakeHost(journal_), settings);
    return *pool_;
  }
  int64_t CountAll(const DurationHistogram& histogram) {
    int64_t sum = 0;
    for (int i = 0; i < histogram.size(); ++i) sum += histogram.count(i);
    return sum;
  }

  const std::shared_ptr<Sightings> sightings_ = std::make_shared<Sightings>();
};

TEST_F(ObserverTest, IsToldOfEachTaskAndOfTheWorker) {
  MakeWatched({});
  Submit(7, {.name = "load"}, [] { return kTaskFailed; });
  Submit(8, [] { return kTaskCompleted; });
  ASSERT_TRUE(CloseAndWait());
  const std::vector<std::string> seen = sightings_->Seen();
  EXPECT_THAT(
      seen, ::testing::IsSupersetOf({"submit p 1 load 0 0", "begin p-worker-1",
                                     "start p 1 load 1 1", "done p 1 load 3 1",
                                     "submit p 2  0 0", "start p 2  1 1",
                                     "done p 2  2 1"}));
  EXPECT_THAT(seen.back(), HasSubstr("end p-worker-1: "));
  EXPECT_EQ(seen.size(), 8u);
}

TEST_F(ObserverTest, LivesAsLongAsItsPool) {
  MakeWatched({});
  Submit(1, [] { return kTaskCompleted; });
  TearDown();
  EXPECT_TRUE(Eventually([&] { return sightings_->Seen().back() == "gone"; }));
}

TEST_F(ObserverTest, IsToldOfATaskThatRunsTooLong) {
  MakeWatched({.stall_threshold = 1000000});
  ASSERT_TRUE(Occupy(1));
  // Others may be told of later: its start comes from another thread.
  EXPECT_TRUE(Eventually([&] {
    return ::testing::Value(sightings_->Seen(),
                            ::testing::Contains("stall p 1  1 1"));
  }));
  go_on_.Notify();
}

TEST_F(ObserverTest, LogOfAPoolGetsItsMessagesAndLivesAsLong) {
  NativePoolOptions settings = {
      .max_workers = 1, .name = "p", .stall_threshold = 1000000};
  SetPoolLog(settings, new FakeLog(sightings_));
  pool_ = std::make_unique<ThreadPool>(new FakeHost(journal_), settings);
  settings = {};
  ASSERT_TRUE(Occupy(1));
  EXPECT_TRUE(Eventually([&] {
    return ::testing::Value(sightings_->Seen(),
                            ::testing::Contains(::testing::StartsWith(
                                "1 pool 'p': task 1 has been running for ")));
  }));
  go_on_.Notify();
  TearDown();
  EXPECT_TRUE(Eventually([&] { return sightings_->Seen().back() == "gone"; }));
}

TEST_F(ObserverTest, TasksThatTheHostGoesOnToAreMeasuredEachByItself) {
  pool_ = std::make_unique<ThreadPool>(
      new FakeHost(journal_),
      NativePoolOptions{.max_workers = 1, .histograms = true});
  journal_->host_goes_on = true;
  ASSERT_TRUE(Occupy(1));
  for (int id = 2; id < 10; ++id) Submit(id, [] { return kTaskCompleted; });
  go_on_.Notify();
  EXPECT_TRUE(Eventually([&] { return pool_->Stats().completed == 9; }));
  const PoolStats stats = pool_->Stats();
  EXPECT_EQ(CountAll(stats.wait), 9);
  EXPECT_EQ(CountAll(stats.run), 9);
  EXPECT_GT(stats.run.sum(), 0);
  EXPECT_EQ(stats.wait.bound(0), 1000);
  EXPECT_EQ(stats.wait.size(), 34);
  EXPECT_EQ(stats.workers_started, 1);
  EXPECT_EQ(stats.workers_lost, 0);
}

TEST_F(ObserverTest, PoolsThatAreNotToldToMeasureHaveNoHistograms) {
  MakePool(1);
  EXPECT_EQ(pool_->Stats().wait.size(), 0);
  EXPECT_EQ(pool_->Stats().run.size(), 0);
}

TEST_F(ObserverTest, StatsTellLateTasksApart) {
  MakePool(1);
  ASSERT_TRUE(Occupy(1));
  Submit(2, {.queue_deadline = 1}, [] { return kTaskCompleted; });
  EXPECT_TRUE(Eventually([&] { return pool_->Stats().expired == 1; }));
  Submit(3, [] { return kTaskCompleted; });
  EXPECT_TRUE(Eventually([&] { return pool_->Stats().oldest_pending > 0; }));
  go_on_.Notify();
  EXPECT_TRUE(Eventually([&] { return pool_->Stats().pending == 0; }));
  EXPECT_EQ(pool_->Stats().oldest_pending, 0);
  EXPECT_EQ(pool_->Stats().timed_out, 0);
}

}  // namespace
}  // namespace asyncpal::facade
