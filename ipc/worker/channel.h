#ifndef ASYNCPAL_IPC_WORKER_CHANNEL_H_
#define ASYNCPAL_IPC_WORKER_CHANNEL_H_

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/array.h>
#include <kj/exception.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "absl/types/span.h"
#include "asyncpal/ipc/internal/fd.h"
#include "asyncpal/ipc/worker/worker.capnp.h"

namespace asyncpal::internal {

// The other side is gone: what was to be sent did not, or not all, arrive.
class ChannelClosedError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The other side has sent what no worker and no parent would send.
class ProtocolError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Sends and receives frames over a connected stream socket: a message, a body
// of raw bytes, and perhaps a descriptor.
//
//   capnp::MallocMessageBuilder message;
//   message.initRoot<wire::Message>().setCancel(attempt);
//   channel.Send(message);
//
//   while (channel.Receive() == Channel::Received::kFrame) {
//     Handle(channel.frame().message, std::move(channel.frame().body));
//   }
//
// Threads: one may send while one receives; any thread may Close().
// Lifetime: owns the socket and what it has received.
// Ordering: frames arrive as they were sent. What came before the other side's
// end is received before kClosed.
// Errors: the other side is not trusted. Its frames are checked as far as it
// takes to know their extent, against the limits first, and memory grows only
// as bytes arrive. Cap'n Proto finds other faults when a field is read and
// throws kj::Exception: read frames inside GuardWire().
class Channel {
 public:
  struct Limits {
    size_t max_message_bytes = size_t{1} << 20;
    uint64_t max_body_bytes = uint64_t{1} << 32;
  };

  struct Frame {
    wire::Message::Reader message;
    std::string body;
    UniqueFd fd;
  };

  enum class Received { kFrame, kNothing, kClosed };

  explicit Channel(UniqueFd socket);
  Channel(UniqueFd socket, const Limits& limits);
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // `fd` becomes readable when the process on the other side has ended, which
  // then counts as closing: somebody else may hold its end of the socket, a
  // process that was forked in a bad moment, say. It must stay open as long as
  // the channel is used. Before the first Send() or Receive().
  void WatchPeer(int fd);

  // Blocks until the socket has taken all of it. `fd` remains the caller's.
  // Throws ChannelClosedError; std::length_error for what exceeds the limits;
  // std::system_error for the rest. The channel can still send after the latter
  // two, unless a part of the frame was on its way: then it closes.
  void Send(capnp::MessageBuilder& message, absl::Span<const char> body = {},
            int fd = -1);

  // The same in two steps, so that one system call sends several small frames:
  // copies a frame, which is sent by the next Flush() or Send().
  void Append(capnp::MessageBuilder& message, absl::Span<const char> body);
  void Flush();

  // The next frame, into frame(). Without `wait` it never blocks: kNothing if
  // no whole frame is there yet. kClosed: the other side has closed or died, a
  // frame that it had begun is dropped. Throws ProtocolError, then always;
  // std::system_error if the socket itself fails.
  Received Receive(bool wait = true);

  // What Receive() received last, valid until its next call. Take the body and
  // the descriptor out of it.
  Frame& frame() { return frame_; }

  // To wait for input with poll(). It does not tell of what was read ahead.
  int fd() const { return socket_.get(); }

  // A whole frame was read ahead: Receive() will not block.
  bool has_buffered_input() const;

  // Ends both directions, for both sides: whoever is in Send() or Receive()
  // returns from it. The descriptor itself lives as long as the channel.
  void Close();

 private:
  struct Header {
    uint32_t message_bytes;
    uint32_t flags;
    uint64_t body_bytes;
  };

  // A descriptor came with one of the stream's bytes [begin, end).
  struct Arrival {
    uint64_t begin;
    uint64_t end;
    UniqueFd fd;
  };

  void CheckLimits(uint64_t message_bytes, uint64_t body_bytes) const;
  void AppendHead(capnp::MessageBuilder& message, size_t body_bytes, int fd,
                  size_t room);
  void SendOutput(absl::Span<const char> body, int fd);
  void SendAll(msghdr& header);
  bool WaitFor(short events) const;  // NOLINT(runtime/int): poll()'s type
  void BeginFrame();
  bool Advance();
  std::string FindFault(const Header& header) const;
  void TakeHeader();
  void TakeDescriptor();
  void ParseMessage();
  size_t TakeInput(char* to, size_t bytes);
  void GrowBody();
  Received Read(bool wait);
  void TakeArrivals(msghdr& header, size_t bytes);
  uint64_t frame_end() const;
  size_t buffered() const { return input_end_ - input_begin_; }

  const UniqueFd socket_;
  int peer_ = -1;
  const Limits limits_;

  // The sender's alone.
  std::string output_;  // what was appended, or a frame without its body

  // The receiver's alone.
  std::unique_ptr<char[]> input_;  // what was read ahead
  size_t input_begin_ = 0;
  size_t input_end_ = 0;
  uint64_t stream_offset_ = 0;  // bytes read from the socket, ever
  uint64_t frame_offset_ = 0;   // where the frame begins in them
  std::deque<Arrival> arrivals_;
  std::optional<Header> header_;
  kj::Array<capnp::word> words_;
  uint64_t message_received_ = 0;
  uint64_t body_received_ = 0;
  std::optional<capnp::FlatArrayMessageReader> reader_;
  bool complete_ = false;
  Frame frame_;
  std::string violation_;  // not empty: what the other side did wrong
};

// Calls `f`, which reads a frame of the other side's, and turns what Cap'n
// Proto throws about it into a ProtocolError.
template <typename F>
decltype(auto) GuardWire(F&& f) {
  try {
    return std::forward<F>(f)();
  } catch (const kj::Exception& error) {
    throw ProtocolError(std::string("a message is malformed: ") +
                        error.getDescription().cStr());
  }
}

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_IPC_WORKER_CHANNEL_H_
