#include "asyncpal/bindings/facade/failure.h"

#include <new>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "asyncpal/bindings/facade/host_error.h"
#include "asyncpal/bindings/facade/option_names.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/rebuilt_error.h"
#include "asyncpal/ipc/errors/exception_link.h"

namespace asyncpal {

void Codec<facade::HostError>::Encode(const HostError& error, Encoder& out) {
  out.Write(error.type_name());
  out.Write(std::string(error.what()));
  out.Write(error.traceback());
  out.Write(error.state());
}

facade::HostError Codec<facade::HostError>::Decode(Decoder& in) {
  auto type_name = in.Read<std::string>();
  auto message = in.Read<std::string>();
  auto traceback = in.Read<std::string>();
  return HostError(type_name, message, traceback, in.Read<std::string>());
}

}  // namespace asyncpal

namespace asyncpal::facade {
namespace {

ASYNCPAL_REGISTER_EXCEPTION(HostError);

FailureKind KindOf(const std::exception& error) {
  const auto is = [&error]<typename E>(std::type_identity<E>) {
    return dynamic_cast<const E*>(&error) != nullptr;
  };
  // Derived classes before their bases.
  if (is(std::type_identity<InitializerError>())) return kInitializerFailed;
  if (is(std::type_identity<FinalizerError>())) return kFinalizerFailed;
  if (is(std::type_identity<BrokenPoolError>())) return kBrokenPool;
  if (is(std::type_identity<TimeoutError>())) return kTimeout;
  if (is(std::type_identity<CancelledError>())) return kCancelled;
  if (is(std::type_identity<InvalidStateError>())) return kInvalidState;
  if (is(std::type_identity<ClosedPoolError>())) return kClosedPool;
  if (is(std::type_identity<RejectedError>())) return kRejected;
  if (is(std::type_identity<SerializationError>())) return kSerializationFailed;
  if (is(std::type_identity<WorkerLostError>())) return kWorkerLost;
  if (is(std::type_identity<RemoteError>())) return kRemoteFailure;
  if (is(std::type_identity<std::invalid_argument>())) return kInvalidArgument;
  return kOtherFailure;
}

// What the text of a link does not say.
void AddDetails(const std::exception& error, FailureLink& link) {
  link.kind = KindOf(error);
  if (link.kind != kOtherFailure && link.kind != kRemoteFailure) {
    link.message = InNamesOfHost(std::move(link.message));
  }
  if (const auto* lost = dynamic_cast<const WorkerLostError*>(&error)) {
    link.pid = lost->pid();
    link.signal = lost->signal().value_or(0);
    link.exit_code = lost->exit_code().value_or(-1);
    link.phase = lost->phase();
  } else if (const auto* host = dynamic_cast<const HostError*>(&error)) {
    link.state = host->state();
  }
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

std::exception_ptr ToException(const FailureLink& link,
                               const std::exception_ptr& cause) {
  using internal::MakeRemoteException;
  switch (link.kind) {
    case kInvalidArgument:
      return MakeRemoteException(std::invalid_argument(link.message),
                                 link.traceback, cause);
    case kTimeout:
      return MakeRemoteException(TimeoutError(link.message), link.traceback,
                                 cause);
    case kCancelled:
      return MakeRemoteException(CancelledError(link.message), link.traceback,
                                 cause);
    case kSerializationFailed:
      return MakeRemoteException(SerializationError(link.message),
                                 link.traceback, cause);
    default:
      return internal::MakeException(
          HostError(link.type, link.message, link.traceback, link.state),
          cause);
  }
}

}  // namespace

void Failure::Add(int kind, const std::string& type, const std::string& message,
                  const std::string& traceback, const Bytes& state) {
  links_.push_back({.kind = kind,
                    .type = type,
                    .message = message,
                    .traceback = traceback,
                    .state = state});
}

Failure DescribeFailure(const std::exception_ptr& error) {
  Failure failure;
  if (error == nullptr) return failure;
  std::exception_ptr current = error;
  for (internal::ExceptionLink& described : internal::DescribeChain(error)) {
    FailureLink link{.type = std::move(described.type),
                     .message = std::move(described.message),
                     .traceback = std::move(described.traceback)};
    // The last link may only say how many were left out.
    if (current != nullptr) {
      try {
        std::rethrow_exception(current);
      } catch (const std::exception& e) {
        AddDetails(e, link);
      } catch (...) {
      }
      current = CauseOf(current);
    }
    failure.AddLink(std::move(link));
  }
  return failure;
}

std::exception_ptr ToException(const Failure& failure) {
  std::exception_ptr error;
  for (int i = failure.size(); i-- > 0;) {
    error = ToException(failure.link(i), error);
  }
  return error;
}

}  // namespace asyncpal::facade
