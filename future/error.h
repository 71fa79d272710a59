#ifndef ASYNCPAL_FUTURE_ERROR_H_
#define ASYNCPAL_FUTURE_ERROR_H_

#include <sys/types.h>

#include <exception>
#include <optional>
#include <stdexcept>
#include <string>

#include "absl/status/status.h"
#include "asyncpal/future/internal/cpp20.h"

namespace asyncpal {

namespace internal {
// Ends a test of the library's own that makes an error under a lock of the
// library's (held_locks.h). Does nothing elsewhere.
void ExpectNoLockHeld(const std::string& message);
}  // namespace internal

// The base of every error that this library throws for a reason that lies
// outside the call itself. A bad argument is a std::invalid_argument instead.
//
// A cause is nested: std::rethrow_if_nested(error) gives the next link of the
// chain. Catch by const reference: the threads that collect one future may
// share the exception object.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message) : std::runtime_error(message) {
    internal::ExpectNoLockHeld(message);
  }
};

// A wait, a task or a map ran out of time.
class TimeoutError : public Error {
 public:
  using Error::Error;
};

// The future was cancelled, so there is no result to collect.
class CancelledError : public Error {
 public:
  using Error::Error;
};

// The call makes no sense in the object's present state: an empty future, a
// result that was already moved out, a task that waits for itself.
class InvalidStateError : public Error {
 public:
  using Error::Error;
};

// The pool was shut down before the call.
class ClosedPoolError : public Error {
 public:
  using Error::Error;
};

// The pool can no longer run tasks. The cause is nested in it.
class BrokenPoolError : public Error {
 public:
  using Error::Error;
};

// The pool's initializer threw in a worker; what it threw is nested.
class InitializerError : public BrokenPoolError {
 public:
  using BrokenPoolError::BrokenPoolError;
};

// The pool's finalizer threw in a worker; what it threw is nested.
class FinalizerError : public BrokenPoolError {
 public:
  using BrokenPoolError::BrokenPoolError;
};

// The pool can't take the task now: it is full (WhenFull), or has no worker and
// none could be started.
class RejectedError : public Error {
 public:
  using Error::Error;
};

// An argument, a result or an exception could not be encoded or decoded.
class SerializationError : public Error {
 public:
  using Error::Error;
};

// The process that ran the task died.
class WorkerLostError : public Error {
 public:
  // How the worker ended: by a signal, with an exit code, or neither if other
  // code of this process has taken the exit status.
  struct Cause {
    pid_t pid = 0;
    std::optional<int> signal;
    std::optional<int> exit_code;
    std::string phase;  // what it was doing: "running", "sending the result"
  };

  WorkerLostError(const std::string& message, Cause cause)
      : Error(message), cause_(std::move(cause)) {}

  pid_t pid() const { return cause_.pid; }
  std::optional<int> signal() const { return cause_.signal; }
  std::optional<int> exit_code() const { return cause_.exit_code; }
  const std::string& phase() const { return cause_.phase; }

 private:
  Cause cause_;
};

// An exception from another process or language whose C++ type is not known
// here. what() is the original's message.
class RemoteError : public Error {
 public:
  RemoteError(std::string type_name, const std::string& message,
              std::string traceback = {})
      : Error(message),
        type_name_(std::move(type_name)),
        traceback_(std::move(traceback)) {}

  const std::string& type_name() const { return type_name_; }

 private:
  friend std::string GetRemoteTraceback(const std::exception_ptr& error);

  std::string type_name_;
  std::string traceback_;
};

// The one mapping from errors to status codes. Null gives OK.
//   CancelledError                                       kCancelled
//   TimeoutError                                         kDeadlineExceeded
//   ClosedPoolError, BrokenPoolError, InvalidStateError  kFailedPrecondition
//   RejectedError                                        kResourceExhausted
//   WorkerLostError                                      kUnavailable
//   SerializationError                                   kInvalidArgument
//   anything else: kInternal, with the type's name in the message
absl::Status ToStatus(const std::exception_ptr& error);

// The stack at the point of the throw in the worker process, or what another
// language gave for it; empty if the error was not remote. Each cause has its
// own: std::rethrow_if_nested(), then call this again.
std::string GetRemoteTraceback(const std::exception_ptr& error);

namespace internal {

// "std::runtime_error: no such file", and for what is no std::exception its
// type's name alone. Never throws for a bad what(); at most 64 KiB.
std::string DescribeException(const std::exception_ptr& error);

// A copy with its own exception object, causes included, so that two collectors
// share nothing mutable. Only a type from the standard hierarchy or from this
// file can be copied (internal/known_errors.h); any other gives `error` itself.
std::exception_ptr CopyException(const std::exception_ptr& error);

// `outer` with `cause` nested in it.
template <typename Outer>
std::exception_ptr NestException(const Outer& outer,
                                 const std::exception_ptr& cause) {
  try {
    try {
      std::rethrow_exception(cause);
    } catch (...) {
      std::throw_with_nested(Outer(outer));
    }
  } catch (...) {
    return std::current_exception();
  }
}

// One line, for SetLogSink()'s sink or stderr, about a failure that no caller
// can be told of.
void LogFailure(const std::string& what_failed,
                const std::exception_ptr& error) noexcept;

}  // namespace internal
}  // namespace asyncpal

#endif  // ASYNCPAL_FUTURE_ERROR_H_
