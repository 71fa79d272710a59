#include "asyncpal/future/error.h"

#include <cxxabi.h>

#include <any>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <new>
#include <optional>
#include <system_error>
#include <typeinfo>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

namespace asyncpal {
namespace {

constexpr size_t kMaxMessageBytes = 64 * 1024;

std::string Demangle(const char* name) {
  int status = 0;
  std::unique_ptr<char, decltype(&std::free)> demangled(
      abi::__cxa_demangle(name, nullptr, nullptr, &status), &std::free);
  return demangled != nullptr ? demangled.get() : name;
}

// A what() is user code: it may throw, return null or be huge.
std::string SafeWhat(const std::exception& error) {
  try {
    const char* what = error.what();
    if (what == nullptr) return "(what() returned null)";
    return std::string(what, strnlen(what, kMaxMessageBytes));
  } catch (...) {
    return "(what() threw)";
  }
}

// A copy of `error` if that is exactly an E, or an E with a cause nested in it,
// which is copied too. Null otherwise.
template <typename E>
std::exception_ptr CopyIfExactly(const std::exception& error) {
  if (typeid(error) == typeid(E)) {
    return std::make_exception_ptr(static_cast<const E&>(error));
  }
#ifdef __GLIBCXX__
  // What std::throw_with_nested() makes of an E.
  if (typeid(error) == typeid(std::_Nested_exception<E>) ||
      typeid(error) == typeid(std::_Nested_exception<const E>)) {
    const std::exception_ptr cause =
        dynamic_cast<const std::nested_exception&>(error).nested_ptr();
    if (cause == nullptr) return nullptr;
    return internal::NestException(dynamic_cast<const E&>(error),
                                   internal::CopyException(cause));
  }
#endif
  return nullptr;
}

template <typename... Types>
std::exception_ptr CopyFirstOf(const std::exception& error) {
  std::exception_ptr copy;
  (void)(((copy = CopyIfExactly<Types>(error)) != nullptr) || ...);
  return copy;
}

}  // namespace

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
  } catch (...) {
    return "";
  }
}

namespace internal {

std::string DescribeException(const std::exception_ptr& error) {
  if (error == nullptr) return "no exception";
  std::string description;
  try {
    std::rethrow_exception(error);
  } catch (const RemoteError& e) {
    description = absl::StrCat(e.type_name(), ": ", SafeWhat(e));
  } catch (const std::exception& e) {
    // A nested exception's own type is a wrapper that nobody wrote.
    std::string type = Demangle(typeid(e).name());
    constexpr char kWrapper[] = "std::_Nested_exception<";
    if (type.compare(0, sizeof(kWrapper) - 1, kWrapper) == 0) {
      type = type.substr(sizeof(kWrapper) - 1);
      type.pop_back();
      type = std::string(absl::StripSuffix(type, " const"));
    }
    description = absl::StrCat(type, ": ", SafeWhat(e));
  } catch (...) {
    description = Demangle(abi::__cxa_current_exception_type()->name());
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
    copy = CopyFirstOf<
        std::exception, std::runtime_error, std::logic_error,
        std::invalid_argument, std::out_of_range, std::domain_error,
        std::length_error, std::range_error, std::overflow_error,
        std::underflow_error, std::system_error,
        std::filesystem::filesystem_error, std::future_error, std::bad_alloc,
        std::bad_array_new_length, std::bad_cast, std::bad_any_cast,
        std::bad_typeid, std::bad_function_call, std::bad_weak_ptr,
        std::bad_optional_access, std::bad_variant_access, Error, TimeoutError,
        CancelledError, InvalidStateError, ClosedPoolError, BrokenPoolError,
        InitializerError, FinalizerError, RejectedError, SerializationError,
        WorkerLostError, RemoteError>(e);
  } catch (...) {
    // No known type: shared as it is.
  }
  return copy != nullptr ? copy : error;
}

void LogFailure(const std::string& what_failed,
                const std::exception_ptr& error) noexcept {
  try {
    std::string line =
        absl::StrCat("asyncpal: ", what_failed, ": ", DescribeException(error));
    absl::StrReplaceAll({{"\n", "\\n"}}, &line);
    line += '\n';
    std::fwrite(line.data(), 1, line.size(), stderr);
  } catch (...) {
    // Out of memory: the failure itself was contained, only its line is lost.
  }
}

}  // namespace internal
}  // namespace asyncpal
