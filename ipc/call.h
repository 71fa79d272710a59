#ifndef ASYNCPAL_IPC_CALL_H_
#define ASYNCPAL_IPC_CALL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "asyncpal/future/internal/cpp20.h"
#include "asyncpal/future/internal/task.h"
#include "asyncpal/ipc/codec.h"
#include "asyncpal/ipc/encoding/code_address.h"
#include "asyncpal/ipc/encoding/task_registry.h"
#include "asyncpal/ipc/payload.h"

// How a call travels to another process. The callable can be a free or static
// member function, a lambda or function object without captures, or one with a
// Codec; its arguments and result must have a Codec.

namespace asyncpal {

// Stands for a function that is registered under this name in the worker's
// program, which may be another program, in another language:
//
//   int64_t Fib(int64_t n);
//   ASYNCPAL_REGISTER_TASK(Fib);  // in the worker's program
//
//   Future<int64_t> f = pool.Submit(TaskName<int64_t(int64_t)>("Fib"), 40);
//
// Arguments are converted to the types of the signature before they are sent.
// A signature that differs from the function's is noticed only if the sizes do
// not match. Leave out a std::stop_token that is the function's first
// parameter.
template <typename Signature>
class TaskName;

template <typename R, typename... P>
class TaskName<R(P...)> {
 public:
  explicit TaskName(std::string name) : name_(std::move(name)) {}
  const std::string& name() const { return name_; }

  R operator()(P...) const;  // declared for its types only

 private:
  std::string name_;
};

namespace internal {

// One call, ready to be sent any number of times.
struct EncodedCall {
  CodeAddress code;  // of a TaskEntry; of none if there is a name
  std::string name = {};
  Payload arguments = {};
};

// Results that a task of several calls has sent before its end.
struct PartialResult {
  uint64_t done = 0;   // calls of the task that have ended by now
  uint64_t count = 0;  // of the results
  Payload values = {};
};

template <typename F>
inline constexpr bool kIsFunctionPointer =
    std::is_pointer_v<F>&& std::is_function_v<std::remove_pointer_t<F>>;

// Without captures: then its type says it all.
template <typename F>
inline constexpr bool kIsStateless =
    std::is_empty_v<F>&& std::is_default_constructible_v<F>;

template <typename F>
struct IsTaskName : std::false_type {};
template <typename Signature>
struct IsTaskName<TaskName<Signature>> : std::true_type {};

template <typename F>
inline constexpr bool kShippableCallable =
    IsTaskName<F>::value || kIsFunctionPointer<F> || kIsStateless<F> ||
    kHasCodec<F>;

// What the worker gets for an argument of type A.
template <typename A>
using ShippedArg = typename ShippedAs<std::decay_t<A>>::type;

template <typename F, typename... A>
inline constexpr bool kRemotelyInvocable =
    std::is_invocable_v<F, A...> ||
    std::is_invocable_v<F, std::stop_token, A...>;

// The result of such a call; void if it can't be made, which is an error that
// CheckShippable() reports better.
template <typename F, typename... A>
struct RemoteResultOf {
  using type = void;
};
template <typename F, typename... A>
requires kRemotelyInvocable<F, A...>
struct RemoteResultOf<F, A...> {
  using type = TaskResult<F, A...>;
};
template <typename F, typename... A>
using RemoteResult =
    typename RemoteResultOf<std::decay_t<F>, ShippedArg<A>...>::type;

template <typename R>
inline constexpr bool kShippableResult = std::is_void_v<R> || kHasCodec<R>;

template <typename F, typename... A>
inline constexpr bool kShippable =
    kShippableCallable<std::decay_t<F>> && (kHasCodec<ShippedArg<A>> && ...) &&
    kRemotelyInvocable<std::decay_t<F>, ShippedArg<A>...>&& kShippableResult<
        RemoteResult<F, A...>>;

// One readable sentence for what the compiler would otherwise say in a hundred
// lines; the first that applies.
template <typename F, typename... A>
constexpr void CheckShippable() {
  using Callable = std::decay_t<F>;
  // What a callable holds is as good as an argument: the chunk of a map, say.
  constexpr bool kCallable =
      kShippableCallable<Callable> || CodecIsDefined<Callable>;
  constexpr bool kArguments =
      (!CodecIsDefined<Callable> ||
       kHasCodec<Callable>)&&(kHasCodec<ShippedArg<A>> && ...);
  constexpr bool kInvocable =
      !kArguments || kRemotelyInvocable<Callable, ShippedArg<A>...>;
  static_assert(
      kCallable,
      "asyncpal: this callable can't be sent to another process; use a free "
      "function, a lambda without captures, or give its type an "
      "asyncpal::Codec");
  static_assert(
      !kCallable || kArguments,
      "asyncpal: an argument of this type can't be sent to another process; "
      "send a value of a standard type, or give the type an asyncpal::Codec");
  static_assert(
      !kCallable || kInvocable,
      "asyncpal: the callable can't be called with these arguments as they "
      "arrive in another process (const char* as std::string, a Cap'n Proto "
      "builder as asyncpal::CapnpMessage)");
  static_assert(
      !kCallable || !kArguments || !kInvocable ||
          kShippableResult<RemoteResult<F, A...>>,
      "asyncpal: a result of this type can't be sent back from another "
      "process; return a value of a standard type, or give the type an "
      "asyncpal::Codec");
}

// Turns what a codec throws into a SerializationError with that nested:
// "the arguments can't be decoded: ...".
[[noreturn]] void ThrowSerializationError(const char* what_failed);

template <typename F>
decltype(auto) Serializing(const char* what_failed, F&& f) {
  try {
    return std::forward<F>(f)();
  } catch (...) {
    ThrowSerializationError(what_failed);
  }
}

// How a callable itself is written.
template <typename F>
struct CallableCodec {
  static void Encode(const F& f, Encoder& out) {
    if constexpr (kIsFunctionPointer<F>) {
      const CodeAddress code = LocateAddress(reinterpret_cast<const void*>(f));
      out.Write(code.module);
      out.Write(code.offset);
    } else if constexpr (!kIsStateless<F>) {
      out.Write(f);
    }
  }
  static F Decode(Decoder& in) {
    if constexpr (kIsFunctionPointer<F>) {
      const auto module = in.Read<uint64_t>();
      const auto offset = in.Read<uint64_t>();
      return reinterpret_cast<F>(
          const_cast<void*>(ResolveAddress({module, offset}, true)));
    } else if constexpr (kIsStateless<F>) {
      return F{};
    } else {
      return in.Read<F>();
    }
  }
};

// The worker's half of a call of an F with decoded arguments.
template <typename F, typename... Args>
struct RemoteStub {
  static constexpr bool kStoppable = kWantsStopToken<F, Args...>;

  static void Run(Decoder& in, const std::stop_token& stop, Encoder& out) {
    using Call = BoundCall<F, Args...>;
    auto call = Serializing("the arguments can't be decoded", [&] {
      // Braces: in this order.
      Call decoded{CallableCodec<F>::Decode(in),
                   std::tuple<Args...>{in.Read<Args>()...}};
      in.ExpectEnd();
      return decoded;
    });
    auto result = InvokeStored([&]() -> decltype(auto) {
      if constexpr (kStoppable) {
        return std::move(call)(stop);
      } else {
        return std::move(call)();
      }
    });
    if constexpr (!std::is_same_v<decltype(result), std::monostate>) {
      Serializing("the result can't be encoded", [&] { out.Write(result); });
    }
  }

  static CodeAddress Address() {
    static const CodeAddress address = LocateAddress(&entry);
    return address;
  }

  static inline const TaskEntry entry{&Run, kStoppable};
};

struct EncodeLimits {
  int64_t max_bytes = kDefaultMaxPayloadBytes;
  bool may_use_memfd = true;
};

template <typename F, typename... A>
EncodedCall EncodeCall(const EncodeLimits& limits, const F& f,
                       const A&... args) {
  EncodedCall call;
  call.code = RemoteStub<F, ShippedArg<A>...>::Address();
  Serializing("the call can't be encoded", [&] {
    Encoder out(limits.max_bytes, limits.may_use_memfd);
    CallableCodec<F>::Encode(f, out);
    (Codec<ShippedArg<A>>::Encode(ShippedAs<A>::Convert(args), out), ...);
    call.arguments = out.Finish();
  });
  return call;
}

template <typename R, typename... P, typename... A>
EncodedCall EncodeCall(const EncodeLimits& limits, const TaskName<R(P...)>& f,
                       const A&... args) {
  static_assert(sizeof...(P) == sizeof...(A));
  EncodedCall call;
  call.name = f.name();
  Serializing("the call can't be encoded", [&] {
    Encoder out(limits.max_bytes, limits.may_use_memfd);
    (Codec<ShippedArg<P>>::Encode(static_cast<ShippedArg<P>>(args), out), ...);
    call.arguments = out.Finish();
  });
  return call;
}

// The entry that a call names; SerializationError if there is none here.
const TaskEntry& ResolveEntry(CodeAddress code, const std::string& name);

// Makes the call in this process. What it returns is dropped.
void RunHere(const EncodedCall& call);

// The stub of a function that is registered by name.
template <auto kFunction, typename Type = decltype(kFunction)>
struct NamedTask;
template <auto kFunction, typename R, typename... P>
struct NamedTask<kFunction, R (*)(P...)> {
  R operator()(P... arguments) const {
    return kFunction(std::forward<P>(arguments)...);
  }
  using Stub = RemoteStub<NamedTask, ShippedArg<P>...>;
};
template <auto kFunction, typename R, typename... P>
struct NamedTask<kFunction, R (*)(std::stop_token, P...)> {
  R operator()(std::stop_token stop, P... arguments) const {
    return kFunction(std::move(stop), std::forward<P>(arguments)...);
  }
  using Stub = RemoteStub<NamedTask, ShippedArg<P>...>;
};
template <auto kFunction, typename R, typename... P>
struct NamedTask<kFunction, R (*)(P...) noexcept>
    : NamedTask<kFunction, R (*)(P...)> {};

}  // namespace internal

// A call without its result, for ProcessPoolOptions: implicitly from any
// shippable callable, or with arguments:
//
//   ProcessPool pool({.initializer = Shippable(LoadModel, "de.bin")});
class Shippable {
 public:
  Shippable() = default;  // nothing to call
  Shippable(std::nullptr_t) {}

  template <typename F, typename... A>
  requires(!std::is_same_v<std::remove_cvref_t<F>, Shippable> &&
           !std::is_null_pointer_v<std::remove_cvref_t<F>>)
      Shippable(F&& f, A&&... args) {
    internal::CheckShippable<F, A...>();
    if constexpr (internal::kShippable<F, A...>) {
      const std::decay_t<F>& callable = f;
      if (internal::IsEmptyCallable(callable)) return;
      call_ = std::make_shared<const internal::EncodedCall>(EncodeDecayed(
          callable, static_cast<const std::decay_t<A>&>(args)...));
    }
  }

  explicit operator bool() const { return call_ != nullptr; }
  // Null: nothing to call.
  const internal::EncodedCall* call() const { return call_.get(); }

 private:
  template <typename F, typename... A>
  static internal::EncodedCall EncodeDecayed(const F& f, const A&... args) {
    // It is sent to several workers beside other things, so inside a message.
    return internal::EncodeCall({.may_use_memfd = false}, f, args...);
  }

  std::shared_ptr<const internal::EncodedCall> call_;
};

}  // namespace asyncpal

// At namespace scope of a .cc file: lets other programs call a function by its
// name, or by another: ASYNCPAL_REGISTER_TASK("math.fib", Fib).
#define ASYNCPAL_REGISTER_TASK(...)                                   \
  ASYNCPAL_INTERNAL_PICK_(__VA_ARGS__, ASYNCPAL_INTERNAL_REGISTER_2_, \
                          ASYNCPAL_INTERNAL_REGISTER_1_, )            \
  (__VA_ARGS__)
#define ASYNCPAL_INTERNAL_PICK_(a, b, picked, ...) picked
#define ASYNCPAL_INTERNAL_REGISTER_1_(function) \
  ASYNCPAL_INTERNAL_REGISTER_2_(#function, function)
#define ASYNCPAL_INTERNAL_REGISTER_2_(name, function) \
  ASYNCPAL_INTERNAL_REGISTER_3_(name, function, __COUNTER__)
#define ASYNCPAL_INTERNAL_REGISTER_3_(name, function, n) \
  ASYNCPAL_INTERNAL_REGISTER_4_(name, function, n)
#define ASYNCPAL_INTERNAL_REGISTER_4_(name, function, n)          \
  static const ::asyncpal::internal::TaskEntry asyncpal_task_##n( \
      &::asyncpal::internal::NamedTask<&function>::Stub::Run,     \
      ::asyncpal::internal::NamedTask<&function>::Stub::kStoppable, (name))

#endif  // ASYNCPAL_IPC_CALL_H_
