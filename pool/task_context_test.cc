#include "asyncpal/pool/task_context.h"

#include <unistd.h>

#include <atomic>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <exception>
#include <fstream>
#include <ios>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/pool/periodic.h"
#include "asyncpal/pool/process_pool.h"
#include "asyncpal/pool/retry_policy.h"
#include "asyncpal/pool/task_group.h"
#include "asyncpal/pool/testing/eventually.h"
#include "asyncpal/pool/testing/gate.h"
#include "asyncpal/pool/thread_pool.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::testing {
namespace {

constexpr char kTrace[] =
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
constexpr char kOtherTrace[] =
    "00-11111111111111111111111111111111-2222222222222222-00";

// Name, id, attempt, traceparent.
using Seen = std::tuple<std::string, uint64_t, int, std::string>;

Seen See() {
  const TaskContext* const task = TaskContext::Current();
  if (task == nullptr) return {"no task", 0, 0, ""};
  return {task->name(), task->id(), task->attempt(), task->traceparent()};
}

std::string SeeTrace() { return std::get<3>(See()); }

std::string Arrive(std::string gate) {
  const TaskContext& task = *TaskContext::Current();
  task.ReportProgress(0.25, "a quarter");
  PassGate(gate, 0);
  return task.name();
}

int ReportAndPass(std::string gate, double fraction, std::string text) {
  TaskContext::Current()->ReportProgress(fraction, text);
  return PassGate(gate, 0);
}

template <typename Pool>
class TaskContextOf : public ::testing::Test {
 protected:
  Pool pool_{1};
};
using Pools = ::testing::Types<ThreadPool, ProcessPool>;
TYPED_TEST_SUITE(TaskContextOf, Pools);

TYPED_TEST(TaskContextOf, APlainTaskHasItsId) {
  Future<Seen> future = this->pool_.Submit(See);
  EXPECT_EQ(future.Collect(), Seen("", future.task_id(), 1, ""));
}

TYPED_TEST(TaskContextOf, EachTaskHasItsOwn) {
  for (int i = 0; i < 5; ++i) {
    Future<Seen> future = this->pool_.Submit(See);
    EXPECT_EQ(std::get<1>(future.Collect()), future.task_id());
  }
}

TYPED_TEST(TaskContextOf, ATaskWithOptionsHasItsNameAndTrace) {
  Future<Seen> future =
      this->pool_.Submit({.name = "n", .traceparent = kTrace}, See);
  EXPECT_EQ(future.Collect(), Seen("n", future.task_id(), 1, kTrace));
}

TYPED_TEST(TaskContextOf, IsOfATaskThatTheCallerRuns) {
  EXPECT_EQ(std::get<2>(this->pool_.Run(See)), 1);
}

TYPED_TEST(TaskContextOf, TheStopTokenIsThatOfTheCallable) {
  Gate gate;
  const auto wait = [](std::stop_token stop, std::string path) {
    TouchGate(path, 0);
    return Eventually([] {
             return TaskContext::Current()->stop_token().stop_requested();
           }) &&
           stop.stop_requested();
  };
  Future<bool> future = this->pool_.Submit(wait, gate.path());
  ASSERT_TRUE(gate.WaitForArrivals(1));
  future.Cancel();
  EXPECT_TRUE(future.Collect());
}

TYPED_TEST(TaskContextOf, NobodyStopsACallableThatTakesNoToken) {
  EXPECT_FALSE(this->pool_.Run(
      [] { return TaskContext::Current()->stop_token().stop_possible(); }));
}

TYPED_TEST(TaskContextOf, AScopesTraceReachesTheTask) {
  Future<std::string> inside, beyond;
  {
    const TraceparentScope scope(kTrace);
    inside = this->pool_.Submit(SeeTrace);
    beyond = this->pool_.Submit({.traceparent = kOtherTrace}, SeeTrace);
  }
  EXPECT_EQ(inside.Collect(), kTrace);
  EXPECT_EQ(beyond.Collect(), kOtherTrace);
  EXPECT_EQ(this->pool_.Run(SeeTrace), "");
}

TYPED_TEST(TaskContextOf, AnInnerScopeMayEndATrace) {
  const TraceparentScope outer(kTrace);
  EXPECT_EQ(TraceparentScope::Current(), kTrace);
  const TraceparentScope inner("");
  EXPECT_EQ(TraceparentScope::Current(), "");
  EXPECT_EQ(this->pool_.Submit(SeeTrace).Collect(), "");
}

TYPED_TEST(TaskContextOf, MapsCarryTheTrace) {
  const TraceparentScope scope(kTrace);
  for (const std::string& seen : this->pool_.Map([](int) { return SeeTrace(); },
                                                 std::vector<int>{1, 2, 3})) {
    EXPECT_EQ(seen, kTrace);
  }
}

TYPED_TEST(TaskContextOf, ADelayedTaskCarriesTheTrace) {
  Future<std::string> future;
  {
    const TraceparentScope scope(kTrace);
    future = this->pool_.SubmitAfter(absl::Milliseconds(1), SeeTrace);
  }
  EXPECT_EQ(future.Collect(), kTrace);
  EXPECT_EQ(this->pool_.SubmitAfter(absl::Milliseconds(1), SeeTrace).Collect(),
            "");
}

TYPED_TEST(TaskContextOf, EachAttemptCarriesTheTrace) {
  const auto see_at_last = [] {
    const TaskContext& task = *TaskContext::Current();
    if (task.attempt() < 3) throw std::runtime_error(task.traceparent());
    return task.traceparent();
  };
  const RetryPolicy policy = {.backoff = absl::Milliseconds(1),
                              .retry_if = [](const std::exception_ptr& error) {
                                return ToStatus(error).message().find(kTrace) !=
                                       std::string::npos;
                              }};
  Future<std::string> future;
  {
    const TraceparentScope scope(kTrace);
    future = this->pool_.SubmitRetrying(policy, see_at_last);
  }
  EXPECT_EQ(future.Collect(), kTrace);
}

TYPED_TEST(TaskContextOf, AnAttemptAfterAMissedTimeoutCarriesTheTrace) {
  const auto see_at_second = [](std::stop_token stop) {
    const TaskContext& task = *TaskContext::Current();
    while (task.attempt() < 2 && !stop.stop_requested()) {
      absl::SleepFor(absl::Milliseconds(1));
    }
    return task.traceparent();
  };
  const RetryPolicy policy = {.max_attempts = 100,
                              .backoff = absl::Milliseconds(1)};
  const TaskOptions options = {.timeout = absl::Milliseconds(100)};
  Future<std::string> future;
  {
    const TraceparentScope scope(kTrace);
    future = this->pool_.SubmitRetrying(policy, options, see_at_second);
  }
  EXPECT_EQ(future.Collect(), kTrace);
}

TYPED_TEST(TaskContextOf, EachRunOfAPeriodicTaskCarriesTheTrace) {
  const std::string path = ::testing::TempDir() + "traces";
  std::ofstream(path, std::ios::trunc).flush();
  const auto note = [](std::string path) {
    std::ofstream(path, std::ios::app) << SeeTrace() << ' ';
  };
  Periodic periodic = [&] {
    const TraceparentScope scope(kTrace);
    return this->pool_.Every(absl::Milliseconds(1), {.max_runs = 3}, note,
                             path);
  }();
  const TraceparentScope others(kOtherTrace);
  ASSERT_TRUE(periodic.done().Wait(absl::Seconds(60)));
  std::ifstream traces(path);
  const std::string all(std::istreambuf_iterator<char>(traces), {});
  const std::string each = absl::StrCat(kTrace, " ");
  EXPECT_EQ(all, each + each + each);
}

TYPED_TEST(TaskContextOf, WhatATaskSubmitsBelongsToItsTrace) {
  const auto submit = [] {
    ThreadPool inner(1);
    return inner.Submit(SeeTrace).Collect();
  };
  EXPECT_EQ(this->pool_.Run({.traceparent = kTrace}, submit), kTrace);
  EXPECT_EQ(this->pool_.Submit(submit).Collect(), "");
}

TYPED_TEST(TaskContextOf, ReportedProgressIsSeenWhileTheTaskRuns) {
  Gate gate;
  Future<std::string> future =
      this->pool_.Submit({.name = "slow"}, Arrive, gate.path());
  ASSERT_TRUE(gate.WaitForArrivals(1));
  const std::optional<TaskProgress> progress = future.progress();
  ASSERT_TRUE(progress.has_value());
  EXPECT_EQ(progress->fraction, 0.25);
  EXPECT_EQ(progress->text, "a quarter");
  gate.Open();
  EXPECT_EQ(future.Collect(), "slow");
  EXPECT_EQ(future.progress(), std::nullopt);
}

TYPED_TEST(TaskContextOf, WithoutAReportThereIsNoProgress) {
  Gate gate;
  Future<int> reports =
      this->pool_.Submit(ReportAndPass, gate.path(), 0.5, "mine");
  Future<int> silent = this->pool_.Submit(PassGate, gate.path(), 1);
  ASSERT_TRUE(gate.WaitForArrivals(1));
  EXPECT_EQ(silent.progress(), std::nullopt);
  gate.Open(1);
  ASSERT_TRUE(gate.WaitForArrivals(1));
  EXPECT_EQ(reports.Collect(), 0);
  // The other one's is not its own.
  EXPECT_EQ(silent.progress(), std::nullopt);
  gate.Open();
}

TYPED_TEST(TaskContextOf, ALongTextIsCutBetweenCharacters) {
  Gate gate;
  std::string text(255, 'x');
  text += "\u00fc and more";
  Future<int> future =
      this->pool_.Submit(ReportAndPass, gate.path(), 1.0, text);
  ASSERT_TRUE(gate.WaitForArrivals(1));
  EXPECT_EQ(future.progress()->text, std::string(255, 'x'));
  gate.Open();
}

TYPED_TEST(TaskContextOf, AFractionOutOfRangeIsRefusedByName) {
  for (const double fraction : {-0.1, 1.1, std::nan("")}) {
    Future<int> future =
        this->pool_.Submit(ReportAndPass, "/nowhere", fraction, "");
    try {
      future.Collect();
      ADD_FAILURE() << fraction;
    } catch (const std::invalid_argument& error) {
      EXPECT_THAT(error.what(), ::testing::HasSubstr("fraction is "));
    }
  }
}

TEST(TaskContext, IsNullOutsideOfTasks) {
  EXPECT_EQ(TaskContext::Current(), nullptr);
  std::atomic<bool> was_null{false};
  {
    ThreadPool pool({.max_workers = 1, .initializer = [&] {
                       was_null = TaskContext::Current() == nullptr;
                     }});
    pool.Submit([] {}).Collect();
  }
  EXPECT_TRUE(was_null);
}

TEST(TaskContext, APostedCallHasAnId) {
  std::atomic<uint64_t> id{0};
  {
    ThreadPool pool(1);
    pool.Post([&id] { id = TaskContext::Current()->id(); });
    pool.Join();
  }
  EXPECT_NE(id, 0u);
}

TEST(TaskContext, APostedCallCarriesTheTrace) {
  std::string seen;
  ThreadPool pool(1);
  const TraceparentScope scope(kTrace);
  pool.Post([&seen] { seen = SeeTrace(); });
  pool.Join();
  EXPECT_EQ(seen, kTrace);
}

TEST(TaskContext, CallsOfAGroupCarryTheTraceAndAreHelpedWith) {
  ThreadPool pool(2);
  const auto split = [&pool] {
    std::atomic<int> seen{0};
    const TraceparentScope scope(kTrace);
    TaskGroup group(pool);
    for (int i = 0; i < 50; ++i) {
      group.Run([&seen] { seen += SeeTrace() == kTrace; });
    }
    group.Wait();
    return seen.load();
  };
  // All workers wait for their own calls.
  Future<int> a = pool.Submit(split);
  Future<int> b = pool.Submit(split);
  EXPECT_EQ(a.Collect(absl::Seconds(60)), 50);
  EXPECT_EQ(b.Collect(absl::Seconds(60)), 50);
}

TEST(TaskContext, OfATaskInsideOfAnothersWaitIsItsOwn) {
  ThreadPool pool(1);
  const auto outer = [&pool] {
    const TraceparentScope scope(kTrace);
    const TaskContext* const mine = TaskContext::Current();
    // Runs here, and its own submissions carry nothing of this scope's.
    Future<Seen> inner = pool.Submit({.name = "inner"}, [] {
      return Seen(TaskContext::Current()->name(), 0, 1,
                  TraceparentScope::Current());
    });
    const Seen seen = inner.Collect();
    return TaskContext::Current() == mine && mine->name() == "outer" &&
           std::get<0>(seen) == "inner" && std::get<3>(seen) == kTrace;
  };
  EXPECT_TRUE(pool.Run({.name = "outer"}, outer));
}

TEST(TaskContext, AnyThreadOfTheTaskMayReport) {
  Gate gate;
  ProcessPool pool(1);
  Future<void> future = pool.Submit(
      [](std::string path) {
        const TaskContext* const task = TaskContext::Current();
        std::thread([task] { task->ReportProgress(0.5, "elsewhere"); }).join();
        PassGate(path, 0);
      },
      gate.path());
  ASSERT_TRUE(gate.WaitForArrivals(1));
  EXPECT_EQ(future.progress()->text, "elsewhere");
  gate.Open();
}

TEST(TaskContext, CountsTheAttemptsOfATaskWhoseWorkerDies) {
  ProcessPool pool(1);
  const auto die_once = [] {
    const int attempt = TaskContext::Current()->attempt();
    if (attempt == 1) raise(SIGKILL);
    return attempt;
  };
  EXPECT_EQ(pool.Run({.max_attempts = 2}, die_once), 2);
}

TEST(TaskContext, SeveralProcessesReportAtOnce) {
  Gate gate;
  ProcessPool pool(2);
  Future<int> a = pool.Submit(ReportAndPass, gate.path(), 0.1, "a");
  Future<int> b = pool.Submit(ReportAndPass, gate.path(), 0.2, "b");
  ASSERT_TRUE(gate.WaitForArrivals(2));
  EXPECT_EQ(a.progress()->text, "a");
  EXPECT_EQ(b.progress()->text, "b");
  gate.Open();
}

TEST(TraceparentScope, RefusesWhatIsNoTraceparent) {
  for (const std::string bad :
       {"x", "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more"}) {
    try {
      const TraceparentScope scope(bad);
      ADD_FAILURE() << bad;
    } catch (const std::invalid_argument& error) {
      EXPECT_THAT(error.what(), ::testing::HasSubstr(bad));
    }
    ThreadPool pool(1);
    EXPECT_THROW(pool.Submit({.traceparent = bad}, [] {}),
                 std::invalid_argument);
    EXPECT_EQ(pool.Stats().submitted, 0);
  }
}

TEST(TraceparentScope, TakesWhatLaterVersionsAdd) {
  const std::string later =
      "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more";
  const TraceparentScope scope(later);
  EXPECT_EQ(TraceparentScope::Current(), later);
}

}  // namespace
}  // namespace asyncpal::testing
