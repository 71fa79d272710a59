#include "asyncpal/pool/observe.h"

#include <string>

#include "asyncpal/pool/process_pool.h"
#include "asyncpal/pool/testing/gate.h"
#include "asyncpal/pool/thread_pool.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal {
namespace {

using ::testing::AllOf;
using testing::Gate;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::PassGate;

TEST(ObserveTest, ShowsPoolsOfBothKinds) {
  ThreadPool threads({.max_workers = 3, .name = "t"});
  ProcessPool processes({.max_workers = 2, .name = "p"});
  threads.Submit([] {}).Collect();
  EXPECT_THAT(
      PrometheusText(),
      AllOf(HasSubstr("pool=\"t\",id=\"" + std::to_string(threads.id()) +
                      "\",kind=\"threads\",outcome=\"completed\"} 1\n"),
            HasSubstr("asyncpal_pool_max_workers{pool=\"p\",id=\"" +
                      std::to_string(processes.id()) +
                      "\",kind=\"processes\"} 2\n")));
}

TEST(ObserveTest, ForgetsAPoolThatIsDestroyed) {
  { ThreadPool pool({.name = "gone"}); }
  EXPECT_THAT(PrometheusText(), Not(HasSubstr("gone")));
}

TEST(ObserveTest, DumpsWhatIsRunning) {
  ThreadPool pool({.max_workers = 1, .name = "p"});
  Gate gate;
  Future<int> running =
      pool.Submit(TaskOptions{.name = "resize"}, PassGate, gate.path(), 1);
  ASSERT_TRUE(gate.WaitForArrivals(1));
  EXPECT_THAT(DumpState(), AllOf(HasSubstr("pool 'p'"), HasSubstr("1 busy"),
                                 HasSubstr("\"resize\" since ")));
  gate.Open();
  EXPECT_EQ(running.Collect(), 1);
}

TEST(ObserveTest, DumpsWhatIsPending) {
  ThreadPool threads({.max_workers = 1, .name = "t"});
  ProcessPool processes({.max_workers = 1, .name = "p"});
  Gate gate;
  threads.Submit(PassGate, gate.path(), 1);
  processes.Submit(PassGate, gate.path(), 1);
  ASSERT_TRUE(gate.WaitForArrivals(2));
  const auto next = [] { return 1; };
  const auto thread_task = threads.Submit(TaskOptions{.name = "next"}, next);
  threads.Post([] {});
  processes.Submit(TaskOptions{.name = "later"}, next);
  const std::string id = std::to_string(thread_task.task_id());
  EXPECT_THAT(DumpState(),
              AllOf(HasSubstr("pending: task " + id + " \"next\" for "),
                    HasSubstr("pending: task " +
                              std::to_string(thread_task.task_id() + 1) + "\n"),
                    HasSubstr(" \"later\" for ")));
}

}  // namespace
}  // namespace asyncpal
