#include "asyncpal/ipc/errors/thrown_value.h"

#include <optional>
#include <system_error>
#include <type_traits>
#include <unordered_set>
#include <utility>

#include "absl/status/status.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/known_errors.h"
#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/ipc/codec.h"
#include "asyncpal/ipc/errors/error_code.h"

namespace asyncpal::internal {
namespace {

using ThrownValues =
    TypeList<bool, char, signed char, unsigned char, wchar_t, char8_t, char16_t,
             char32_t, short, unsigned short, int, unsigned, long,
             unsigned long, long long, unsigned long long, float, double,
             long double, std::string, const char*, std::error_code,
             absl::Status>;  // NOLINT(runtime/int): what programs throw

// Nobody frees what a thrown pointer points to, so each text is kept once, for
// good, and there is a limit to what another process can make this one keep.
constexpr size_t kMaxKeptBytes = 1 << 20;

const char* KeepText(const std::string& text) {
  static Mutex mu;
  static auto& texts = *new std::unordered_set<std::string>;
  static size_t bytes = 0;
  MutexLock lock(mu);
  if (const auto known = texts.find(text); known != texts.end()) {
    return known->c_str();
  }
  if (text.size() > kMaxKeptBytes - bytes) return nullptr;
  bytes += text.size();
  return texts.insert(text).first->c_str();
}

template <typename T>
void Write(const T& value, Encoder& out) {
  if constexpr (std::is_same_v<T, const char*>) {
    out.Write(value == nullptr ? std::optional<std::string>()
                               : std::optional<std::string>(value));
  } else if constexpr (std::is_same_v<T, std::error_code>) {
    WriteErrorCode(value, out);
  } else {
    out.Write(value);
  }
}

template <typename T>
std::exception_ptr Rebuild(Decoder& in) {
  if constexpr (std::is_same_v<T, const char*>) {
    const auto text = in.Read<std::optional<std::string>>();
    const char* kept = nullptr;
    if (text.has_value() && (kept = KeepText(*text)) == nullptr) return nullptr;
    in.ExpectEnd();
    return std::make_exception_ptr(kept);
  } else if constexpr (std::is_same_v<T, std::error_code>) {
    const std::error_code code = ReadErrorCode(in);
    in.ExpectEnd();
    return std::make_exception_ptr(code);
  } else {
    T value = in.Read<T>();
    in.ExpectEnd();
    return std::make_exception_ptr(std::move(value));
  }
}

template <typename... Types>
bool EncodeFirstOf(const std::exception_ptr& error, const std::type_info& type,
                   Encoder& out, TypeList<Types...>) {
  const auto encode_if_is = [&]<typename T>(std::type_identity<T>) {
    if (type != typeid(T)) return false;
    try {
      std::rethrow_exception(error);
    } catch (std::conditional_t<std::is_pointer_v<T>, T, const T&> value) {
      // A pointer by value: what Clang makes of a reference to one lies behind
      // the object that std::rethrow_exception() has thrown.
      Write<T>(value, out);
    }
    return true;
  };
  return (encode_if_is(std::type_identity<Types>()) || ...);
}

template <typename... Types>
std::exception_ptr RebuildFirstOf(const std::string& type_id, Decoder& in,
                                  TypeList<Types...>) {
  std::exception_ptr error;
  const auto rebuild_if_is = [&]<typename T>(std::type_identity<T>) {
    if (type_id != typeid(T).name()) return false;
    error = Rebuild<T>(in);
    return true;
  };
  (void)(rebuild_if_is(std::type_identity<Types>()) || ...);
  return error;
}

}  // namespace

bool EncodeThrownValue(const std::exception_ptr& error,
                       const std::type_info& type, Encoder& out) {
  return EncodeFirstOf(error, type, out, ThrownValues());
}

std::string DescribeThrownValue(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::string& text) {
    return text;
  } catch (const char* text) {
    return text != nullptr ? text : "";
  } catch (const absl::Status& status) {
    return status.ToString();
  } catch (const std::error_code& code) {
    return code.message();
  } catch (...) {
    return "";
  }
}

std::exception_ptr RebuildThrownValue(const std::string& type_id,
                                      const std::string& state) {
  const Payload payload = Payload::OfBytes(state);
  Decoder in(payload);
  return RebuildFirstOf(type_id, in, ThrownValues());
}

}  // namespace asyncpal::internal
