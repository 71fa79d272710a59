#ifndef ASYNCPAL_IPC_ENCODING_TASK_REGISTRY_H_
#define ASYNCPAL_IPC_ENCODING_TASK_REGISTRY_H_

#include <stop_token>
#include <string_view>

#include "asyncpal/ipc/payload.h"

namespace asyncpal::internal {

// Decodes the arguments, makes one call and encodes the result. What the codecs
// throw comes out as SerializationError, what the call throws as it is.
using Stub = void (*)(Decoder& arguments, const std::stop_token& stop,
                      Encoder& result);

// One thing that may be called for another process. Entries are static objects
// that exist before main(); only what has one can be called, and its address is
// what stands for it on the wire.
class TaskEntry {
 public:
  // `name` must live for ever; null: known by its address alone.
  explicit TaskEntry(Stub stub, bool stoppable = false,
                     const char* name = nullptr);
  ~TaskEntry();
  TaskEntry(const TaskEntry&) = delete;
  TaskEntry& operator=(const TaskEntry&) = delete;

  Stub stub() const { return stub_; }
  // Whether the call looks at its stop token.
  bool stoppable() const { return stoppable_; }
  const char* name() const { return name_; }

 private:
  const Stub stub_;
  const bool stoppable_;
  const char* const name_;
};

// Null: there is none.
const TaskEntry* FindTaskEntry(const void* address);
const TaskEntry* FindTaskEntry(std::string_view name);

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_IPC_ENCODING_TASK_REGISTRY_H_
