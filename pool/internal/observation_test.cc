#include "asyncpal/pool/internal/observation.h"

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/log.h"
#include "asyncpal/pool/internal/pool_log.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Noter : public PoolObserver {
 public:
  void OnSubmit(const TaskReport& task) override { Note("submit", task.name); }
  void OnStart(const TaskReport& task) override { Note("start", task.name); }
  void OnDone(const TaskReport& task) override { Note("done", task.name); }
  void OnWorkerStarted(const WorkerInfo& worker) override {
    Note("up", worker.name);
  }
  void OnWorkerEnded(const WorkerInfo& worker,
                     const std::string& why) override {
    Note("down", worker.name + " " + why);
  }

  std::vector<std::string> notes;

 private:
  void Note(const std::string& what, const std::string& whom) {
    notes.push_back(what + " " + whom);
  }
};

class Thrower : public PoolObserver {
  void OnSubmit(const TaskReport&) override {
    throw std::runtime_error("no wish to know");
  }
  void OnDone(const TaskReport&) override { throw 7; }
};

class LogLines {
 public:
  LogLines() {
    SetLogSink([this](LogSeverity, std::string_view line) {
      lines.emplace_back(line);
    });
  }
  ~LogLines() { SetLogSink(nullptr); }

  std::vector<std::string> lines;
};

TEST(ObservationTest, PassesEachReportOn) {
  const auto noter = std::make_shared<Noter>();
  const PoolLog pool_log;
  Observation observation(noter, "pool 'p'", absl::InfiniteDuration(),
                          pool_log);
  observation.OnWorkerStarted({.name = "w"});
  observation.OnSubmit({.name = "t"});
  observation.OnStart({.name = "t"});
  observation.OnDone({.name = "t"});
  observation.OnWorkerEnded({.name = "w"}, "of boredom");
  EXPECT_THAT(noter->notes, ElementsAre("up w", "submit t", "start t", "done t",
                                        "down w of boredom"));
}

TEST(ObservationTest, TellsNobodyWhereThereIsNoObserver) {
  const PoolLog pool_log;
  Observation observation(nullptr, "pool 'p'", absl::InfiniteDuration(),
                          pool_log);
  EXPECT_FALSE(observation.looks_for_stalls());
  EXPECT_FALSE(observation.has_observer());
  observation.OnSubmit({});
  observation.OnDone({});
}

TEST(ObservationTest, WhatTheObserverThrowsIsLoggedOnce) {
  LogLines log;
  const PoolLog pool_log;
  Observation observation(std::make_shared<Thrower>(), "pool 'p'",
                          absl::InfiniteDuration(), pool_log);
  observation.OnSubmit({});
  observation.OnSubmit({});
  observation.OnDone({});
  EXPECT_THAT(log.lines,
              ElementsAre(AllOf(HasSubstr("pool 'p': its observer's OnSubmit"),
                                HasSubstr("no wish to know"))));
}

TEST(ObservedRunsTest, FindsEachRunByItsTask) {
  ObservedRuns runs;
  ObservedRun outer{.id = 1};
  ObservedRun inner{.id = 2};
  runs.Add(outer);
  runs.Add(inner);
  int attempt = 0;
  const auto take = [&](ObservedRun& run) { attempt = run.attempt; };
  outer.attempt = 5;
  EXPECT_TRUE(runs.With(1, take));
  EXPECT_EQ(attempt, 5);
  EXPECT_TRUE(runs.With(2, take));
  EXPECT_EQ(attempt, 1);
  EXPECT_FALSE(runs.With(3, take));
}

TEST(ObservedRunsTest, ForgetsThemInWhateverOrder) {
  ObservedRuns runs;
  ObservedRun outer{.id = 1};
  ObservedRun inner{.id = 2};
  runs.Add(outer);
  runs.Add(inner);
  const auto ignore = [](ObservedRun&) {};
  runs.Remove(outer);
  EXPECT_FALSE(runs.With(1, ignore));
  EXPECT_TRUE(runs.With(2, ignore));
  runs.Remove(inner);
  EXPECT_FALSE(runs.With(2, ignore));
}

}  // namespace
}  // namespace asyncpal::internal
