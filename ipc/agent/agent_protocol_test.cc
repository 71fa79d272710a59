#include "asyncpal/ipc/agent/agent_protocol.h"

#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "asyncpal/ipc/agent/agent_messages.h"
#include "asyncpal/ipc/payload.h"
#include "asyncpal/ipc/worker/channel.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

template <typename Content>
Content SendAndReceive(Content content) {
  const std::string bytes =
      EncodeAgentMessage({.sender = "someone", .content = std::move(content)});
  AgentMessage received = DecodeAgentMessage(bytes);
  EXPECT_EQ(received.sender, "someone");
  return std::get<Content>(std::move(received.content));
}

TaskToRun SomeTask() {
  TaskToRun task{.id = {7, 2}};
  task.call.code = {0x1234, 0x5678};
  task.call.arguments = Payload::OfBytes("arguments");
  task.timeout = absl::Milliseconds(250);
  task.name = "resize";
  task.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  return task;
}

std::string BytesOf(const Payload& payload) {
  return std::string(payload.bytes().begin(), payload.bytes().end());
}

TEST(AgentProtocol, CarriesATask) {
  const TaskToRun task = SendAndReceive(SomeTask());
  EXPECT_EQ(task.id, (AttemptId{7, 2}));
  EXPECT_EQ(task.call.code.module, 0x1234u);
  EXPECT_EQ(task.call.code.offset, 0x5678u);
  EXPECT_EQ(task.call.name, "");
  EXPECT_EQ(BytesOf(task.call.arguments), "arguments");
  EXPECT_EQ(task.timeout, absl::Milliseconds(250));
  EXPECT_EQ(task.name, "resize");
  EXPECT_EQ(task.traceparent, SomeTask().traceparent);
}

TEST(AgentProtocol, CarriesATaskByName) {
  TaskToRun sent{.id = {1, 1}};
  sent.call.name = "thumbnails.resize";
  const TaskToRun task = SendAndReceive(std::move(sent));
  EXPECT_EQ(task.call.name, "thumbnails.resize");
  EXPECT_EQ(task.timeout, absl::InfiniteDuration());
  EXPECT_EQ(task.call.arguments.size(), 0u);
}

TEST(AgentProtocol, CarriesQuestionsAndAnswers) {
  const Claim claim = SendAndReceive(
      Claim{.id = {7, 1}, .delivery = 2, .question = 3, .redelivered = true});
  EXPECT_EQ(claim.id, (AttemptId{7, 1}));
  EXPECT_EQ(claim.delivery, 2u);
  EXPECT_EQ(claim.question, 3u);
  EXPECT_TRUE(claim.redelivered);
  const Answer answer =
      SendAndReceive(Answer{.id = {7, 1}, .question = 3, .begin = true});
  EXPECT_EQ(answer.id, (AttemptId{7, 1}));
  EXPECT_EQ(answer.question, 3u);
  EXPECT_TRUE(answer.begin);
}

TEST(AgentProtocol, CarriesPingsAndWhatTheyFind) {
  EXPECT_EQ(SendAndReceive(Ping{9}).number, 9u);
  const Holdings holdings =
      SendAndReceive(Holdings{.ping = 9, .held = {{7, 1}, {8, 2}}});
  EXPECT_EQ(holdings.ping, 9u);
  EXPECT_THAT(holdings.held, ElementsAre(AttemptId{7, 1}, AttemptId{8, 2}));
  EXPECT_EQ(SendAndReceive(StopRequest{{7, 1}}).id, (AttemptId{7, 1}));
}

TEST(AgentProtocol, CarriesEveryEndOfATask) {
  const AttemptResult value = SendAndReceive(
      AttemptResult{{7, 1}, AttemptResult::Value{Payload::OfBytes("result")}});
  EXPECT_EQ(value.id, (AttemptId{7, 1}));
  EXPECT_EQ(BytesOf(std::get<AttemptResult::Value>(value.end).payload),
            "result");
  const AttemptResult failed = SendAndReceive(
      AttemptResult{{7, 1}, AttemptResult::Failed{std::string("a\0b", 3)}});
  EXPECT_EQ(std::get<AttemptResult::Failed>(failed.end).failure,
            std::string("a\0b", 3));
  const AttemptResult lost = SendAndReceive(AttemptResult{
      {7, 1}, AttemptResult::WorkerLost{"was killed by SIGKILL"}});
  EXPECT_EQ(std::get<AttemptResult::WorkerLost>(lost.end).how,
            "was killed by SIGKILL");
  EXPECT_TRUE(std::holds_alternative<AttemptResult::TimedOut>(
      SendAndReceive(AttemptResult{{7, 1}, AttemptResult::TimedOut()}).end));
  EXPECT_TRUE(std::holds_alternative<AttemptResult::Cancelled>(
      SendAndReceive(AttemptResult{{7, 1}, AttemptResult::Cancelled()}).end));
}

TEST(AgentProtocol, RefusesWhatIsNoMessage) {
  EXPECT_THROW(DecodeAgentMessage({}), ProtocolError);
  EXPECT_THROW(DecodeAgentMessage(std::string(7, 'x')), ProtocolError);
  EXPECT_THAT(
      [] { DecodeAgentMessage(std::string(16, '\xff')); },
      ThrowsMessage<ProtocolError>(HasSubstr("a message of 8 bytes claims")));
}

TEST(AgentProtocol, RefusesAnAttemptBeforeTheFirst) {
  const std::string bytes =
      EncodeAgentMessage({.sender = "c", .content = Claim{.id = {7, 0}}});
  EXPECT_THAT([&] { DecodeAgentMessage(bytes); },
              ThrowsMessage<ProtocolError>(HasSubstr("attempt 0 of a task")));
}

TEST(AgentProtocol, RefusesEveryMessageThatIsCutShort) {
  const std::string bytes =
      EncodeAgentMessage({.sender = "c", .content = SomeTask()});
  uint64_t size = 0;
  std::memcpy(&size, bytes.data(), sizeof(size));
  for (size_t length = 0; length < sizeof(size) + size; ++length) {
    EXPECT_THROW(DecodeAgentMessage(bytes.substr(0, length)), ProtocolError)
        << length;
  }
}

// Whatever comes is read as some message or refused; the sanitizers look on.
TEST(AgentProtocol, ReadsOrRefusesWhateverComes) {
  std::mt19937_64 random(1);
  const std::vector<std::string> messages = {
      EncodeAgentMessage({.sender = "c", .content = SomeTask()}),
      EncodeAgentMessage(
          {.sender = "a",
           .content = Holdings{.ping = 1, .held = {{7, 1}, {8, 2}}}}),
      EncodeAgentMessage(
          {.sender = "a",
           .content = AttemptResult{{7, 1}, AttemptResult::WorkerLost{"so"}}}),
  };
  int refused = 0;
  int read = 0;
  for (int i = 0; i < 30000; ++i) {
    std::string bytes = messages[i % messages.size()];
    for (int flips = 1 + random() % 4; flips > 0; --flips) {
      bytes[random() % bytes.size()] ^= 1 << random() % 8;
    }
    try {
      DecodeAgentMessage(bytes);
      ++read;
    } catch (const ProtocolError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 1000);
  EXPECT_GT(read, 1000);
}

}  // namespace
}  // namespace asyncpal::internal
