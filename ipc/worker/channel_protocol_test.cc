// What a channel makes of another side that breaks the rules.

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "asyncpal/ipc/internal/fd.h"
#include "asyncpal/ipc/testing/descriptors.h"
#include "asyncpal/ipc/worker/channel.h"
#include "asyncpal/ipc/worker/worker.capnp.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::asyncpal::testing::ListDescriptors;
using ::asyncpal::testing::MakeSockets;
using ::asyncpal::testing::TwoEnds;
using Received = Channel::Received;

constexpr uint32_t kHasDescriptor = 1;

std::string HeaderBytes(uint32_t message_bytes, uint32_t flags,
                        uint64_t body_bytes) {
  std::string header(16, '\0');
  std::memcpy(header.data(), &message_bytes, 4);
  std::memcpy(header.data() + 4, &flags, 4);
  std::memcpy(header.data() + 8, &body_bytes, 8);
  return header;
}

std::string BytesOf(const std::vector<uint64_t>& words) {
  return std::string(reinterpret_cast<const char*>(words.data()),
                     words.size() * sizeof(uint64_t));
}

std::vector<uint64_t> WordsOf(capnp::MessageBuilder& message) {
  const kj::Array<capnp::word> flat = capnp::messageToFlatArray(message);
  std::vector<uint64_t> words(flat.size());
  std::memcpy(words.data(), flat.begin(), flat.size() * sizeof(uint64_t));
  return words;
}

std::string FrameOf(const std::vector<uint64_t>& words,
                    const std::string& body = "", uint32_t flags = 0) {
  return HeaderBytes(words.size() * sizeof(uint64_t), flags, body.size()) +
         BytesOf(words) + body;
}

// A frame that is known by its number.
std::string Frame(uint64_t number, const std::string& body = "",
                  uint32_t flags = 0) {
  capnp::MallocMessageBuilder message;
  message.initRoot<wire::Message>().setCancel(number);
  return FrameOf(WordsOf(message), body, flags);
}

// A channel, and the bare socket at its other side.
struct Wire {
  explicit Wire(TwoEnds sockets = MakeSockets())
      : channel(std::move(sockets.first)), raw(std::move(sockets.second)) {}

  void Write(const std::string& bytes, const std::vector<int>& fds = {}) {
    struct iovec part = {const_cast<char*>(bytes.data()), bytes.size()};
    struct msghdr header = {};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    const size_t fd_bytes = fds.size() * sizeof(int);
    std::vector<char> control(CMSG_SPACE(fd_bytes));
    if (!fds.empty()) {
      header.msg_control = control.data();
      header.msg_controllen = control.size();
      struct cmsghdr* const rights = CMSG_FIRSTHDR(&header);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN(fd_bytes);
      std::memcpy(CMSG_DATA(rights), fds.data(), fd_bytes);
    }
    ASSERT_EQ(sendmsg(raw.get(), &header, MSG_NOSIGNAL | MSG_DONTWAIT),
              static_cast<ssize_t>(bytes.size()));
  }

  // What comes next, without waiting: "frame 7", "nothing", "closed" or what
  // is wrong.
  std::string Next() {
    try {
      switch (channel.Receive(/*wait=*/false)) {
        case Received::kNothing:
          return "nothing";
        case Received::kClosed:
          return "closed";
        case Received::kFrame:
          return GuardWire([&] {
            return "frame " +
                   std::to_string(channel.frame().message.getCancel());
          });
      }
    } catch (const ProtocolError& error) {
      return error.what();
    }
    return "unreachable";
  }

  Channel channel;
  UniqueFd raw;
};

std::string AnswerTo(const std::string& bytes) {
  Wire wire;
  wire.Write(bytes);
  return wire.Next();
}

TEST(ChannelProtocol, FrameThatIsCutOffIsDropped) {
  const std::string cut = Frame(2, "with a body");
  for (size_t size = 0; size < cut.size(); ++size) {
    Wire wire;
    wire.Write(Frame(1, "whole") + cut.substr(0, size));
    wire.raw.Reset();
    ASSERT_EQ(wire.Next(), "frame 1") << size;
    ASSERT_EQ(wire.Next(), "closed") << size;
  }
}

TEST(ChannelProtocol, FramesMayComeInTwoPiecesCutAnywhere) {
  const std::string both = Frame(1, "first") + Frame(2, "second");
  for (size_t size = 1; size < both.size(); ++size) {
    Wire wire;
    std::vector<std::string> received;
    for (const std::string& piece : {both.substr(0, size), both.substr(size)}) {
      wire.Write(piece);
      do {
        received.push_back(wire.Next());
      } while (received.back().rfind("frame", 0) == 0);
    }
    received.erase(std::remove(received.begin(), received.end(), "nothing"),
                   received.end());
    ASSERT_THAT(received, ::testing::ElementsAre("frame 1", "frame 2"));
  }
}

TEST(ChannelProtocol, BodyMayComeInTwoPiecesCutAnywhere) {
  const std::string frame = Frame(1, "a body of some length");
  for (size_t size = 1; size < frame.size(); ++size) {
    Wire wire;
    wire.Write(frame.substr(0, size));
    ASSERT_EQ(wire.Next(), "nothing");
    wire.Write(frame.substr(size));
    ASSERT_EQ(wire.Next(), "frame 1");
    ASSERT_EQ(wire.channel.frame().body, "a body of some length");
  }
}

TEST(ChannelProtocol, FrameMayComeByteByByte) {
  Wire wire;
  const std::string frame = Frame(1, "body", kHasDescriptor);
  wire.Write(frame.substr(0, 1), {STDERR_FILENO});
  for (size_t i = 1; i < frame.size(); ++i) {
    ASSERT_EQ(wire.Next(), "nothing");
    ASSERT_FALSE(wire.channel.has_buffered_input());
    wire.Write(frame.substr(i, 1));
  }
  EXPECT_EQ(wire.Next(), "frame 1");
  EXPECT_EQ(wire.channel.frame().body, "body");
  EXPECT_TRUE(wire.channel.frame().fd);
}

TEST(ChannelProtocol, FrameMayBeginAtAnyAlignment) {
  for (size_t bytes = 0; bytes < 9; ++bytes) {
    Wire wire;
    wire.Write(Frame(1, std::string(bytes, 'x')) + Frame(2));
    ASSERT_EQ(wire.Next(), "frame 1");
    ASSERT_EQ(wire.Next(), "frame 2");
  }
}

class MessageLength : public ::testing::TestWithParam<uint32_t> {};

INSTANTIATE_TEST_SUITE_P(, MessageLength,
                         ::testing::Values(0, 1, 7, 12, (1u << 20) + 8,
                                           1u << 31, 0xFFFFFFF8, 0xFFFFFFFF));

TEST_P(MessageLength, IsRefusedBeforeTheMessageComes) {
  EXPECT_THAT(AnswerTo(HeaderBytes(GetParam(), 0, 0)),
              ::testing::StartsWith("a frame has a message of"));
}

TEST_P(MessageLength, CountsAsInputThatWasReadAhead) {
  Wire wire;
  wire.Write(Frame(1) + HeaderBytes(GetParam(), 0, 0));
  ASSERT_EQ(wire.Next(), "frame 1");
  EXPECT_TRUE(wire.channel.has_buffered_input());
}

class BodyLength : public ::testing::TestWithParam<uint64_t> {};

INSTANTIATE_TEST_SUITE_P(, BodyLength,
                         ::testing::Values((uint64_t{1} << 32) + 1,
                                           uint64_t{1} << 63, ~uint64_t{0} - 15,
                                           ~uint64_t{0}));

TEST_P(BodyLength, IsRefusedBeforeTheBodyComes) {
  EXPECT_THAT(AnswerTo(HeaderBytes(16, 0, GetParam())),
              ::testing::HasSubstr("a body of"));
}

uint64_t AddressSpaceBytes() {
  uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * 4096;
}

TEST(ChannelProtocol, PromiseOfALargeBodyTakesLittleMemory) {
  Wire wire;
  std::string frame = Frame(1);
  const uint64_t promised = uint64_t{1} << 32;
  std::memcpy(frame.data() + 8, &promised, sizeof(promised));
  const uint64_t before = AddressSpaceBytes();
  wire.Write(frame + "some of it");
  ASSERT_EQ(wire.Next(), "nothing");
  EXPECT_LT(AddressSpaceBytes(), before + (16 << 20));
}

TEST(ChannelProtocol, UnknownFlagsAreRefused) {
  EXPECT_EQ(AnswerTo(Frame(1, "", 2)), "a frame has unknown flags 2");
}

TEST(ChannelProtocol, AnotherProtocolIsRefused) {
  EXPECT_THAT(AnswerTo("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
              ::testing::StartsWith("a frame has unknown flags"));
}

TEST(ChannelProtocol, NothingIsReceivedAfterAnError) {
  Wire wire;
  wire.Write(HeaderBytes(0, 0, 0) + Frame(1));
  const std::string error = wire.Next();
  EXPECT_EQ(wire.Next(), error);
}

struct Table {
  std::vector<uint32_t> numbers;
  size_t words;  // of the message
};

class SegmentTable : public ::testing::TestWithParam<Table> {};

INSTANTIATE_TEST_SUITE_P(
    , SegmentTable,
    ::testing::Values(
        // The number of segments less one, then their words.
        Table{{0xFFFFFFFF, 1}, 2}, Table{{0xFFFFFFFE, 1}, 2},
        Table{{511}, 1000}, Table{{100}, 2}, Table{{2, 1}, 1}, Table{{0, 2}, 2},
        Table{{0, 0}, 2}, Table{{0, 0xFFFFFFFF}, 2}, Table{{1, 1, 1}, 3},
        Table{{1, 0xFFFFFFFF, 3}, 4}));

TEST_P(SegmentTable, IsRefused) {
  std::vector<uint64_t> words(GetParam().words);
  std::memcpy(words.data(), GetParam().numbers.data(),
              std::min(GetParam().numbers.size() * 4, words.size() * 8));
  EXPECT_THAT(AnswerTo(FrameOf(words)), ::testing::StartsWith("a message "));
}

TEST(ChannelProtocol, MessageWithoutRootIsRefused) {
  EXPECT_THAT(AnswerTo(FrameOf({0})), ::testing::StartsWith("a message "));
}

TEST(ChannelProtocol, PointerOutsideTheMessageIsRefused) {
  const uint64_t far_away = uint64_t{0x00010001} << 32 | 1000 << 2;
  EXPECT_THAT(AnswerTo(FrameOf({uint64_t{1} << 32, far_away})),
              ::testing::StartsWith("a message is malformed"));
}

// Receives a frame, and says what reading it all throws.
template <typename F>
std::string ErrorOfReading(const std::vector<uint64_t>& words, F read) {
  Wire wire;
  wire.Write(FrameOf(words));
  EXPECT_EQ(wire.channel.Receive(), Received::kFrame);
  try {
    GuardWire([&] { read(wire.channel.frame().message); });
  } catch (const ProtocolError& error) {
    return error.what();
  }
  return "none";
}

TEST(ChannelProtocol, CycleOfPointersEndsInAnError) {
  const uint64_t root = uint64_t{0x00010000} << 32;
  const uint64_t itself = uint64_t{0x00010000} << 32 | 0xFFFFFFFC;
  EXPECT_THAT(ErrorOfReading(
                  {uint64_t{2} << 32, root, itself},
                  [](wire::Message::Reader message) { message.totalSize(); }),
              ::testing::HasSubstr("a message is malformed"));
}

TEST(ChannelProtocol, ListOfVeryManyNothingsEndsInAnError) {
  capnp::MallocMessageBuilder message;
  message.initRoot<wire::Message>().initFailed().initChain(1);
  std::vector<uint64_t> words = WordsOf(message);
  // The only pointer to a list becomes one to 2^29 - 1 elements of no size.
  size_t pointer = words.size() - 1;
  while ((words[pointer] & 3) != 1) --pointer;
  words[pointer] = uint64_t{0xFFFFFFF8} << 32 | 1;
  EXPECT_THAT(ErrorOfReading(words,
                             [](wire::Message::Reader message) {
                               message.getFailed().getChain();
                             }),
              ::testing::HasSubstr("a message is malformed"));
}

TEST(ChannelProtocol, TextThatIsReadManyTimesOverEndsInAnError) {
  constexpr uint32_t kLinks = 100;
  capnp::MallocMessageBuilder message(20'000);  // so one segment
  auto chain = message.initRoot<wire::Message>().initFailed().initChain(kLinks);
  chain[0].setMessage(std::string(50'000, 'x'));
  std::vector<uint64_t> words = WordsOf(message);
  // All links share the first one's text.
  size_t pointer = 1;
  while ((words[pointer] & 3) != 1 || (words[pointer] >> 32 & 7) != 2) {
    ++pointer;
  }
  size_t tag = 1;
  while (static_cast<uint32_t>(words[tag]) != kLinks << 2) ++tag;
  const size_t stride =
      (words[tag] >> 32 & 0xFFFF) + (words[tag] >> 48 & 0xFFFF);
  for (size_t i = 1; i < kLinks; ++i) {
    words[pointer + i * stride] = words[pointer] - (i * stride << 2);
  }
  EXPECT_THAT(
      ErrorOfReading(words,
                     [](wire::Message::Reader message) {
                       for (auto link : message.getFailed().getChain()) {
                         EXPECT_EQ(link.getMessage().size(), 50'000u);
                       }
                     }),
      ::testing::HasSubstr("a message is malformed"));
}

TEST(ChannelProtocol, PromisedDescriptorMustCome) {
  EXPECT_EQ(AnswerTo(Frame(1, "", kHasDescriptor)),
            "a frame came without its descriptor");
}

// A way to send descriptors that no frame accounts for.
struct Smuggling {
  std::vector<std::pair<std::string, int>> writes;  // bytes, descriptors
};

class Smuggled : public ::testing::TestWithParam<Smuggling> {};

INSTANTIATE_TEST_SUITE_P(
    , Smuggled,
    ::testing::Values(
        // With a frame that has none.
        Smuggling{{{Frame(1), 1}}},
        // Two, as many as there is room for, and more.
        Smuggling{{{Frame(1, "", kHasDescriptor), 2}}},
        Smuggling{{{Frame(1, "", kHasDescriptor), 4}}},
        Smuggling{{{Frame(1, "", kHasDescriptor), 5}}},
        Smuggling{{{Frame(1, "", kHasDescriptor), 100}}},
        // In the middle of a header, a message and a body.
        Smuggling{{{Frame(1).substr(0, 4), 0}, {Frame(1).substr(4, 4), 1}}},
        Smuggling{{{Frame(1).substr(0, 20), 0}, {Frame(1).substr(20), 1}}},
        Smuggling{{{Frame(1, "body").substr(0, 50), 0},
                   {Frame(1, "body").substr(50), 1}}},
        // With a frame that has got its own.
        Smuggling{{{Frame(1, "body", kHasDescriptor).substr(0, 5), 1},
                   {Frame(1, "body", kHasDescriptor).substr(5, 20), 1}}}));

TEST_P(Smuggled, DescriptorsAreRefusedAndClosed) {
  Wire wire;
  const std::set<int> before = ListDescriptors();
  std::string answer;
  for (const auto& [bytes, fds] : GetParam().writes) {
    wire.Write(bytes, std::vector<int>(fds, STDERR_FILENO));
    answer = wire.Next();
  }
  EXPECT_THAT(answer, ::testing::HasSubstr("descriptor"));
  EXPECT_EQ(ListDescriptors(), before);
}

TEST(ChannelProtocol, DescriptorWithoutRoomHereIsAnError) {
  Wire wire;
  wire.Write(Frame(1, "", kHasDescriptor), {STDERR_FILENO});
  struct rlimit old;
  getrlimit(RLIMIT_NOFILE, &old);
  const struct rlimit none = {0, old.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  const std::string answer = wire.Next();
  setrlimit(RLIMIT_NOFILE, &old);
  EXPECT_THAT(answer, ::testing::StartsWith("a descriptor was lost"));
}

// Reads what there is, to the end. Only a ProtocolError may come of it.
void ReadToTheEnd(Wire& wire) {
  try {
    while (wire.channel.Receive() == Received::kFrame) {
      GuardWire([&] {
        const wire::Message::Reader message = wire.channel.frame().message;
        message.totalSize();
        if (message.isTask()) message.getTask().getCall().getCode().which();
        if (message.isFailed()) {
          for (auto link : message.getFailed().getChain()) {
            link.getMessage();
            link.getState();
          }
        }
      });
    }
  } catch (const ProtocolError&) {
  }
}

TEST(ChannelProtocol, SurvivesGarbage) {
  std::mt19937 random(20260726);
  for (int round = 0; round < 2000; ++round) {
    Wire wire;
    std::string garbage(random() % 300, '\0');
    for (char& byte : garbage) byte = static_cast<char>(random());
    // A plausible length lets the garbage reach further.
    if (round % 2 == 0) {
      garbage.insert(0, HeaderBytes(random() % 16 * 8, 0, random() % 50));
    }
    wire.Write(garbage);
    wire.raw.Reset();
    ReadToTheEnd(wire);
  }
}

TEST(ChannelProtocol, SurvivesFramesWithErrors) {
  std::mt19937 random(20260727);
  capnp::MallocMessageBuilder message;
  auto chain = message.initRoot<wire::Message>().initFailed().initChain(3);
  for (auto link : chain) {
    link.setType("std::runtime_error");
    link.setMessage("what went wrong");
    link.setState(kj::StringPtr("state").asBytes());
  }
  const std::string good = FrameOf(WordsOf(message), "body");
  for (int round = 0; round < 5000; ++round) {
    Wire wire;
    std::string bad = good;
    const int errors = 1 + random() % 4;
    for (int i = 0; i < errors; ++i) {
      // Past the header mostly, which would end it all.
      const size_t at = round % 10 == 0 ? random() % bad.size()
                                        : 16 + random() % (bad.size() - 16);
      bad[at] = static_cast<char>(random() % 3 == 0 ? random() : bad[at] ^ 1);
    }
    wire.Write(bad + good);
    wire.raw.Reset();
    ReadToTheEnd(wire);
  }
}

}  // namespace
}  // namespace asyncpal::internal
