#include "asyncpal/ipc/errors/exception_payload.h"

#include <string>

#include "asyncpal/ipc/codec.h"
#include "asyncpal/ipc/errors/exception_codec.h"

namespace asyncpal::internal {

void WriteException(const std::exception_ptr& error, Encoder& out) {
  out.Write(error == nullptr ? std::string() : ExceptionToBytes(error));
}

std::exception_ptr ReadException(Decoder& in) {
  const auto bytes = in.Read<std::string>();
  return bytes.empty() ? nullptr : ExceptionFromBytes(bytes);
}

}  // namespace asyncpal::internal
