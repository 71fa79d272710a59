#ifndef ASYNCPAL_FUTURE_INTERNAL_KNOWN_ERRORS_H_
#define ASYNCPAL_FUTURE_INTERNAL_KNOWN_ERRORS_H_

#include <any>
#include <exception>
#include <filesystem>
#include <functional>
#include <future>
#include <ios>
#include <memory>
#include <new>
#include <optional>
#include <regex>
#include <stdexcept>
#include <system_error>
#include <typeinfo>
#include <variant>

#include "absl/status/statusor.h"
#include "asyncpal/future/error.h"

namespace asyncpal::internal {

template <typename... Types>
struct TypeList {};

// The types of exceptions that the project can copy and rebuild. Of use inside
// the project only.
using KnownErrors = TypeList<
    std::exception, std::runtime_error, std::logic_error, std::invalid_argument,
    std::out_of_range, std::domain_error, std::length_error, std::range_error,
    std::overflow_error, std::underflow_error, std::system_error,
    std::ios_base::failure, std::filesystem::filesystem_error,
    std::future_error, std::bad_alloc, std::bad_array_new_length, std::bad_cast,
    std::bad_any_cast, std::bad_exception, std::bad_typeid,
    std::bad_function_call, std::bad_weak_ptr, std::bad_optional_access,
    std::bad_variant_access, std::regex_error, absl::BadStatusOrAccess, Error,
    TimeoutError, CancelledError, InvalidStateError, ClosedPoolError,
    BrokenPoolError, InitializerError, FinalizerError, RejectedError,
    SerializationError, WorkerLostError, RemoteError>;

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_FUTURE_INTERNAL_KNOWN_ERRORS_H_
