#ifndef ASYNCPAL_POOL_TESTING_POOL_CONTRACT_VIEW_TASKS_H_
#define ASYNCPAL_POOL_TESTING_POOL_CONTRACT_VIEW_TASKS_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "asyncpal/future/future.h"
#include "asyncpal/pool/options.h"
#include "asyncpal/pool/pool_view.h"
#include "asyncpal/pool/task_context.h"
#include "asyncpal/pool/testing/gate.h"
#include "asyncpal/pool/testing/pool_contract_tools.h"
#include "asyncpal/pool/testing/recording_observer.h"
#include "asyncpal/pool/testing/view_contract.h"
#include "gtest/gtest.h"

// What single tasks wish for, where they wait for their turn in a view: at the
// pool's shutdown, in a pause, of its observer and of traces.

namespace asyncpal::testing {

inline std::string OwnTraceparent() {
  return TaskContext::Current()->traceparent();
}

template <typename Traits>
class PoolViewTasksContract : public ViewContract<Traits> {};
TYPED_TEST_SUITE_P(PoolViewTasksContract);

TYPED_TEST_P(PoolViewTasksContract, ShutdownRunsWhatIsToFinish) {
  typename TypeParam::Pool pool(2);
  Gate gate;
  auto view = this->BusySerial(pool, gate);
  const TaskOptions to_finish = {.at_shutdown = AtShutdown::kFinish};
  const auto first = view.Submit(to_finish, Add, 1, 2);
  const auto cancelled = view.Submit(Add, 1, 2);
  const auto last = view.Submit(TaskOptions{.priority = TaskPriority::kHigh,
                                            .at_shutdown = AtShutdown::kFinish},
                                Add, 2, 2);
  JoiningThread closer([&] { pool.Shutdown(); });
  ASSERT_TRUE(cancelled.Wait(kLong));
  EXPECT_TRUE(cancelled.is_cancelled());
  EXPECT_TRUE(first.is_pending());
  gate.Open();
  closer.Join();
  EXPECT_EQ(first.Collect(kLong), 3);
  EXPECT_EQ(last.Collect(kLong), 4);
  EXPECT_TRUE(pool.is_terminated());
  EXPECT_EQ(pool.Stats().cancelled, 1);
  EXPECT_EQ(pool.Stats().pending, 0);
}

// The one that has the view's place is cancelled, and passes it on.
TYPED_TEST_P(PoolViewTasksContract, ShutdownRunsItBehindOneThatItCancels) {
  typename TypeParam::Pool pool(1);
  Gate gate;
  ASSERT_TRUE(Occupy(pool, gate));
  auto view = pool.Serial();
  const auto cancelled = view.Submit(Add, 1, 2);
  const auto last =
      view.Submit(TaskOptions{.at_shutdown = AtShutdown::kFinish}, Add, 2, 2);
  JoiningThread closer([&] { pool.Shutdown(); });
  ASSERT_TRUE(cancelled.Wait(kLong));
  gate.Open();
  closer.Join();
  EXPECT_TRUE(cancelled.is_cancelled());
  EXPECT_EQ(last.Collect(kLong), 4);
}

TYPED_TEST_P(PoolViewTasksContract, DrainSkipsWhatIsToBeSkipped) {
  typename TypeParam::Pool pool(2);
  Gate gate;
  auto view = this->BusySerial(pool, gate);
  const auto skipped =
      view.Submit(TaskOptions{.at_shutdown = AtShutdown::kSkip}, DoNothing);
  const auto run = view.Submit(Add, 1, 2);
  const auto abandoned =
      view.Submit(TaskOptions{.at_shutdown = AtShutdown::kAbandon}, DoNothing);
  JoiningThread closer([&] { pool.Shutdown({.mode = ShutdownMode::kDrain}); });
  ASSERT_TRUE(skipped.Wait(kLong));
  ASSERT_TRUE(abandoned.Wait(kLong));
  EXPECT_TRUE(skipped.is_cancelled());
  EXPECT_TRUE(abandoned.is_cancelled());
  gate.Open();
  closer.Join();
  EXPECT_EQ(run.Collect(kLong), 3);
  EXPECT_EQ(pool.Stats().cancelled, 2);
  EXPECT_EQ(pool.TakeCancelledTasks().size(), 2u);
}

TYPED_TEST_P(PoolViewTasksContract, DeadlineEndsWhatIsToFinish) {
  typename TypeParam::Pool pool(2);
  Gate gate;
  auto view = this->BusySerial(pool, gate);
  const auto future =
      view.Submit(TaskOptions{.at_shutdown = AtShutdown::kFinish}, Add, 1, 2);
  pool.Shutdown({.deadline = absl::Milliseconds(5)});
  EXPECT_TRUE(future.is_cancelled());
}

TYPED_TEST_P(PoolViewTasksContract, KillBeatsWhatIsToFinish) {
  typename TypeParam::Pool pool(2);
  Gate gate;
  auto view = this->BusySerial(pool, gate);
  const auto future =
      view.Submit(TaskOptions{.at_shutdown = AtShutdown::kFinish}, Add, 1, 2);
  pool.Shutdown(
      {.mode = ShutdownMode::kKill, .deadline = absl::ZeroDuration()});
  EXPECT_TRUE(future.is_cancelled());
}

TYPED_TEST_P(PoolViewTasksContract, PausedPoolBeginsNothingOfAView) {
  typename TypeParam::Pool pool(2);
  Gate gate;
  auto view = this->BusySerial(pool, gate);
  const auto next = view.Submit(Square, 3);
  const auto urgent =
      view.Submit(TaskOptions{.priority = TaskPriority::kUrgent}, Square, 4);
  EXPECT_FALSE(pool.Pause());
  gate.Open();
  EXPECT_TRUE(pool.Pause(kLong));  // the place has gone to the next
  EXPECT_FALSE(next.Wait(absl::Milliseconds(20)));
  EXPECT_EQ(pool.Stats().pending, 2);
  pool.Resume();
  pool.Resume();
  EXPECT_EQ(next.Collect(kLong), 9);
  EXPECT_EQ(urgent.Collect(kLong), 16);
}

TYPED_TEST_P(PoolViewTasksContract, ObserverIsToldOnceOfEach) {
  const auto observer = std::make_shared<RecordingObserver>();
  typename TypeParam::Pool pool({.max_workers = 2, .observer = observer});
  Gate gate;
  auto view = this->BusySerial(pool, gate);
  const auto run = view.Submit(Square, 3);
  auto cancelled = view.Submit(Square, 3);
  EXPECT_EQ(observer->LifeOf(run.task_id()), "submit");
  EXPECT_TRUE(cancelled.Cancel());
  EXPECT_EQ(observer->LifeOf(cancelled.task_id()), "submit done");
  gate.Open();
  EXPECT_EQ(run.Collect(kLong), 9);
  pool.Shutdown({.mode = ShutdownMode::kDrain});
  EXPECT_EQ(observer->LifeOf(run.task_id()), "submit start done");
  EXPECT_EQ(observer->LifeOf(cancelled.task_id()), "submit done");
}

TYPED_TEST_P(PoolViewTasksContract, TaskBelongsToTheTraceOfItsSubmission) {
  typename TypeParam::Pool pool(2);
  const std::string trace =
      "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  Gate gate;
  auto view = this->BusySerial(pool, gate);
  Future<std::string> inside;
  {
    const TraceparentScope scope(trace);
    inside = view.Submit(OwnTraceparent);
  }
  const auto outside = view.Submit(OwnTraceparent);
  gate.Open();
  EXPECT_EQ(inside.Collect(kLong), trace);
  EXPECT_EQ(outside.Collect(kLong), "");
}

REGISTER_TYPED_TEST_SUITE_P(PoolViewTasksContract, ShutdownRunsWhatIsToFinish,
                            ShutdownRunsItBehindOneThatItCancels,
                            DrainSkipsWhatIsToBeSkipped,
                            DeadlineEndsWhatIsToFinish, KillBeatsWhatIsToFinish,
                            PausedPoolBeginsNothingOfAView,
                            ObserverIsToldOnceOfEach,
                            TaskBelongsToTheTraceOfItsSubmission);

}  // namespace asyncpal::testing

#endif  // ASYNCPAL_POOL_TESTING_POOL_CONTRACT_VIEW_TASKS_H_
