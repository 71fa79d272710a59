#include "asyncpal/ipc/agent/agent_protocol.h"

#include <capnp/message.h>
#include <capnp/serialize.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "asyncpal/ipc/agent/agent.capnp.h"
#include "asyncpal/ipc/worker/channel.h"

namespace asyncpal::internal {
namespace {

constexpr size_t kHeaderBytes = sizeof(uint64_t);
// Each field may be read several times, but no small message can make its
// reader walk for long.
constexpr uint64_t kTraversalFactor = 8;
constexpr uint64_t kTraversalMinimum = 1024;
constexpr int kNestingLimit = 8;

void Write(AttemptId id, wire::AgentAttempt::Builder out) {
  out.setTask(id.task);
  out.setAttempt(id.attempt);
}

AttemptId ReadAttempt(wire::AgentAttempt::Reader in) {
  if (in.getAttempt() < 1) {
    throw ProtocolError(absl::StrCat("a message names attempt ",
                                     in.getAttempt(), " of a task"));
  }
  return {.task = in.getTask(), .attempt = in.getAttempt()};
}

std::string ReadText(capnp::Text::Reader in) {
  return std::string(in.begin(), in.end());
}

// The part of the content that goes beside the message.
absl::Span<const char> BodyOf(const AgentMessage& message) {
  if (const auto* task = std::get_if<TaskToRun>(&message.content)) {
    return task->call.arguments.bytes();
  }
  if (const auto* result = std::get_if<AttemptResult>(&message.content)) {
    if (const auto* value = std::get_if<AttemptResult::Value>(&result->end)) {
      return value->payload.bytes();
    }
    if (const auto* failed = std::get_if<AttemptResult::Failed>(&result->end)) {
      return failed->failure;
    }
  }
  return {};
}

void Write(const TaskToRun& task, wire::AgentTask::Builder out) {
  Write(task.id, out.initId());
  if (task.call.name.empty()) {
    auto registration = out.getCode().initRegistration();
    registration.setModule(task.call.code.module);
    registration.setOffset(task.call.code.offset);
  } else {
    out.getCode().setName(task.call.name);
  }
  if (task.timeout != absl::InfiniteDuration()) {
    out.setTimeoutNanos(
        std::max<int64_t>(0, absl::ToInt64Nanoseconds(task.timeout)));
  }
  out.setName(task.name);
  out.setTraceparent(task.traceparent);
}

TaskToRun ReadTask(wire::AgentTask::Reader in, std::string body) {
  TaskToRun task{.id = ReadAttempt(in.getId())};
  if (in.getCode().isName()) {
    task.call.name = ReadText(in.getCode().getName());
    if (task.call.name.empty()) {
      throw ProtocolError("a task does not say what to call");
    }
  } else {
    const auto registration = in.getCode().getRegistration();
    task.call.code = {registration.getModule(), registration.getOffset()};
  }
  task.call.arguments = Payload::OfBytes(std::move(body));
  if (in.getTimeoutNanos() >= 0) {
    task.timeout = absl::Nanoseconds(in.getTimeoutNanos());
  }
  task.name = ReadText(in.getName());
  task.traceparent = ReadText(in.getTraceparent());
  return task;
}

void Write(const AttemptResult& result, wire::AgentResult::Builder out) {
  Write(result.id, out.initId());
  std::visit(
      [&](const auto& end) {
        using End = std::decay_t<decltype(end)>;
        if constexpr (std::is_same_v<End, AttemptResult::Value>) {
          out.setValue();
        } else if constexpr (std::is_same_v<End, AttemptResult::Failed>) {
          out.setFailure();
        } else if constexpr (std::is_same_v<End, AttemptResult::WorkerLost>) {
          out.setLost(end.how);
        } else if constexpr (std::is_same_v<End, AttemptResult::TimedOut>) {
          out.setTimedOut();
        } else {
          out.setCancelled();
        }
      },
      result.end);
}

AttemptResult ReadResult(wire::AgentResult::Reader in, std::string body) {
  AttemptResult result{.id = ReadAttempt(in.getId())};
  switch (in.which()) {
    case wire::AgentResult::VALUE:
      result.end = AttemptResult::Value{Payload::OfBytes(std::move(body))};
      return result;
    case wire::AgentResult::FAILURE:
      result.end = AttemptResult::Failed{std::move(body)};
      return result;
    case wire::AgentResult::LOST:
      result.end = AttemptResult::WorkerLost{ReadText(in.getLost())};
      return result;
    case wire::AgentResult::TIMED_OUT:
      result.end = AttemptResult::TimedOut();
      return result;
    case wire::AgentResult::CANCELLED:
      result.end = AttemptResult::Cancelled();
      return result;
  }
  throw ProtocolError("a result does not say how its task has ended");
}

void Write(const Claim& claim, wire::AgentClaim::Builder out) {
  Write(claim.id, out.initId());
  out.setDelivery(claim.delivery);
  out.setQuestion(claim.question);
  out.setRedelivered(claim.redelivered);
}

void Write(const Answer& answer, wire::AgentAnswer::Builder out) {
  Write(answer.id, out.initId());
  out.setQuestion(answer.question);
  out.setBegin(answer.begin);
}

void Write(const Holdings& holdings, wire::AgentHoldings::Builder out) {
  out.setPing(holdings.ping);
  auto held = out.initHeld(holdings.held.size());
  for (size_t i = 0; i < holdings.held.size(); ++i) {
    Write(holdings.held[i], held[i]);
  }
}

void WriteContent(const AgentMessage& message,
                  wire::AgentMessage::Builder out) {
  std::visit(
      [&](const auto& content) {
        using Content = std::decay_t<decltype(content)>;
        if constexpr (std::is_same_v<Content, TaskToRun>) {
          Write(content, out.initTask());
        } else if constexpr (std::is_same_v<Content, Claim>) {
          Write(content, out.initClaim());
        } else if constexpr (std::is_same_v<Content, Answer>) {
          Write(content, out.initAnswer());
        } else if constexpr (std::is_same_v<Content, Ping>) {
          out.setPing(content.number);
        } else if constexpr (std::is_same_v<Content, Holdings>) {
          Write(content, out.initHoldings());
        } else if constexpr (std::is_same_v<Content, AttemptResult>) {
          Write(content, out.initResult());
        } else {
          Write(content.id, out.initStop());
        }
      },
      message.content);
}

AgentMessage Read(wire::AgentMessage::Reader in, std::string body) {
  if (in.getSchema() != kAgentSchema) {
    throw ProtocolError(absl::StrCat("a message is of schema ", in.getSchema(),
                                     ", not of ", kAgentSchema,
                                     ": use the same version of Asyncpal"));
  }
  AgentMessage message{.sender = ReadText(in.getSender()), .content = Ping()};
  switch (in.which()) {
    case wire::AgentMessage::TASK:
      message.content = ReadTask(in.getTask(), std::move(body));
      return message;
    case wire::AgentMessage::CLAIM: {
      const auto claim = in.getClaim();
      message.content = Claim{.id = ReadAttempt(claim.getId()),
                              .delivery = claim.getDelivery(),
                              .question = claim.getQuestion(),
                              .redelivered = claim.getRedelivered()};
      return message;
    }
    case wire::AgentMessage::ANSWER: {
      const auto answer = in.getAnswer();
      message.content = Answer{.id = ReadAttempt(answer.getId()),
                               .question = answer.getQuestion(),
                               .begin = answer.getBegin()};
      return message;
    }
    case wire::AgentMessage::PING:
      message.content = Ping{in.getPing()};
      return message;
    case wire::AgentMessage::HOLDINGS: {
      Holdings holdings{.ping = in.getHoldings().getPing()};
      for (const auto id : in.getHoldings().getHeld()) {
        holdings.held.push_back(ReadAttempt(id));
      }
      message.content = std::move(holdings);
      return message;
    }
    case wire::AgentMessage::RESULT:
      message.content = ReadResult(in.getResult(), std::move(body));
      return message;
    case wire::AgentMessage::STOP:
      message.content = StopRequest{ReadAttempt(in.getStop())};
      return message;
  }
  throw ProtocolError("a message is of an unknown kind");
}

}  // namespace

std::string EncodeAgentMessage(const AgentMessage& message) {
  capnp::MallocMessageBuilder builder;
  auto root = builder.initRoot<wire::AgentMessage>();
  root.setSender(message.sender);
  root.setSchema(kAgentSchema);
  WriteContent(message, root);
  const kj::Array<capnp::word> words = capnp::messageToFlatArray(builder);
  const kj::ArrayPtr<const char> flat = words.asChars();
  const absl::Span<const char> body = BodyOf(message);
  const uint64_t size = flat.size();
  std::string bytes;
  bytes.reserve(kHeaderBytes + flat.size() + body.size());
  bytes.append(reinterpret_cast<const char*>(&size), kHeaderBytes);
  bytes.append(flat.begin(), flat.size());
  bytes.append(body.data(), body.size());
  return bytes;
}

AgentMessage DecodeAgentMessage(absl::Span<const char> bytes) {
  uint64_t size = 0;
  if (bytes.size() >= kHeaderBytes) {
    std::memcpy(&size, bytes.data(), kHeaderBytes);
    bytes.remove_prefix(kHeaderBytes);
  }
  if (size == 0 || size % sizeof(capnp::word) != 0 || size > bytes.size()) {
    throw ProtocolError(absl::StrCat("a message of ", bytes.size(),
                                     " bytes claims to be one of ", size));
  }
  // Aligned, as a broker's buffer need not be.
  std::vector<uint64_t> words(size / sizeof(uint64_t));
  std::memcpy(words.data(), bytes.data(), size);
  bytes.remove_prefix(size);
  return GuardWire([&] {
    capnp::ReaderOptions options;
    options.traversalLimitInWords =
        std::max(kTraversalFactor * words.size(), kTraversalMinimum);
    options.nestingLimit = kNestingLimit;
    capnp::FlatArrayMessageReader reader(
        kj::arrayPtr(reinterpret_cast<const capnp::word*>(words.data()),
                     words.size()),
        options);
    return Read(reader.getRoot<wire::AgentMessage>(),
                std::string(bytes.begin(), bytes.end()));
  });
}

}  // namespace asyncpal::internal
