#ifndef ASYNCPAL_IPC_ERRORS_ERROR_CODE_H_
#define ASYNCPAL_IPC_ERRORS_ERROR_CODE_H_

#include <system_error>

#include "asyncpal/ipc/payload.h"

namespace asyncpal::internal {

// A code of one of the four standard categories. Throws SerializationError for
// another category, and for one that can't be.
void WriteErrorCode(const std::error_code& code, Encoder& out);
std::error_code ReadErrorCode(Decoder& in);

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_IPC_ERRORS_ERROR_CODE_H_
