#ifndef ASYNCPAL_IPC_ERRORS_THROWN_VALUE_H_
#define ASYNCPAL_IPC_ERRORS_THROWN_VALUE_H_

#include <exception>
#include <string>
#include <typeinfo>

#include "asyncpal/ipc/payload.h"

namespace asyncpal::internal {

// What a program throws that is no std::exception, and arrives as what it was:
// numbers, bool, characters, std::string, const char*, std::error_code and
// absl::Status. It has neither a stack nor causes.

// Writes the exception, an object of `type`, to `out`. False: of another type.
bool EncodeThrownValue(const std::exception_ptr& error,
                       const std::type_info& type, Encoder& out);

// A short form of it for people; empty where there is none.
std::string DescribeThrownValue(const std::exception_ptr& error);

// The exception again, by its type's name. Null: of another type, or one that
// can't be made. Throws SerializationError for a state that makes no sense.
std::exception_ptr RebuildThrownValue(const std::string& type_id,
                                      const std::string& state);

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_IPC_ERRORS_THROWN_VALUE_H_
