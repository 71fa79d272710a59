#include "asyncpal/pool/internal/worker_roster.h"

#include <cstdint>
#include <new>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::testing::ElementsAre;

// Workers are numbers: the roster needs no thread, and so does this test.
using Roster = WorkerRoster<int64_t>;

int64_t Make(int64_t id) { return id; }

constexpr size_t kStandIns = 2;

class WorkerRosterTest : public ::testing::Test {
 protected:
  // Adds `n` workers that are idle; the last is the newest.
  void AddIdle(Roster& roster, int n) {
    for (int i = 0; i < n; ++i) roster.Park(roster.Add(Make));
  }
  // Adds `n` workers that run tasks.
  void AddBusy(Roster& roster, int n) {
    for (int i = 0; i < n; ++i) roster.StopSearching(roster.Add(Make));
  }

  Roster two_{2, kStandIns};
};

TEST_F(WorkerRosterTest, ChoosesNobodyWhenNothingWaits) {
  AddIdle(two_, 1);
  EXPECT_TRUE(two_.Choose(0, Make).empty());
}

TEST_F(WorkerRosterTest, StartsAWorkerWhenNoneIsIdle) {
  const auto choice = two_.Choose(1, Make);
  EXPECT_EQ(choice.start, 1);
  EXPECT_EQ(choice.wake, 0);
  EXPECT_EQ(two_.searching(), 1u);
}

TEST_F(WorkerRosterTest, WakesTheNewestIdleWorkerFirst) {
  AddIdle(two_, 2);
  EXPECT_EQ(two_.Choose(1, Make).wake, 2);
  EXPECT_EQ(two_.Choose(2, Make).wake, 1);
}

TEST_F(WorkerRosterTest, WakesNobodyWhileEnoughAreSearching) {
  AddIdle(two_, 2);
  ASSERT_EQ(two_.Choose(1, Make).wake, 2);
  EXPECT_TRUE(two_.Choose(1, Make).empty());
}

TEST_F(WorkerRosterTest, IsNotHungryWhileAsManySearchAsAreWokenAtOnce) {
  Roster three(3, kStandIns, /*max_waking=*/1);
  AddIdle(three, 3);
  ASSERT_TRUE(three.is_hungry());
  ASSERT_EQ(three.Choose(2, Make).wake, 3);
  EXPECT_FALSE(three.is_hungry());
  EXPECT_TRUE(three.Choose(2, Make).empty());
  three.StopSearching(3);
  EXPECT_TRUE(three.is_hungry());
  EXPECT_EQ(three.Choose(1, Make).wake, 2);
}

TEST_F(WorkerRosterTest, StartsNobodyBeyondTheMaximum) {
  AddBusy(two_, 2);
  EXPECT_TRUE(two_.Choose(9, Make).empty());
  EXPECT_FALSE(two_.is_hungry());
}

TEST_F(WorkerRosterTest, NeedsASuccessorWhenASearchEndsAndTasksWait) {
  AddIdle(two_, 2);
  ASSERT_EQ(two_.Choose(1, Make).wake, 2);
  // A second task has come before that worker counts as busy.
  ASSERT_TRUE(two_.Choose(1, Make).empty());
  two_.StopSearching(2);
  EXPECT_EQ(two_.Choose(1, Make).wake, 1);
}

TEST_F(WorkerRosterTest, DoesNotCountOnAStartingWorkerWhileAnotherIsIdle) {
  AddIdle(two_, 1);
  ASSERT_EQ(two_.Add(Make), 2);
  EXPECT_EQ(two_.Choose(1, Make).wake, 1);
}

TEST_F(WorkerRosterTest, CountsOnAStartingWorkerWhenNobodyIsIdle) {
  Roster three(3, kStandIns);
  AddBusy(three, 1);
  ASSERT_EQ(three.Add(Make), 2);
  EXPECT_TRUE(three.Choose(1, Make).empty());
  EXPECT_EQ(three.Choose(2, Make).start, 3);
}

TEST_F(WorkerRosterTest, CountsOnAWorkerThatHasStarted) {
  AddIdle(two_, 1);
  ASSERT_EQ(two_.Add(Make), 2);
  two_.EndStart(2);
  EXPECT_TRUE(two_.Choose(1, Make).empty());
}

TEST_F(WorkerRosterTest, CountsOnceWhatIsToldTwice) {
  AddBusy(two_, 1);
  two_.StartSearching(1);
  two_.StartSearching(1);
  EXPECT_EQ(two_.searching(), 1u);
  two_.StopSearching(1);
  two_.StopSearching(1);
  EXPECT_EQ(two_.searching(), 0u);
}

TEST_F(WorkerRosterTest,
       FailedStartThatIsForgottenLeavesTheTaskToAnIdleWorker) {
  AddIdle(two_, 1);
  const int64_t starting = two_.Add(Make);
  two_.Forget(starting);
  EXPECT_EQ(two_.Choose(1, Make).wake, 1);
  EXPECT_EQ(two_.size(), 1u);
}

TEST_F(WorkerRosterTest, ParkedWorkerIsFoundByOneOnly) {
  AddIdle(two_, 1);
  ASSERT_EQ(two_.Choose(1, Make).wake, 1);
  EXPECT_FALSE(two_.Unpark(1));
  two_.Park(1);
  EXPECT_TRUE(two_.Unpark(1));
  EXPECT_FALSE(two_.Unpark(1));
}

// ------------------------------------------------------------- Stand-ins

TEST_F(WorkerRosterTest, StandInComesOnlyWhenAllAreBlocked) {
  AddBusy(two_, 2);
  two_.BeginBlocking();
  EXPECT_TRUE(two_.Choose(1, Make).empty());
  two_.BeginBlocking();
  EXPECT_EQ(two_.Choose(1, Make).start, 3);
}

TEST_F(WorkerRosterTest, StandInsAreBounded) {
  AddBusy(two_, 2);
  two_.BeginBlocking();
  two_.BeginBlocking();
  for (size_t i = 0; i < kStandIns; ++i) {
    two_.StopSearching(two_.Choose(1, Make).start);
    two_.BeginBlocking();
  }
  EXPECT_TRUE(two_.Choose(1, Make).empty());
}

TEST_F(WorkerRosterTest, StandInIsSpareWhenAWaitHasEnded) {
  AddBusy(two_, 2);
  two_.BeginBlocking();
  two_.BeginBlocking();
  two_.StopSearching(two_.Choose(1, Make).start);
  EXPECT_FALSE(two_.has_spare());
  two_.EndBlocking();
  EXPECT_TRUE(two_.has_spare());
}

// ------------------------------------------------ Waits for other pools

TEST_F(WorkerRosterTest, WaitForAnotherPoolBringsNoStandInByItself) {
  AddBusy(two_, 2);
  two_.BeginBlocking();
  two_.BeginBlocking(/*elsewhere=*/true);
  EXPECT_TRUE(two_.Choose(1, Make).empty());
  EXPECT_EQ(two_.ChooseStandIn(1, Make).start, 3);
}

TEST_F(WorkerRosterTest, NoStandInIsChosenWhileAWorkerIsNotBlocked) {
  AddBusy(two_, 2);
  two_.BeginBlocking(/*elsewhere=*/true);
  EXPECT_FALSE(two_.all_blocked());
  EXPECT_TRUE(two_.ChooseStandIn(1, Make).empty());
}

TEST_F(WorkerRosterTest, NoStandInIsChosenWhileOneIsOnItsWay) {
  AddBusy(two_, 2);
  two_.BeginBlocking(/*elsewhere=*/true);
  two_.BeginBlocking(/*elsewhere=*/true);
  ASSERT_EQ(two_.ChooseStandIn(1, Make).start, 3);
  EXPECT_TRUE(two_.ChooseStandIn(1, Make).empty());
}

TEST_F(WorkerRosterTest, StandInsThatAreChosenAreBoundedToo) {
  AddBusy(two_, 2);
  two_.BeginBlocking(/*elsewhere=*/true);
  two_.BeginBlocking(/*elsewhere=*/true);
  for (size_t i = 0; i < kStandIns; ++i) {
    two_.StopSearching(two_.ChooseStandIn(1, Make).start);
    two_.BeginBlocking(/*elsewhere=*/true);
  }
  EXPECT_TRUE(two_.all_blocked());
  EXPECT_TRUE(two_.ChooseStandIn(1, Make).empty());
}

TEST_F(WorkerRosterTest, StandInIsSpareWhenAWaitForAnotherPoolHasEnded) {
  AddBusy(two_, 2);
  two_.BeginBlocking(/*elsewhere=*/true);
  two_.BeginBlocking(/*elsewhere=*/true);
  two_.StopSearching(two_.ChooseStandIn(1, Make).start);
  EXPECT_FALSE(two_.has_spare());
  two_.EndBlocking(/*elsewhere=*/true);
  EXPECT_TRUE(two_.has_spare());
}

TEST_F(WorkerRosterTest, IsSaturatedWhenAllWorkersAreInTasks) {
  EXPECT_FALSE(two_.is_saturated());
  AddBusy(two_, 1);
  EXPECT_FALSE(two_.is_saturated());  // one more may be started
  const int64_t last = two_.Add(Make);
  EXPECT_FALSE(two_.is_saturated());  // it is on its way to the queue
  two_.StopSearching(last);
  EXPECT_TRUE(two_.is_saturated());
  two_.Park(last);
  EXPECT_FALSE(two_.is_saturated());
}

TEST_F(WorkerRosterTest, OfTwoSpareWorkersWithOneToStayOneGoes) {
  Roster one(1, kStandIns);
  AddBusy(one, 1);
  one.BeginBlocking();
  one.StopSearching(one.Choose(1, Make).start);
  one.EndBlocking();
  ASSERT_TRUE(one.has_spare());
  one.DecideToGo(1);
  EXPECT_FALSE(one.has_spare());
}

// --------------------------------------------------------------- Leaving

TEST_F(WorkerRosterTest, WorkerThatGoesMakesNoRoomBeforeItLeaves) {
  Roster one(1, kStandIns);
  AddBusy(one, 1);
  one.DecideToGo(1);
  EXPECT_TRUE(one.Choose(1, Make).empty());
  one.BeginLeaving(1);
  EXPECT_EQ(one.Choose(1, Make).start, 2);
}

TEST_F(WorkerRosterTest, WorkerThatStaysOnSearches) {
  Roster one(1, kStandIns);
  AddBusy(one, 1);
  one.BeginLeaving(1);
  one.StayOn(1);
  EXPECT_TRUE(one.IsSearching(1));
  EXPECT_FALSE(one.is_hungry());
}

TEST_F(WorkerRosterTest, OthersAreNoHelpIfTheyAreBlockedOrStarting) {
  AddBusy(two_, 2);
  EXPECT_TRUE(two_.has_active());
  two_.BeginBlocking();
  two_.BeginLeaving(2);
  EXPECT_FALSE(two_.has_active());
}

TEST_F(WorkerRosterTest, RetiredWorkersAreHandedOutOnce) {
  AddBusy(two_, 2);
  two_.Retire(2);
  EXPECT_FALSE(two_.Contains(2));
  std::vector<int64_t> retired;
  for (const auto& [id, entry] : two_.TakeRetired()) {
    retired.push_back(entry.worker);
  }
  EXPECT_THAT(retired, ElementsAre(2));
  EXPECT_TRUE(two_.TakeRetired().empty());
}

TEST_F(WorkerRosterTest, ForgettingAWorkerTakesBackAllThatItCountedFor) {
  AddIdle(two_, 1);
  ASSERT_EQ(two_.Add(Make), 2);
  two_.BeginLeaving(1);
  two_.Forget(1);
  two_.Forget(2);
  EXPECT_EQ(two_.size(), 0u);
  EXPECT_EQ(two_.idle(), 0u);
  EXPECT_EQ(two_.searching(), 0u);
  EXPECT_EQ(two_.staying(), 0u);
  two_.Forget(2);
  EXPECT_EQ(two_.size(), 0u);
}

TEST_F(WorkerRosterTest, IdsAreNeverUsedTwice) {
  two_.Forget(two_.Add(Make));
  EXPECT_EQ(two_.Add(Make), 2);
}

// ----------------------------------------------------------------- Slots

TEST_F(WorkerRosterTest, WorkerIsIdleAgainOnceItsSlotIsReturned) {
  AddIdle(two_, 1);
  ASSERT_EQ(two_.Choose(1, Make).wake, 1);
  two_.BorrowSlot(1);
  EXPECT_TRUE(two_.IsSlotBorrowed(1));
  EXPECT_FALSE(two_.ReturnSlot(1));
  EXPECT_FALSE(two_.IsSlotBorrowed(1));
  EXPECT_EQ(two_.NewestIdle(), 1);
  EXPECT_EQ(two_.searching(), 0u);
}

TEST_F(WorkerRosterTest,
       ReturnedSlotWakesItsWorkerIfSomethingHasChangedMeanwhile) {
  AddIdle(two_, 2);
  ASSERT_EQ(two_.Choose(1, Make).wake, 2);
  two_.BorrowSlot(2);
  two_.NoteChange();
  EXPECT_TRUE(two_.ReturnSlot(2));
  ASSERT_EQ(two_.Choose(1, Make).wake, 2);
  two_.BorrowSlot(2);
  EXPECT_FALSE(two_.ReturnSlot(2));
}

TEST_F(WorkerRosterTest, ReturnedSlotWakesItsWorkerIfThisWorkerIsToLook) {
  AddIdle(two_, 1);
  ASSERT_EQ(two_.Choose(1, Make).wake, 1);
  two_.BorrowSlot(1);
  two_.NoteChange(1);
  EXPECT_TRUE(two_.ReturnSlot(1));
}

// ---------------------------------------------------------------- Memory

TEST_F(WorkerRosterTest, NothingHasChangedWhenAWorkerCannotBeMade) {
  AddBusy(two_, 1);
  const auto no_memory = [](int64_t) -> int64_t { throw std::bad_alloc(); };
  EXPECT_THROW(two_.Choose(1, no_memory), std::bad_alloc);
  EXPECT_EQ(two_.size(), 1u);
  EXPECT_EQ(two_.searching(), 0u);
  EXPECT_EQ(two_.Choose(1, Make).start, 2);
}

}  // namespace
}  // namespace asyncpal::internal
