#include "asyncpal/ipc/worker/channel.h"

#include <endian.h>
#include <poll.h>
#include <sys/time.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <system_error>

#include "absl/strings/str_cat.h"

// How it works. Receive() reads into a buffer, so that one system call brings
// several small frames. What a frame in progress still lacks is received
// straight into its place instead, and only what follows it goes to the buffer.
//
// The kernel delivers a descriptor with the first byte of the sendmsg() that it
// came with, which is the first byte of its frame, and ends a read after such a
// piece. So each descriptor is kept with the range of the stream that it came
// with: the frame that says it has one, and begins in that range, takes it. One
// whose range holds no beginning of a frame any more belongs to none.

namespace asyncpal::internal {
namespace {

constexpr size_t kInputBytes = 64 << 10;
constexpr uint32_t kHasDescriptor = 1;
// A body's string gets so much memory at first, twice as much each time that it
// is full, and is cleared in steps that the cache still holds when the socket's
// bytes overwrite them.
constexpr size_t kFirstBodyCapacity = 1 << 20;
constexpr size_t kBodyStep = 256 << 10;

// What the sender keeps for its next frames.
constexpr size_t kMaxIdleOutput = 64 << 10;

constexpr size_t kMaxSegments = 511;
constexpr int kNestingLimit = 32;
// Each field may be read several times, but no small message can make its
// reader walk for long.
constexpr uint64_t kTraversalFactor = 8;
constexpr uint64_t kTraversalMinimum = 1024;

constexpr int kSocketTimeoutUs = 100'000;

constexpr size_t kDescriptorRoom = 4;  // more than any frame has

union Control {
  struct cmsghdr header;  // for its alignment
  char bytes[CMSG_SPACE(kDescriptorRoom * sizeof(int))];
};

[[noreturn]] void ThrowErrno(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// Removes the first `bytes` from what is still to be sent.
void Skip(struct msghdr& header, size_t bytes) {
  while (header.msg_iovlen > 0) {
    struct iovec& part = header.msg_iov[0];
    const size_t skipped = std::min(bytes, part.iov_len);
    part.iov_base = static_cast<char*>(part.iov_base) + skipped;
    part.iov_len -= skipped;
    bytes -= skipped;
    if (part.iov_len > 0) return;
    ++header.msg_iov;
    --header.msg_iovlen;
  }
}

// Cap'n Proto would believe a segment table.
void CheckSegmentTable(kj::ArrayPtr<const capnp::word> words) {
  const auto number = [&](size_t index) -> uint64_t {
    uint32_t value;
    std::memcpy(&value, words.asBytes().begin() + index * sizeof(value),
                sizeof(value));
    return le32toh(value);
  };
  const uint64_t segments = number(0) + 1;
  if (segments > kMaxSegments) {
    throw ProtocolError(
        absl::StrCat("a message claims to have ", segments, " segments"));
  }
  uint64_t sum = segments / 2 + 1;  // of words, the table included
  if (sum <= words.size()) {
    for (uint64_t i = 1; i <= segments; ++i) sum += number(i);
  }
  if (sum != words.size()) {
    throw ProtocolError(absl::StrCat("a message of ", words.size(),
                                     " words claims to have ", sum));
  }
}

}  // namespace

Channel::Channel(UniqueFd socket) : Channel(std::move(socket), Limits()) {}

Channel::Channel(UniqueFd socket, const Limits& limits)
    : socket_(std::move(socket)),
      limits_{
          .max_message_bytes = std::min<size_t>(
              limits.max_message_bytes, std::numeric_limits<uint32_t>::max()),
          .max_body_bytes = std::min<uint64_t>(limits.max_body_bytes,
                                               std::string().max_size())},
      input_(std::make_unique<char[]>(kInputBytes)) {}

void Channel::WatchPeer(int fd) {
  peer_ = fd;
  // So that no call waits for the socket alone for long; WaitFor() goes on.
  timeval timeout = {.tv_sec = 0, .tv_usec = kSocketTimeoutUs};
  setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
}

// False: nothing will come any more, and nothing be taken.
// NOLINTNEXTLINE(runtime/int): poll()'s type
bool Channel::WaitFor(short events) const {
  struct pollfd watched[] = {{.fd = fd(), .events = events, .revents = 0},
                             {.fd = peer_, .events = POLLIN, .revents = 0}};
  if (RetryOnEintr([&] { return poll(watched, 2, -1); }) == -1) {
    ThrowErrno("can't wait for a worker's channel");
  }
  // The last words may have come after the first look.
  if (watched[0].revents == 0) poll(watched, 1, 0);
  return watched[0].revents != 0;
}

void Channel::Send(capnp::MessageBuilder& message, absl::Span<const char> body,
                   int fd) {
  // A descriptor goes with the first byte of its own frame.
  if (fd != -1) Flush();
  AppendHead(message, body.size(), fd, /*room=*/0);
  SendOutput(body, fd);
}

void Channel::Append(capnp::MessageBuilder& message,
                     absl::Span<const char> body) {
  AppendHead(message, body.size(), /*fd=*/-1, /*room=*/body.size());
  output_.append(body.data(), body.size());
}

void Channel::Flush() {
  if (!output_.empty()) SendOutput({}, /*fd=*/-1);
}

void Channel::CheckLimits(uint64_t message_bytes, uint64_t body_bytes) const {
  if (message_bytes <= limits_.max_message_bytes &&
      body_bytes <= limits_.max_body_bytes) {
    return;
  }
  throw std::length_error(
      absl::StrCat("a message of ", message_bytes, " bytes with a body of ",
                   body_bytes, " exceeds a channel's limits of ",
                   limits_.max_message_bytes, " and ", limits_.max_body_bytes));
}

// The frame's header and message, as messageToFlatArray() makes it, and room
// for what comes next.
void Channel::AppendHead(capnp::MessageBuilder& message, size_t body_bytes,
                         int fd, size_t room) {
  const auto segments = message.getSegmentsForOutput();
  const size_t table_bytes = (segments.size() / 2 + 1) * sizeof(capnp::word);
  uint64_t message_bytes = table_bytes;
  for (const auto& segment : segments)
    message_bytes += segment.asBytes().size();
  CheckLimits(message_bytes, body_bytes);
  const Header frame = {.message_bytes = static_cast<uint32_t>(message_bytes),
                        .flags = fd == -1 ? 0 : kHasDescriptor,
                        .body_bytes = body_bytes};
  const size_t begin = output_.size();
  // From here on nothing throws, so a frame is appended whole or not at all.
  const size_t needed = begin + sizeof(frame) + message_bytes + room;
  if (needed > output_.capacity()) {
    output_.reserve(std::max(needed, 2 * output_.capacity()));
  }
  output_.append(reinterpret_cast<const char*>(&frame), sizeof(frame));
  const auto append_number = [&](size_t number) {
    const uint32_t wire_number = htole32(static_cast<uint32_t>(number));
    output_.append(reinterpret_cast<const char*>(&wire_number),
                   sizeof(wire_number));
  };
  append_number(segments.size() - 1);
  for (const auto& segment : segments) append_number(segment.size());
  output_.resize(begin + sizeof(frame) + table_bytes);  // to a whole word
  for (const auto& segment : segments) {
    const auto chars = segment.asChars();
    output_.append(chars.begin(), chars.size());
  }
}

// All that was appended, with the last frame's body.
void Channel::SendOutput(absl::Span<const char> body, int fd) {
  struct iovec parts[] = {
      {output_.data(), output_.size()},
      {const_cast<char*>(body.data()), body.size()},
  };
  struct msghdr header = {};
  header.msg_iov = parts;
  header.msg_iovlen = body.empty() ? 1 : 2;
  Control control = {};
  if (fd != -1) {
    header.msg_control = control.bytes;
    header.msg_controllen = CMSG_SPACE(sizeof(int));
    struct cmsghdr* const rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(rights), &fd, sizeof(fd));
  }
  // Whatever comes of it, nothing of it is for the next one to send.
  struct Clearing {
    std::string& output;
    ~Clearing() {
      if (output.capacity() > kMaxIdleOutput) output = std::string();
      output.clear();
    }
  } clearing{output_};
  SendAll(header);
}

void Channel::SendAll(struct msghdr& header) {
  bool begun = false;
  while (header.msg_iovlen > 0) {
    const ssize_t sent = sendmsg(fd(), &header, MSG_NOSIGNAL);
    if (sent >= 0) {
      begun = true;
      header.msg_control = nullptr;
      header.msg_controllen = 0;
      Skip(header, static_cast<size_t>(sent));
      continue;
    }
    if (errno == EINTR) continue;
    int error = errno;
    if (error == EAGAIN) {
      if (WaitFor(POLLOUT)) continue;
      error = EPIPE;
    }
    if (begun) Close();
    if (error == EPIPE || error == ECONNRESET) {
      throw ChannelClosedError("the other side of a worker's channel is gone");
    }
    errno = error;
    ThrowErrno("can't send on a worker's channel");
  }
}

Channel::Received Channel::Receive(bool wait) {
  if (!violation_.empty()) throw ProtocolError(violation_);
  try {
    if (complete_) BeginFrame();
    while (!Advance()) {
      const Received result = Read(wait);
      if (result != Received::kFrame) return result;
    }
  } catch (const ProtocolError& error) {
    violation_ = error.what();
    arrivals_.clear();
    frame_ = Frame();
    throw;
  }
  return Received::kFrame;
}

bool Channel::has_buffered_input() const {
  if (!violation_.empty()) return true;
  // Of a frame in progress, all that was read is in its place.
  if (!complete_ && header_.has_value()) return false;
  if (buffered() < sizeof(Header)) return false;
  Header next;
  std::memcpy(&next, input_.get() + input_begin_, sizeof(next));
  return !FindFault(next).empty() ||
         buffered() - sizeof(next) >= next.message_bytes + next.body_bytes;
}

void Channel::Close() { shutdown(fd(), SHUT_RDWR); }

void Channel::BeginFrame() {
  frame_offset_ = frame_end();
  frame_ = Frame();
  reader_.reset();
  header_.reset();
  message_received_ = 0;
  body_received_ = 0;
  complete_ = false;
}

// Where the frame ends in the stream, as far as is known.
uint64_t Channel::frame_end() const {
  const Header known = header_.value_or(Header{});
  return frame_offset_ + sizeof(known) + known.message_bytes + known.body_bytes;
}

// Goes on with the frame as far as what was read ahead allows.
bool Channel::Advance() {
  if (!header_.has_value()) {
    if (buffered() < sizeof(Header)) return false;
    TakeHeader();
  }
  if (!reader_.has_value()) {
    message_received_ += TakeInput(words_.asChars().begin() + message_received_,
                                   header_->message_bytes - message_received_);
    if (message_received_ < header_->message_bytes) return false;
    ParseMessage();
  }
  while (body_received_ < header_->body_bytes) {
    if (buffered() == 0) return false;
    GrowBody();
    body_received_ += TakeInput(frame_.body.data() + body_received_,
                                frame_.body.size() - body_received_);
  }
  complete_ = true;
  return true;
}

std::string Channel::FindFault(const Header& header) const {
  if ((header.flags & ~kHasDescriptor) != 0) {
    return absl::StrCat("a frame has unknown flags ", header.flags);
  }
  if (header.message_bytes % sizeof(capnp::word) != 0 ||
      header.message_bytes == 0) {
    return absl::StrCat("a frame has a message of ", header.message_bytes,
                        " bytes");
  }
  if (header.message_bytes > limits_.max_message_bytes ||
      header.body_bytes > limits_.max_body_bytes) {
    return absl::StrCat("a frame has a message of ", header.message_bytes,
                        " bytes and a body of ", header.body_bytes,
                        ", the limits are ", limits_.max_message_bytes, " and ",
                        limits_.max_body_bytes);
  }
  return "";
}

void Channel::TakeHeader() {
  Header header;
  TakeInput(reinterpret_cast<char*>(&header), sizeof(header));
  if (std::string fault = FindFault(header); !fault.empty()) {
    throw ProtocolError(fault);
  }
  header_ = header;
  const size_t words = header.message_bytes / sizeof(capnp::word);
  if (words_.size() < words) words_ = kj::heapArray<capnp::word>(words);
  TakeDescriptor();
}

void Channel::TakeDescriptor() {
  if ((header_->flags & kHasDescriptor) != 0) {
    if (arrivals_.empty() || arrivals_.front().begin > frame_offset_) {
      throw ProtocolError("a frame came without its descriptor");
    }
    frame_.fd = std::move(arrivals_.front().fd);
    arrivals_.pop_front();
  }
  if (!arrivals_.empty() && arrivals_.front().end <= frame_end()) {
    throw ProtocolError("a descriptor came with a frame that has none");
  }
}

void Channel::ParseMessage() {
  const kj::ArrayPtr<const capnp::word> words =
      words_.slice(0, header_->message_bytes / sizeof(capnp::word));
  CheckSegmentTable(words);
  capnp::ReaderOptions options;
  options.traversalLimitInWords =
      std::max(kTraversalFactor * words.size(), kTraversalMinimum);
  options.nestingLimit = kNestingLimit;
  GuardWire([&] {
    reader_.emplace(words, options);
    frame_.message = reader_->getRoot<wire::Message>();
  });
}

size_t Channel::TakeInput(char* to, size_t bytes) {
  const size_t taken = std::min(bytes, buffered());
  std::memcpy(to, input_.get() + input_begin_, taken);
  input_begin_ += taken;
  return taken;
}

// Makes room for the body's next bytes, if there is none.
void Channel::GrowBody() {
  std::string& body = frame_.body;
  if (body.size() > body_received_) return;
  const uint64_t size =
      std::min<uint64_t>(header_->body_bytes, body.size() + kBodyStep);
  if (size > body.capacity()) {
    body.reserve(std::min<uint64_t>(
        header_->body_bytes,
        std::max<uint64_t>(kFirstBodyCapacity, 2 * body.capacity())));
  }
  body.resize(size);
}

// Reads once. kFrame: something came.
Channel::Received Channel::Read(bool wait) {
  struct iovec parts[2];
  size_t count = 0;
  size_t direct = 0;  // bytes that go to the frame in progress
  bool whole = true;  // they are all that it lacks
  if (header_.has_value()) {
    if (!reader_.has_value()) {
      direct = header_->message_bytes - message_received_;
      parts[count++] = {words_.asChars().begin() + message_received_, direct};
    } else {
      GrowBody();
      direct = frame_.body.size() - body_received_;
      whole = frame_.body.size() == header_->body_bytes;
      parts[count++] = {frame_.body.data() + body_received_, direct};
    }
  }
  std::memmove(input_.get(), input_.get() + input_begin_, buffered());
  input_end_ = buffered();
  input_begin_ = 0;
  if (whole) {
    parts[count++] = {input_.get() + input_end_, kInputBytes - input_end_};
  }

  Control control;
  struct msghdr header = {};
  header.msg_iov = parts;
  header.msg_iovlen = count;
  ssize_t read;
  for (;;) {
    header.msg_control = control.bytes;
    header.msg_controllen = sizeof(control.bytes);
    read = recvmsg(fd(), &header, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
    if (read >= 0) break;
    if (errno == EINTR) continue;
    if (errno == ECONNRESET) return Received::kClosed;
    if (errno != EAGAIN) ThrowErrno("can't receive from a worker's channel");
    if (!wait) return Received::kNothing;
    if (!WaitFor(POLLIN)) return Received::kClosed;
  }
  if (read == 0) return Received::kClosed;
  const size_t bytes = static_cast<size_t>(read);
  TakeArrivals(header, bytes);
  const size_t placed = std::min(bytes, direct);
  (reader_.has_value() ? body_received_ : message_received_) += placed;
  input_end_ += bytes - placed;
  stream_offset_ += bytes;
  return Received::kFrame;
}

// The descriptors that came with the `bytes` just read.
void Channel::TakeArrivals(struct msghdr& header, size_t bytes) {
  std::array<UniqueFd, kDescriptorRoom> fds;
  size_t count = 0;
  for (struct cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr;
       part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    const size_t length = part->cmsg_len - CMSG_LEN(0);
    for (size_t at = 0; at + sizeof(int) <= length; at += sizeof(int)) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(part) + at, sizeof(fd));
      fds.at(count++) = UniqueFd(fd);
    }
  }
  if ((header.msg_flags & MSG_CTRUNC) != 0) {
    throw ProtocolError(
        "a descriptor was lost: too many came at once, or this process has no "
        "room for another");
  }
  if (count == 0) return;
  const uint64_t end = stream_offset_ + bytes;
  // Neither the frame in progress nor one after it begins there.
  if (count > 1 || (stream_offset_ > frame_offset_ && end <= frame_end())) {
    throw ProtocolError("more descriptors came than frames");
  }
  arrivals_.push_back({stream_offset_, end, std::move(fds[0])});
}

}  // namespace asyncpal::internal
