#include "asyncpal/ipc/exception_registry.h"

#include <unordered_set>

#include "asyncpal/future/internal/mutex.h"

namespace asyncpal::internal {
namespace {

struct Registry {
  Mutex mu;
  std::unordered_set<const ExceptionRegistrationBase*> entries
      ABSL_GUARDED_BY(mu);
};

// Made by the first entry, and there for the last.
Registry& GlobalRegistry() {
  static auto& registry = *new Registry;
  return registry;
}

}  // namespace

ExceptionRegistrationBase::ExceptionRegistrationBase(
    const ExceptionCodec& codec)
    : codec_(codec) {
  Registry& registry = GlobalRegistry();
  MutexLock lock(registry.mu);
  registry.entries.insert(this);
}

ExceptionRegistrationBase::~ExceptionRegistrationBase() {
  Registry& registry = GlobalRegistry();
  MutexLock lock(registry.mu);
  registry.entries.erase(this);
}

std::optional<ExceptionCodec> FindExceptionCodec(const std::type_info& type) {
  Registry& registry = GlobalRegistry();
  MutexLock lock(registry.mu);
  for (const ExceptionRegistrationBase* entry : registry.entries) {
    if (*entry->codec().type == type) return entry->codec();
  }
  return std::nullopt;
}

std::optional<ExceptionCodec> FindExceptionCodec(std::string_view type_name) {
  Registry& registry = GlobalRegistry();
  MutexLock lock(registry.mu);
  std::optional<ExceptionCodec> found;
  for (const ExceptionRegistrationBase* entry : registry.entries) {
    if (entry->codec().type->name() != type_name) continue;
    if (found.has_value() && *found->type != *entry->codec().type) {
      return std::nullopt;
    }
    found = entry->codec();
  }
  return found;
}

}  // namespace asyncpal::internal
