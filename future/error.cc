#include "asyncpal/future/error.h"

#include <cxxabi.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <system_error>
#include <typeinfo>

#include "absl/strings/str_cat.h"

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

// Copies by the first type in the list that is the error's exact type.
template <typename... Types>
std::exception_ptr CopyExactly(const std::exception& error) {
  std::exception_ptr copy;
  (void)((typeid(error) == typeid(Types)
              ? (copy = std::make_exception_ptr(
                     static_cast<const Types&>(error)),
                 true)
              : false) ||
         ...);
  return copy;
}

}  // namespace

absl::Status ToStatus(const std::exception_ptr& error) {
  if (error == nullptr) return absl::OkStatus();
  try {
    std::rethrow_exception(error);
  } catch (const CancelledError& e) {
    return absl::CancelledError(e.what());
  } catch (const TimeoutError& e) {
    return absl::DeadlineExceededError(e.what());
  } catch (const ClosedPoolError& e) {
    return absl::FailedPreconditionError(e.what());
  } catch (const BrokenPoolError& e) {
    return absl::FailedPreconditionError(e.what());
  } catch (const InvalidStateError& e) {
    return absl::FailedPreconditionError(e.what());
  } catch (const RejectedError& e) {
    return absl::ResourceExhaustedError(e.what());
  } catch (const WorkerLostError& e) {
    return absl::UnavailableError(e.what());
  } catch (const SerializationError& e) {
    return absl::InvalidArgumentError(e.what());
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
  try {
    std::rethrow_exception(error);
  } catch (const RemoteError& e) {
    return absl::StrCat(e.type_name(), ": ", SafeWhat(e));
  } catch (const std::exception& e) {
    // A nested exception's own type is a wrapper that nobody wrote.
    std::string type = Demangle(typeid(e).name());
    constexpr char kWrapper[] = "std::_Nested_exception<";
    if (type.compare(0, sizeof(kWrapper) - 1, kWrapper) == 0) {
      type = type.substr(sizeof(kWrapper) - 1);
      type.pop_back();
    }
    return absl::StrCat(type, ": ", SafeWhat(e));
  } catch (...) {
    return Demangle(abi::__cxa_current_exception_type()->name());
  }
}

std::exception_ptr CopyException(const std::exception_ptr& error) {
  std::exception_ptr copy;
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    copy = CopyExactly<
        std::runtime_error, std::logic_error, std::invalid_argument,
        std::out_of_range, std::domain_error, std::length_error,
        std::range_error, std::overflow_error, std::underflow_error,
        std::system_error, std::bad_alloc, Error, TimeoutError, CancelledError,
        InvalidStateError, ClosedPoolError, BrokenPoolError, InitializerError,
        FinalizerError, RejectedError, SerializationError, WorkerLostError,
        RemoteError>(e);
  } catch (...) {
    // No known type: shared as it is.
  }
  return copy != nullptr ? copy : error;
}

void LogFailure(const std::string& what_failed,
                const std::exception_ptr& error) noexcept {
  try {
    const std::string line =
        absl::StrCat("asyncpal: ", what_failed, ": ", DescribeException(error),
                     "\n");
    std::fwrite(line.data(), 1, line.size(), stderr);
  } catch (...) {
    // Out of memory: the failure itself was contained, only its line is lost.
  }
}

}  // namespace internal
}  // namespace asyncpal
