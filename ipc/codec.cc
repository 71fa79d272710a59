#include "asyncpal/ipc/codec.h"

#include <cstdint>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "asyncpal/future/error.h"
#include "asyncpal/ipc/encoding/codec_traits.h"
#include "asyncpal/ipc/payload.h"

namespace asyncpal {
namespace {

constexpr int64_t kQuartersPerSecond = 4'000'000'000;
constexpr int64_t kInfinite = std::numeric_limits<int64_t>::max();

absl::Duration Quarter() { return absl::Nanoseconds(1) / 4; }

}  // namespace

void Codec<absl::Duration>::Encode(absl::Duration value, Encoder& out) {
  if (value == absl::InfiniteDuration() || value == -absl::InfiniteDuration()) {
    out.Write(int64_t{value > absl::ZeroDuration() ? 1 : -1});
    out.Write(kInfinite);
    return;
  }
  absl::Duration rest;
  out.Write(absl::IDivDuration(value, absl::Seconds(1), &rest));
  out.Write(absl::IDivDuration(rest, Quarter(), &rest));
}

absl::Duration Codec<absl::Duration>::Decode(Decoder& in) {
  const auto seconds = in.Read<int64_t>();
  const auto quarters = in.Read<int64_t>();
  if (quarters == kInfinite) return seconds * absl::InfiniteDuration();
  if (quarters <= -kQuartersPerSecond || quarters >= kQuartersPerSecond) {
    internal::ThrowInvalidData("fraction of a second", quarters);
  }
  return absl::Seconds(seconds) + quarters * Quarter();
}

namespace internal {

void ThrowValuelessVariant() {
  throw SerializationError(
      "can't encode a std::variant that has lost its value to an exception");
}

void ThrowNullString() {
  throw SerializationError(
      "can't encode a null const char* as a string: pass an empty one");
}

}  // namespace internal
}  // namespace asyncpal
