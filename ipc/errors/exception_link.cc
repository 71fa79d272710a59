#include "asyncpal/ipc/errors/exception_link.h"

#include <cxxabi.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <future>
#include <ios>
#include <optional>
#include <regex>
#include <system_error>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/known_errors.h"
#include "asyncpal/future/internal/rebuilt_error.h"
#include "asyncpal/ipc/codec.h"
#include "asyncpal/ipc/errors/error_code.h"
#include "asyncpal/ipc/errors/throw_trace.h"
#include "asyncpal/ipc/errors/thrown_value.h"
#include "asyncpal/ipc/errors/utf8.h"
#include "asyncpal/ipc/exception_registry.h"

namespace asyncpal::internal {
namespace {

// A user's type can even have a cycle of causes.
constexpr size_t kMaxCounted = 100'000;
// Each link has at least room for that much, whatever those before it take.
constexpr size_t kMinLinkBytes = 4 * 1024;

// --- What an exception has beside its message ---

template <typename E>
inline constexpr bool kHasCode =
    std::is_same_v<E, std::system_error> ||
    std::is_same_v<E, std::ios_base::failure> ||
    std::is_same_v<E, std::filesystem::filesystem_error> ||
    std::is_same_v<E, std::future_error>;

template <typename E>
void WriteKnown(const E& error, Encoder& out) {
  if constexpr (kHasCode<E>) WriteErrorCode(error.code(), out);
  if constexpr (std::is_same_v<E, std::filesystem::filesystem_error>) {
    out.Write(error.path1().native());
    out.Write(error.path2().native());
  } else if constexpr (std::is_same_v<E, WorkerLostError>) {
    out.Write(int64_t{error.pid()});
    out.Write(error.signal());
    out.Write(error.exit_code());
    out.Write(error.phase());
  } else if constexpr (std::is_same_v<E, std::regex_error>) {
    out.Write(static_cast<uint8_t>(error.code()));
  } else if constexpr (std::is_same_v<E, absl::BadStatusOrAccess>) {
    out.Write(error.status());
  }
}

template <typename E>
E ReadKnown(const ExceptionLink& link, Decoder& in) {
  if constexpr (std::is_same_v<E, RemoteError>) {
    return RemoteError(link.type, link.message, link.traceback);
  } else if constexpr (std::is_same_v<E, WorkerLostError>) {
    WorkerLostError::Cause cause;
    cause.pid = static_cast<pid_t>(in.Read<int64_t>());
    cause.signal = in.Read<std::optional<int>>();
    cause.exit_code = in.Read<std::optional<int>>();
    cause.phase = in.Read<std::string>();
    return WorkerLostError(link.message, std::move(cause));
  } else if constexpr (std::is_same_v<E, std::filesystem::filesystem_error>) {
    const std::error_code code = ReadErrorCode(in);
    const std::filesystem::path path1 = in.Read<std::string>();
    const std::filesystem::path path2 = in.Read<std::string>();
    return E(link.message, path1, path2, code);
  } else if constexpr (std::is_same_v<E, std::regex_error>) {
    const auto code = in.Read<uint8_t>();
    // The standard library has eleven, and two more of its own.
    if (code > 12) ThrowInvalidData("std::regex_error", code);
    return E(static_cast<std::regex_constants::error_type>(code));
  } else if constexpr (std::is_same_v<E, absl::BadStatusOrAccess>) {
    return E(in.Read<absl::Status>());
  } else if constexpr (std::is_same_v<E, std::future_error>) {
    return E(static_cast<std::future_errc>(ReadErrorCode(in).value()));
  } else if constexpr (std::is_same_v<E, std::system_error>) {
    return E(ReadErrorCode(in), link.message);
  } else if constexpr (kHasCode<E>) {
    return E(link.message, ReadErrorCode(in));
  } else if constexpr (std::is_constructible_v<E, const std::string&>) {
    return E(link.message);
  } else {
    return E();
  }
}

// --- Describing ---

template <typename... Types>
bool EncodeKnownState(const std::exception& error, const std::type_info& type,
                      Encoder& out, TypeList<Types...>) {
  const auto encode_if_is = [&]<typename E>(std::type_identity<E>) {
    if (type != typeid(E)) return false;
    WriteKnown(dynamic_cast<const E&>(error), out);
    return true;
  };
  return (encode_if_is(std::type_identity<Types>()) || ...);
}

// What the other side needs to make `error` again. False: it can't.
bool EncodeState(const std::exception_ptr& pointer, const std::exception* error,
                 const std::type_info& type, std::string& state) {
  try {
    Encoder out(kMaxExceptionBytes, /*may_use_memfd=*/false);
    if (error != nullptr &&
        EncodeKnownState(*error, type, out, KnownErrors())) {
      const Payload payload = out.Finish();
      state.assign(payload.bytes().begin(), payload.bytes().end());
      return true;
    }
    if (error == nullptr && EncodeThrownValue(pointer, type, out)) {
      const Payload payload = out.Finish();
      state.assign(payload.bytes().begin(), payload.bytes().end());
      return true;
    }
    const auto codec = FindExceptionCodec(type);
    if (!codec.has_value()) return true;  // nothing is needed for a RemoteError
    state = codec->encode_state(pointer);
    return true;
  } catch (...) {
    return false;
  }
}

// What is cut says so.
std::string CutMessage(const std::string& message, size_t max_bytes) {
  if (message.size() <= max_bytes) return ToUtf8(message, max_bytes);
  const std::string mark = absl::StrCat("... (cut at ", max_bytes, " bytes)");
  return ToUtf8(message, max_bytes - mark.size()) + mark;
}

// In at most `max_bytes`, and the traceback.
void Describe(const std::exception_ptr& pointer, const std::exception* error,
              const std::type_info& thrown, size_t max_bytes,
              ExceptionLink& link) {
  const std::type_info& type = PlainExceptionType(thrown);
  if (const auto* remote = dynamic_cast<const RemoteError*>(error)) {
    link.type = ToUtf8(remote->type_name(), kMaxExceptionTypeBytes);
  } else {
    link.type = ToUtf8(ExceptionTypeName(type), kMaxExceptionTypeBytes);
  }
  link.message = CutMessage(error != nullptr ? SafeWhat(*error, max_bytes + 1)
                                             : DescribeThrownValue(pointer),
                            max_bytes);
  std::string traceback = GetRemoteTraceback(pointer);
  if (traceback.empty()) traceback = SymbolizeTrace(ThrowTraceOf(pointer));
  link.traceback = ToUtf8(traceback, kMaxTracebackBytes);
  if (std::strlen(type.name()) <= kMaxExceptionTypeBytes &&
      EncodeState(pointer, error, type, link.state) &&
      link.state.size() <= max_bytes - link.message.size()) {
    link.type_id = type.name();
  } else {
    link.state.clear();
  }
}

ExceptionLink Describe(const std::exception_ptr& pointer, size_t max_bytes) {
  ExceptionLink link;
  try {
    std::rethrow_exception(pointer);
  } catch (const std::exception& e) {
    Describe(pointer, &e, typeid(e), max_bytes, link);
  } catch (...) {
    Describe(pointer, nullptr, *abi::__cxa_current_exception_type(), max_bytes,
             link);
  }
  return link;
}

std::exception_ptr CauseOf(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::nested_exception& e) {
    return e.nested_ptr();
  } catch (...) {
    return nullptr;
  }
}

// --- Rebuilding ---

template <typename E>
std::exception_ptr RebuildKnown(const ExceptionLink& link,
                                const std::exception_ptr& cause) {
  const Payload payload = Payload::OfBytes(link.state);
  Decoder in(payload);
  const E error = ReadKnown<E>(link, in);
  in.ExpectEnd();
  if constexpr (std::is_same_v<E, RemoteError>) {
    return MakeException(error, cause);
  } else {
    if (SafeWhat(error, link.message.size() + 1) == link.message) {
      return MakeRemoteException(error, link.traceback, cause);
    }
    return MakeException(
        WithRemoteMessage<E>(error, link.traceback, link.message), cause);
  }
}

template <typename... Types>
std::exception_ptr RebuildFirstOf(const ExceptionLink& link,
                                  const std::exception_ptr& cause,
                                  TypeList<Types...>) {
  std::exception_ptr error;
  const auto rebuild_if_is = [&]<typename E>(std::type_identity<E>) {
    if (link.type_id != typeid(E).name()) return false;
    error = RebuildKnown<E>(link, cause);
    return true;
  };
  (void)(rebuild_if_is(std::type_identity<Types>()) || ...);
  return error;
}

}  // namespace

std::vector<ExceptionLink> DescribeChain(const std::exception_ptr& error) {
  std::vector<std::exception_ptr> chain;
  size_t left_out = 0;
  for (std::exception_ptr e = error; e != nullptr && left_out < kMaxCounted;
       e = CauseOf(e)) {
    if (chain.size() < kMaxExceptionLinks) {
      chain.push_back(e);
    } else {
      ++left_out;
    }
  }
  if (left_out > 0) {
    chain.push_back(std::make_exception_ptr(Error(absl::StrCat(
        left_out, left_out == kMaxCounted ? " or more" : "",
        left_out == 1 ? " further cause was" : " further causes were",
        " left out"))));
  }
  std::vector<ExceptionLink> links;
  links.reserve(chain.size());
  auto left = static_cast<size_t>(kMaxExceptionBytes);
  for (size_t i = 0; i < chain.size(); ++i) {
    const size_t reserved = kMinLinkBytes * (chain.size() - 1 - i);
    links.push_back(Describe(chain[i], left - reserved));
    left -= links.back().message.size() + links.back().state.size();
  }
  return links;
}

std::exception_ptr RebuildException(const ExceptionLink& link,
                                    const std::exception_ptr& cause) {
  try {
    std::exception_ptr error = RebuildFirstOf(link, cause, KnownErrors());
    if (error != nullptr) return error;
    error = RebuildThrownValue(link.type_id, link.state);
    if (error != nullptr) return error;
    if (const auto codec = FindExceptionCodec(link.type_id)) {
      error = codec->rebuild({link.message, link.traceback, link.state, cause});
      if (error != nullptr) return error;
    }
  } catch (...) {
    // Its state, its codec or its constructor is at fault.
  }
  return MakeException(RemoteError(link.type, link.message, link.traceback),
                       cause);
}

}  // namespace asyncpal::internal
