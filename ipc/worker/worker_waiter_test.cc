#include "asyncpal/ipc/worker/worker_waiter.h"

#include <unistd.h>

#include <thread>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "asyncpal/ipc/internal/fd.h"
#include "asyncpal/ipc/testing/descriptors.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::asyncpal::testing::MakePipe;
using ::asyncpal::testing::MakeSockets;
using ::asyncpal::testing::TwoEnds;

constexpr absl::Duration kNone = absl::ZeroDuration();
// A limit for what is to come at once.
constexpr absl::Duration kSoon = absl::Seconds(30);

// A worker's socket, and a pipe in place of its pidfd: closing the other end
// makes it readable.
class WorkerWaiterTest : public ::testing::Test {
 protected:
  void Add() { waiter_.Add(socket(), end_.first.get()); }
  int socket() const { return sockets_.first.get(); }
  void Speak() { ASSERT_EQ(write(sockets_.second.get(), "x", 1), 1); }
  void End() { end_.second.Reset(); }

  TwoEnds sockets_ = MakeSockets();
  TwoEnds end_ = MakePipe();
  WorkerWaiter waiter_;
};

TEST_F(WorkerWaiterTest, FindsNothingWhereNothingHappens) {
  Add();
  const auto events = waiter_.Wait(absl::Milliseconds(1));
  EXPECT_FALSE(events.child_ended);
  EXPECT_FALSE(events.child_spoke);
}

TEST_F(WorkerWaiterTest, SleepsForItsTimeAtLeast) {
  const absl::Time begin = absl::Now();
  waiter_.Wait(absl::Microseconds(2500));
  EXPECT_GE(absl::Now() - begin, absl::Microseconds(2500));
}

TEST_F(WorkerWaiterTest, IsWokenByACallBefore) {
  waiter_.WakeUp();
  waiter_.WakeUp();
  const absl::Time begin = absl::Now();
  waiter_.Wait(kSoon);
  EXPECT_LT(absl::Now() - begin, kSoon);
}

TEST_F(WorkerWaiterTest, IsWokenByACallDuringItsSleep) {
  std::thread other([&] { waiter_.WakeUp(); });
  const absl::Time begin = absl::Now();
  waiter_.Wait(kSoon);
  EXPECT_LT(absl::Now() - begin, kSoon);
  other.join();
}

TEST_F(WorkerWaiterTest, TakesAWakeUpOnce) {
  waiter_.WakeUp();
  waiter_.WaitForWakeUp(kSoon);
  const absl::Time begin = absl::Now();
  waiter_.WaitForWakeUp(absl::Milliseconds(3));
  EXPECT_GE(absl::Now() - begin, absl::Milliseconds(3));
}

TEST_F(WorkerWaiterTest, DoesNotTellOfASocketThatIsNotWatched) {
  Add();
  Speak();
  EXPECT_FALSE(waiter_.Wait(kNone).child_spoke);
}

TEST_F(WorkerWaiterTest, TellsOfAWatchedSocketOnce) {
  Add();
  waiter_.WatchSocket(socket(), true);
  EXPECT_FALSE(waiter_.Wait(kNone).child_spoke);
  Speak();
  EXPECT_TRUE(waiter_.Wait(kSoon).child_spoke);
  EXPECT_FALSE(waiter_.Wait(kNone).child_spoke) << "though it is readable";
  waiter_.WatchSocket(socket(), true);
  EXPECT_TRUE(waiter_.Wait(kSoon).child_spoke);
}

TEST_F(WorkerWaiterTest, StopsWatching) {
  Add();
  waiter_.WatchSocket(socket(), true);
  waiter_.WatchSocket(socket(), false);
  Speak();
  EXPECT_FALSE(waiter_.Wait(kNone).child_spoke);
}

TEST_F(WorkerWaiterTest, TellsOfTheEndOnce) {
  Add();
  End();
  const auto events = waiter_.Wait(kSoon);
  EXPECT_TRUE(events.child_ended);
  EXPECT_FALSE(events.child_spoke);
  EXPECT_FALSE(waiter_.Wait(kNone).child_ended);
}

TEST_F(WorkerWaiterTest, FindsTheEndByTheSocketWhereThereIsNoPidfd) {
  waiter_.Add(socket(), -1);
  sockets_.second.Reset();
  const auto events = waiter_.Wait(kSoon);
  EXPECT_TRUE(events.child_ended);
  EXPECT_TRUE(events.child_spoke);
}

TEST_F(WorkerWaiterTest, ForgetsAProcessWhoseDescriptorsAreClosed) {
  Add();
  sockets_ = MakeSockets();
  end_ = MakePipe();
  Add();
  EXPECT_FALSE(waiter_.Wait(kNone).child_ended);
  End();
  EXPECT_TRUE(waiter_.Wait(kSoon).child_ended);
}

TEST_F(WorkerWaiterTest, SleepsAgainAfterEachEvent) {
  Add();
  waiter_.WatchSocket(socket(), true);
  Speak();
  waiter_.WakeUp();
  EXPECT_TRUE(waiter_.Wait(kSoon).child_spoke);
  const absl::Time begin = absl::Now();
  const auto events = waiter_.Wait(absl::Milliseconds(3));
  EXPECT_GE(absl::Now() - begin, absl::Milliseconds(3));
  EXPECT_FALSE(events.child_spoke);
}

}  // namespace
}  // namespace asyncpal::internal
