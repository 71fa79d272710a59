#ifndef ASYNCPAL_IPC_ERRORS_EXCEPTION_LINK_H_
#define ASYNCPAL_IPC_ERRORS_EXCEPTION_LINK_H_

#include <cstddef>
#include <exception>
#include <string>
#include <vector>

namespace asyncpal::internal {

inline constexpr size_t kMaxExceptionLinks = 64;
inline constexpr size_t kMaxTracebackBytes = 64 * 1024;
// A message that encodes to an exception with all its causes; see
// kMaxExceptionBytes.
inline constexpr size_t kMaxExceptionMessageBytes = size_t{24} << 20;
inline constexpr size_t kMaxExceptionTypeBytes = 1024;

// One exception of a chain, as worker.capnp has it. With an empty `type_id` it
// becomes a RemoteError.
struct ExceptionLink {
  std::string type;
  std::string type_id;
  std::string message;
  std::string traceback;
  std::string state;
};

// `error` and its causes, outermost first; after kMaxExceptionLinks, one more
// says how many were left out. Throws std::bad_alloc.
std::vector<ExceptionLink> DescribeChain(const std::exception_ptr& error);

// The exception that `link` describes, with `cause` nested in it.
std::exception_ptr RebuildException(const ExceptionLink& link,
                                    const std::exception_ptr& cause);

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_IPC_ERRORS_EXCEPTION_LINK_H_
