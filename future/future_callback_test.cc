#include <exception>
#include <functional>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/future.h"
#include "asyncpal/future/testing/manual_executor.h"
#include "asyncpal/future/testing/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::kDeadline;
using testing::ManualExecutor;
using testing::Notification;

// What runs when a capture is destroyed.
class AtDestruction {
 public:
  explicit AtDestruction(std::function<void()> action)
      : action_(std::move(action)) {}
  AtDestruction(AtDestruction&& other) noexcept
      : action_(std::exchange(other.action_, nullptr)) {}
  ~AtDestruction() {
    if (action_ != nullptr) action_();
  }

 private:
  std::function<void()> action_;
};

// --- When and how often ---

TEST(Callback, DoesNotRunBeforeTheFutureIsDone) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  bool ran = false;
  future.AddCallback([&](const auto&) { ran = true; });
  EXPECT_FALSE(ran);
  executor.RunOne();
}

TEST(Callback, RunsOnceWhenTheTaskCompletes) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  int runs = 0;
  future.AddCallback([&](const auto&) { ++runs; });
  executor.RunOne();
  EXPECT_EQ(runs, 1);
}

TEST(Callback, RunsOnceWhenTheTaskFails) {
  ManualExecutor executor;
  const auto future = executor.Submit([] { throw Error("x"); });
  int runs = 0;
  future.AddCallback([&](const auto&) { ++runs; });
  executor.RunOne();
  EXPECT_EQ(runs, 1);
}

TEST(Callback, HasRunWhenCancelReturns) {
  ManualExecutor executor;
  auto future = executor.Submit([] {});
  int runs = 0;
  future.AddCallback([&](const auto&) { ++runs; });
  future.Cancel();
  EXPECT_EQ(runs, 1);
}

TEST(Callback, RunsAtOnceWhenTheFutureIsDone) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  executor.RunOne();
  int runs = 0;
  future.AddCallback([&](const auto&) { ++runs; });
  EXPECT_EQ(runs, 1);
}

TEST(Callback, RunsThoughEveryFutureIsGone) {
  ManualExecutor executor;
  bool ran = false;
  executor.Submit([] {}).AddCallback([&](const auto&) { ran = true; });
  executor.RunOne();
  EXPECT_TRUE(ran);
}

TEST(Callback, GetsTheFutureItWasAddedTo) {
  ManualExecutor executor;
  const auto future = executor.Submit([] { return 7; });
  Future<int> seen;
  future.AddCallback([&](const Future<int>& done) { seen = done; });
  executor.RunOne();
  EXPECT_EQ(seen, future);
}

TEST(Callback, SeesTheFutureDone) {
  ManualExecutor executor;
  const auto future = executor.Submit([] { return 7; });
  int result = 0;
  future.AddCallback([&](const Future<int>& done) {
    result = done.Collect(absl::ZeroDuration());
  });
  executor.RunOne();
  EXPECT_EQ(result, 7);
}

TEST(Callback, RunsOnTheThreadThatRanTheTask) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  std::thread::id id;
  future.AddCallback([&](const auto&) { id = std::this_thread::get_id(); });
  std::thread runner([&] { executor.RunOne(); });
  const std::thread::id runner_id = runner.get_id();
  runner.join();
  EXPECT_EQ(id, runner_id);
}

TEST(Callback, RunsInTheOrderOfRegistration) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  std::vector<int> order;
  for (int i = 0; i < 4; ++i) {
    future.AddCallback([&order, i](const auto&) { order.push_back(i); });
  }
  executor.RunOne();
  EXPECT_THAT(order, ElementsAre(0, 1, 2, 3));
}

TEST(Callback, MayHoldWhatCannotBeCopied) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  int seen = 0;
  future.AddCallback(
      [&, number = std::make_unique<int>(7)](const auto&) { seen = *number; });
  executor.RunOne();
  EXPECT_EQ(seen, 7);
}

TEST(AddCallback, ThrowsInvalidArgumentForAnEmptyCallback) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  EXPECT_THROW(future.AddCallback(nullptr), std::invalid_argument);
}

TEST(AddCallback, NeverReturnsZero) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  EXPECT_NE(future.AddCallback([](const auto&) {}), 0);
  executor.RunOne();
  EXPECT_NE(future.AddCallback([](const auto&) {}), 0);
}

TEST(AddCallback, GivesEachCallbackAnIdOfItsOwn) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  std::set<CallbackId> ids;
  for (int i = 0; i < 10; ++i) {
    ids.insert(future.AddCallback([](const auto&) {}));
  }
  EXPECT_EQ(ids.size(), 10u);
}

// --- Captures ---

TEST(Callback, IsDestroyedOnceItHasRun) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  auto resource = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = resource;
  future.AddCallback([resource = std::move(resource)](const auto&) {});
  executor.RunOne();
  EXPECT_TRUE(watch.expired());
}

TEST(Callback, MayUseItsFutureInADestructor) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  bool late_ran = false;
  future.AddCallback([last = AtDestruction([&] {
                        future.AddCallback([&](auto&) { late_ran = true; });
                      })](const auto&) {});
  executor.RunOne();
  EXPECT_TRUE(late_ran);
}

// --- RemoveCallback ---

TEST(RemoveCallback, KeepsTheCallbackFromRunning) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  bool ran = false;
  const CallbackId id = future.AddCallback([&](const auto&) { ran = true; });
  EXPECT_TRUE(future.RemoveCallback(id));
  executor.RunOne();
  EXPECT_FALSE(ran);
}

TEST(RemoveCallback, LeavesTheOthersInOrder) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  std::vector<int> order;
  std::vector<CallbackId> ids;
  for (int i = 0; i < 4; ++i) {
    ids.push_back(
        future.AddCallback([&order, i](const auto&) { order.push_back(i); }));
  }
  future.RemoveCallback(ids[1]);
  executor.RunOne();
  EXPECT_THAT(order, ElementsAre(0, 2, 3));
}

TEST(RemoveCallback, ReturnsFalseTheSecondTime) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  const CallbackId id = future.AddCallback([](const auto&) {});
  future.RemoveCallback(id);
  EXPECT_FALSE(future.RemoveCallback(id));
}

TEST(RemoveCallback, ReturnsFalseForAnIdThatWasNeverGiven) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  EXPECT_FALSE(future.RemoveCallback(12345));
}

TEST(RemoveCallback, ReturnsFalseOnceItHasRun) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  const CallbackId id = future.AddCallback([](const auto&) {});
  executor.RunOne();
  EXPECT_FALSE(future.RemoveCallback(id));
}

TEST(RemoveCallback, ReturnsFalseForOneThatRanAtOnce) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  executor.RunOne();
  const CallbackId id = future.AddCallback([](const auto&) {});
  EXPECT_FALSE(future.RemoveCallback(id));
}

TEST(RemoveCallback, ReturnsFalseInsideThatCallback) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  CallbackId id = 0;
  bool answer = true;
  id = future.AddCallback(
      [&](const auto& done) { answer = done.RemoveCallback(id); });
  executor.RunOne();
  EXPECT_FALSE(answer);
}

TEST(RemoveCallback, KeepsALaterCallbackFromRunning) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  CallbackId later = 0;
  bool answer = false;
  bool ran = false;
  future.AddCallback(
      [&](const auto& done) { answer = done.RemoveCallback(later); });
  later = future.AddCallback([&](const auto&) { ran = true; });
  executor.RunOne();
  EXPECT_EQ(ran, !answer);
  EXPECT_TRUE(answer);
}

TEST(RemoveCallback, LeavesTheRestWhenALaterCallbackGoes) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  std::vector<int> order;
  std::vector<CallbackId> ids(4);
  for (int i = 0; i < 4; ++i) {
    ids[i] = future.AddCallback([&, i](const auto& done) {
      order.push_back(i);
      if (i == 1) done.RemoveCallback(ids[2]);
    });
  }
  executor.RunOne();
  EXPECT_THAT(order, ElementsAre(0, 1, 3));
}

TEST(RemoveCallback, DestroysTheCallback) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  auto resource = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = resource;
  const CallbackId id =
      future.AddCallback([resource = std::move(resource)](const auto&) {});
  future.RemoveCallback(id);
  EXPECT_TRUE(watch.expired());
}

TEST(RemoveCallback, HoldsNoLockWhileItDestroysTheCallback) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  const CallbackId id = future.AddCallback([last = AtDestruction([&] {
                                              future.AddCallback([](auto&) {});
                                            })](const auto&) {});
  EXPECT_TRUE(future.RemoveCallback(id));
}

// --- Callbacks that misbehave ---

class ThrowingCallback : public ::testing::Test {
 protected:
  // Runs a task whose first callback is `callback`; what it writes to stderr.
  template <typename F>
  std::string RunWith(F callback) {
    future_.AddCallback([&callback](const auto&) { callback(); });
    future_.AddCallback([this](const auto&) { next_ran_ = true; });
    ::testing::internal::CaptureStderr();
    executor_.RunOne();
    return ::testing::internal::GetCapturedStderr();
  }

  ManualExecutor executor_;
  Future<int> future_ = executor_.Submit([] { return 7; });
  bool next_ran_ = false;
};

TEST_F(ThrowingCallback, IsReportedOnStderr) {
  EXPECT_EQ(RunWith([] { throw std::runtime_error("oops"); }),
            "asyncpal: a callback of task 1 threw: "
            "std::runtime_error: oops\n");
}

TEST_F(ThrowingCallback, IsReportedByItsTypeWhenItThrewAnInt) {
  EXPECT_EQ(RunWith([] { throw 42; }),
            "asyncpal: a callback of task 1 threw: int\n");
}

TEST_F(ThrowingCallback, DoesNotKeepTheNextFromRunning) {
  RunWith([] { throw std::runtime_error("oops"); });
  EXPECT_TRUE(next_ran_);
}

TEST_F(ThrowingCallback, LeavesTheResult) {
  RunWith([] { throw std::runtime_error("oops"); });
  EXPECT_EQ(future_.Collect(), 7);
}

TEST_F(ThrowingCallback, DoesNotReachTheCancellerOfItsFuture) {
  future_.AddCallback([](const auto&) { throw std::runtime_error("oops"); });
  ::testing::internal::CaptureStderr();
  EXPECT_NO_THROW(future_.Cancel());
  ::testing::internal::GetCapturedStderr();
}

TEST_F(ThrowingCallback, DoesNotReachWhoAddedItToADoneFuture) {
  executor_.RunOne();
  ::testing::internal::CaptureStderr();
  EXPECT_NO_THROW(future_.AddCallback(
      [](const auto&) { throw std::runtime_error("oops"); }));
  ::testing::internal::GetCapturedStderr();
}

// A callback that does not return until the test lets it.
class BlockedCallback : public ::testing::Test {
 protected:
  BlockedCallback() {
    future_.AddCallback([this](const auto&) {
      blocked_.Notify();
      EXPECT_TRUE(release_.Wait());
    });
    runner_ = std::thread([this] { executor_.RunOne(); });
    EXPECT_TRUE(blocked_.Wait());
  }
  ~BlockedCallback() override {
    release_.Notify();
    runner_.join();
  }

  ManualExecutor executor_;
  Future<int> future_ = executor_.Submit([] { return 7; });
  Notification blocked_;
  Notification release_;
  std::thread runner_;
};

TEST_F(BlockedCallback, DoesNotDelayACollector) {
  EXPECT_EQ(future_.Collect(kDeadline), 7);
}

TEST_F(BlockedCallback, DoesNotKeepOthersFromAddingOne) {
  bool ran = false;
  future_.AddCallback([&](const auto&) { ran = true; });
  EXPECT_TRUE(ran);
}

TEST_F(BlockedCallback, DoesNotKeepOthersFromRemovingOne) {
  EXPECT_FALSE(future_.RemoveCallback(12345));
}

TEST_F(BlockedCallback, DoesNotKeepOthersFromCancelling) {
  EXPECT_FALSE(future_.Cancel());
}

TEST(BlockedCallbacks, DoNotDelayAWaiterThatSleepsAlready) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  Notification woken;
  future.AddCallback([&](const auto&) { EXPECT_TRUE(woken.Wait()); });
  std::thread runner([&] { executor.RunOne(); });
  EXPECT_TRUE(future.Wait(kDeadline));
  woken.Notify();
  runner.join();
}

TEST(Callback, MayCancelItsOwnFutureInVain) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  bool answer = true;
  future.AddCallback([&](Future<void> done) { answer = done.Cancel(); });
  executor.RunOne();
  EXPECT_FALSE(answer);
}

TEST(Callback, MayCancelAnotherFuture) {
  ManualExecutor executor;
  const auto first = executor.Submit([] {});
  auto second = executor.Submit([] {});
  first.AddCallback([&](const auto&) { second.Cancel(); });
  executor.RunAll();
  EXPECT_TRUE(second.is_cancelled());
}

TEST(Callback, MaySubmitATask) {
  ManualExecutor executor;
  const auto first = executor.Submit([] {});
  Future<int> second;
  first.AddCallback(
      [&](const auto&) { second = executor.Submit([] { return 7; }); });
  executor.RunAll();
  EXPECT_EQ(second.Collect(), 7);
}

TEST(Callback, MayAddAnotherThatRunsAtOnce) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  std::vector<std::string> order;
  future.AddCallback([&](const Future<void>& done) {
    order.push_back("begin");
    done.AddCallback([&](const auto&) { order.push_back("inner"); });
    order.push_back("end");
  });
  executor.RunOne();
  EXPECT_THAT(order, ElementsAre("begin", "inner", "end"));
}

TEST(Callback, MayDropTheLastFuture) {
  ManualExecutor executor;
  Future<std::string> future =
      executor.Submit([] { return std::string("text"); });
  std::string result;
  future.AddCallback([&](const Future<std::string>& done) {
    future = {};
    result = done.Collect();
  });
  executor.RunOne();
  EXPECT_EQ(result, "text");
}

TEST(Callback, MayWaitForItsOwnFuture) {
  ManualExecutor executor;
  const auto future = executor.Submit([] {});
  bool answer = false;
  future.AddCallback([&](const auto& done) { answer = done.Wait(); });
  executor.RunOne();
  EXPECT_TRUE(answer);
}

}  // namespace
}  // namespace asyncpal
