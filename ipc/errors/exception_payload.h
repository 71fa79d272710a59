#ifndef ASYNCPAL_IPC_ERRORS_EXCEPTION_PAYLOAD_H_
#define ASYNCPAL_IPC_ERRORS_EXCEPTION_PAYLOAD_H_

#include <exception>

#include "asyncpal/ipc/payload.h"

namespace asyncpal::internal {

// An exception among other values of a payload, as exception_codec.h says; may
// be null.
void WriteException(const std::exception_ptr& error, Encoder& out);
std::exception_ptr ReadException(Decoder& in);

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_IPC_ERRORS_EXCEPTION_PAYLOAD_H_
