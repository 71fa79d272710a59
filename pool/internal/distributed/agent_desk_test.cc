#include "asyncpal/pool/internal/distributed/agent_desk.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/ipc/agent/agent_messages.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Key = AgentDesk::Key;

const Key kTask = {"c", {7, 1}};

class AgentDeskTest : public ::testing::Test {
 protected:
  AgentDeskTest() { desk_.OnUp(At(0)); }

  // Delivers a task, and returns the question about it.
  Claim Ask(const Key& key, uint64_t delivery, double seconds = 0) {
    desk_.OnTask(key, delivery, false, At(seconds));
    const AgentDesk::Outbox outbox = desk_.Take();
    EXPECT_THAT(outbox.claims, SizeIs(1));
    return outbox.claims.empty() ? Claim() : outbox.claims.back().second;
  }

  void Answer(const Claim& claim, bool begin, double seconds = 0) {
    desk_.OnAnswer("c",
                   {.id = claim.id, .question = claim.question, .begin = begin},
                   At(seconds));
  }

  void BeginOne() {
    Answer(Ask(kTask, 1), true);
    ASSERT_THAT(desk_.Take().begin, ElementsAre(kTask));
  }

  static absl::Time At(double seconds) {
    return absl::UnixEpoch() + absl::Seconds(seconds);
  }

  AgentDesk desk_{AgentDesk::Options{.slots = 1}};
};

TEST_F(AgentDeskTest, BeginsNothingWithoutTheClientsWord) {
  const Claim claim = Ask(kTask, 1);
  EXPECT_EQ(claim.id, kTask.id);
  EXPECT_EQ(claim.delivery, 1u);
  EXPECT_THAT(desk_.Take().begin, IsEmpty());
  Answer(claim, true);
  EXPECT_THAT(desk_.Take().begin, ElementsAre(kTask));
}

TEST_F(AgentDeskTest, SettlesWhatIsDenied) {
  Answer(Ask(kTask, 1), false);
  const AgentDesk::Outbox outbox = desk_.Take();
  EXPECT_THAT(outbox.begin, IsEmpty());
  EXPECT_THAT(outbox.settled, ElementsAre(1u));
}

TEST_F(AgentDeskTest, AsksForAsManyAsItHasRoomFor) {
  const Claim first = Ask(kTask, 1);
  desk_.OnTask({"c", {8, 1}}, 2, false, At(0));
  EXPECT_THAT(desk_.Take().claims, IsEmpty());
  Answer(first, true);
  EXPECT_THAT(desk_.Take().claims, IsEmpty());
  desk_.OnDone(kTask, At(1));
  const AgentDesk::Outbox outbox = desk_.Take();
  ASSERT_THAT(outbox.claims, SizeIs(1));
  EXPECT_EQ(outbox.claims[0].second.id, (AttemptId{8, 1}));
}

TEST_F(AgentDeskTest, AClientThatIsStoppedTakesNoRoom) {
  Ask(kTask, 1);
  desk_.OnTask({"other", {8, 1}}, 2, false, At(0));
  desk_.Take();
  desk_.Tick(At(1));
  const AgentDesk::Outbox outbox = desk_.Take();
  ASSERT_THAT(outbox.claims, SizeIs(1));
  EXPECT_EQ(outbox.claims[0].first, "other");
}

TEST_F(AgentDeskTest, AsksAgain) {
  const Claim first = Ask(kTask, 1);
  desk_.Tick(At(2));
  const AgentDesk::Outbox outbox = desk_.Take();
  ASSERT_THAT(outbox.claims, SizeIs(1));
  // The answer to the first question says nothing about when.
  Answer(first, true, 2.1);
  EXPECT_THAT(desk_.Take().begin, IsEmpty());
  Answer(outbox.claims[0].second, true, 2.1);
  EXPECT_THAT(desk_.Take().begin, ElementsAre(kTask));
}

TEST_F(AgentDeskTest, AGrantThatComesLateIsAskedForAgain) {
  Answer(Ask(kTask, 1), true, 1.6);
  const AgentDesk::Outbox outbox = desk_.Take();
  EXPECT_THAT(outbox.begin, IsEmpty());
  ASSERT_THAT(outbox.claims, SizeIs(1));
  EXPECT_EQ(outbox.claims[0].second.delivery, 1u);
}

TEST_F(AgentDeskTest, ACopyOfWhatHasBegunIsSettled) {
  BeginOne();
  desk_.OnTask(kTask, 2, false, At(1));
  const AgentDesk::Outbox outbox = desk_.Take();
  EXPECT_THAT(outbox.claims, IsEmpty());
  EXPECT_THAT(outbox.settled, ElementsAre(2u));
}

// A question about the first that comes back says nothing about the second.
TEST_F(AgentDeskTest, OfTwoCopiesTheNewerStays) {
  const Claim first = Ask(kTask, 1);
  desk_.OnTask(kTask, 2, false, At(0));
  AgentDesk::Outbox outbox = desk_.Take();
  EXPECT_THAT(outbox.settled, ElementsAre(1u));
  ASSERT_THAT(outbox.claims, SizeIs(1));
  desk_.OnReturned("c", first);
  EXPECT_THAT(desk_.Take().settled, IsEmpty());
  desk_.OnReturned("c", outbox.claims[0].second);
  EXPECT_THAT(desk_.Take().settled, ElementsAre(2u));
}

TEST_F(AgentDeskTest, KeepsAResultUntilItHasCome) {
  BeginOne();
  desk_.OnDone(kTask, At(1));
  EXPECT_THAT(desk_.Take().results, ElementsAre(kTask));
  EXPECT_EQ(desk_.held(), 1u);
  desk_.Tick(At(3));
  EXPECT_THAT(desk_.Take().results, ElementsAre(kTask));
  desk_.OnAnswer("c", {.id = kTask.id}, At(4));
  const AgentDesk::Outbox outbox = desk_.Take();
  EXPECT_THAT(outbox.drop, ElementsAre(kTask));
  EXPECT_THAT(outbox.settled, ElementsAre(1u));
  EXPECT_EQ(desk_.held(), 0u);
}

TEST_F(AgentDeskTest, EndsWhatIsNotWantedAnyMore) {
  BeginOne();
  // About a copy.
  desk_.OnAnswer("c", {.id = kTask.id, .question = 99}, At(1));
  EXPECT_THAT(desk_.Take().drop, IsEmpty());
  desk_.OnAnswer("c", {.id = kTask.id}, At(1));
  EXPECT_THAT(desk_.Take().drop, ElementsAre(kTask));
  desk_.OnDone(kTask, At(2));
  EXPECT_THAT(desk_.Take().results, IsEmpty());
}

TEST_F(AgentDeskTest, APingIsAnsweredByWhatItHolds) {
  BeginOne();
  desk_.OnTask({"other", {9, 1}}, 2, false, At(0));
  desk_.Take();
  desk_.OnPing("c", 5, At(1));
  const AgentDesk::Outbox outbox = desk_.Take();
  ASSERT_THAT(outbox.holdings, SizeIs(1));
  EXPECT_EQ(outbox.holdings[0].first, "c");
  EXPECT_EQ(outbox.holdings[0].second.ping, 5u);
  EXPECT_THAT(outbox.holdings[0].second.held, ElementsAre(kTask.id));
}

TEST_F(AgentDeskTest, GoesOnWithWhatRunsOverAReconnection) {
  BeginOne();
  desk_.OnTask({"c", {8, 1}}, 2, false, At(0));
  desk_.OnDown();
  desk_.OnDone(kTask, At(1));
  desk_.Take();
  desk_.OnUp(At(2));
  EXPECT_THAT(desk_.Take().results, ElementsAre(kTask));
  // The broker delivers it again; so it notices if this agent dies.
  desk_.OnTask(kTask, 3, true, At(2));
  EXPECT_THAT(desk_.Take().settled, IsEmpty());
  desk_.OnAnswer("c", {.id = kTask.id}, At(3));
  EXPECT_THAT(desk_.Take().settled, ElementsAre(3u));
}

TEST_F(AgentDeskTest, DropsTheTasksOfADeadClient) {
  BeginOne();
  desk_.OnReturned("c", At(1));
  desk_.Tick(At(60));
  EXPECT_THAT(desk_.Take().drop, IsEmpty());
  desk_.Tick(At(61));
  EXPECT_THAT(desk_.Take().drop, ElementsAre(kTask));
}

TEST_F(AgentDeskTest, AClientThatComesBackKeepsItsTasks) {
  BeginOne();
  desk_.OnReturned("c", At(1));
  desk_.OnPing("c", 1, At(30));
  desk_.Tick(At(100));
  EXPECT_THAT(desk_.Take().drop, IsEmpty());
}

TEST_F(AgentDeskTest, DrainGivesBackWhatHasNotBegun) {
  BeginOne();
  desk_.OnTask({"c", {8, 1}}, 2, false, At(0));
  desk_.Drain();
  desk_.OnTask({"c", {9, 1}}, 3, false, At(0));
  EXPECT_THAT(desk_.Take().given_back, ElementsAre(2u, 3u));
  EXPECT_EQ(desk_.held(), 1u);
}

// A broker closes the connection of who keeps a message for too long.
TEST_F(AgentDeskTest, SettlesWhatRunsForLong) {
  BeginOne();
  desk_.Tick(At(599));
  EXPECT_THAT(desk_.Take().settled, IsEmpty());
  desk_.Tick(At(600));
  EXPECT_THAT(desk_.Take().settled, ElementsAre(1u));
  desk_.Tick(At(700));
  EXPECT_THAT(desk_.Take().settled, IsEmpty());
}

}  // namespace
}  // namespace asyncpal::internal
