#include "asyncpal/ipc/call.h"

#include <exception>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/error.h"

namespace asyncpal::internal {

void ThrowSerializationError(const char* what_failed) {
  try {
    throw;
  } catch (const SerializationError&) {
    throw;
  } catch (...) {
    const std::exception_ptr cause = std::current_exception();
    if (cause == nullptr) throw;  // pthread_exit()
    std::rethrow_exception(
        NestException(SerializationError(absl::StrCat(
                          what_failed, ": ", DescribeException(cause))),
                      cause));
  }
}

const TaskEntry& ResolveEntry(CodeAddress code, const std::string& name) {
  if (!name.empty()) {
    if (const TaskEntry* const entry = FindTaskEntry(std::string_view(name))) {
      return *entry;
    }
    throw SerializationError(
        absl::StrCat("no task is registered under the name '", name,
                     "' in the worker's program; register it there by "
                     "ASYNCPAL_REGISTER_TASK(\"",
                     name, "\", function)"));
  }
  const void* const address = ResolveAddress(code, /*executable=*/false);
  if (const TaskEntry* const entry = FindTaskEntry(address)) return *entry;
  throw SerializationError(absl::StrCat("no task is registered at offset 0x",
                                        absl::Hex(code.offset),
                                        " of the worker's program"));
}

void RunHere(const EncodedCall& call) {
  const TaskEntry& entry = ResolveEntry(call.code, call.name);
  Decoder arguments(call.arguments);
  Encoder result;
  entry.stub()(arguments, std::stop_token(), result);
}

}  // namespace asyncpal::internal
