#include "asyncpal/future/error.h"

#include <cxxabi.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <typeinfo>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "asyncpal/future/internal/held_locks.h"
#include "asyncpal/future/internal/known_errors.h"
#include "asyncpal/future/internal/rebuilt_error.h"
#include "asyncpal/future/log.h"

namespace asyncpal {
namespace {

using internal::SafeWhat;

constexpr size_t kMaxMessageBytes = 64 * 1024;

std::string Demangle(const char* name) {
  int status = 0;
  std::unique_ptr<char, decltype(&std::free)> demangled(
      abi::__cxa_demangle(name, nullptr, nullptr, &status), &std::free);
  return demangled != nullptr ? demangled.get() : name;
}

// The first base of a class that derives publicly from one or more.
const std::type_info* FirstBase(const std::type_info& type) {
#ifdef __GLIBCXX__
  if (const auto* one = dynamic_cast<const abi::__si_class_type_info*>(&type)) {
    return one->__base_type;
  }
  if (const auto* some =
          dynamic_cast<const abi::__vmi_class_type_info*>(&type)) {
    return some->__base_count > 0 ? some->__base_info[0].__base_type : nullptr;
  }
#endif
  return nullptr;
}

bool IsWrapper(std::string_view type_name) {
  for (const std::string_view wrapper :
       {// What std::throw_with_nested() throws for an E: E and
        // nested_exception.
        "St17_Nested_exceptionI",
        // What libstdc++'s streams throw as std::ios_base::failure.
        "St13__ios_failure", "N8asyncpal8internal15WithRemoteTraceI",
        "N8asyncpal8internal17WithRemoteMessageI"}) {
    if (type_name.substr(0, wrapper.size()) == wrapper) return true;
  }
  return false;
}

// A copy of `error` if that is an E as such or in one of our wrappers, or
// either with a cause nested in it, which is copied too. Null otherwise.
template <typename E>
std::exception_ptr CopyIfExactly(const std::exception& error) {
  if (internal::PlainExceptionType(typeid(error)) != typeid(E)) return nullptr;
  std::exception_ptr cause;
  if (const auto* nested = dynamic_cast<const std::nested_exception*>(&error)) {
    if (nested->nested_ptr() == nullptr) return nullptr;
    cause = internal::CopyException(nested->nested_ptr());
  }
  if (const auto* with_message =
          dynamic_cast<const internal::WithRemoteMessage<E>*>(&error)) {
    return internal::MakeException(
        internal::WithRemoteMessage<E>(*with_message), cause);
  }
  const auto* trace = dynamic_cast<const internal::RemoteTrace*>(&error);
  return internal::MakeRemoteException(
      dynamic_cast<const E&>(error), trace != nullptr ? trace->traceback() : "",
      cause);
}

template <typename... Types>
std::exception_ptr CopyFirstOf(const std::exception& error,
                               internal::TypeList<Types...>) {
  std::exception_ptr copy;
  (void)(((copy = CopyIfExactly<Types>(error)) != nullptr) || ...);
  return copy;
}

// Made while no exception is being handled, so there is none in it.
const std::nested_exception& kNothingNested = *new std::nested_exception;

}  // namespace

namespace internal {

void ExpectNoLockHeld(const std::string& message) {
  if (HeldLocks::Count() == 0) return;
  std::fprintf(stderr,
               "asyncpal: an error is made while a lock of the library's is "
               "held: %s\n",
               message.c_str());
  std::abort();
}

}  // namespace internal

absl::Status ToStatus(const std::exception_ptr& error) {
  if (error == nullptr) return absl::OkStatus();
  try {
    std::rethrow_exception(error);
  } catch (const CancelledError& e) {
    return absl::CancelledError(SafeWhat(e));
  } catch (const TimeoutError& e) {
    return absl::DeadlineExceededError(SafeWhat(e));
  } catch (const ClosedPoolError& e) {
    return absl::FailedPreconditionError(SafeWhat(e));
  } catch (const BrokenPoolError& e) {
    return absl::FailedPreconditionError(SafeWhat(e));
  } catch (const InvalidStateError& e) {
    return absl::FailedPreconditionError(SafeWhat(e));
  } catch (const RejectedError& e) {
    return absl::ResourceExhaustedError(SafeWhat(e));
  } catch (const WorkerLostError& e) {
    return absl::UnavailableError(SafeWhat(e));
  } catch (const SerializationError& e) {
    return absl::InvalidArgumentError(SafeWhat(e));
  } catch (...) {
    return absl::InternalError(internal::DescribeException(error));
  }
}

std::string GetRemoteTraceback(const std::exception_ptr& error) {
  if (error == nullptr) return "";
  try {
    std::rethrow_exception(error);
  } catch (const RemoteError& e) {
    return e.traceback_;
  } catch (const internal::RemoteTrace& e) {
    return e.traceback();
  } catch (...) {
    return "";
  }
}

namespace internal {

const std::type_info& PlainExceptionType(const std::type_info& type) {
  const std::type_info* plain = &type;
  while (IsWrapper(plain->name())) {
    const std::type_info* const base = FirstBase(*plain);
    if (base == nullptr) break;
    plain = base;
  }
  return *plain;
}

std::string ExceptionTypeName(const std::type_info& type) {
  return Demangle(PlainExceptionType(type).name());
}

std::string SafeWhat(const std::exception& error, size_t max_bytes) {
  try {
    const char* what = error.what();
    if (what == nullptr) return "(what() returned null)";
    return std::string(what, strnlen(what, max_bytes));
  } catch (...) {
    return "(what() threw)";
  }
}

std::nested_exception NestedWith(const std::exception_ptr& cause) {
  if (cause == nullptr) return kNothingNested;
  try {
    std::rethrow_exception(cause);
  } catch (...) {
    return std::nested_exception();
  }
}

std::string DescribeException(const std::exception_ptr& error) {
  if (error == nullptr) return "no exception";
  std::string description;
  try {
    std::rethrow_exception(error);
  } catch (const RemoteError& e) {
    description = absl::StrCat(e.type_name(), ": ", SafeWhat(e));
  } catch (const std::exception& e) {
    description = absl::StrCat(ExceptionTypeName(typeid(e)), ": ", SafeWhat(e));
  } catch (...) {
    description = ExceptionTypeName(*abi::__cxa_current_exception_type());
  }
  if (description.size() > kMaxMessageBytes) {
    description.resize(kMaxMessageBytes);
  }
  return description;
}

std::exception_ptr CopyException(const std::exception_ptr& error) {
  std::exception_ptr copy;
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    copy = CopyFirstOf(e, KnownErrors());
  } catch (...) {
    // No known type: shared as it is.
  }
  return copy != nullptr ? copy : error;
}

void LogFailure(const std::string& what_failed,
                const std::exception_ptr& error) noexcept {
  try {
    std::string line =
        absl::StrCat(what_failed, ": ", DescribeException(error));
    absl::StrReplaceAll({{"\n", "\\n"}}, &line);
    Log(LogSeverity::kError, line);
  } catch (...) {
    // Out of memory: the failure itself was contained, only its line is lost.
  }
}

}  // namespace internal
}  // namespace asyncpal
