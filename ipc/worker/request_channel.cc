#include "asyncpal/ipc/worker/request_channel.h"

#include <capnp/message.h>

#include <exception>
#include <string>
#include <utility>

#include "absl/types/span.h"
#include "asyncpal/future/error.h"

namespace asyncpal::internal {
namespace {

// A frame, in either direction, has but a number beside its body.
constexpr Channel::Limits kLimits = {.max_message_bytes = 4096,
                                     .max_body_bytes = kMaxRequestBytes};

absl::Span<const char> BytesOf(const std::string& text) {
  return {text.data(), text.size()};
}

}  // namespace

RequestServer::RequestServer(UniqueFd socket, Handler handler)
    : channel_(std::move(socket), kLimits),
      handler_(std::move(handler)),
      thread_([this] { Run(); }) {}

RequestServer::~RequestServer() {
  channel_.Close();
  thread_.join();
}

void RequestServer::Run() {
  try {
    while (channel_.Receive() == Channel::Received::kFrame) {
      const uint64_t number = GuardWire([&] {
        if (!channel_.frame().message.isRequest()) {
          throw ProtocolError("a worker sent what is no request");
        }
        return channel_.frame().message.getRequest();
      });
      const std::string answer = Answer(channel_.frame().body);
      capnp::MallocMessageBuilder message;
      message.initRoot<wire::Message>().setReply(number);
      channel_.Send(message, BytesOf(answer));
    }
  } catch (const ChannelClosedError&) {
    // It has died while it waited.
  } catch (const std::exception&) {
    LogFailure("the requests of a worker can't be answered any more",
               std::current_exception());
  }
  channel_.Close();  // who still asks is told
}

std::string RequestServer::Answer(const std::string& request) const {
  try {
    std::string answer = handler_(request);
    if (answer.size() <= kMaxRequestBytes) return answer;
    throw SerializationError("the answer is larger than 65 MiB");
  } catch (const std::exception&) {
    LogFailure("a worker's request can't be answered",
               std::current_exception());
  }
  return {};
}

RequestClient::RequestClient(UniqueFd socket)
    : channel_(std::move(socket), kLimits) {}

std::string RequestClient::Ask(const std::string& request) {
  MutexLock lock(mu_);
  const uint64_t number = ++last_;
  capnp::MallocMessageBuilder message;
  message.initRoot<wire::Message>().setRequest(number);
  channel_.Send(message, BytesOf(request));
  if (channel_.Receive() != Channel::Received::kFrame) {
    throw ChannelClosedError("the parent gives no more answers");
  }
  auto& frame = channel_.frame();
  GuardWire([&frame, number] {
    const auto reply = frame.message;
    if (!reply.isReply() || reply.getReply() != number) {
      throw ProtocolError("the parent did not answer what it was asked");
    }
  });
  return std::move(frame.body);
}

}  // namespace asyncpal::internal
