#include "asyncpal/pool/internal/cpu_count.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <thread>

namespace asyncpal::internal {
namespace {

// The process's place in the cgroup v2 tree, "" if there is none.
std::string CgroupPath() {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("0::", 0) == 0) return line.substr(3);
  }
  return "";
}

int AffinityCpus() {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0) return CPU_COUNT(&cpus);
  // More CPUs than a cpu_set_t holds.
  return static_cast<int>(std::thread::hardware_concurrency());
}

// The tightest quota from the process's cgroup up to the root.
int CgroupCpus() {
  int tightest = 0;
  std::string path = CgroupPath();
  while (true) {
    std::ifstream file("/sys/fs/cgroup" + path + "/cpu.max");
    std::string text;
    std::getline(file, text);
    const int cpus = CpusOfQuota(text);
    if (cpus > 0 && (tightest == 0 || cpus < tightest)) tightest = cpus;
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos) return tightest;
    path.erase(slash);
  }
}

}  // namespace

int CpusOfQuota(const std::string& cpu_max) {
  std::istringstream text(cpu_max);
  long long quota = 0;
  long long period = 0;
  if (!(text >> quota >> period) || quota <= 0 || period <= 0) return 0;
  const long long cpus = (quota - 1) / period + 1;
  return static_cast<int>(std::min(cpus, 1LL << 20));
}

int AvailableCpus() {
  const int affinity = std::max(1, AffinityCpus());
  const int quota = CgroupCpus();
  return quota > 0 ? std::min(affinity, quota) : affinity;
}

}  // namespace asyncpal::internal
