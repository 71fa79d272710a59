#include "asyncpal/pool/internal/cpu_count.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <thread>

namespace asyncpal::internal {
namespace {

int CpusOfAffinity() {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0) return CPU_COUNT(&cpus);
  // More CPUs than a cpu_set_t holds.
  return static_cast<int>(std::thread::hardware_concurrency());
}

// 0: none.
int Quota() {
  std::ifstream cgroups("/proc/self/cgroup");
  return CpusOfCgroups(cgroups, "/sys/fs/cgroup");
}

int CpusWithin(int quota) {
  const int affinity = std::max(1, CpusOfAffinity());
  return quota > 0 ? std::min(affinity, quota) : affinity;
}

std::string FirstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// 0: no limit.
int Tighter(int a, int b) { return a > 0 && b > 0 ? std::min(a, b) : a + b; }

// The tightest quota from a cgroup up to the root of its tree. `quota_of` reads
// that of one folder. In a container the upper folders may be missing.
template <typename F>
int TightestQuota(const std::string& root, std::string path, F quota_of) {
  int tightest = 0;
  while (true) {
    tightest = Tighter(tightest, CpusOfQuota(quota_of(root + path)));
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos) return tightest;
    path.erase(slash);
  }
}

bool HasCpuController(const std::string& controllers) {
  std::istringstream names(controllers);
  for (std::string name; std::getline(names, name, ',');) {
    if (name == "cpu") return true;
  }
  return false;
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

int CpusOfCgroups(std::istream& cgroups, const std::string& root) {
  int tightest = 0;
  for (std::string line; std::getline(cgroups, line);) {
    // "0::/user.slice" in version 2, "4:cpu,cpuacct:/docker/1f2e" in version 1.
    std::istringstream fields(line);
    std::string id, controllers, path;
    std::getline(fields, id, ':');
    std::getline(fields, controllers, ':');
    std::getline(fields, path);
    if (path == "/") path.clear();
    if (controllers.empty()) {
      tightest = Tighter(
          tightest, TightestQuota(root, path, [](const std::string& folder) {
            return FirstLine(folder + "/cpu.max");
          }));
    } else if (HasCpuController(controllers)) {
      tightest = Tighter(
          tightest,
          TightestQuota(root + "/" + controllers, path,
                        [](const std::string& folder) {
                          return FirstLine(folder + "/cpu.cfs_quota_us") + " " +
                                 FirstLine(folder + "/cpu.cfs_period_us");
                        }));
    }
  }
  return tightest;
}

int AvailableCpus() { return CpusWithin(Quota()); }

int ProbablyAvailableCpus() {
  static const int quota = Quota();
  return CpusWithin(quota);
}

}  // namespace asyncpal::internal
