#include "asyncpal/ipc/worker/own_command.h"

#include <errno.h>
#include <link.h>
#include <sys/auxv.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <system_error>

namespace asyncpal::internal {
namespace {

constexpr char kOwnExecutable[] = "/proc/self/exe";

struct MainProgram {
  bool wants_loader = false;
  uintptr_t address = 0;  // of something in it
};

// The first object that the loader lists is the program.
int LookAtProgram(dl_phdr_info* info, size_t, void* out) {
  auto* const program = static_cast<MainProgram*>(out);
  program->address = reinterpret_cast<uintptr_t>(info->dlpi_phdr);
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    if (info->dlpi_phdr[i].p_type == PT_INTERP) program->wants_loader = true;
  }
  return 1;
}

[[noreturn]] void ThrowUnreadable(const char* file) {
  throw std::system_error(
      errno != 0 ? errno : ENOENT, std::generic_category(),
      std::string("can't read ") + file +
          ", to start this program by the dynamic loader once more");
}

// From where the memory at `address` was mapped.
std::string PathOf(uintptr_t address) {
  errno = 0;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::istringstream fields(line);
    uintptr_t begin;
    uintptr_t end;
    char dash;
    std::string rights, offset, device, inode, path;
    fields >> std::hex >> begin >> dash >> end >> rights >> offset >> device >>
        inode >> std::ws;
    std::getline(fields, path);
    if (fields && begin <= address && address < end) return path;
  }
  ThrowUnreadable("/proc/self/maps");
}

std::vector<std::string> CommandLine() {
  errno = 0;
  std::ifstream file("/proc/self/cmdline");
  std::vector<std::string> arguments;
  for (std::string one; std::getline(file, one, '\0');) {
    arguments.push_back(one);
  }
  if (arguments.empty()) ThrowUnreadable("/proc/self/cmdline");
  return arguments;
}

}  // namespace

OwnCommand MakeLoaderCommand(const std::vector<std::string>& command_line,
                             const std::string& name, const std::string& path,
                             const std::string& argument) {
  const auto program =
      std::find(command_line.begin() + 1, command_line.end(), name);
  OwnCommand own = {.program = kOwnExecutable,
                    .arguments = {command_line.begin(), program}};
  own.arguments.push_back(path);
  own.arguments.push_back(argument);
  return own;
}

OwnCommand MakeOwnCommand(const std::string& argument) {
  MainProgram program;
  dl_iterate_phdr(&LookAtProgram, &program);
  // The kernel has loaded a loader for a program that wants one, unless the
  // loader was the program.
  if (!program.wants_loader || getauxval(AT_BASE) != 0) {
    return {.program = kOwnExecutable,
            .arguments = {program_invocation_name, argument}};
  }
  // The loader has put the program's name there.
  const auto* const name = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
  return MakeLoaderCommand(CommandLine(), name != nullptr ? name : "",
                           PathOf(program.address), argument);
}

}  // namespace asyncpal::internal
