#ifndef ASYNCPAL_IPC_EXCEPTION_REGISTRY_H_
#define ASYNCPAL_IPC_EXCEPTION_REGISTRY_H_

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>

#include "asyncpal/future/internal/cpp20.h"
#include "asyncpal/future/internal/rebuilt_error.h"
#include "asyncpal/ipc/codec.h"

// At namespace scope of a .cc file: a worker's exception of exactly this type
// arrives in the parent as itself, for every catch clause.
//
//   class ParseError : public std::runtime_error {
//    public:
//     explicit ParseError(const std::string& message);
//   };
//
//   ASYNCPAL_REGISTER_EXCEPTION(ParseError);
//
// If there is an asyncpal::Codec<ParseError>, declared before this line, it
// says what travels. If there is none, the new object is made from the
// original's what(), by a constructor that takes a std::string or a const
// char*. The type must have a public copy constructor.
//
// Errors: if the codec or the constructor throws, the exception arrives as a
// RemoteError, as that of an unregistered type does. So does one whose name
// belongs to two registered types, of two anonymous namespaces.
#define ASYNCPAL_REGISTER_EXCEPTION(...) \
  ASYNCPAL_INTERNAL_REGISTER_EXCEPTION_1_(__COUNTER__, __VA_ARGS__)
#define ASYNCPAL_INTERNAL_REGISTER_EXCEPTION_1_(n, ...) \
  ASYNCPAL_INTERNAL_REGISTER_EXCEPTION_2_(n, __VA_ARGS__)
#define ASYNCPAL_INTERNAL_REGISTER_EXCEPTION_2_(n, ...)                 \
  static const ::asyncpal::internal::ExceptionRegistration<__VA_ARGS__> \
      asyncpal_exception_##n

namespace asyncpal::internal {

// Of the messages and states of an exception and its causes together.
inline constexpr int64_t kMaxExceptionBytes = int64_t{16} << 20;

// What goes into a new exception object.
struct ExceptionParts {
  std::string message;
  std::string traceback;
  std::string state;
  std::exception_ptr cause;
};

// How exceptions of one type travel. Both functions may throw anything.
struct ExceptionCodec {
  const std::type_info* type;
  // `error` is a *type.
  std::string (*encode_state)(const std::exception_ptr& error);
  std::exception_ptr (*rebuild)(const ExceptionParts& parts);
};

class ExceptionRegistrationBase {
 public:
  explicit ExceptionRegistrationBase(const ExceptionCodec& codec);
  ~ExceptionRegistrationBase();
  ExceptionRegistrationBase(const ExceptionRegistrationBase&) = delete;
  ExceptionRegistrationBase& operator=(const ExceptionRegistrationBase&) =
      delete;

  const ExceptionCodec& codec() const { return codec_; }

 private:
  const ExceptionCodec codec_;
};

// Null: not registered. By name, also: registered for two types.
std::optional<ExceptionCodec> FindExceptionCodec(const std::type_info& type);
std::optional<ExceptionCodec> FindExceptionCodec(std::string_view type_name);

template <typename E>
class ExceptionRegistration : public ExceptionRegistrationBase {
  static constexpr bool kTakesString =
      std::is_constructible_v<E, const std::string&>;

  static_assert(std::is_class_v<E> && std::is_copy_constructible_v<E>,
                "asyncpal: an exception that is to be registered must be a "
                "class with a public copy constructor");
  static_assert(
      kHasCodec<E> ||
          (std::is_base_of_v<std::exception, E> &&
           (kTakesString || std::is_constructible_v<E, const char*>)),
      "asyncpal: an exception that is to be registered must be a "
      "std::exception with a public constructor from std::string or const "
      "char*, or have an asyncpal::Codec");

 public:
  ExceptionRegistration()
      : ExceptionRegistrationBase({&typeid(E), &EncodeState, &Rebuild}) {}

 private:
  static std::string EncodeState(
      [[maybe_unused]] const std::exception_ptr& error) {
    if constexpr (kHasCodec<E>) {
      try {
        std::rethrow_exception(error);
      } catch (const E& e) {
        Encoder out(kMaxExceptionBytes, /*may_use_memfd=*/false);
        out.Write(e);
        const Payload payload = out.Finish();
        return std::string(payload.bytes().begin(), payload.bytes().end());
      }
    } else {
      return "";
    }
  }

  static E Make(const ExceptionParts& parts) {
    if constexpr (kHasCodec<E>) {
      const Payload payload = Payload::OfBytes(parts.state);
      Decoder in(payload);
      E error = in.Read<E>();
      in.ExpectEnd();
      return error;
    } else if constexpr (kTakesString) {
      return E(parts.message);
    } else {
      return E(parts.message.c_str());
    }
  }

  static std::exception_ptr Rebuild(const ExceptionParts& parts) {
    return MakeRemoteException(Make(parts), parts.traceback, parts.cause);
  }
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_IPC_EXCEPTION_REGISTRY_H_
