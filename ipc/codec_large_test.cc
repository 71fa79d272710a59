#include <cstddef>
#include <vector>

#include "asyncpal/ipc/codec.h"
#include "asyncpal/ipc/payload.h"
#include "gtest/gtest.h"

namespace asyncpal {
namespace {

// Needs three times as much memory.
TEST(Codec, VectorOfMoreBytesThanOneSystemCallTakesComesBack) {
  std::vector<char> value((size_t{2} << 30) + 1);
  for (size_t i = 0; i < value.size(); i += 4001) {
    value[i] = static_cast<char>(i / 4001);
  }
  value.back() = 'x';
  Encoder out;
  out.Write(value);
  const Payload payload = out.Finish();
  ASSERT_TRUE(payload.is_memfd());
  Decoder in(payload);
  EXPECT_TRUE(in.Read<std::vector<char>>() == value);
  in.ExpectEnd();
}

}  // namespace
}  // namespace asyncpal
