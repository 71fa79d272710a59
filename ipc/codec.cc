#include "asyncpal/ipc/codec.h"

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
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

// Its code, and unless that is OK the message and the payloads by their URLs.
void Codec<absl::Status>::Encode(const absl::Status& value, Encoder& out) {
  out.Write(int32_t{value.raw_code()});
  if (value.ok()) return;
  out.Write(std::string(value.message()));
  std::vector<std::pair<std::string, std::string>> payloads;
  value.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    payloads.emplace_back(url, payload);
  });
  out.Write(payloads);
}

absl::Status Codec<absl::Status>::Decode(Decoder& in) {
  const auto code = in.Read<int32_t>();
  if (code == 0) return absl::OkStatus();
  // One that this Abseil does not know is kept as it is.
  absl::Status status(static_cast<absl::StatusCode>(code),
                      in.Read<std::string>());
  for (const auto& [url, payload] :
       in.Read<std::vector<std::pair<std::string, std::string>>>()) {
    status.SetPayload(url, absl::Cord(payload));
  }
  return status;
}

namespace internal {

absl::Status DecodeFailedStatus(Decoder& in) {
  absl::Status status = in.Read<absl::Status>();
  if (status.ok()) ThrowInvalidData("code of an absl::StatusOr", 0);
  return status;
}

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
