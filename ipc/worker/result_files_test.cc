#include "asyncpal/ipc/worker/result_files.h"

#include <sys/stat.h>

#include <cstdint>
#include <string>

#include "asyncpal/ipc/codec.h"
#include "asyncpal/ipc/internal/file_loan.h"
#include "asyncpal/ipc/payload.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

const std::string kLarge(2 * kMaxInlineBytes, 'x');

ino_t NumberOf(int fd) {
  struct stat status = {};
  EXPECT_EQ(fstat(fd, &status), 0);
  return status.st_ino;
}

class ResultFilesTest : public ::testing::Test {
 protected:
  // What a worker does with a result.
  Payload Encode(const std::string& value, uint64_t attempt) {
    Encoder out;
    ResultFiles::Loan loan(files_, out);
    out.Write(value);
    Payload payload = out.Finish();
    kept_file_ = loan.Give(attempt, payload);
    return payload;
  }
  std::string Decode(const Payload& payload) {
    Decoder in(payload);
    auto value = in.Read<std::string>();
    in.ExpectEnd();
    return value;
  }

  ClaimPage page_ = ClaimPage::Create();
  ResultFiles files_{page_};
  int kept_file_ = -1;
};

TEST_F(ResultFilesTest, SmallResultNeedsNone) {
  EXPECT_FALSE(Encode("small", 7).is_memfd());
  EXPECT_EQ(kept_file_, 0);
}

TEST_F(ResultFilesTest, OneIsWrittenToAgainOnceItIsRead) {
  const Payload first = Encode(kLarge, 7);
  ASSERT_EQ(kept_file_, 1);
  ASSERT_TRUE(first.is_memfd());
  EXPECT_EQ(Decode(first), kLarge);
  page_.SetResultRead(0, 7);
  const std::string shorter(kMaxInlineBytes + 10, 'y');
  const Payload second = Encode(shorter, 8);
  EXPECT_EQ(kept_file_, 1);
  EXPECT_EQ(NumberOf(second.memfd()), NumberOf(first.memfd()));
  EXPECT_EQ(Decode(second), shorter);
}

TEST_F(ResultFilesTest, NoneIsWrittenToThatIsNotRead) {
  const Payload first = Encode(kLarge, 7);
  page_.SetResultRead(0, 6);
  page_.SetResultRead(1, 7);
  const std::string other(kLarge.size(), 'y');
  const Payload second = Encode(other, 8);
  EXPECT_EQ(kept_file_, 2);
  const Payload third = Encode(other, 9);
  EXPECT_TRUE(third.is_memfd());
  EXPECT_EQ(kept_file_, 0) << "it is one of its own";
  EXPECT_EQ(Decode(first), kLarge);
  EXPECT_EQ(Decode(second), other);
  page_.SetResultRead(1, 8);
  EXPECT_EQ(NumberOf(Encode(other, 10).memfd()), NumberOf(second.memfd()));
}

TEST_F(ResultFilesTest, LargeOneIsGivenAway) {
  const std::string huge(ResultFiles::kMaxBytes, 'x');
  const Payload first = Encode(huge, 7);
  ASSERT_TRUE(first.is_memfd());
  EXPECT_EQ(kept_file_, 0);
  const Payload second = Encode(std::string(kLarge.size(), 'y'), 8);
  EXPECT_EQ(kept_file_, 1);
  EXPECT_NE(NumberOf(second.memfd()), NumberOf(first.memfd()));
  EXPECT_EQ(Decode(first), huge);
}

TEST_F(ResultFilesTest, WhatIsNotGivenIsGone) {
  Encoder out;
  ino_t number = 0;
  Payload payload;
  {
    const ResultFiles::Loan loan(files_, out);
    out.Write(kLarge);
    payload = out.Finish();
    number = NumberOf(payload.memfd());
  }
  EXPECT_NE(NumberOf(Encode(kLarge, 8).memfd()), number);
  EXPECT_EQ(kept_file_, 1);
}

TEST_F(ResultFilesTest, WhatIsGivenBackIsTheParentsAlone) {
  EXPECT_TRUE(files_.empty());
  const Payload first = Encode(kLarge, 7);
  EXPECT_FALSE(files_.empty());
  files_.GiveBack();
  EXPECT_TRUE(files_.empty());
  EXPECT_NE(NumberOf(Encode(std::string(kLarge.size(), 'y'), 8).memfd()),
            NumberOf(first.memfd()));
  EXPECT_EQ(kept_file_, 1);
  EXPECT_EQ(Decode(first), kLarge);
}

TEST_F(ResultFilesTest, OtherEncodersOfTheThreadGetNone) {
  Encoder mine;
  ResultFiles::Loan loan(files_, mine);
  Encoder others;
  others.Write(kLarge);
  const Payload payload = others.Finish();
  mine.Write(std::string(kLarge.size(), 'y'));
  const Payload lent = mine.Finish();
  EXPECT_EQ(loan.Give(7, lent), 1);
  EXPECT_NE(NumberOf(lent.memfd()), NumberOf(payload.memfd()));
  EXPECT_EQ(Decode(payload), kLarge);
}

TEST_F(ResultFilesTest, ForkedProcessIsLentNone) {
  Encoder out;
  ResultFiles::Loan loan(files_, out);
  FileLoan::EndForThread();
  out.Write(kLarge);
  const Payload payload = out.Finish();
  EXPECT_EQ(loan.Give(7, payload), 0);
  EXPECT_EQ(Decode(payload), kLarge);
}

}  // namespace
}  // namespace asyncpal::internal
