#include "asyncpal/pool/internal/own_memory.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>

namespace asyncpal::internal {

std::optional<int64_t> OwnMemory(pid_t pid) {
  char path[64];
  std::snprintf(path, sizeof(path), "/proc/%d/statm", static_cast<int>(pid));
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  char text[128];
  const ssize_t size = read(fd, text, sizeof(text) - 1);
  close(fd);
  if (size <= 0) return std::nullopt;
  text[size] = 0;
  int64_t all = 0, resident = 0, shared = 0;
  if (std::sscanf(text, "%" SCNd64 " %" SCNd64 " %" SCNd64, &all, &resident,
                  &shared) != 3) {
    return std::nullopt;
  }
  return std::max<int64_t>(resident - shared, 0) * sysconf(_SC_PAGESIZE);
}

}  // namespace asyncpal::internal
