#include "asyncpal/ipc/worker/partial_results.h"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

#include "asyncpal/future/error.h"
#include "asyncpal/ipc/codec.h"
#include "asyncpal/ipc/payload.h"
#include "asyncpal/ipc/testing/descriptors.h"
#include "asyncpal/ipc/worker/channel.h"
#include "asyncpal/ipc/worker/claim_page.h"
#include "asyncpal/ipc/worker/worker.capnp.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

using ::asyncpal::testing::MakeSockets;
using ::asyncpal::testing::TwoEnds;

// One thread is the task, the watcher and the parent.
class PartialResultsTest : public ::testing::Test {
 protected:
  PartialResultsTest() : PartialResultsTest(MakeSockets()) {}
  ~PartialResultsTest() noexcept override = default;

  void Call(int result) {
    partial_.BeginCall();
    partial_.EndCall([&](Encoder& out) { out.Write(result); });
  }
  bool Hear() {
    return parent_.Receive(/*wait=*/false) == Channel::Received::kFrame;
  }
  wire::Partial::Reader heard() { return parent_.frame().message.getPartial(); }
  std::string body() { return parent_.frame().body; }
  static std::string BytesOf(int value) {
    return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  static std::string BytesOf(const Payload& payload) {
    return std::string(payload.bytes().begin(), payload.bytes().end());
  }

 private:
  explicit PartialResultsTest(TwoEnds sockets)
      : parent_(std::move(sockets.first)), worker_(std::move(sockets.second)) {}

 protected:
  Channel parent_;
  Channel worker_;
  ClaimPage page_ = ClaimPage::Create();
  PartialResults partial_{worker_, &page_, /*max_bytes=*/1000};
};

TEST_F(PartialResultsTest, NothingIsSentOfWhatIsOverWithinATick) {
  partial_.Begin(1);
  partial_.OnTick();
  Call(10);
  Call(11);
  partial_.OnTick();
  const PartialResults::Rest rest = partial_.TakeRest();
  EXPECT_EQ(rest.count, 2u);
  EXPECT_EQ(BytesOf(rest.results), BytesOf(10) + BytesOf(11));
  partial_.OnTick();
  EXPECT_FALSE(partial_.EndTask(/*failed=*/false));
  EXPECT_FALSE(Hear());
}

TEST_F(PartialResultsTest, WhatWaitsIsSentAtTheSecondTick) {
  partial_.Begin(1);
  Call(10);
  partial_.OnTick();
  Call(11);
  EXPECT_TRUE(partial_.HasUnsent());
  partial_.OnTick();
  EXPECT_FALSE(partial_.HasUnsent());
  Call(12);
  ASSERT_TRUE(Hear());
  EXPECT_EQ(heard().getAttempt(), 1u);
  EXPECT_EQ(heard().getDone(), 2u);
  EXPECT_EQ(heard().getCount(), 2u);
  EXPECT_EQ(body(), BytesOf(10) + BytesOf(11));
  const PartialResults::Rest rest = partial_.TakeRest();
  EXPECT_EQ(rest.count, 1u);
  EXPECT_EQ(BytesOf(rest.results), BytesOf(12));
  EXPECT_TRUE(partial_.EndTask(/*failed=*/false));
}

TEST_F(PartialResultsTest, CallWithoutAResultIsOneThatIsDone) {
  partial_.Begin(1);
  partial_.BeginCall();
  partial_.EndCall();
  partial_.OnTick();
  partial_.OnTick();
  ASSERT_TRUE(Hear());
  EXPECT_EQ(heard().getDone(), 1u);
  EXPECT_EQ(heard().getCount(), 0u);
}

TEST_F(PartialResultsTest, WhatCanNotBeWrittenLeavesNoTrace) {
  partial_.Begin(1);
  Call(10);
  partial_.BeginCall();
  EXPECT_THROW(partial_.EndCall([](Encoder& out) {
    out.Write(std::string("half of it"));
    throw std::runtime_error("no more");
  }),
               std::runtime_error);
  Call(12);
  const PartialResults::Rest rest = partial_.TakeRest();
  EXPECT_EQ(rest.count, 2u);
  EXPECT_EQ(BytesOf(rest.results), BytesOf(10) + BytesOf(12));
}

TEST_F(PartialResultsTest, NothingIsSentWhileAResultIsBeingWritten) {
  partial_.Begin(1);
  Call(10);
  partial_.BeginCall();
  partial_.EndCall([&](Encoder& out) {
    partial_.OnTick();
    partial_.OnTick();
    out.Write(11);
  });
  EXPECT_FALSE(Hear());
  EXPECT_EQ(partial_.TakeRest().count, 2u);
}

TEST_F(PartialResultsTest, TaskThatFailsSendsWhatWaits) {
  partial_.Begin(1);
  Call(10);
  partial_.BeginCall();
  EXPECT_TRUE(partial_.EndTask(/*failed=*/true));
  ASSERT_TRUE(Hear());
  EXPECT_EQ(heard().getDone(), 1u);
}

TEST_F(PartialResultsTest, AllResultsOfATaskHaveToFitIntoItsLimit) {
  const std::string large(600, 'x');
  const auto call = [&] {
    partial_.BeginCall();
    partial_.EndCall([&](Encoder& out) { out.Write(large); });
  };
  partial_.Begin(1);
  call();
  EXPECT_THROW(call(), SerializationError);
  partial_.OnTick();
  partial_.OnTick();
  ASSERT_TRUE(Hear());
  EXPECT_THROW(call(), SerializationError) << "they count when sent";
  partial_.EndTask(/*failed=*/false);
  partial_.Begin(2);
  call();
}

TEST_F(PartialResultsTest, NotesTheCallsThatBegin) {
  partial_.Begin(5);
  EXPECT_EQ(page_.ReadCalls(5), 0u);
  Call(10);
  partial_.BeginCall();
  EXPECT_EQ(page_.ReadCalls(5), 2u);
  partial_.EndTask(/*failed=*/false);
  partial_.Begin(6);
  partial_.BeginCall();
  EXPECT_EQ(page_.ReadCalls(6), 1u);
}

TEST_F(PartialResultsTest, ForkOfTheWorkerDoesNothing) {
  partial_.Begin(5);
  partial_.OnFork();
  Call(10);
  EXPECT_EQ(page_.ReadCalls(5), 0u);
  EXPECT_EQ(partial_.TakeRest().count, 0u);
}

}  // namespace
}  // namespace asyncpal::internal
