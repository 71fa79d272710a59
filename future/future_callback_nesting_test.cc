#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/future/future.h"
#include "asyncpal/future/future_filter.h"
#include "asyncpal/future/internal/future_access.h"
#include "asyncpal/future/testing/manual_executor.h"
#include "asyncpal/future/testing/notification.h"
#include "asyncpal/future/wait.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// What callbacks set off: further callbacks, put off until the first returns or
// waits.

namespace asyncpal {
namespace {

using internal::FutureAccess;
using internal::PromiseState;
using ::testing::ElementsAre;
using testing::kDeadline;
using testing::ManualExecutor;
using testing::Notification;

class CallbackNesting : public ::testing::Test {
 protected:
  void Note(const std::string& what) { order_.push_back(what); }

  ManualExecutor executor_;
  std::vector<std::string> order_;
};

TEST_F(CallbackNesting, RunsTheCallbacksOfWhatACallbackCancelsWhenItReturns) {
  const auto first = executor_.Submit([] {});
  auto second = executor_.Submit([] {});
  second.AddCallback([&](const auto&) { Note("second"); });
  first.AddCallback([&](const auto&) {
    second.Cancel();
    Note("first");
  });
  executor_.RunAll();
  EXPECT_THAT(order_, ElementsAre("first", "second"));
}

TEST_F(CallbackNesting, RunsContinuationsLevelByLevel) {
  const auto root = executor_.Submit([] {});
  const auto left = root.Then([&] { Note("left"); });
  const auto right = root.Then([&] { Note("right"); });
  left.Then([&] { Note("left leaf"); });
  right.Then([&] { Note("right leaf"); });
  executor_.RunAll();
  EXPECT_THAT(order_, ElementsAre("left", "right", "left leaf", "right leaf"));
}

TEST_F(CallbackNesting, LetsACallbackCollectWhatAnEarlierOneLeadsTo) {
  const auto a = executor_.Submit([] { return 1; });
  const auto c =
      a.Then([](int n) { return n + 1; }).Then([](int n) { return n + 1; });
  int collected = 0;
  a.AddCallback([&](const auto&) { collected = c.Collect(); });
  executor_.RunAll();
  EXPECT_EQ(collected, 3);
}

TEST_F(CallbackNesting, LetsACallbackCollectInNoTimeWhatIsOnlyPutOff) {
  const auto a = executor_.Submit([] { return 1; });
  const auto c =
      a.Then([](int n) { return n + 1; }).Then([](int n) { return n + 1; });
  bool done = false;
  a.AddCallback([&](const auto&) { done = c.Wait(absl::ZeroDuration()); });
  executor_.RunAll();
  EXPECT_TRUE(done);
}

TEST_F(CallbackNesting, LetsACallbackWaitForAllThatAnEarlierOneLeadsTo) {
  const auto a = executor_.Submit([] { return 1; });
  const auto b = a.Then([](int n) { return n + 1; });
  const auto all = WhenAll(std::vector{b, b.Then([](int n) { return n; })});
  std::vector<int> collected;
  a.AddCallback([&](const auto&) { collected = all.Collect(kDeadline); });
  executor_.RunAll();
  EXPECT_THAT(collected, ElementsAre(2, 2));
}

TEST_F(CallbackNesting, LetsACallbackTakeFromAFilterWhatIsPutOff) {
  const auto a = executor_.Submit([] { return 1; });
  const auto b = a.Then([](int n) { return n + 1; });
  FutureFilter<int> filter;
  filter.Put(b);
  int collected = 0;
  a.AddCallback([&](const auto&) {
    collected = filter.Get(kDeadline)->Collect(kDeadline);
  });
  executor_.RunAll();
  EXPECT_EQ(collected, 2);
}

// The other thread's task waits for what the callback's thread has put off.
TEST_F(CallbackNesting, RunsWhatIsPutOffBeforeAWaitForAnotherThread) {
  const auto a = executor_.Submit([] { return 1; });
  const auto c =
      a.Then([](int n) { return n + 1; }).Then([](int n) { return n + 1; });
  const auto promise = PromiseState<int>::Make();
  std::thread other([&] { promise->Complete(c.Collect(kDeadline)); });
  int collected = 0;
  a.AddCallback([&](const auto&) {
    collected = FutureAccess::Make<int>(promise).Collect(kDeadline);
  });
  executor_.RunAll();
  other.join();
  EXPECT_EQ(collected, 3);
}

TEST_F(CallbackNesting, HasRunACallbackOnADoneFutureWhenAddCallbackReturns) {
  const auto a = executor_.Submit([] {});
  a.AddCallback([&](const auto& done) {
    bool ran = false;
    done.AddCallback([&](const auto&) { ran = true; });
    EXPECT_TRUE(ran);
    Note("ran");
  });
  executor_.RunAll();
  EXPECT_THAT(order_, ElementsAre("ran"));
}

TEST_F(CallbackNesting, KeepsTheOrderOfRegistrationOnAFutureThatIsPutOff) {
  const auto a = executor_.Submit([] {});
  auto b = executor_.Submit([] {});
  b.AddCallback([&](const auto&) { Note("registered first"); });
  a.AddCallback([&](const auto&) {
    b.Cancel();
    b.AddCallback([&](const auto&) { Note("registered second"); });
    Note("returns");
  });
  executor_.RunAll();
  EXPECT_THAT(order_,
              ElementsAre("registered first", "registered second", "returns"));
}

TEST_F(CallbackNesting, KeepsTheOrderOfContinuationsOnAFutureThatIsPutOff) {
  const auto a = executor_.Submit([] {});
  auto b = executor_.Submit([] {});
  b.AddCallback([&](const auto&) { Note("registered first"); });
  a.AddCallback([&](const auto&) {
    b.Cancel();
    b.Then([&](const Future<void>&) { Note("registered second"); });
    b.AddCallback([&](const auto&) { Note("registered third"); });
    Note("returns");
  });
  executor_.RunAll();
  EXPECT_THAT(order_, ElementsAre("registered first", "registered second",
                                  "registered third", "returns"));
}

TEST_F(CallbackNesting, RunsAContinuationOnADoneFutureOnceTheCallbackReturns) {
  const auto a = executor_.Submit([] {});
  Future<void> next;
  a.AddCallback([&](const Future<void>& done) {
    next = done.Then([&] { Note("continuation"); });
    EXPECT_FALSE(next.is_done());
    Note("returns");
  });
  executor_.RunAll();
  EXPECT_TRUE(next.is_completed());
  EXPECT_THAT(order_, ElementsAre("returns", "continuation"));
}

TEST_F(CallbackNesting, LetsACallbackCollectItsOwnContinuation) {
  const auto a = executor_.Submit([] { return 1; });
  int collected = 0;
  const auto b = executor_.Submit([] {});
  b.AddCallback([&](const auto&) {
    collected = a.Then([](int n) { return n + 1; }).Collect(kDeadline);
  });
  executor_.RunAll();
  EXPECT_EQ(collected, 2);
}

TEST_F(CallbackNesting, LetsACallbackThatIsPutOffBeRemoved) {
  const auto a = executor_.Submit([] {});
  auto b = executor_.Submit([] {});
  const CallbackId id = b.AddCallback([&](const auto&) { Note("removed"); });
  a.AddCallback([&](const auto&) {
    b.Cancel();
    EXPECT_TRUE(b.RemoveCallback(id));
  });
  executor_.RunAll();
  EXPECT_THAT(order_, ElementsAre());
}

TEST_F(CallbackNesting, RunsOnEachThreadWhatThatHasPutOff) {
  const auto a = executor_.Submit([] {});
  const auto promise = PromiseState<int>::Make();
  const auto other = FutureAccess::Make<int>(promise);
  std::thread::id ran_on;
  other.AddCallback([&](const auto&) { ran_on = std::this_thread::get_id(); });
  a.AddCallback([&](const auto&) {
    std::thread thread([&] { promise->Complete(1); });
    const auto id = thread.get_id();
    thread.join();
    EXPECT_EQ(ran_on, id);
    Note("joined");
  });
  executor_.RunAll();
  EXPECT_THAT(order_, ElementsAre("joined"));
}

// A continuation comes while another thread publishes: it runs once, whichever
// of the two runs it.
TEST_F(CallbackNesting, RunsEachContinuationOnceWhenAnotherThreadCompletes) {
  for (int i = 0; i < 2'000; ++i) {
    const auto promise = PromiseState<int>::Make();
    const auto future = FutureAccess::Make<int>(promise);
    std::atomic<int> runs = 0;
    future.AddCallback([&](const auto&) { ++runs; });
    const auto trigger = PromiseState<int>::Make();
    Future<void> next;
    FutureAccess::Make<int>(trigger).AddCallback(
        [&](const auto&) { next = future.Then([&](int) { ++runs; }); });
    std::thread other([&] { promise->Complete(1); });
    trigger->Complete(1);
    other.join();
    ASSERT_TRUE(next.Wait(kDeadline));
    ASSERT_EQ(runs, 2);
  }
}

}  // namespace
}  // namespace asyncpal
