#ifndef ASYNCPAL_POOL_INTERNAL_POOL_LOG_H_
#define ASYNCPAL_POOL_INTERNAL_POOL_LOG_H_

#include <exception>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "asyncpal/future/log.h"

namespace asyncpal::internal {

// Where the messages of one pool go: to a sink of its own, as pools of host
// languages may have, or else to SetLogSink()'s.
//
// Threads: any, with no lock held.
// Lifetime: owns the sink. Ordering: that of one thread's messages.
// Errors: what the sink throws goes to SetLogSink()'s, with the message.
// Shutdown: none.
class PoolLog {
 public:
  using Sink = std::function<void(LogSeverity, std::string_view)>;

  explicit PoolLog(Sink sink = nullptr) : sink_(std::move(sink)) {}
  PoolLog(const PoolLog&) = delete;
  PoolLog& operator=(const PoolLog&) = delete;

  // As Log() and LogFailure().
  void Write(LogSeverity severity, std::string_view message) const noexcept;
  void WriteFailure(const std::string& what_failed,
                    const std::exception_ptr& error) const noexcept;

 private:
  const Sink sink_;
};

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_POOL_INTERNAL_POOL_LOG_H_
