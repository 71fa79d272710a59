#include "asyncpal/ipc/worker/crash_stack.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <link.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "asyncpal/ipc/errors/throw_trace.h"
#include "asyncpal/ipc/errors/utf8.h"

// How it works. A signal handler may take no lock and no memory. backtrace()
// takes none once it was called before, where the unwinder asks the dynamic
// linker by _dl_find_object(), which exists for that (glibc 2.35); so does this
// code, and where there is none, nothing is noted. It is looked up by its name:
// a library that refers to it needs that glibc. The names of functions are
// looked up by the parent, which has the same modules.

namespace asyncpal::internal {
namespace {

using FindObject = int (*)(void* address, dl_find_object* result);
// Null: there is none, or PrepareForCrash() has not looked.
constinit std::atomic<FindObject> find_object = nullptr;

std::string_view Basename(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string_view ModuleName(const char* path) {
  const std::string_view name =
      path == nullptr ? std::string_view() : Basename(path);
  return name.substr(0, CrashStack::kNameBytes - 1);
}

// Where this process has the module of that name.
std::optional<uintptr_t> BaseOf(std::string_view name) {
  struct Search {
    std::string_view name;
    std::optional<uintptr_t> base;
  } search{name, std::nullopt};
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* data) {
        auto& wanted = *static_cast<Search*>(data);
        if (ModuleName(info->dlpi_name) != wanted.name) return 0;
        wanted.base = info->dlpi_addr;
        return 1;
      },
      &search);
  return search.base;
}

}  // namespace

void PrepareForCrash() {
  void* frame;
  backtrace(&frame, 1);  // the first call loads the unwinder
  find_object =
      reinterpret_cast<FindObject>(dlsym(RTLD_DEFAULT, "_dl_find_object"));
}

bool CrashStack::Note(int number, const void* instruction) {
  const FindObject find = find_object.load(std::memory_order_relaxed);
  if (find == nullptr) return false;
  constexpr int kOwnFrames = 8;  // the handler's
  void* stack[kMaxFrames + kOwnFrames];
  const int depth = backtrace(stack, static_cast<int>(std::size(stack)));
  void** const end = stack + std::max(depth, 0);
  void** frame = std::find(stack, end, instruction);
  if (frame == end) return false;
  uint32_t modules_used = 0;
  uint32_t frames_used = 0;
  for (bool is_first = true; frame != end && frames_used < kMaxFrames;
       ++frame, is_first = false) {
    dl_find_object found;
    if (find(*frame, &found) != 0) break;
    const std::string_view name = ModuleName(found.dlfo_link_map->l_name);
    uint32_t module = 0;
    while (module < modules_used && name != modules[module]) ++module;
    if (module == modules_used) {
      if (modules_used == kMaxModules) break;
      std::copy(name.begin(), name.end(), modules[module]);
      modules[module][name.size()] = '\0';
      ++modules_used;
    }
    // The innermost address is that of an instruction itself, all others are
    // those after a call.
    frames[frames_used++] = {reinterpret_cast<uintptr_t>(*frame) -
                                 found.dlfo_link_map->l_addr +
                                 (is_first ? 1 : 0),
                             module, 0};
  }
  frame_count = frames_used;
  module_count = modules_used;
  std::atomic_ref<uint64_t>(signal).store(static_cast<uint64_t>(number),
                                          std::memory_order_release);
  return true;
}

bool CrashStack::Forget(int number) {
  auto expected = static_cast<uint64_t>(number);
  return std::atomic_ref<uint64_t>(signal).compare_exchange_strong(expected,
                                                                   0) ||
         expected == 0;
}

bool CrashStack::IsNoted(int number) const {
  return std::atomic_ref<uint64_t>(const_cast<uint64_t&>(signal))
             .load(std::memory_order_acquire) == static_cast<uint64_t>(number);
}

bool CrashStack::is_empty() const { return IsNoted(0); }

std::string CrashStack::Describe(int number, bool same_program) const {
  if (std::atomic_ref<uint64_t>(const_cast<uint64_t&>(signal))
          .load(std::memory_order_acquire) != static_cast<uint64_t>(number)) {
    return "";
  }
  // A worker that lives on, or is hostile, may write while this reads.
  CrashStack copy;
  std::memcpy(&copy, this, sizeof(copy));
  std::string text;
  for (uint32_t i = 0; i < std::min(copy.frame_count, kMaxFrames); ++i) {
    const Frame& frame = copy.frames[i];
    if (frame.module >= kMaxModules) break;
    const char* const chars = copy.modules[frame.module];
    const std::string name(chars, strnlen(chars, kNameBytes));
    const std::optional<uintptr_t> base =
        same_program ? BaseOf(name) : std::nullopt;
    if (!base.has_value()) {
      absl::StrAppend(&text, "    at ?? (",
                      name.empty() ? "the worker" : ToUtf8(name, kNameBytes),
                      "+0x", absl::Hex(frame.offset - 1), ")\n");
      continue;
    }
    const std::string line =
        SymbolizeTrace({reinterpret_cast<void*>(*base + frame.offset)});
    if (line.empty()) break;  // below the worker's own code
    text += line;
  }
  return text;
}

}  // namespace asyncpal::internal
