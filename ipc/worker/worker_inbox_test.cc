#include "asyncpal/ipc/worker/worker_inbox.h"

#include <capnp/message.h>

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "asyncpal/future/testing/notification.h"
#include "asyncpal/ipc/testing/descriptors.h"
#include "asyncpal/ipc/worker/channel.h"
#include "asyncpal/ipc/worker/worker.capnp.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::asyncpal::testing::MakeSockets;
using ::asyncpal::testing::TwoEnds;

// A parent that says what a test wants, and the inbox at the other end. Both
// live for ever, as the inbox's watcher does.
struct Ends {
  explicit Ends(TwoEnds sockets)
      : parent(std::move(sockets.first)),
        worker(std::move(sockets.second)),
        inbox(worker, /*max_payload_bytes=*/1000) {}

  void SendTask(uint64_t attempt, const std::string& arguments) {
    capnp::MallocMessageBuilder message;
    auto task = message.initRoot<wire::Message>().initTask();
    task.setAttempt(attempt);
    task.setSlot(static_cast<uint8_t>(attempt % 16));
    auto call = task.initCall();
    call.getCode().setName("test.task");
    call.getArguments().setInFrame(arguments.size());
    parent.Send(message, arguments);
  }
  void SendCancel(uint64_t attempt) {
    capnp::MallocMessageBuilder message;
    message.initRoot<wire::Message>().setCancel(attempt);
    parent.Send(message);
  }
  void SendStop() {
    capnp::MallocMessageBuilder message;
    message.initRoot<wire::Message>().setStop();
    parent.Send(message);
  }

  Channel parent;
  Channel worker;
  WorkerInbox inbox;
};

Ends& MakeEnds() {
  static auto* const all = new std::vector<std::unique_ptr<Ends>>;
  return *all->emplace_back(std::make_unique<Ends>(MakeSockets()));
}

bool WaitForStop(const std::stop_token& token) {
  const absl::Time limit = absl::Now() + absl::Seconds(30);
  while (!token.stop_requested() && absl::Now() < limit) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  return token.stop_requested();
}

TEST(WorkerInbox, HandsTasksOutInTheirOrder) {
  Ends& ends = MakeEnds();
  ends.SendTask(1, "first");
  ends.SendTask(2, "second");
  for (const auto& [attempt, arguments] :
       {std::pair<uint64_t, const char*>(1, "first"), {2, "second"}}) {
    const WorkerInbox::Order order = ends.inbox.Next();
    EXPECT_FALSE(order.stop);
    EXPECT_EQ(order.attempt, attempt);
    EXPECT_EQ(order.slot, static_cast<int>(attempt));
    EXPECT_EQ(order.call.name, "test.task");
    const auto bytes = order.call.arguments.bytes();
    EXPECT_EQ(std::string(bytes.begin(), bytes.end()), arguments);
  }
}

TEST(WorkerInbox, SaysWhenTheWorkerIsToEnd) {
  Ends& ends = MakeEnds();
  ends.SendTask(1, "");
  ends.SendStop();
  EXPECT_FALSE(ends.inbox.Next().stop);
  EXPECT_TRUE(ends.inbox.Next().stop);
}

TEST(WorkerInbox, WaitsForInputNoLongerThanItMay) {
  Ends& ends = MakeEnds();
  EXPECT_FALSE(ends.inbox.WaitForInput(absl::Milliseconds(1)));
  ends.SendTask(1, "");
  ends.SendTask(2, "");
  EXPECT_TRUE(ends.inbox.WaitForInput(absl::Seconds(30)));
  EXPECT_EQ(ends.inbox.Next().attempt, 1u);
  EXPECT_TRUE(ends.inbox.WaitForInput(absl::ZeroDuration()))
      << "the second came with the first";
  EXPECT_EQ(ends.inbox.Next().attempt, 2u);
  EXPECT_FALSE(ends.inbox.WaitForInput(absl::ZeroDuration()));
}

TEST(WorkerInbox, SkipsTheRequestToStopWhatIsOver) {
  Ends& ends = MakeEnds();
  ends.SendCancel(7);
  ends.SendTask(8, "");
  EXPECT_EQ(ends.inbox.Next().attempt, 8u);
}

TEST(WorkerInbox, GivesNoStopTokenToATaskThatDoesNotLookAtOne) {
  Ends& ends = MakeEnds();
  EXPECT_FALSE(ends.inbox.BeginTask(1, /*stoppable=*/false).stop_possible());
  ends.inbox.EndTask();
  EXPECT_TRUE(ends.inbox.BeginTask(2, /*stoppable=*/true).stop_possible());
  ends.inbox.EndTask();
  EXPECT_FALSE(ends.inbox.BeginTask(3, /*stoppable=*/false).stop_possible());
}

TEST(WorkerInbox, StopsARunningTask) {
  Ends& ends = MakeEnds();
  ends.inbox.Start();
  const std::stop_token token = ends.inbox.BeginTask(5, /*stoppable=*/true);
  EXPECT_FALSE(token.stop_requested());
  ends.SendCancel(5);
  EXPECT_TRUE(WaitForStop(token));
  ends.inbox.EndTask();
}

TEST(WorkerInbox, StopsNoOtherTask) {
  Ends& ends = MakeEnds();
  ends.inbox.Start();
  const std::stop_token token = ends.inbox.BeginTask(5, /*stoppable=*/true);
  ends.SendCancel(4);
  ends.SendCancel(6);
  ends.SendCancel(5);  // once this is read, the others were
  EXPECT_TRUE(WaitForStop(token));
  ends.inbox.EndTask();

  const std::stop_token next = ends.inbox.BeginTask(6, /*stoppable=*/true);
  ends.SendCancel(7);
  ends.SendTask(9, "");  // and so here
  ends.inbox.EndTask();
  EXPECT_EQ(ends.inbox.Next().attempt, 9u);
  EXPECT_FALSE(next.stop_requested());
}

// Stop callbacks are user code: they may take long, and look at the inbox's own
// world meanwhile.
TEST(WorkerInbox, HoldsNoLockWhileAStopCallbackRuns) {
  Ends& ends = MakeEnds();
  ends.inbox.Start();
  const std::stop_token token = ends.inbox.BeginTask(5, /*stoppable=*/true);
  ::asyncpal::testing::Notification stopped;
  ::asyncpal::testing::Notification go_on;
  std::stop_callback callback(token, [&] {
    stopped.Notify();
    go_on.Wait();
  });
  ends.SendCancel(5);
  ASSERT_TRUE(stopped.Wait());
  ends.inbox.EndTask();  // would wait for the lock
  go_on.Notify();
}

TEST(WorkerInbox, KeepsWhatComesWhileATaskRuns) {
  Ends& ends = MakeEnds();
  ends.inbox.Start();
  const std::stop_token token = ends.inbox.BeginTask(1, /*stoppable=*/true);
  ends.SendTask(2, "two");
  ends.SendTask(3, "three");
  ends.SendCancel(1);
  ends.SendStop();
  ASSERT_TRUE(WaitForStop(token));  // so that the watcher has read the others
  ends.inbox.EndTask();
  EXPECT_EQ(ends.inbox.Next().attempt, 2u);
  EXPECT_EQ(ends.inbox.Next().attempt, 3u);
  EXPECT_TRUE(ends.inbox.Next().stop);
}

TEST(WorkerInboxDeathTest, EndsTheProcessOnceTheParentIsGone) {
  EXPECT_EXIT(
      {
        Ends& ends = MakeEnds();
        ends.parent.Close();
        ends.inbox.Next();
      },
      ::testing::ExitedWithCode(1), "");
}

TEST(WorkerInboxDeathTest, EndsTheProcessInTheMiddleOfATask) {
  EXPECT_EXIT(
      {
        Ends& ends = MakeEnds();
        ends.inbox.Start();
        ends.inbox.BeginTask(1, /*stoppable=*/false);
        ends.parent.Close();
        absl::SleepFor(absl::Seconds(30));
      },
      ::testing::ExitedWithCode(1), "");
}

TEST(WorkerInboxDeathTest, EndsTheProcessForAPayloadThatIsNotThere) {
  EXPECT_EXIT(
      {
        Ends& ends = MakeEnds();
        capnp::MallocMessageBuilder message;
        auto call = message.initRoot<wire::Message>().initTask().initCall();
        call.getCode().setName("test.task");
        call.getArguments().setInFrame(5);  // and the frame has none
        ends.parent.Send(message);
        ends.inbox.Next();
      },
      ::testing::ExitedWithCode(1), "a payload's size is not that");
}

TEST(WorkerInboxDeathTest, EndsTheProcessForWhatNoParentSays) {
  EXPECT_EXIT(
      {
        Ends& ends = MakeEnds();
        capnp::MallocMessageBuilder message;
        message.initRoot<wire::Message>().setReady();
        ends.parent.Send(message);
        ends.inbox.Next();
      },
      ::testing::ExitedWithCode(1), "what a worker does not expect");
}

}  // namespace
}  // namespace asyncpal::internal
