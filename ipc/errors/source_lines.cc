#include "asyncpal/ipc/errors/source_lines.h"

#include <cxxabi.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <link.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "asyncpal/future/internal/mutex.h"

namespace asyncpal::internal {
namespace {

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};

// The modules of this process, as libdw knows them.
class Modules {
 public:
  Modules() : dwfl_(dwfl_begin(&kCallbacks)) { Report(); }

  // Null: none is known at that address.
  Dwfl_Module* Find(Dwarf_Addr address) {
    if (dwfl_ == nullptr) return nullptr;
    Dwfl_Module* module = dwfl_addrmodule(dwfl_, address);
    if (module != nullptr) return module;
    Report();  // one may have been loaded since
    return dwfl_addrmodule(dwfl_, address);
  }

 private:
  void Report() {
    if (dwfl_ == nullptr) return;
    dwfl_report_begin(dwfl_);
    dl_iterate_phdr(&ReportObject, dwfl_);
    dwfl_report_end(dwfl_, nullptr, nullptr);
  }

  // Objects are reported as the dynamic linker knows them. libdw could read the
  // memory maps instead, but it maps the same files itself, and would take such
  // a mapping that lies beside an object for a part of it.
  static int ReportObject(dl_phdr_info* object, size_t, void* dwfl) {
    Dwarf_Addr begin = std::numeric_limits<Dwarf_Addr>::max();
    Dwarf_Addr end = 0;
    for (int i = 0; i < object->dlpi_phnum; ++i) {
      const auto& segment = object->dlpi_phdr[i];
      if (segment.p_type != PT_LOAD) continue;
      const Dwarf_Addr start = object->dlpi_addr + segment.p_vaddr;
      begin = std::min(begin, start);
      end = std::max(end, start + segment.p_memsz);
    }
    // Opened when its lines are wanted, wherever the program is by then.
    const std::unique_ptr<char, Free> path(
        realpath(*object->dlpi_name == '\0' ? "/proc/self/exe"  // the program
                                            : object->dlpi_name,
                 nullptr));
    if (path != nullptr && begin < end) {
      dwfl_report_module(static_cast<Dwfl*>(dwfl), path.get(),
                         begin & -kPageBytes,
                         (end + kPageBytes - 1) & -kPageBytes);
    }
    return 0;  // go on
  }

  static constexpr Dwarf_Addr kPageBytes = 4096;

  static char* no_debuginfo_path_;
  static const Dwfl_Callbacks kCallbacks;
  Dwfl* const dwfl_;  // for the life of the process
};

char* Modules::no_debuginfo_path_ = nullptr;
const Dwfl_Callbacks Modules::kCallbacks = {
    .find_elf = &dwfl_linux_proc_find_elf,
    .find_debuginfo = &dwfl_standard_find_debuginfo,
    .section_address = nullptr,
    .debuginfo_path = &no_debuginfo_path_,
};

std::string FunctionName(Dwarf_Die* die) {
  for (const unsigned name : {DW_AT_linkage_name, DW_AT_MIPS_linkage_name}) {
    Dwarf_Attribute attribute;
    if (dwarf_attr_integrate(die, name, &attribute) == nullptr) continue;
    const char* const mangled = dwarf_formstring(&attribute);
    if (mangled == nullptr) continue;
    int status = 0;
    const std::unique_ptr<char, Free> demangled(
        abi::__cxa_demangle(mangled, nullptr, nullptr, &status));
    return demangled != nullptr ? demangled.get() : mangled;
  }
  const char* const name = dwarf_diename(die);
  return name != nullptr ? name : "??";
}

// As the compiler was given it.
std::string Shortened(const char* file) {
  if (file == nullptr) return "";
  std::string_view path = file;
  constexpr std::string_view kBazelsFolder = "/proc/self/cwd/";
  if (path.substr(0, kBazelsFolder.size()) == kBazelsFolder) {
    path.remove_prefix(kBazelsFolder.size());
  }
  while (path.substr(0, 2) == "./") path.remove_prefix(2);
  return std::string(path);
}

// Where an inlined function was called from.
struct Place {
  std::string file;
  int line = 0;
};

Place CallOf(Dwarf_Die* inlined, Dwarf_Die* unit) {
  Place place;
  Dwarf_Attribute attribute;
  Dwarf_Word value;
  if (dwarf_formudata(dwarf_attr(inlined, DW_AT_call_line, &attribute),
                      &value) == 0) {
    place.line = static_cast<int>(value);
  }
  Dwarf_Files* files = nullptr;
  if (dwarf_formudata(dwarf_attr(inlined, DW_AT_call_file, &attribute),
                      &value) == 0 &&
      dwarf_getsrcfiles(unit, &files, nullptr) == 0) {
    place.file = Shortened(dwarf_filesrc(files, value, nullptr, nullptr));
  }
  return place;
}

std::vector<SourceFrame> FramesAt(Dwfl_Module* module, Dwarf_Addr address) {
  Dwarf_Addr bias = 0;
  Dwarf_Die* const unit = dwfl_module_addrdie(module, address, &bias);
  Dwfl_Line* const line = dwfl_module_getsrc(module, address);
  if (unit == nullptr || line == nullptr) return {};
  Place place;
  place.file = Shortened(
      dwfl_lineinfo(line, nullptr, &place.line, nullptr, nullptr, nullptr));
  // The innermost scope by its address, then those around it as they lie in the
  // debug information.
  Dwarf_Die* scopes = nullptr;
  if (dwarf_getscopes(unit, address - bias, &scopes) <= 0) return {};
  Dwarf_Die innermost = scopes[0];
  std::free(scopes);
  scopes = nullptr;
  const int count = dwarf_getscopes_die(&innermost, &scopes);
  const std::unique_ptr<Dwarf_Die, Free> owned(count > 0 ? scopes : nullptr);
  std::vector<SourceFrame> frames;
  for (int i = 0; i < count; ++i) {
    const int tag = dwarf_tag(&scopes[i]);
    const bool is_inlined = tag == DW_TAG_inlined_subroutine;
    if (!is_inlined && tag != DW_TAG_subprogram) continue;
    frames.push_back({.function = FunctionName(&scopes[i]),
                      .file = std::move(place.file),
                      .line = place.line});
    if (!is_inlined) break;
    place = CallOf(&scopes[i], unit);
  }
  return frames;
}

[[maybe_unused]] const bool is_set = (SetSourceFinder(&FindSource), true);

}  // namespace

std::vector<SourceFrame> FindSource(const void* instruction) {
  static Mutex& mu = *new Mutex;
  MutexLock lock(mu);
  static Modules& modules = *new Modules;
  const auto address = reinterpret_cast<Dwarf_Addr>(instruction);
  Dwfl_Module* const module = modules.Find(address);
  if (module == nullptr) return {};
  return FramesAt(module, address);
}

}  // namespace asyncpal::internal
