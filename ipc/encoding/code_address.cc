#include "asyncpal/ipc/encoding/code_address.h"

#include <elf.h>
#include <link.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/error.h"
#include "asyncpal/future/internal/mutex.h"

namespace asyncpal::internal {
namespace {

struct Range {
  uintptr_t begin;
  uintptr_t end;
  bool Contains(uintptr_t address) const {
    return address >= begin && address < end;
  }
};

struct Module {
  uintptr_t base = 0;
  std::string name;
  std::string build_id;
  std::vector<Range> loaded;
  std::vector<Range> executable;

  uint64_t id() const {
    uint64_t id = 0;
    std::memcpy(&id, build_id.data(), std::min(sizeof(id), build_id.size()));
    return id;
  }
};

// The build-id among the notes of a segment, or nothing.
std::string FindBuildId(const char* notes, size_t size) {
  const auto align = [](size_t n) { return (n + 3) & ~size_t{3}; };
  while (size >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    std::memcpy(&note, notes, sizeof(note));
    const size_t name_at = sizeof(note);
    const size_t id_at = name_at + align(note.n_namesz);
    const size_t end = id_at + align(note.n_descsz);
    if (end > size) break;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
        std::memcmp(notes + name_at, "GNU", 4) == 0) {
      return std::string(notes + id_at, note.n_descsz);
    }
    notes += end;
    size -= end;
  }
  return "";
}

using ModulePtr = std::shared_ptr<const Module>;

int AddModule(dl_phdr_info* info, size_t, void* modules) {
  auto module = std::make_shared<Module>();
  module->base = info->dlpi_addr;
  module->name = info->dlpi_name;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = info->dlpi_phdr[i];
    const uintptr_t begin = info->dlpi_addr + segment.p_vaddr;
    const Range range = {begin, begin + segment.p_memsz};
    if (segment.p_type == PT_LOAD) {
      module->loaded.push_back(range);
      if ((segment.p_flags & PF_X) != 0) module->executable.push_back(range);
    } else if (segment.p_type == PT_NOTE && module->build_id.empty()) {
      module->build_id =
          FindBuildId(reinterpret_cast<const char*>(begin), segment.p_memsz);
    }
  }
  static_cast<std::vector<ModulePtr>*>(modules)->push_back(std::move(module));
  return 0;
}

// How many modules have come and gone so far.
uint64_t CountChanges() {
  uint64_t changes = 0;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* out) {
        *static_cast<uint64_t*>(out) = info->dlpi_adds + info->dlpi_subs;
        return 1;  // the first module knows it
      },
      &changes);
  return changes;
}

// What is loaded. The first is the executable itself.
class ModuleList {
 public:
  // Null: none is like that.
  template <typename Predicate>
  ModulePtr Find(Predicate&& predicate) {
    MutexLock lock(mu_);
    // One library may lie where another was.
    const uint64_t changes = CountChanges();
    if (changes != changes_) {
      modules_.clear();
      dl_iterate_phdr(&AddModule, &modules_);
      changes_ = changes;
    }
    for (const ModulePtr& module : modules_) {
      if (predicate(*module)) return module;
    }
    return nullptr;
  }

 private:
  Mutex mu_;
  std::vector<ModulePtr> modules_ ABSL_GUARDED_BY(mu_);
  uint64_t changes_ ABSL_GUARDED_BY(mu_) = 0;  // when they were read
};

ModuleList& Modules() {
  static auto& modules = *new ModuleList;
  return modules;
}

bool Contains(const std::vector<Range>& ranges, uintptr_t address) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const Range& range) {
    return range.Contains(address);
  });
}

}  // namespace

CodeAddress LocateAddress(const void* address) {
  const auto number = reinterpret_cast<uintptr_t>(address);
  const auto module = Modules().Find(
      [&](const Module& m) { return Contains(m.loaded, number); });
  if (module == nullptr) {
    throw SerializationError(absl::StrCat(
        "a function at 0x", absl::Hex(number),
        " lies in no executable or library that is loaded: another process "
        "can't call it"));
  }
  if (module->build_id.empty()) {
    throw SerializationError(absl::StrCat(
        module->name.empty() ? "this program" : module->name,
        " has no build-id, so its functions can't be named to another "
        "process; link it with -Wl,--build-id"));
  }
  return {module->id(), number - module->base};
}

const void* ResolveAddress(CodeAddress address, bool executable) {
  const auto module = Modules().Find([&](const Module& m) {
    return !m.build_id.empty() && m.id() == address.module;
  });
  if (module == nullptr) {
    throw SerializationError(absl::StrCat(
        "the code lies in an executable or library with build-id ",
        absl::Hex(address.module, absl::kZeroPad16),
        "..., which this worker does not have; between different programs, "
        "call tasks by the name that ASYNCPAL_REGISTER_TASK gave them"));
  }
  const uintptr_t number = module->base + address.offset;
  if (!Contains(executable ? module->executable : module->loaded, number)) {
    throw SerializationError(
        absl::StrCat("offset 0x", absl::Hex(address.offset), " lies outside ",
                     module->name.empty() ? "this program" : module->name));
  }
  return reinterpret_cast<const void*>(number);
}

std::string ExecutableBuildId() {
  const auto first = Modules().Find([](const Module&) { return true; });
  return first == nullptr ? "" : first->build_id;
}

}  // namespace asyncpal::internal
