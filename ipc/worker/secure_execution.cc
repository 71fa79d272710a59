#include "asyncpal/ipc/worker/secure_execution.h"

#include <sys/auxv.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "asyncpal/future/error.h"

namespace asyncpal::internal {

bool IsSecureExecution() { return getauxval(AT_SECURE) != 0; }

void CheckOwnExecutableCanServe() {
  constexpr char kRemedy[] =
      "; set ProcessPoolOptions::worker_command to a program that links this "
      "library and starts without such rights";
  if (IsSecureExecution()) {
    throw InvalidStateError(absl::StrCat(
        "this program has rights of its file (setuid, setgid or file "
        "capabilities), with which no worker may run",
        kRemedy));
  }
  if (getuid() != geteuid() || getgid() != getegid()) {
    throw InvalidStateError(absl::StrCat(
        "this process has the effective user ", geteuid(), " and group ",
        getegid(), ", but the real ones are ", getuid(), " and ", getgid(),
        ": no worker may run with rights that differ like that", kRemedy));
  }
}

}  // namespace asyncpal::internal
