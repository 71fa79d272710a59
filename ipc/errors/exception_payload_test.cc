#include "asyncpal/ipc/errors/exception_payload.h"

#include <exception>
#include <stdexcept>
#include <string>

#include "asyncpal/future/error.h"
#include "asyncpal/ipc/codec.h"
#include "asyncpal/ipc/payload.h"
#include "gtest/gtest.h"

namespace asyncpal::internal {
namespace {

std::exception_ptr RoundTrip(const std::exception_ptr& error) {
  Encoder out;
  WriteException(error, out);
  const Payload payload = out.Finish();
  Decoder in(payload);
  const std::exception_ptr copy = ReadException(in);
  in.ExpectEnd();
  return copy;
}

TEST(ExceptionPayloadTest, BringsBackNothingForNothing) {
  EXPECT_EQ(RoundTrip(nullptr), nullptr);
}

TEST(ExceptionPayloadTest, BringsBackTheType) {
  const auto copy =
      RoundTrip(std::make_exception_ptr(std::out_of_range("far")));

  EXPECT_THROW(std::rethrow_exception(copy), std::out_of_range);
}

TEST(ExceptionPayloadTest, BringsBackTheCause) {
  const auto copy = RoundTrip(NestException(
      Error("outer"), std::make_exception_ptr(std::out_of_range("inner"))));

  try {
    std::rethrow_exception(copy);
  } catch (const Error& error) {
    EXPECT_THROW(std::rethrow_if_nested(error), std::out_of_range);
  }
}

TEST(ExceptionPayloadTest, LeavesWhatFollowsToTheNextReader) {
  Encoder out;
  WriteException(std::make_exception_ptr(Error("first")), out);
  out.Write(int{42});
  const Payload payload = out.Finish();
  Decoder in(payload);
  ReadException(in);

  EXPECT_EQ(in.Read<int>(), 42);
}

TEST(ExceptionPayloadTest, MakesAnErrorOfBytesThatAreNone) {
  Encoder out;
  out.Write(std::string("no exception"));
  const Payload payload = out.Finish();
  Decoder in(payload);

  EXPECT_THROW(std::rethrow_exception(ReadException(in)), SerializationError);
}

}  // namespace
}  // namespace asyncpal::internal
