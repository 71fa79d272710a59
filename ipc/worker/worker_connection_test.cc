#include "asyncpal/ipc/worker/worker_connection.h"

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "asyncpal/future/error.h"
#include "asyncpal/ipc/call.h"
#include "asyncpal/ipc/payload.h"
#include "asyncpal/ipc/testing/scripted_worker.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::asyncpal::testing::ScriptedWorker;
using ::testing::HasSubstr;
using Waited = WorkerConnection::Waited;

std::string MessageOf(const std::exception_ptr& error) {
  return error == nullptr ? "" : DescribeException(error);
}

EncodedCall CallByName() {
  EncodedCall call;
  call.name = "test.task";
  return call;
}

class WorkerConnectionTest : public ::testing::Test {
 protected:
  explicit WorkerConnectionTest(
      const WorkerOptions& options = {.command = {"sleep"},
                                      .pool = "p",
                                      .handshake_timeout = absl::Seconds(30)})
      : connection_(options, script_.TakeParts()) {}
  // Cap'n Proto's destructors may throw, but not out of a test.
  ~WorkerConnectionTest() noexcept override {}

  void Begin() {
    script_.SayHandshake();
    script_.SayReady();
    ASSERT_EQ(connection_.Handshake(), nullptr);
  }
  WorkerConnection::Ticket Send() {
    const auto ticket = connection_.IssueTicket();
    connection_.Send(ticket, CallByName());
    return ticket;
  }
  std::string HandshakeError() {
    try {
      return MessageOf(connection_.Handshake());
    } catch (const Error& error) {
      return error.what();
    }
  }

  ScriptedWorker script_;
  WorkerConnection connection_;
};

TEST_F(WorkerConnectionTest, IsReadyAfterTheHandshake) { Begin(); }

TEST_F(WorkerConnectionTest, GivesWhatTheInitializerThrew) {
  script_.SayHandshake();
  script_.SayFailed(std::make_exception_ptr(std::runtime_error("no disk")));
  EXPECT_THAT(MessageOf(connection_.Handshake()), HasSubstr("no disk"));
}

TEST_F(WorkerConnectionTest, RefusesAnotherVersionOfTheProtocol) {
  script_.SayHandshake(kSchemaVersion + 1);
  EXPECT_THAT(HandshakeError(), HasSubstr("version 2 of the protocol"));
}

TEST_F(WorkerConnectionTest, RefusesAnAnswerThatIsNoHandshake) {
  script_.SayReady();
  EXPECT_THROW(connection_.Handshake(), ProtocolError);
}

TEST_F(WorkerConnectionTest, SaysThatTheWorkerDiedBeforeItsHandshake) {
  script_.Die();
  EXPECT_THAT(HandshakeError(),
              HasSubstr("ended before its handshake: it was killed by signal "
                        "9"));
}

TEST_F(WorkerConnectionTest, SaysThatTheWorkerDiedInItsStart) {
  script_.SayHandshake();
  script_.Die();
  EXPECT_THAT(HandshakeError(), HasSubstr("while it started"));
}

TEST_F(WorkerConnectionTest, HoldsRubbishInItsStartAgainstTheWorker) {
  script_.SayHandshake();
  script_.SayRubbish();
  EXPECT_THAT(HandshakeError(), HasSubstr("broke the protocol"));
}

class SilentWorkerTest : public WorkerConnectionTest {
 protected:
  SilentWorkerTest()
      : WorkerConnectionTest({.command = {"sleep"},
                              .pool = "p",
                              .handshake_timeout = absl::Milliseconds(20)}) {}
};

TEST_F(SilentWorkerTest, IsNotWaitedForLongerThanItMay) {
  EXPECT_THAT(HandshakeError(), HasSubstr("sent no handshake within 20ms"));
  EXPECT_TRUE(connection_.was_killed());
}

TEST_F(WorkerConnectionTest, BringsAResult) {
  Begin();
  const auto ticket = Send();
  EXPECT_EQ(script_.HearTask(), ticket.attempt);
  script_.SayResult(ticket.attempt, "42");
  const auto outcome = connection_.Receive(ticket);
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome->failure, nullptr);
  const auto bytes = outcome->value.bytes();
  EXPECT_EQ(absl::string_view(bytes.data(), bytes.size()), "42");
  EXPECT_FALSE(outcome->exiting);
}

TEST_F(WorkerConnectionTest, BringsWhatTheTaskThrew) {
  Begin();
  const auto ticket = Send();
  script_.SayFailure(ticket.attempt,
                     std::make_exception_ptr(std::out_of_range("index 7")));
  const auto outcome = connection_.Receive(ticket);
  ASSERT_TRUE(outcome.has_value());
  EXPECT_THAT(MessageOf(outcome->failure), HasSubstr("index 7"));
}

TEST_F(WorkerConnectionTest, FindsAnAnswerOnThePage) {
  Begin();
  const auto ticket = Send();
  ASSERT_TRUE(script_.page().Start(ticket.slot, ticket.attempt));
  ASSERT_TRUE(script_.page().Answer(ticket.slot, ticket.attempt, {"ok", 2}));
  EXPECT_EQ(connection_.WaitForOutcome(ticket, absl::ZeroDuration(), 0),
            Waited::kOutcome);
  EXPECT_TRUE(connection_.Receive(ticket).has_value());
}

TEST_F(WorkerConnectionTest, SkipsTheResultOfAnAttemptThatNobodyWaitsFor) {
  Begin();
  const auto old = Send();
  EXPECT_TRUE(connection_.Revoke(old));
  const auto ticket = Send();
  script_.SayResult(old.attempt, "old");
  script_.SayResult(ticket.attempt, "new");
  const auto outcome = connection_.Receive(ticket);
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome->value.bytes().front(), 'n');
}

TEST_F(WorkerConnectionTest, OnlyLooksWhereTheLimitIsZero) {
  Begin();
  EXPECT_EQ(connection_.WaitForOutcome(Send(), absl::ZeroDuration(), 0),
            Waited::kTimeout);
}

TEST_F(WorkerConnectionTest, WaitsNoLongerThanItsLimit) {
  Begin();
  EXPECT_EQ(connection_.WaitForOutcome(Send(), absl::Milliseconds(2), 0),
            Waited::kTimeout);
}

TEST_F(WorkerConnectionTest, HasNoMessageSentToOneWhoSpins) {
  Begin();
  const auto ticket = Send();
  EXPECT_TRUE(script_.page().MustNotify(ticket.attempt));
  EXPECT_EQ(connection_.SpinForOutcome(ticket), Waited::kTimeout);
  EXPECT_FALSE(script_.page().MustNotify(ticket.attempt));
  ASSERT_TRUE(script_.page().Start(ticket.slot, ticket.attempt));
  ASSERT_TRUE(script_.page().Answer(ticket.slot, ticket.attempt, {"ok", 2}));
  EXPECT_EQ(connection_.SpinForOutcome(ticket), Waited::kOutcome);
}

TEST_F(WorkerConnectionTest, HasMessagesSentToOneWhoSleepsAfterSpinning) {
  Begin();
  const auto ticket = Send();
  EXPECT_EQ(connection_.SpinForOutcome(ticket), Waited::kTimeout);
  EXPECT_EQ(connection_.WaitForOutcome(ticket, absl::ZeroDuration(), 0),
            Waited::kTimeout);
  EXPECT_FALSE(script_.page().MustNotify(ticket.attempt));
  connection_.NotifyForAll();
  EXPECT_TRUE(script_.page().MustNotify(ticket.attempt));
}

TEST_F(WorkerConnectionTest, FindsWhatWasSentToOneWhoSpins) {
  Begin();
  const auto ticket = Send();
  script_.SayResult(ticket.attempt, "ok");
  EXPECT_EQ(connection_.SpinForOutcome(ticket), Waited::kOutcome);
  EXPECT_TRUE(connection_.Receive(ticket).has_value());
}

TEST_F(WorkerConnectionTest, TellsOneWhoSpinsThatItIsDead) {
  Begin();
  const auto ticket = Send();
  script_.Die();
  EXPECT_EQ(connection_.SpinForOutcome(ticket), Waited::kDead);
}

TEST_F(WorkerConnectionTest, HasNoOutcomeFromADeadWorker) {
  Begin();
  const auto ticket = Send();
  script_.Die();
  EXPECT_FALSE(connection_.Receive(ticket).has_value());
  const WorkerLostError::Cause cause = connection_.ReapAndDescribe("running");
  EXPECT_EQ(cause.pid, script_.pid());
  EXPECT_EQ(cause.signal, std::optional<int>(9));
  EXPECT_THAT(connection_.loss(), HasSubstr("killed by signal 9"));
}

TEST_F(WorkerConnectionTest, StillHasTheResultThatADeadWorkerHadSent) {
  Begin();
  const auto ticket = Send();
  script_.SayResult(ticket.attempt, "42");
  script_.Die();
  EXPECT_TRUE(connection_.Receive(ticket).has_value());
}

TEST_F(WorkerConnectionTest, TakesAWorkerThatSendsRubbishForDead) {
  Begin();
  const auto ticket = Send();
  script_.SayRubbish();
  EXPECT_FALSE(connection_.Receive(ticket).has_value());
  connection_.ReapAndDescribe("running");
  EXPECT_THAT(connection_.loss(), HasSubstr("broke the protocol"));
  EXPECT_THAT(connection_.loss(), HasSubstr("and was killed for that"));
  EXPECT_FALSE(connection_.was_killed()) << "nobody has asked for it";
}

TEST_F(WorkerConnectionTest, TakesAWorkerForDeadWhoseResultIsOfATaskToCome) {
  Begin();
  const auto ticket = Send();
  script_.SayResult(ticket.attempt + 1, "early");
  EXPECT_FALSE(connection_.Receive(ticket).has_value());
  connection_.ReapAndDescribe("running");
  EXPECT_THAT(connection_.loss(), HasSubstr("broke the protocol"));
}

TEST_F(WorkerConnectionTest, SaysWhichFileOfTheWorkersAResultIsIn) {
  Begin();
  const auto ticket = Send();
  const Payload file = Payload::CopyToMemfd({"42", 2});
  script_.SayResultIn(file.memfd(), file.size(), ticket.attempt,
                      /*kept_file=*/2);
  const auto outcome = connection_.Receive(ticket);
  ASSERT_TRUE(outcome.has_value());
  EXPECT_TRUE(outcome->value.is_memfd());
  EXPECT_EQ(outcome->kept_file, 1);
  EXPECT_FALSE(script_.page().IsResultRead(1, ticket.attempt));
  connection_.ReleaseResult(1, ticket);
  EXPECT_TRUE(script_.page().IsResultRead(1, ticket.attempt));
}

TEST_F(WorkerConnectionTest, TakesAWorkerForDeadThatNamesAFileTooMany) {
  Begin();
  const auto ticket = Send();
  const Payload file = Payload::CopyToMemfd({"42", 2});
  script_.SayResultIn(file.memfd(), file.size(), ticket.attempt,
                      ClaimPage::kResultFiles + 1);
  EXPECT_FALSE(connection_.Receive(ticket).has_value());
  connection_.ReapAndDescribe("running");
  EXPECT_THAT(connection_.loss(), HasSubstr("a file that no worker has"));
}

TEST_F(WorkerConnectionTest, KnowsWhoHasEndedTheWorker) {
  Begin();
  const auto ticket = Send();
  EXPECT_TRUE(connection_.Interrupt(ticket));
  connection_.Kill();
  EXPECT_FALSE(connection_.Receive(ticket).has_value());
  EXPECT_TRUE(connection_.was_killed());
}

TEST_F(WorkerConnectionTest, StopsAWorkerThatSaysSo) {
  Begin();
  script_.SayStopped();
  EXPECT_EQ(connection_.Stop(), nullptr);
  while (script_.Hear() == Channel::Received::kFrame &&
         !script_.heard().message.isStop()) {
  }
}

TEST_F(WorkerConnectionTest, PartsComeWithTheResult) {
  Begin();
  const auto ticket = Send();
  script_.page().Start(0, ticket.attempt);
  script_.SayPartial(ticket.attempt, 2, 2, "ab");
  script_.SayPartial(ticket.attempt, 4, 1, "c");
  script_.SayResult(ticket.attempt, "d");
  const auto outcome = connection_.Receive(ticket);
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome->value.size(), 1u);
  ASSERT_EQ(outcome->parts.size(), 2u);
  EXPECT_EQ(outcome->parts[0].done, 2u);
  EXPECT_EQ(outcome->parts[0].count, 2u);
  EXPECT_EQ(outcome->parts[0].values.size(), 2u);
  EXPECT_EQ(outcome->parts[1].done, 4u);
  EXPECT_EQ(outcome->parts[1].count, 1u);
}

TEST_F(WorkerConnectionTest, PartsOfALostTaskAreKept) {
  Begin();
  const auto ticket = Send();
  script_.page().Start(0, ticket.attempt);
  script_.page().NoteCalls(ticket.attempt, 3);
  script_.SayPartial(ticket.attempt, 2, 2, "ab");
  script_.Die();
  EXPECT_FALSE(connection_.Receive(ticket).has_value());
  EXPECT_EQ(connection_.TakeParts(ticket).size(), 1u);
  EXPECT_EQ(connection_.CallsBegun(ticket), 3u);
  EXPECT_TRUE(connection_.TakeParts(ticket).empty()) << "once";
}

TEST_F(WorkerConnectionTest, PartsOfAnEarlierTaskAreDropped) {
  Begin();
  const auto first = Send();
  const auto second = Send();
  script_.SayPartial(first.attempt, 1, 1, "a");
  script_.SayResult(second.attempt, "b");
  const auto outcome = connection_.Receive(second);
  ASSERT_TRUE(outcome.has_value());
  EXPECT_TRUE(outcome->parts.empty());
}

// The earlier task's answer was left on the page, while the parent was awake.
TEST_F(WorkerConnectionTest, PartOfALaterTaskIsKeptForIt) {
  Begin();
  const auto first = connection_.IssueTicket();
  const auto second = connection_.IssueTicket(/*busy=*/1);
  script_.page().Start(0, first.attempt);
  script_.page().Answer(0, first.attempt, absl::MakeConstSpan("1", 1));
  script_.page().Start(1, second.attempt);
  script_.SayPartial(second.attempt, 1, 1, "a");
  script_.SayResult(second.attempt, "b");
  EXPECT_TRUE(connection_.Receive(first).has_value());
  const auto outcome = connection_.Receive(second);
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome->parts.size(), 1u);
}

TEST_F(WorkerConnectionTest, PartOfATaskBehindOneThatIsNotOverIsAViolation) {
  Begin();
  const auto first = connection_.IssueTicket();
  const auto second = connection_.IssueTicket(/*busy=*/1);
  script_.SayPartial(second.attempt, 1, 1, "a");
  EXPECT_FALSE(connection_.Receive(first).has_value());
  connection_.ReapAndDescribe("running");
  EXPECT_THAT(connection_.loss(), HasSubstr("broke the protocol"));
}

TEST_F(WorkerConnectionTest, PartThatSaysNothingNewIsAViolation) {
  Begin();
  const auto ticket = Send();
  script_.SayPartial(ticket.attempt, 2, 1, "a");
  script_.SayPartial(ticket.attempt, 2, 1, "b");
  EXPECT_FALSE(connection_.Receive(ticket).has_value());
  connection_.ReapAndDescribe("running");
  EXPECT_THAT(connection_.loss(), HasSubstr("says nothing new"));
}

class SmallResultsTest : public WorkerConnectionTest {
 protected:
  SmallResultsTest()
      : WorkerConnectionTest({.command = {"sleep"},
                              .pool = "p",
                              .max_payload_bytes = 10,
                              .handshake_timeout = absl::Seconds(30)}) {}
};

TEST_F(SmallResultsTest, PartsThatAreTooLargeTogetherAreAViolation) {
  Begin();
  const auto ticket = Send();
  script_.SayPartial(ticket.attempt, 1, 1, "123456");
  script_.SayPartial(ticket.attempt, 2, 1, "123456");
  EXPECT_FALSE(connection_.Receive(ticket).has_value());
  connection_.ReapAndDescribe("running");
  EXPECT_THAT(connection_.loss(), HasSubstr("too large together"));
}

}  // namespace
}  // namespace asyncpal::internal
