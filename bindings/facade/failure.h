#ifndef ASYNCPAL_BINDINGS_FACADE_FAILURE_H_
#define ASYNCPAL_BINDINGS_FACADE_FAILURE_H_

#include <cstdint>
#include <exception>
#include <string>
#include <vector>

namespace asyncpal::facade {

// Bytes, as opposed to text: a host language has different types for the two.
// Every std::string in the facade is UTF-8.
using Bytes = std::string;

// What went wrong, for the host to choose the class of its exception by.
enum FailureKind {
  kOtherFailure = 0,  // a C++ exception that has no kind of its own
  kInvalidArgument,
  kTimeout,
  kCancelled,
  kInvalidState,
  kClosedPool,
  kBrokenPool,
  kInitializerFailed,
  kFinalizerFailed,
  kRejected,
  kSerializationFailed,
  kWorkerLost,
  kRemoteFailure,  // another process's or language's exception
};

// One exception of a chain.
struct FailureLink {
  int kind = kOtherFailure;  // a FailureKind
  std::string type;          // its name in the language that threw it
  std::string message;
  std::string traceback;  // where it was thrown, one line for each frame
  Bytes state;  // for a host's own exception: what it is made of again

  // For kWorkerLost.
  int64_t pid = 0;
  int signal = 0;      // 0: it was none
  int exit_code = -1;  // -1: none
  std::string phase;
};

// An exception and its causes, outermost first, as a value that crosses the
// border between languages. Empty: nothing went wrong.
//
// Threads: as a std::vector. Errors: an index that is out of range throws
// std::out_of_range.
class Failure {
 public:
  Failure() = default;

  bool empty() const { return links_.empty(); }
  int size() const { return static_cast<int>(links_.size()); }
  const FailureLink& link(int index) const { return links_.at(index); }

  // Adds the cause of what is there. A host says kRemoteFailure of its own
  // exceptions, or kSerializationFailed.
  void Add(int kind, const std::string& type, const std::string& message,
           const std::string& traceback, const Bytes& state);
  void AddLink(FailureLink link) { links_.push_back(std::move(link)); }

 private:
  std::vector<FailureLink> links_;
};

// The chain that starts at `error`; empty for null.
Failure DescribeFailure(const std::exception_ptr& error);

// An exception with its causes nested, in which DescribeFailure() finds the
// same links; null for an empty one.
std::exception_ptr ToException(const Failure& failure);

}  // namespace asyncpal::facade

#endif  // ASYNCPAL_BINDINGS_FACADE_FAILURE_H_
