#ifndef ASYNCPAL_FUTURE_INTERNAL_REBUILT_ERROR_H_
#define ASYNCPAL_FUTURE_INTERNAL_REBUILT_ERROR_H_

#include <cstddef>
#include <exception>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include "asyncpal/future/error.h"

// How an exception of another process is made anew with its own C++ type. Of
// use inside the project only.
namespace asyncpal::internal {

// What a rebuilt exception has beside its own type: the stack of the original's
// throw.
class RemoteTrace {
 public:
  explicit RemoteTrace(std::string traceback)
      : traceback_(std::move(traceback)) {}
  virtual ~RemoteTrace() = default;

  const std::string& traceback() const { return traceback_; }

 private:
  std::string traceback_;
};

// An E for every catch clause.
template <typename E>
class WithRemoteTrace : public E, public RemoteTrace {
 public:
  WithRemoteTrace(const E& error, std::string traceback)
      : E(error), RemoteTrace(std::move(traceback)) {}
};

// An E whose constructors can't make the original's what().
template <typename E>
class WithRemoteMessage : public WithRemoteTrace<E> {
 public:
  WithRemoteMessage(const E& error, std::string traceback, std::string message)
      : WithRemoteTrace<E>(error, std::move(traceback)),
        message_(std::move(message)) {}

  const char* what() const noexcept override { return message_.c_str(); }
  const std::string& message() const { return message_; }

 private:
  std::string message_;
};

// The type that a person threw, without the wrappers that
// std::throw_with_nested() and the classes above put around it.
const std::type_info& PlainExceptionType(const std::type_info& type);

// The plain type's name, as people write it.
std::string ExceptionTypeName(const std::type_info& type);

// what(), which is user code: it may throw, return null or be huge. At most
// that long.
std::string SafeWhat(const std::exception& error, size_t max_bytes = 64 * 1024);

// A nested_exception with `cause` in it, and with nothing if that is null.
std::nested_exception NestedWith(const std::exception_ptr& cause);

// `error` with `cause` nested in it, unless that is null.
template <typename E>
std::exception_ptr MakeException(E error, const std::exception_ptr& cause) {
  if constexpr (std::is_convertible_v<E*, std::nested_exception*>) {
    // Has taken whatever exception was being handled at its construction.
    static_cast<std::nested_exception&>(error) = NestedWith(cause);
    return std::make_exception_ptr(std::move(error));
  } else {
    if (cause == nullptr) return std::make_exception_ptr(std::move(error));
    return NestException(error, cause);
  }
}

// The same, with the stack of the original's throw. A final E loses it.
template <typename E>
std::exception_ptr MakeRemoteException(const E& error,
                                       const std::string& traceback,
                                       const std::exception_ptr& cause) {
  if constexpr (std::is_class_v<E> && !std::is_final_v<E>) {
    if (!traceback.empty()) {
      return MakeException(WithRemoteTrace<E>(error, traceback), cause);
    }
  }
  return MakeException(error, cause);
}

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_FUTURE_INTERNAL_REBUILT_ERROR_H_
