#ifndef ASYNCPAL_IPC_ERRORS_EXCEPTION_CODEC_H_
#define ASYNCPAL_IPC_ERRORS_EXCEPTION_CODEC_H_

#include <exception>
#include <string>

#include "absl/types/span.h"
#include "asyncpal/ipc/worker/worker.capnp.h"

// How an exception goes to another process: with its type, its message, its
// causes and the stack of each one's throw.
//
// It arrives as the same type for every catch clause if that is one of the
// standard hierarchy (known_errors.h), of error.h, or was registered with
// ASYNCPAL_REGISTER_EXCEPTION; as a RemoteError otherwise. So does a
// std::system_error with a category of the user's own.
//
// Threads: any. No lock is held while the user's what(), codec or constructor
// runs.
namespace asyncpal::internal {

// Describes `error` and what is nested in it, outermost first: 64 of them and
// then how many were left out. Messages and states take kMaxExceptionBytes in
// all: a message that exceeds them is cut and says so, and an exception whose
// state does becomes a RemoteError. A stack is cut at 64 KiB. Bytes that are no
// UTF-8 are replaced.
//
// Errors: none. Without memory for it, or for a null `error`, the chain is left
// empty.
void EncodeException(const std::exception_ptr& error,
                     wire::Failure::Builder out) noexcept;

// The exception anew, never null. `in` is not trusted: what can't be rebuilt is
// a RemoteError, and what can't be read at all makes one SerializationError.
std::exception_ptr DecodeException(wire::Failure::Reader in) noexcept;

// The same as bytes, which are a Failure as a flat Cap'n Proto message.
// Throws std::bad_alloc.
std::string ExceptionToBytes(const std::exception_ptr& error);

// Never throws: for bytes that are no such message, or more than 24 MiB, it
// returns a SerializationError. They need no alignment.
std::exception_ptr ExceptionFromBytes(absl::Span<const char> bytes) noexcept;

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_IPC_ERRORS_EXCEPTION_CODEC_H_
