#include "asyncpal/ipc/encoding/task_registry.h"

#include <cstdlib>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/internal/mutex.h"
#include "asyncpal/future/log.h"

namespace asyncpal::internal {
namespace {

struct Registry {
  Mutex mu;
  std::unordered_set<const void*> entries ABSL_GUARDED_BY(mu);
  std::unordered_map<std::string, const TaskEntry*> by_name ABSL_GUARDED_BY(mu);
};

// Made by the first entry, and there for the last.
Registry& GlobalRegistry() {
  static auto& registry = *new Registry;
  return registry;
}

}  // namespace

TaskEntry::TaskEntry(Stub stub, bool stoppable, const char* name)
    : stub_(stub), stoppable_(stoppable), name_(name) {
  Registry& registry = GlobalRegistry();
  {
    MutexLock lock(registry.mu);
    registry.entries.insert(this);
    if (name == nullptr || registry.by_name.emplace(name, this).second) return;
  }
  // Before main(), where nobody could catch an exception.
  Log(LogSeverity::kError,
      absl::StrCat("two tasks are registered under the name '", name,
                   "'; give one of them another by "
                   "ASYNCPAL_REGISTER_TASK(name, function)"));
  std::abort();
}

TaskEntry::~TaskEntry() {
  Registry& registry = GlobalRegistry();
  MutexLock lock(registry.mu);
  registry.entries.erase(this);
  if (name_ != nullptr) registry.by_name.erase(name_);
}

const TaskEntry* FindTaskEntry(const void* address) {
  Registry& registry = GlobalRegistry();
  MutexLock lock(registry.mu);
  const auto found = registry.entries.find(address);
  return found == registry.entries.end()
             ? nullptr
             : static_cast<const TaskEntry*>(*found);
}

const TaskEntry* FindTaskEntry(std::string_view name) {
  Registry& registry = GlobalRegistry();
  MutexLock lock(registry.mu);
  const auto found = registry.by_name.find(std::string(name));
  return found == registry.by_name.end() ? nullptr : found->second;
}

}  // namespace asyncpal::internal
