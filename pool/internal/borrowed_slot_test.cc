#include "asyncpal/pool/internal/borrowed_slot.h"

#include "asyncpal/future/internal/task.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

class BorrowedSlotTest : public ::testing::Test {
 protected:
  using Ref = StateRef<TaskState>;

  Ref mine_ = Ref::Adopt(NewTask(nullptr, 0, [] {}));
  Ref other_ = Ref::Adopt(NewTask(nullptr, 0, [] {}));
  BorrowedSlot slot_;
};

TEST_F(BorrowedSlotTest, IsNotBorrowedAtFirst) {
  EXPECT_FALSE(slot_.is_borrowed());
  EXPECT_FALSE(slot_.BeginReceive(*mine_));
  EXPECT_EQ(slot_.TakeTask(), nullptr);
}

TEST_F(BorrowedSlotTest, IsReceivedFromByTheOneWhoWaitsForItsTask) {
  slot_.Borrow(mine_.get(), /*will_wait=*/false);
  EXPECT_TRUE(slot_.is_borrowed());
  EXPECT_FALSE(slot_.BeginReceive(*other_));
  EXPECT_TRUE(slot_.BeginReceive(*mine_));
}

TEST_F(BorrowedSlotTest, IsReceivedFromOnceAtATime) {
  slot_.Borrow(mine_.get(), /*will_wait=*/true);
  EXPECT_TRUE(slot_.BeginReceive(*mine_));
  EXPECT_FALSE(slot_.BeginReceive(*mine_));
}

TEST_F(BorrowedSlotTest, LeavesNothingWhereTheTaskIsDone) {
  slot_.Borrow(mine_.get(), /*will_wait=*/true);
  slot_.BeginReceive(*mine_);
  slot_.End(/*is_done=*/true);
  EXPECT_FALSE(slot_.is_borrowed());
  EXPECT_EQ(slot_.TakeTask(), nullptr);
}

TEST_F(BorrowedSlotTest, LeavesATaskThatIsNotDoneToTheWorkerOnce) {
  slot_.Borrow(mine_.get(), /*will_wait=*/false);
  slot_.End(/*is_done=*/false);
  EXPECT_FALSE(slot_.BeginReceive(*mine_)) << "it is the worker's";
  EXPECT_EQ(slot_.TakeTask(), mine_.get());
  EXPECT_EQ(slot_.TakeTask(), nullptr);
}

TEST_F(BorrowedSlotTest, IsNeglectedOnceTheProcessHasSpoken) {
  slot_.Borrow(mine_.get(), /*will_wait=*/false);
  EXPECT_FALSE(slot_.is_neglected());
  slot_.OnSpoke();
  EXPECT_TRUE(slot_.is_neglected());
}

TEST_F(BorrowedSlotTest, IsNeglectedOnceTheProcessHasEnded) {
  slot_.Borrow(mine_.get(), /*will_wait=*/false);
  slot_.OnEnded();
  EXPECT_TRUE(slot_.is_neglected());
  EXPECT_TRUE(slot_.child_ended());
}

TEST_F(BorrowedSlotTest, IsNotNeglectedWhereSomebodyHasPromisedToCome) {
  slot_.Borrow(mine_.get(), /*will_wait=*/true);
  slot_.OnSpoke();
  EXPECT_FALSE(slot_.is_neglected());
  slot_.BeginReceive(*mine_);
  EXPECT_FALSE(slot_.is_neglected());
}

TEST_F(BorrowedSlotTest, ForgetsWhatWasSaidBeforeItWasBorrowed) {
  slot_.OnSpoke();
  slot_.Borrow(mine_.get(), /*will_wait=*/false);
  EXPECT_FALSE(slot_.is_neglected());
}

TEST_F(BorrowedSlotTest, RemembersTheEndUntilTheNextProcessStarts) {
  slot_.OnEnded();
  slot_.Borrow(mine_.get(), /*will_wait=*/false);
  slot_.End(/*is_done=*/false);
  EXPECT_TRUE(slot_.child_ended());
  slot_.OnStarted();
  EXPECT_FALSE(slot_.child_ended());
}

TEST_F(BorrowedSlotTest, TellsWhenTheSocketHasToBeWatchedAnew) {
  EXPECT_FALSE(slot_.SetWatched(false));
  EXPECT_TRUE(slot_.SetWatched(true));
  EXPECT_FALSE(slot_.SetWatched(true));
  slot_.OnSpoke();  // which is told of once
  EXPECT_TRUE(slot_.SetWatched(true));
  EXPECT_TRUE(slot_.SetWatched(false));
  slot_.SetWatched(true);
  slot_.OnStarted();  // with another socket
  EXPECT_TRUE(slot_.SetWatched(true));
}

}  // namespace
}  // namespace asyncpal::internal
