#include "asyncpal/pool/internal/distributed/task_ledger.h"

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

constexpr auto kYes = [](uint64_t) { return true; };
constexpr auto kNo = [](uint64_t) { return false; };

class TaskLedgerTest : public ::testing::Test {
 protected:
  // A task that "a" may begin.
  void GrantOne(int max_attempts = 1) {
    ledger_.OnUp(At(0));
    ledger_.Submit(7, max_attempts);
    ledger_.OnClaim("a", {.id = {7, 1}, .delivery = 1, .question = 1}, At(0),
                    kYes);
    ledger_.Take();
  }

  // Pings "a", and returns the ping's number.
  uint64_t PingAt(double seconds) {
    ledger_.Tick(At(seconds));
    const TaskLedger::Outbox outbox = ledger_.Take();
    return outbox.pings.size() == 1 ? outbox.pings[0].number : 0;
  }

  static absl::Time At(double seconds) {
    return absl::UnixEpoch() + absl::Seconds(seconds);
  }

  TaskLedger ledger_;
};

// Before, the agents could not ask.
TEST_F(TaskLedgerTest, PublishesWhenItCanBeAsked) {
  ledger_.Submit(7, 1);
  EXPECT_THAT(ledger_.Take().publish, IsEmpty());
  ledger_.OnUp(At(0));
  EXPECT_THAT(ledger_.Take().publish, ElementsAre(AttemptId{7, 1}));
  ledger_.Submit(8, 1);
  EXPECT_THAT(ledger_.Take().publish, ElementsAre(AttemptId{8, 1}));
}

TEST_F(TaskLedgerTest, PublishesWhatIsNotGrantedAgainAfterAReconnection) {
  GrantOne();
  ledger_.Submit(8, 1);
  ledger_.OnDown();
  ledger_.OnUp(At(1));
  EXPECT_THAT(ledger_.Take().publish, ElementsAre(AttemptId{8, 1}));
}

TEST_F(TaskLedgerTest, GrantsATaskToOneAgent) {
  ledger_.OnUp(At(0));
  ledger_.Submit(7, 1);
  ledger_.OnClaim("a", {.id = {7, 1}, .delivery = 1, .question = 4}, At(0),
                  kYes);
  ledger_.OnClaim("b", {.id = {7, 1}, .delivery = 1, .question = 5}, At(0),
                  kYes);
  const TaskLedger::Outbox outbox = ledger_.Take();
  ASSERT_THAT(outbox.answers, SizeIs(2));
  EXPECT_EQ(outbox.answers[0].first, "a");
  EXPECT_EQ(outbox.answers[0].second.question, 4u);
  EXPECT_TRUE(outbox.answers[0].second.begin);
  EXPECT_EQ(outbox.answers[1].first, "b");
  EXPECT_FALSE(outbox.answers[1].second.begin);
  EXPECT_EQ(ledger_.granted(), 1u);
}

// The answer was lost. Another copy of the message may come to the same agent
// after the task is done there.
TEST_F(TaskLedgerTest, GrantsAgainForTheSameDeliveryOnly) {
  GrantOne();
  ledger_.OnClaim("a", {.id = {7, 1}, .delivery = 1, .question = 2}, At(2),
                  kYes);
  ledger_.OnClaim("a", {.id = {7, 1}, .delivery = 2, .question = 3}, At(2),
                  kYes);
  const TaskLedger::Outbox outbox = ledger_.Take();
  ASSERT_THAT(outbox.answers, SizeIs(2));
  EXPECT_TRUE(outbox.answers[0].second.begin);
  EXPECT_FALSE(outbox.answers[1].second.begin);
}

TEST_F(TaskLedgerTest, WhatMayNotBeginIsGone) {
  ledger_.OnUp(At(0));
  ledger_.Submit(7, 1);
  ledger_.OnClaim("a", {.id = {7, 1}, .delivery = 1, .question = 1}, At(0),
                  kNo);
  const TaskLedger::Outbox outbox = ledger_.Take();
  ASSERT_THAT(outbox.answers, SizeIs(1));
  EXPECT_FALSE(outbox.answers[0].second.begin);
  EXPECT_EQ(ledger_.size(), 0u);
}

TEST_F(TaskLedgerTest, TakesTheResultOfItsAgentOnce) {
  GrantOne();
  EXPECT_FALSE(ledger_.OnResult("b", {7, 1}, At(1)));
  EXPECT_FALSE(ledger_.OnResult("a", {7, 2}, At(1)));
  EXPECT_TRUE(ledger_.OnResult("a", {7, 1}, At(1)));
  EXPECT_FALSE(ledger_.OnResult("a", {7, 1}, At(1)));
  // All are told that their result has come.
  EXPECT_THAT(ledger_.Take().answers, SizeIs(4));
  EXPECT_EQ(ledger_.size(), 0u);
  EXPECT_EQ(ledger_.granted(), 0u);
}

TEST_F(TaskLedgerTest, WhatIsRemovedWhileItRunsIsEnded) {
  GrantOne();
  EXPECT_FALSE(ledger_.Remove(7));
  const TaskLedger::Outbox outbox = ledger_.Take();
  ASSERT_THAT(outbox.answers, SizeIs(1));
  EXPECT_EQ(outbox.answers[0].first, "a");
  EXPECT_FALSE(outbox.answers[0].second.begin);
  EXPECT_EQ(outbox.answers[0].second.question, 0u);
  EXPECT_FALSE(ledger_.OnResult("a", {7, 1}, At(1)));
}

TEST_F(TaskLedgerTest, WhatIsRemovedBeforeDoesNotBegin) {
  ledger_.OnUp(At(0));
  ledger_.Submit(7, 1);
  EXPECT_TRUE(ledger_.Remove(7));
  ledger_.Take();
  ledger_.OnClaim("a", {.id = {7, 1}, .delivery = 1, .question = 1}, At(0),
                  kYes);
  EXPECT_FALSE(ledger_.Take().answers.at(0).second.begin);
  EXPECT_FALSE(ledger_.Remove(7));
}

TEST_F(TaskLedgerTest, ALostWorkerCostsAnAttempt) {
  GrantOne(2);
  EXPECT_FALSE(ledger_.OnWorkerLost("a", {7, 1}, At(1)).has_value());
  EXPECT_THAT(ledger_.Take().publish, ElementsAre(AttemptId{7, 2}));
  // An answer to the first one starts nothing.
  ledger_.OnClaim("b", {.id = {7, 1}, .delivery = 1, .question = 1}, At(1),
                  kYes);
  EXPECT_FALSE(ledger_.Take().answers.at(0).second.begin);
  ledger_.OnClaim("b", {.id = {7, 2}, .delivery = 2, .question = 2}, At(1),
                  kNo);
  EXPECT_TRUE(ledger_.Take().answers.at(0).second.begin);
  const auto loss = ledger_.OnWorkerLost("b", {7, 2}, At(2));
  ASSERT_TRUE(loss.has_value());
  EXPECT_EQ(loss->id, (AttemptId{7, 2}));
  EXPECT_EQ(loss->agent, "b");
  EXPECT_EQ(ledger_.size(), 0u);
}

TEST_F(TaskLedgerTest, WhatAnAgentNeverBeganIsPublishedAgain) {
  GrantOne();
  // Too early: the grant may still come.
  const uint64_t early = PingAt(1);
  ledger_.OnHoldings("a", {.ping = early}, At(5));
  EXPECT_THAT(ledger_.Take().publish, IsEmpty());
  const uint64_t late = PingAt(5);
  ledger_.OnHoldings("a", {.ping = late}, At(5));
  EXPECT_THAT(ledger_.Take().publish, ElementsAre(AttemptId{7, 1}));
  EXPECT_EQ(ledger_.granted(), 0u);
}

TEST_F(TaskLedgerTest, WhatAnAgentHoldsStays) {
  GrantOne();
  ledger_.OnHoldings("a", {.ping = PingAt(3), .held = {{7, 1}}}, At(3));
  EXPECT_THAT(ledger_.Take().publish, IsEmpty());
  EXPECT_EQ(ledger_.granted(), 1u);
}

// It had begun, so it may not begin again.
TEST_F(TaskLedgerTest, WhatAnAgentHeldAndHoldsNoMoreIsLost) {
  GrantOne();
  ledger_.OnHoldings("a", {.ping = PingAt(3), .held = {{7, 1}}}, At(3));
  ledger_.OnHoldings("a", {.ping = PingAt(5)}, At(5));
  const TaskLedger::Outbox outbox = ledger_.Take();
  EXPECT_THAT(outbox.publish, IsEmpty());
  ASSERT_THAT(outbox.lost, SizeIs(1));
  EXPECT_EQ(outbox.lost[0].id, (AttemptId{7, 1}));
}

TEST_F(TaskLedgerTest, AnAgentIsToldWhatIsNotItsOwn) {
  GrantOne();
  ledger_.OnHoldings("a", {.held = {{7, 1}, {9, 1}}}, At(1));
  const TaskLedger::Outbox outbox = ledger_.Take();
  ASSERT_THAT(outbox.answers, SizeIs(1));
  EXPECT_EQ(outbox.answers[0].second.id, (AttemptId{9, 1}));
  EXPECT_FALSE(outbox.answers[0].second.begin);
}

TEST_F(TaskLedgerTest, AnAgentWhosePingComesBackIsLost) {
  GrantOne();
  // Agents, too, need time after the broker was away.
  ledger_.OnReturned("a", At(1));
  EXPECT_THAT(ledger_.Take().lost, IsEmpty());
  ledger_.OnReturned("a", At(16));
  EXPECT_THAT(ledger_.Take().lost, SizeIs(1));
  EXPECT_EQ(ledger_.size(), 0u);
}

TEST_F(TaskLedgerTest, SilenceCountsOnlyWhereTheBrokerTakesPings) {
  GrantOne();
  for (int second = 1; second <= 60; ++second) {
    ledger_.Tick(At(second));
  }
  EXPECT_THAT(ledger_.Take().lost, IsEmpty());
  for (int i = 0; i < 8; ++i) {
    ledger_.OnPingTaken("a");
  }
  ledger_.Tick(At(61));
  EXPECT_THAT(ledger_.Take().lost, SizeIs(1));
}

TEST_F(TaskLedgerTest, AnAgentThatIsHeardIsNotLost) {
  GrantOne();
  for (int second = 1; second <= 60; ++second) {
    ledger_.Tick(At(second));
    ledger_.OnPingTaken("a");
    ledger_.OnHoldings("a", {.held = {{7, 1}}}, At(second));
  }
  EXPECT_THAT(ledger_.Take().lost, IsEmpty());
}

// The broker's word that the first agent's connection is gone: look at once.
TEST_F(TaskLedgerTest, ARedeliveredTaskLetsItsAgentBePinged) {
  GrantOne();
  ledger_.OnClaim(
      "b", {.id = {7, 1}, .delivery = 1, .question = 1, .redelivered = true},
      At(0), kYes);
  const TaskLedger::Outbox outbox = ledger_.Take();
  ASSERT_THAT(outbox.pings, SizeIs(1));
  EXPECT_EQ(outbox.pings[0].agent, "a");
}

TEST_F(TaskLedgerTest, AgentsWithoutTasksAreNotPinged) {
  GrantOne();
  ASSERT_TRUE(ledger_.OnResult("a", {7, 1}, At(1)));
  ledger_.Tick(At(5));
  EXPECT_THAT(ledger_.Take().pings, IsEmpty());
}

}  // namespace
}  // namespace asyncpal::internal
