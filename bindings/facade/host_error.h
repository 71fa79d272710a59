#ifndef ASYNCPAL_BINDINGS_FACADE_HOST_ERROR_H_
#define ASYNCPAL_BINDINGS_FACADE_HOST_ERROR_H_

#include <string>
#include <utility>

#include "asyncpal/bindings/facade/failure.h"
#include "asyncpal/future/error.h"
#include "asyncpal/ipc/codec.h"
#include "asyncpal/ipc/exception_registry.h"

namespace asyncpal::facade {

// An exception of the host language on its way through C++. To programs that
// know nothing of hosts it is a RemoteError.
class HostError : public RemoteError {
 public:
  HostError(const std::string& type_name, const std::string& message,
            const std::string& traceback, Bytes state)
      : RemoteError(type_name, message, traceback),
        traceback_(traceback),
        state_(std::move(state)) {}

  const std::string& traceback() const { return traceback_; }
  // What the host makes the same exception of again; may be empty.
  const Bytes& state() const { return state_; }

 private:
  std::string traceback_;
  Bytes state_;
};

}  // namespace asyncpal::facade

template <>
struct asyncpal::Codec<asyncpal::facade::HostError> {
  using HostError = asyncpal::facade::HostError;

  static void Encode(const HostError& error, Encoder& out);
  static HostError Decode(Decoder& in);
};

#endif  // ASYNCPAL_BINDINGS_FACADE_HOST_ERROR_H_
