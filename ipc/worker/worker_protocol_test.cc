#include "asyncpal/ipc/worker/worker_protocol.h"

#include <fcntl.h>

#include <cstdint>
#include <string>
#include <utility>

#include "asyncpal/ipc/codec.h"
#include "asyncpal/ipc/internal/fd.h"
#include "asyncpal/ipc/payload.h"
#include "asyncpal/ipc/worker/channel.h"
#include "asyncpal/ipc/worker/worker.capnp.h"
#include "capnp/message.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

constexpr uint64_t kMaxBytes = 1 << 20;

class WorkerProtocolTest : public testing::Test {
 protected:
  ~WorkerProtocolTest() noexcept override = default;

  wire::Call::Reader reader() const { return call_.asReader(); }
  wire::Call::Arguments::Builder arguments() { return call_.getArguments(); }

  capnp::MallocMessageBuilder message_;
  wire::Call::Builder call_ = message_.initRoot<wire::Call>();
  Channel::Frame frame_;
};

UniqueFd Duplicate(int fd) { return UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

Payload LargePayload() {
  Encoder out;
  out.Write(std::string(100'000, 'x'));
  return out.Finish();
}

TEST_F(WorkerProtocolTest, BringsBackAnAddress) {
  DescribeCode({.code = {1, 2}}, call_);

  const EncodedCall copy = ReadCode(reader());

  EXPECT_EQ(copy.code.module, 1);
  EXPECT_EQ(copy.code.offset, 2);
}

TEST_F(WorkerProtocolTest, BringsBackAName) {
  DescribeCode({.code = {}, .name = "Fib"}, call_);

  EXPECT_EQ(ReadCode(reader()).name, "Fib");
}

TEST_F(WorkerProtocolTest, RefusesACallOfNothing) {
  EXPECT_THROW(ReadCode(reader()), ProtocolError);
}

TEST_F(WorkerProtocolTest, RefusesAnEmptyName) {
  call_.getCode().setName("");

  EXPECT_THROW(ReadCode(reader()), ProtocolError);
}

TEST_F(WorkerProtocolTest, TakesBytesFromTheFrame) {
  DescribePayload(Payload::OfBytes("12345"), arguments());
  frame_.body = "12345";

  const Payload payload =
      TakePayload(arguments().asReader(), frame_, kMaxBytes);

  EXPECT_EQ(std::string(payload.bytes().begin(), payload.bytes().end()),
            "12345");
}

TEST_F(WorkerProtocolTest, RefusesASizeThatIsNotTheBodys) {
  DescribePayload(Payload::OfBytes("12345"), arguments());
  frame_.body = "1234";

  EXPECT_THROW(TakePayload(arguments().asReader(), frame_, kMaxBytes),
               ProtocolError);
}

TEST_F(WorkerProtocolTest, TakesTheDescriptorOfTheFrame) {
  Payload sent = LargePayload();
  ASSERT_TRUE(sent.is_memfd());
  DescribePayload(sent, arguments());
  frame_.fd = Duplicate(sent.memfd());

  const Payload payload =
      TakePayload(arguments().asReader(), frame_, kMaxBytes);

  EXPECT_TRUE(payload.is_memfd());
  EXPECT_EQ(payload.size(), sent.size());
  EXPECT_FALSE(frame_.fd);
}

TEST_F(WorkerProtocolTest, RefusesAMemfdThatDidNotCome) {
  DescribePayload(LargePayload(), arguments());

  EXPECT_THROW(TakePayload(arguments().asReader(), frame_, kMaxBytes),
               ProtocolError);
}

TEST_F(WorkerProtocolTest, RefusesAMemfdThatIsTooLarge) {
  const Payload sent = LargePayload();
  DescribePayload(sent, arguments());
  frame_.fd = Duplicate(sent.memfd());

  EXPECT_THROW(TakePayload(arguments().asReader(), frame_, sent.size() - 1),
               ProtocolError);
}

}  // namespace
}  // namespace asyncpal::internal
