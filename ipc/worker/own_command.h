#ifndef ASYNCPAL_IPC_WORKER_OWN_COMMAND_H_
#define ASYNCPAL_IPC_WORKER_OWN_COMMAND_H_

#include <string>
#include <vector>

namespace asyncpal::internal {

// How to start this process's own program once more, with one argument.
struct OwnCommand {
  std::string program;                 // to execute
  std::vector<std::string> arguments;  // argv, the program's name first
};

// The program is /proc/self/exe, which is the same file even if that was
// replaced or deleted on disk since. Where the dynamic loader was called as a
// program (`ld-linux.so --library-path lib ./prog`), /proc/self/exe is the
// loader; then its options and the program's path come before `argument`.
//
// Threads: any.
// Errors: throws std::system_error if /proc has to be read and can't.
OwnCommand MakeOwnCommand(const std::string& argument);

// The same, from the parts that it looks up. `command_line` is what the process
// was started with, and `name` what the loader knows the program by, one of
// these. `path` is where the program was loaded from.
OwnCommand MakeLoaderCommand(const std::vector<std::string>& command_line,
                             const std::string& name, const std::string& path,
                             const std::string& argument);

}  // namespace asyncpal::internal

#endif  // ASYNCPAL_IPC_WORKER_OWN_COMMAND_H_
