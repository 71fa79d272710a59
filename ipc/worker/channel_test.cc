#include "asyncpal/ipc/worker/channel.h"

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "asyncpal/ipc/internal/fd.h"
#include "asyncpal/ipc/testing/descriptors.h"
#include "asyncpal/ipc/worker/worker.capnp.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::asyncpal::testing::ListDescriptors;
using ::asyncpal::testing::MakePipe;
using ::asyncpal::testing::MakeSockets;
using ::asyncpal::testing::ReadAll;
using ::asyncpal::testing::TwoEnds;
using Received = Channel::Received;

struct Pair {
  explicit Pair(TwoEnds sockets = MakeSockets(), Channel::Limits limits = {})
      : near(std::move(sockets.first), limits),
        far(std::move(sockets.second), limits) {}

  Channel near;
  Channel far;
};

// A message that is known by its number.
void SendNumber(Channel& channel, uint64_t number, const std::string& body = "",
                int fd = -1) {
  capnp::MallocMessageBuilder message;
  message.initRoot<wire::Message>().setCancel(number);
  channel.Send(message, body, fd);
}

uint64_t NumberOf(Channel& channel) {
  return GuardWire([&] { return channel.frame().message.getCancel(); });
}

// Different everywhere, so that no piece can be in another's place.
std::string MakeBody(size_t bytes) {
  std::string body(bytes, '\0');
  uint32_t state = 1;
  for (char& byte : body) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<char>(state >> 24);
  }
  return body;
}

class BodyOf : public ::testing::TestWithParam<size_t> {};

INSTANTIATE_TEST_SUITE_P(Bytes, BodyOf,
                         ::testing::Values(0, 1, (64 << 10) - 1, 64 << 10,
                                           (64 << 10) + 1, (256 << 10) + 1,
                                           (1 << 20) + 1, 16 << 20));

TEST_P(BodyOf, ArrivesUnchangedAndSoDoesTheNextFrame) {
  Pair pair;
  const std::string body = MakeBody(GetParam());
  std::thread sender([&] {
    SendNumber(pair.near, 7, body);
    SendNumber(pair.near, 8, "next");
  });
  EXPECT_EQ(pair.far.Receive(), Received::kFrame);
  EXPECT_EQ(NumberOf(pair.far), 7u);
  EXPECT_TRUE(pair.far.frame().body == body);
  EXPECT_EQ(pair.far.Receive(), Received::kFrame);
  sender.join();
  EXPECT_EQ(NumberOf(pair.far), 8u);
  EXPECT_EQ(pair.far.frame().body, "next");
}

TEST(Channel, LargeMessageArrives) {
  Pair pair;
  const std::string text(900 << 10, 'x');
  std::thread sender([&] {
    capnp::MallocMessageBuilder message;
    message.initRoot<wire::Message>().initSetup().setPool(text);
    pair.near.Send(message);
  });
  EXPECT_EQ(pair.far.Receive(), Received::kFrame);
  sender.join();
  EXPECT_EQ(std::string(pair.far.frame().message.getSetup().getPool().cStr()),
            text);
}

TEST(Channel, MessageOfManySegmentsArrives) {
  Pair pair;
  capnp::MallocMessageBuilder message(1, capnp::AllocationStrategy::FIXED_SIZE);
  message.initRoot<wire::Message>().initHandshake().setBuildId(
      capnp::Data::Reader(reinterpret_cast<const kj::byte*>("0123456789"), 10));
  ASSERT_GT(message.getSegmentsForOutput().size(), 2u);
  pair.near.Send(message);
  ASSERT_EQ(pair.far.Receive(), Received::kFrame);
  EXPECT_EQ(pair.far.frame().message.getHandshake().getBuildId().size(), 10u);
}

TEST(Channel, SmallFramesAreReadAhead) {
  Pair pair;
  SendNumber(pair.near, 1);
  SendNumber(pair.near, 2);
  ASSERT_EQ(pair.far.Receive(), Received::kFrame);
  EXPECT_TRUE(pair.far.has_buffered_input());
  int unread = -1;
  ioctl(pair.far.fd(), FIONREAD, &unread);
  EXPECT_EQ(unread, 0);
}

TEST(Channel, NothingIsBufferedAfterTheLastFrame) {
  Pair pair;
  SendNumber(pair.near, 1);
  ASSERT_EQ(pair.far.Receive(), Received::kFrame);
  EXPECT_FALSE(pair.far.has_buffered_input());
}

TEST(Channel, ReceivesInTheOrderOfSending) {
  Pair pair;
  for (uint64_t i = 0; i < 100; ++i) SendNumber(pair.near, i);
  for (uint64_t i = 0; i < 100; ++i) {
    ASSERT_EQ(pair.far.Receive(/*wait=*/false), Received::kFrame);
    EXPECT_EQ(NumberOf(pair.far), i);
  }
}

TEST(Channel, ReceivesNothingWithoutWaitingIfNothingCame) {
  Pair pair;
  EXPECT_EQ(pair.far.Receive(/*wait=*/false), Received::kNothing);
}

TEST(Channel, BothSidesMaySendAtOnce) {
  Pair pair;
  const std::string body = MakeBody(4 << 20);
  std::thread near_sender([&] { SendNumber(pair.near, 1, body); });
  std::thread far_sender([&] { SendNumber(pair.far, 2, body); });
  std::thread near_receiver([&] {
    EXPECT_EQ(pair.near.Receive(), Received::kFrame);
    EXPECT_TRUE(pair.near.frame().body == body);
  });
  EXPECT_EQ(pair.far.Receive(), Received::kFrame);
  EXPECT_TRUE(pair.far.frame().body == body);
  near_sender.join();
  far_sender.join();
  near_receiver.join();
}

TEST(Channel, SmallSocketBufferHoldsUpNothing) {
  TwoEnds sockets = MakeSockets();
  const int bytes = 1024;
  setsockopt(sockets.first.get(), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
  Pair pair(std::move(sockets));
  const std::string body = MakeBody(1 << 20);
  std::thread sender([&] { SendNumber(pair.near, 1, body); });
  EXPECT_EQ(pair.far.Receive(), Received::kFrame);
  sender.join();
  EXPECT_TRUE(pair.far.frame().body == body);
}

TEST(Channel, NonBlockingSocketIsWaitedFor) {
  TwoEnds sockets = MakeSockets();
  fcntl(sockets.first.get(), F_SETFL, O_NONBLOCK);
  fcntl(sockets.second.get(), F_SETFL, O_NONBLOCK);
  Pair pair(std::move(sockets));
  const std::string body = MakeBody(4 << 20);
  std::thread sender([&] { SendNumber(pair.near, 1, body); });
  EXPECT_EQ(pair.far.Receive(), Received::kFrame);
  sender.join();
  EXPECT_TRUE(pair.far.frame().body == body);
}

TEST(Channel, SignalsDisturbNothing) {
  struct sigaction handler = {};  // without SA_RESTART
  struct sigaction old;
  handler.sa_handler = [](int) {};
  sigaction(SIGALRM, &handler, &old);
  const struct itimerval storm = {{0, 200}, {0, 200}};
  setitimer(ITIMER_REAL, &storm, nullptr);
  Pair pair;
  const std::string body = MakeBody(16 << 20);
  std::thread sender([&] { SendNumber(pair.near, 1, body); });
  const Received received = pair.far.Receive();
  sender.join();
  const struct itimerval calm = {};
  setitimer(ITIMER_REAL, &calm, nullptr);
  sigaction(SIGALRM, &old, nullptr);
  EXPECT_EQ(received, Received::kFrame);
  EXPECT_TRUE(pair.far.frame().body == body);
}

TEST(Channel, SendRefusesMoreThanTheLimits) {
  Pair pair(MakeSockets(), {.max_message_bytes = 64, .max_body_bytes = 10});
  EXPECT_THROW(SendNumber(pair.near, 1, "12345678901"), std::length_error);
  capnp::MallocMessageBuilder message;
  message.initRoot<wire::Message>().initSetup().setPool(std::string(100, 'x'));
  EXPECT_THROW(pair.near.Send(message), std::length_error);
}

TEST(Channel, SendsOnAfterARefusal) {
  Pair pair(MakeSockets(), {.max_body_bytes = 10});
  EXPECT_THROW(SendNumber(pair.near, 1, "12345678901"), std::length_error);
  SendNumber(pair.near, 2, "1234567890");
  ASSERT_EQ(pair.far.Receive(), Received::kFrame);
  EXPECT_EQ(NumberOf(pair.far), 2u);
}

TEST(Channel, SendsOnAfterADescriptorThatCannotBeSent) {
  Pair pair;
  EXPECT_THROW(SendNumber(pair.near, 1, "", 987), std::system_error);
  SendNumber(pair.near, 2);
  ASSERT_EQ(pair.far.Receive(), Received::kFrame);
  EXPECT_EQ(NumberOf(pair.far), 2u);
}

TEST(Channel, ReceivesClosedAfterTheOtherSidesEnd) {
  auto pair = std::make_unique<Pair>();
  pair->near.Close();
  EXPECT_EQ(pair->far.Receive(), Received::kClosed);
  EXPECT_EQ(pair->far.Receive(), Received::kClosed);
}

TEST(Channel, ReceivesWhatCameBeforeTheEnd) {
  TwoEnds sockets = MakeSockets();
  Channel far(std::move(sockets.second));
  {
    Channel near(std::move(sockets.first));
    SendNumber(near, 1);
    SendNumber(near, 2);
  }
  ASSERT_EQ(far.Receive(), Received::kFrame);
  ASSERT_EQ(far.Receive(), Received::kFrame);
  EXPECT_EQ(NumberOf(far), 2u);
  EXPECT_EQ(far.Receive(), Received::kClosed);
}

// The other side dies with input unread: the kernel makes that ECONNRESET.
TEST(Channel, ReceivesWhatCameBeforeAReset) {
  TwoEnds sockets = MakeSockets();
  Channel far(std::move(sockets.second));
  {
    Channel near(std::move(sockets.first));
    SendNumber(near, 1);
    SendNumber(far, 2);
  }
  ASSERT_EQ(far.Receive(), Received::kFrame);
  EXPECT_EQ(NumberOf(far), 1u);
  EXPECT_EQ(far.Receive(), Received::kClosed);
}

TEST(Channel, SendThrowsAfterTheOtherSidesEnd) {
  TwoEnds sockets = MakeSockets();
  Channel near(std::move(sockets.first));
  sockets.second.Reset();
  EXPECT_THROW(SendNumber(near, 1), ChannelClosedError);
}

TEST(Channel, SendToNobodyRaisesNoSignal) {
  static volatile sig_atomic_t raised;
  raised = 0;
  struct sigaction handler = {};
  struct sigaction old;
  handler.sa_handler = [](int) { raised = 1; };
  sigaction(SIGPIPE, &handler, &old);
  TwoEnds sockets = MakeSockets();
  Channel near(std::move(sockets.first));
  sockets.second.Reset();
  EXPECT_THROW(SendNumber(near, 1), ChannelClosedError);
  sigaction(SIGPIPE, &old, nullptr);
  EXPECT_EQ(raised, 0);
}

TEST(Channel, SendThrowsWhenTheOtherSideEndsMeanwhile) {
  TwoEnds sockets = MakeSockets();
  Channel near(std::move(sockets.first));
  const std::string body = MakeBody(16 << 20);
  std::thread reader([&] {
    char buffer[1000];
    EXPECT_GT(read(sockets.second.get(), buffer, sizeof(buffer)), 0);
    sockets.second.Reset();
  });
  EXPECT_THROW(SendNumber(near, 1, body), ChannelClosedError);
  reader.join();
}

TEST(Channel, CloseEndsAReceiveThatWaits) {
  Pair pair;
  std::thread closer([&] { pair.far.Close(); });
  EXPECT_EQ(pair.far.Receive(), Received::kClosed);
  closer.join();
}

TEST(Channel, CloseEndsASendThatWaits) {
  Pair pair;
  const std::string body = MakeBody(16 << 20);
  std::thread closer([&] {
    char byte;
    recv(pair.far.fd(), &byte, 1, MSG_PEEK);
    pair.near.Close();
  });
  EXPECT_THROW(SendNumber(pair.near, 1, body), ChannelClosedError);
  closer.join();
}

// Its socket stays open, as if another process had it as well.
class EndOfPeer : public ::testing::Test {
 protected:
  EndOfPeer() { pair_.near.WatchPeer(peer_.first.get()); }
  // A channel's Cap'n Proto members do not promise that.
  ~EndOfPeer() noexcept override {}
  void EndPeer() { peer_.second.Reset(); }

  TwoEnds peer_ = MakePipe();
  Pair pair_;
};

TEST_F(EndOfPeer, EndsAReceiveThatWaits) {
  std::thread ender([&] { EndPeer(); });
  EXPECT_EQ(pair_.near.Receive(), Received::kClosed);
  ender.join();
  EXPECT_EQ(pair_.near.Receive(), Received::kClosed);
}

TEST_F(EndOfPeer, EndsASendThatWaits) {
  std::thread ender([&] { EndPeer(); });
  EXPECT_THROW(SendNumber(pair_.near, 1, MakeBody(16 << 20)),
               ChannelClosedError);
  ender.join();
}

TEST_F(EndOfPeer, ComesAfterWhatWasSent) {
  SendNumber(pair_.far, 1);
  SendNumber(pair_.far, 2, MakeBody(100 << 10));
  EndPeer();
  ASSERT_EQ(pair_.near.Receive(), Received::kFrame);
  ASSERT_EQ(pair_.near.Receive(), Received::kFrame);
  EXPECT_EQ(NumberOf(pair_.near), 2u);
  EXPECT_EQ(pair_.near.Receive(), Received::kClosed);
}

TEST(Channel, DescriptorArrives) {
  Pair pair;
  TwoEnds pipe = MakePipe();
  SendNumber(pair.near, 1, "", pipe.second.get());
  pipe.second.Reset();
  ASSERT_EQ(pair.far.Receive(), Received::kFrame);
  ASSERT_EQ(write(pair.far.frame().fd.get(), "x", 1), 1);
  pair.far.frame().fd.Reset();
  EXPECT_EQ(ReadAll(pipe.first.get()), "x");
}

TEST(Channel, DescriptorArrivesCloseOnExec) {
  Pair pair;
  SendNumber(pair.near, 1, "", STDERR_FILENO);
  ASSERT_EQ(pair.far.Receive(), Received::kFrame);
  EXPECT_EQ(fcntl(pair.far.frame().fd.get(), F_GETFD), FD_CLOEXEC);
}

TEST(Channel, FrameWithoutDescriptorHasNone) {
  Pair pair;
  SendNumber(pair.near, 1);
  ASSERT_EQ(pair.far.Receive(), Received::kFrame);
  EXPECT_EQ(pair.far.frame().fd.get(), -1);
}

// Which of the frames have a descriptor, and which one of two bodies.
class FramesAre : public ::testing::TestWithParam<int> {};

INSTANTIATE_TEST_SUITE_P(, FramesAre, ::testing::Range(0, 256));

TEST_P(FramesAre, EachGivenTheirOwnDescriptor) {
  constexpr int kFrames = 4;
  Pair pair;
  std::vector<TwoEnds> pipes;
  const std::string bodies[] = {"", MakeBody(70'000)};
  for (int i = 0; i < kFrames; ++i) {
    pipes.push_back(MakePipe());
    // Its number goes through the pipe, to tell it from others.
    ASSERT_EQ(write(pipes[i].second.get(), &i, sizeof(i)),
              static_cast<ssize_t>(sizeof(i)));
  }
  std::thread sender([&] {
    for (int i = 0; i < kFrames; ++i) {
      SendNumber(pair.near, i, bodies[GetParam() >> (kFrames + i) & 1],
                 (GetParam() >> i & 1) != 0 ? pipes[i].first.get() : -1);
    }
  });
  for (int i = 0; i < kFrames; ++i) {
    EXPECT_EQ(pair.far.Receive(), Received::kFrame);
    int number = -1;
    const bool has_fd = (GetParam() >> i & 1) != 0;
    EXPECT_EQ(static_cast<bool>(pair.far.frame().fd), has_fd);
    if (has_fd) {
      EXPECT_GT(read(pair.far.frame().fd.get(), &number, sizeof(number)), 0);
    }
    EXPECT_EQ(number, has_fd ? i : -1);
  }
  sender.join();
}

TEST(Channel, KeepsNoDescriptor) {
  const std::set<int> before = ListDescriptors();
  {
    Pair pair;
    SendNumber(pair.near, 1, "", STDERR_FILENO);
    SendNumber(pair.near, 2, "", STDERR_FILENO);
    SendNumber(pair.near, 3, "", STDERR_FILENO);
    pair.far.Receive();
    pair.far.Receive();
  }
  EXPECT_EQ(ListDescriptors(), before);
}

TEST(Channel, NextReceiveDropsTheDescriptorThatNobodyTook) {
  Pair pair;
  const std::set<int> before = ListDescriptors();
  SendNumber(pair.near, 1, "", STDERR_FILENO);
  ASSERT_EQ(pair.far.Receive(), Received::kFrame);
  EXPECT_EQ(pair.far.Receive(/*wait=*/false), Received::kNothing);
  EXPECT_EQ(ListDescriptors(), before);
}

}  // namespace
}  // namespace asyncpal::internal
