#include "asyncpal/ipc/errors/error_code.h"

#include <algorithm>
#include <cstdint>
#include <future>
#include <ios>
#include <iterator>

#include "asyncpal/future/error.h"
#include "asyncpal/ipc/codec.h"

namespace asyncpal::internal {
namespace {

const std::error_category* const kCategories[] = {
    &std::generic_category(), &std::system_category(),
    &std::iostream_category(), &std::future_category()};

}  // namespace

void WriteErrorCode(const std::error_code& code, Encoder& out) {
  const auto known = std::find(std::begin(kCategories), std::end(kCategories),
                               &code.category());
  if (known == std::end(kCategories)) {
    throw SerializationError("an error category of the user's own");
  }
  out.Write(static_cast<uint8_t>(known - kCategories));
  out.Write(static_cast<int32_t>(code.value()));
}

std::error_code ReadErrorCode(Decoder& in) {
  const auto category = in.Read<uint8_t>();
  if (category >= std::size(kCategories)) {
    throw SerializationError("an unknown error category");
  }
  return {in.Read<int32_t>(), *kCategories[category]};
}

}  // namespace asyncpal::internal
