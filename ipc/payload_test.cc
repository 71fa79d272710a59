#include "asyncpal/ipc/payload.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "asyncpal/future/error.h"
#include "asyncpal/ipc/internal/fd.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace asyncpal {
namespace {

using internal::kMaxInlineBytes;
using internal::UniqueFd;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::string MakeBytes(size_t size, uint64_t seed = 1) {
  std::string bytes(size, '\0');
  std::mt19937_64 random(seed);
  size_t i = 0;
  for (; i + sizeof(uint64_t) <= size; i += sizeof(uint64_t)) {
    const uint64_t word = random();
    std::memcpy(&bytes[i], &word, sizeof(word));
  }
  for (; i < size; ++i) bytes[i] = static_cast<char>(random());
  return bytes;
}

Payload EncodeBytes(const std::string& bytes, bool may_use_memfd = true) {
  Encoder out(kDefaultMaxPayloadBytes, may_use_memfd);
  out.WriteBytes(bytes.data(), bytes.size());
  return out.Finish();
}

std::string DecodeBytes(const Payload& payload) {
  Decoder in(payload);
  std::string bytes(in.remaining(), '\0');
  in.ReadBytes(bytes.data(), bytes.size());
  in.ExpectEnd();
  return bytes;
}

template <typename F>
std::string CatchSerializationError(F f) {
  try {
    f();
  } catch (const SerializationError& error) {
    return error.what();
  }
  return "no error";
}

Payload MakeMemfdPayload(size_t actual_size, uint64_t claimed_size) {
  UniqueFd fd(memfd_create("test", MFD_CLOEXEC));
  if (ftruncate(fd.get(), static_cast<off_t>(actual_size)) != 0) fd.Reset();
  return Payload::OfMemfd(std::move(fd), claimed_size);
}

// Restored when it goes.
class ScopedLimit {
 public:
  ScopedLimit(decltype(RLIMIT_NOFILE) resource, rlim_t soft)
      : resource_(resource) {
    getrlimit(resource_, &old_);
    const rlimit limit = {soft, old_.rlim_max};
    setrlimit(resource_, &limit);
  }
  ~ScopedLimit() { setrlimit(resource_, &old_); }

 private:
  const decltype(RLIMIT_NOFILE) resource_;
  rlimit old_;
};

TEST(Payload, IsEmptyByDefault) { EXPECT_EQ(Payload().size(), 0); }

TEST(Payload, KnowsTheSizeOfItsMemfd) {
  EXPECT_EQ(MakeMemfdPayload(50'000, 40'000).size(), 40'000);
}

TEST(Payload, IsEmptyOnceMovedFrom) {
  Payload payload = EncodeBytes(MakeBytes(100'000));
  const Payload taken = std::move(payload);
  EXPECT_FALSE(payload.is_memfd());  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(payload.size(), 0);
  EXPECT_EQ(taken.size(), 100'000);
}

class SizeTest : public ::testing::TestWithParam<size_t> {};

INSTANTIATE_TEST_SUITE_P(Corners, SizeTest,
                         ::testing::Values(0, 1, kMaxInlineBytes - 1,
                                           kMaxInlineBytes, kMaxInlineBytes + 1,
                                           size_t{1} << 20,
                                           (size_t{64} << 20) - 1,
                                           (size_t{64} << 20) + 1));

TEST_P(SizeTest, BytesComeBackAsTheyWere) {
  const std::string bytes = MakeBytes(GetParam());
  // Not EXPECT_EQ, which would print them.
  EXPECT_TRUE(DecodeBytes(EncodeBytes(bytes)) == bytes);
}

TEST_P(SizeTest, BytesComeBackFromTheHeapAsTheyWere) {
  const std::string bytes = MakeBytes(GetParam());
  EXPECT_TRUE(DecodeBytes(EncodeBytes(bytes, false)) == bytes);
}

TEST_P(SizeTest, OnlyWhatIsBeyondTheLimitIsInAMemfd) {
  EXPECT_EQ(EncodeBytes(std::string(GetParam(), 'x')).is_memfd(),
            GetParam() > kMaxInlineBytes);
}

TEST(Encoder, NeedsNoMemfdIfItMayNotUseOne) {
  EXPECT_FALSE(EncodeBytes(MakeBytes(1 << 20), false).is_memfd());
}

TEST(Encoder, KeepsTheOrderOfBlocksOfAllSizes) {
  constexpr size_t kSizes[] = {0,     1,     7,     100,   4095,  16383,
                               16384, 32767, 32768, 32769, 70000, 300000};
  for (uint64_t seed = 0; seed < 50; ++seed) {
    std::mt19937_64 random(seed);
    std::vector<std::string> blocks;
    Encoder out;
    for (int i = 0; i < 30; ++i) {
      blocks.push_back(MakeBytes(kSizes[random() % std::size(kSizes)], i));
      out.WriteBytes(blocks.back().data(), blocks.back().size());
    }
    const Payload payload = out.Finish();
    Decoder in(payload);
    for (const std::string& block : blocks) {
      std::string read(block.size(), '\0');
      in.ReadBytes(read.data(), read.size());
      ASSERT_TRUE(read == block) << "seed " << seed;
    }
    in.ExpectEnd();
  }
}

TEST(Encoder, CountsWhatItHasWritten) {
  Encoder out;
  const std::string block = MakeBytes(20'000);
  for (int i = 0; i < 5; ++i) out.WriteBytes(block.data(), block.size());
  EXPECT_EQ(out.size(), 100'000);
}

TEST(Encoder, SealsItsMemfd) {
  const Payload payload = EncodeBytes(MakeBytes(100'000));
  EXPECT_EQ(fcntl(payload.memfd(), F_GET_SEALS),
            F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
}

TEST(Encoder, ClosesItsMemfdOnExec) {
  const Payload payload = EncodeBytes(MakeBytes(100'000));
  EXPECT_NE(fcntl(payload.memfd(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST(Encoder, KeepsItsMemfdOffTheStandardStreams) {
  const UniqueFd saved(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
  close(STDIN_FILENO);
  const Payload payload = EncodeBytes(MakeBytes(100'000));
  EXPECT_GT(payload.memfd(), STDERR_FILENO);
  if (saved) dup2(saved.get(), STDIN_FILENO);
}

TEST(Encoder, IsEmptyAfterFinish) {
  Encoder out;
  const std::string block = MakeBytes(100'000);
  out.WriteBytes(block.data(), block.size());
  out.Finish();
  EXPECT_EQ(out.Finish().size(), 0);
}

TEST(Encoder, WritesAgainAfterFinish) {
  const std::string block = MakeBytes(100'000);
  Encoder out;
  out.WriteBytes("abc", 3);
  out.Finish();
  out.WriteBytes(block.data(), block.size());
  EXPECT_TRUE(DecodeBytes(out.Finish()) == block);
}

struct MaxBytesCase {
  int64_t max_bytes;
  bool may_use_memfd;
};

class MaxBytesTest : public ::testing::TestWithParam<MaxBytesCase> {};

INSTANTIATE_TEST_SUITE_P(Corners, MaxBytesTest,
                         ::testing::Values(MaxBytesCase{1, true},
                                           MaxBytesCase{1000, true},
                                           MaxBytesCase{1000, false},
                                           MaxBytesCase{32768, true},
                                           MaxBytesCase{100'000, true},
                                           MaxBytesCase{100'000, false}));

TEST_P(MaxBytesTest, TakesAsManyBytes) {
  Encoder out(GetParam().max_bytes, GetParam().may_use_memfd);
  for (int64_t i = 0; i < GetParam().max_bytes; ++i) out.WriteBytes("x", 1);
  EXPECT_EQ(out.Finish().size(), GetParam().max_bytes);
}

TEST_P(MaxBytesTest, RefusesOneMore) {
  Encoder out(GetParam().max_bytes, GetParam().may_use_memfd);
  for (int64_t i = 0; i < GetParam().max_bytes; ++i) out.WriteBytes("x", 1);
  EXPECT_THROW(out.WriteBytes("x", 1), SerializationError);
}

TEST_P(MaxBytesTest, RefusesABlockThatIsTooLarge) {
  Encoder out(GetParam().max_bytes, GetParam().may_use_memfd);
  const std::string block = MakeBytes(GetParam().max_bytes + 1);
  EXPECT_THROW(out.WriteBytes(block.data(), block.size()), SerializationError);
}

TEST(Encoder, ErrorNamesBothSizes) {
  Encoder out(1000);
  const std::string block = MakeBytes(2345);
  EXPECT_THAT(CatchSerializationError(
                  [&] { out.WriteBytes(block.data(), block.size()); }),
              AllOf(HasSubstr("2345"), HasSubstr("max_payload_bytes is 1000")));
}

TEST(Encoder, RefusesASizeThatOverflows) {
  Encoder out;
  out.WriteBytes("abc", 3);
  EXPECT_THROW(out.WriteBytes("abc", std::numeric_limits<size_t>::max()),
               SerializationError);
}

TEST(Encoder, TakesNothingIfTheLimitIsNegative) {
  Encoder out(-5);
  EXPECT_THROW(out.WriteBytes("x", 1), SerializationError);
}

TEST(EncoderWithoutMemfd, UsesTheHeapIfNoDescriptorIsLeft) {
  const std::string bytes = MakeBytes(100'000);
  Payload payload;
  {
    ScopedLimit none_left(RLIMIT_NOFILE, 0);
    payload = EncodeBytes(bytes);
  }
  EXPECT_FALSE(payload.is_memfd());
  EXPECT_TRUE(DecodeBytes(payload) == bytes);
}

TEST(EncoderWithoutMemfd, UsesTheHeapBeyondTheFileSizeLimit) {
  const std::string bytes = MakeBytes(200'000);
  Payload payload;
  {
    // Going past it would end the program by SIGXFSZ.
    ScopedLimit limit(RLIMIT_FSIZE, 150'000);
    Encoder out;
    out.WriteBytes(bytes.data(), 100'000);
    out.WriteBytes(bytes.data() + 100'000, 100'000);
    payload = out.Finish();
  }
  EXPECT_FALSE(payload.is_memfd());
  EXPECT_TRUE(DecodeBytes(payload) == bytes);
}

// The limit comes after the encoder has asked for it, so that writes fail as
// they do when memory runs out. They stop in the middle of a block.
class FailingWriteTest : public ::testing::TestWithParam<size_t> {
 protected:
  FailingWriteTest() { old_ = signal(SIGXFSZ, SIG_IGN); }
  ~FailingWriteTest() override { signal(SIGXFSZ, old_); }

 private:
  sighandler_t old_;
};

INSTANTIATE_TEST_SUITE_P(BlockSizes, FailingWriteTest,
                         ::testing::Values(1, 1000, 20'000, 50'000));

TEST_P(FailingWriteTest, BringsEverythingBackToTheHeap) {
  const std::string bytes = MakeBytes(400'000);
  Payload payload;
  {
    Encoder out;
    out.WriteBytes(bytes.data(), 100'000);
    ScopedLimit limit(RLIMIT_FSIZE, 190'001);
    for (size_t at = 100'000; at < bytes.size(); at += GetParam()) {
      out.WriteBytes(bytes.data() + at,
                     std::min(GetParam(), bytes.size() - at));
    }
    payload = out.Finish();
  }
  EXPECT_FALSE(payload.is_memfd());
  EXPECT_TRUE(DecodeBytes(payload) == bytes);
}

TEST_P(FailingWriteTest, BringsEverythingBackToTheHeapInFinish) {
  const std::string bytes = MakeBytes(110'000);
  Payload payload;
  {
    Encoder out;
    out.WriteBytes(bytes.data(), 100'000);
    out.WriteBytes(bytes.data() + 100'000, 10'000);
    ScopedLimit limit(RLIMIT_FSIZE, 100'000 + GetParam() / 10);
    payload = out.Finish();
  }
  EXPECT_FALSE(payload.is_memfd());
  EXPECT_TRUE(DecodeBytes(payload) == bytes);
}

TEST_P(FailingWriteTest, StillObeysTheLimitOfThePayload) {
  const std::string bytes = MakeBytes(400'000);
  Encoder out(300'000);
  out.WriteBytes(bytes.data(), 100'000);
  ScopedLimit limit(RLIMIT_FSIZE, 190'001);
  out.WriteBytes(bytes.data(), 200'000);
  EXPECT_THROW(out.WriteBytes(bytes.data(), GetParam()), SerializationError);
}

TEST(Decoder, ReadsAPayloadASecondTime) {
  const std::string bytes = MakeBytes(100'000);
  const Payload payload = EncodeBytes(bytes);
  DecodeBytes(payload);
  EXPECT_TRUE(DecodeBytes(payload) == bytes);
}

TEST(Decoder, IgnoresTheOffsetOfTheMemfd) {
  const std::string bytes = MakeBytes(100'000);
  const Payload payload = EncodeBytes(bytes);
  lseek(payload.memfd(), 0, SEEK_END);
  EXPECT_TRUE(DecodeBytes(payload) == bytes);
}

class TruncatedTest : public ::testing::TestWithParam<bool> {
 protected:
  // In a memfd or on the heap.
  Payload MakePayload(size_t size) {
    return GetParam() ? MakeMemfdPayload(size, size)
                      : Payload::OfBytes(std::string(size, '\0'));
  }
};

INSTANTIATE_TEST_SUITE_P(HeapAndMemfd, TruncatedTest, ::testing::Bool());

TEST_P(TruncatedTest, ReadingTooMuchIsAnError) {
  const Payload payload = MakePayload(100);
  Decoder in(payload);
  std::array<char, 101> bytes;
  EXPECT_THAT(
      CatchSerializationError([&] { in.ReadBytes(bytes.data(), 101); }),
      AllOf(HasSubstr("101 bytes are needed"), HasSubstr("100 are left")));
}

TEST_P(TruncatedTest, ReadingAfterTheEndIsAnError) {
  const Payload payload = MakePayload(1);
  Decoder in(payload);
  char byte;
  in.ReadBytes(&byte, 1);
  EXPECT_THROW(in.ReadBytes(&byte, 1), SerializationError);
}

TEST_P(TruncatedTest, BytesLeftOverAreAnError) {
  const Payload payload = MakePayload(3);
  Decoder in(payload);
  EXPECT_THAT(CatchSerializationError([&] { in.ExpectEnd(); }),
              HasSubstr("3 bytes are left over"));
}

TEST_P(TruncatedTest, KnowsWhatRemains) {
  const Payload payload = MakePayload(50'000);
  Decoder in(payload);
  uint32_t word;
  in.ReadBytes(&word, sizeof(word));
  EXPECT_EQ(in.remaining(), 49'996);
}

TEST(Decoder, RefusesAMemfdThatIsShorterThanAnnounced) {
  const Payload payload = MakeMemfdPayload(1000, 1001);
  EXPECT_THAT(CatchSerializationError([&] { Decoder in(payload); }),
              AllOf(HasSubstr("1000 bytes"), HasSubstr("1001 were announced")));
}

TEST(Decoder, RefusesADescriptorThatIsNoFile) {
  std::array<int, 2> ends;
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  const UniqueFd writer(ends[1]);
  const Payload payload = Payload::OfMemfd(UniqueFd(ends[0]), 10);
  EXPECT_THROW(DecodeBytes(payload), SerializationError);
}

TEST(Decoder, NoticesAMemfdThatShrinks) {
  const Payload payload = MakeMemfdPayload(1 << 20, 1 << 20);
  Decoder in(payload);
  ASSERT_EQ(ftruncate(payload.memfd(), 1000), 0);
  std::string bytes(in.remaining(), '\0');
  EXPECT_THROW(in.ReadBytes(bytes.data(), bytes.size()), SerializationError);
}

TEST(Decoder, ReadsNothingFromAnEmptyPayload) {
  const Payload payload;
  Decoder in(payload);
  in.ReadBytes(nullptr, 0);
  in.ExpectEnd();
  EXPECT_EQ(in.remaining(), 0);
}

Payload EncodeSize(uint64_t size, size_t bytes_after) {
  Encoder out;
  out.WriteSize(size);
  const std::string bytes(bytes_after, '\0');
  out.WriteBytes(bytes.data(), bytes.size());
  return out.Finish();
}

TEST(ReadSize, TakesACountThatFits) {
  const Payload payload = EncodeSize(5, 40);
  EXPECT_EQ(Decoder(payload).ReadSize(8), 5);
}

TEST(ReadSize, RefusesACountThatDoesNotFit) {
  const Payload payload = EncodeSize(6, 47);
  EXPECT_THAT(CatchSerializationError([&] { Decoder(payload).ReadSize(8); }),
              AllOf(HasSubstr("6 elements"), HasSubstr("47 bytes are left")));
}

TEST(ReadSize, RefusesACountWhoseBytesOverflow) {
  const Payload payload = EncodeSize(uint64_t{1} << 61, 100);
  EXPECT_THROW(Decoder(payload).ReadSize(8), SerializationError);
}

TEST(GrantReserve, GrantsInProportionToThePayloadInAll) {
  const Payload payload = EncodeSize(1, 992);  // 1000 bytes
  Decoder in(payload);
  uint64_t granted = 0;
  for (int i = 0; i < 1000; ++i) granted += in.GrantReserve(1 << 30, 10) * 10;
  EXPECT_GT(granted, 1000);
  EXPECT_LE(granted, 10'000);
}

// Pending tasks must leave descriptors to the program.
TEST(Descriptors, AreHeldByFewOfManyPayloads) {
  const std::string block(internal::kMaxInlineBytes + 1, 'x');
  std::vector<Payload> pending;
  int memfds = 0;
  for (int i = 0; i < 1000; ++i) {
    Encoder out;
    out.WriteBytes(block.data(), block.size());
    pending.push_back(out.Finish());
    EXPECT_EQ(pending.back().size(), block.size());
    memfds += pending.back().is_memfd() ? 1 : 0;
  }
  EXPECT_GT(memfds, 0);
  EXPECT_LE(memfds, internal::kMaxPayloadDescriptors);
  pending.clear();
  Encoder out;
  out.WriteBytes(block.data(), block.size());
  EXPECT_TRUE(out.Finish().is_memfd());
}

TEST(Descriptors, AreMadeOfBytesWithTheSameContent) {
  const std::string block(100'000, 'x');
  const Payload copy = Payload::CopyToMemfd(block);
  ASSERT_TRUE(copy.is_memfd());
  Decoder in(copy);
  std::string read(block.size(), ' ');
  in.ReadBytes(read.data(), read.size());
  in.ExpectEnd();
  EXPECT_EQ(read, block);
}

TEST(Encoder, RewindForgetsWhatWasWrittenInMemory) {
  Encoder out;
  out.WriteBytes("kept", 4);
  const uint64_t size = out.size();
  out.WriteBytes("forgotten", 9);
  out.Rewind(size);
  out.WriteBytes("!", 1);
  const Payload payload = out.Finish();
  EXPECT_EQ(std::string(payload.bytes().begin(), payload.bytes().end()),
            "kept!");
}

TEST(Encoder, RewindForgetsWhatWasWrittenToAMemfd) {
  const std::string block = MakeBytes(100'000);
  for (const size_t kept : {size_t{10}, size_t{50'000}, block.size()}) {
    Encoder out;
    out.WriteBytes(block.data(), kept);
    const uint64_t size = out.size();
    out.WriteBytes(block.data(), block.size());
    out.WriteBytes("tail", 4);
    out.Rewind(size);
    EXPECT_EQ(out.size(), size);
    out.WriteBytes("new", 3);
    const Payload payload = out.Finish();
    ASSERT_EQ(payload.size(), kept + 3);
    Decoder in(payload);
    std::string read(kept + 3, ' ');
    in.ReadBytes(read.data(), read.size());
    in.ExpectEnd();
    EXPECT_EQ(read, block.substr(0, kept) + "new");
  }
}

TEST(Encoder, RewindMakesItUsableAfterAnError) {
  Encoder out(/*max_bytes=*/10);
  out.WriteBytes("kept", 4);
  EXPECT_THROW(out.WriteBytes("too long for it", 15), SerializationError);
  out.Rewind(4);
  out.WriteBytes("and", 3);
  EXPECT_EQ(out.Finish().size(), 7u);
}

}  // namespace
}  // namespace asyncpal
